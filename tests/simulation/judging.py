"""What a run has to show: nothing sensitive audible or in clear, every call ended, all true."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import soundfile

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import CallState
from agents.database.tables import TRANSIT_KEYS
from agents.vault.file_store import PASSED, QUARANTINE
from agents.vault.vault import Vault
from pipeline.errors import HushwireError
from pipeline.evidence.canonical_json import read_document
from pipeline.evidence.certificate import Certificate, parse_certificate
from pipeline.evidence.certificate_check import check_certificate
from pipeline.evidence.layout import CERTIFICATE
from pipeline.records.model import Pcm
from tests.simulation.faults import LOSING, MIXING, Schedule
from tests.simulation.outside import calmly, empty_folder
from tests.simulation.speech import RATE, policies, script, sensitive
from tests.simulation.world import World

CLOSED = "hushwire.audit.call-closed.v1"
REFUSED = "hushwire.audit.call-refused.v1"
_NEEDLE = 24
"""Bytes of sound that are looked for: nobody else has them by chance."""


@dataclass
class Run:
    """What became of a schedule."""

    schedule: Schedule
    problems: list[str]
    """``KIND: what``; none where all is as it has to be."""
    states: dict[str, CallState | None]
    trace: list[str] = field(repr=False)
    effects: int = 0
    """How often something was seen outside, over all workers."""

    @property
    def kinds(self) -> frozenset[str]:
        """What is wrong, in one word each."""
        return frozenset(one.partition(":")[0] for one in self.problems)


@dataclass(frozen=True)
class Stored:
    """A call in the vault, in clear."""

    certificate: bytes
    files: Mapping[str, bytes]

    @property
    def stated(self) -> Certificate:
        return parse_certificate(self.certificate)

    @property
    def audio(self) -> Pcm:
        """Shape ``(samples, channels)``."""
        name = next(name for name in self.files if name.endswith(".flac"))
        return soundfile.read(io.BytesIO(self.files[name]), dtype="int16")[0]  # type: ignore[no-any-return]


def simulate(schedule: Schedule) -> Run:
    """Run a schedule and judge it."""
    for name in schedule.calls:
        _calm_runs(schedule, name)
    with empty_folder() as folder:
        world = World(schedule, folder)
        world.run()
        with calmly():
            problems = [*world.problems, *world.broker.problems, *_judge(world)]
            states = {one: world.ledger.state(one) for one in schedule.calls}
    effects = sum(slot.effects for slot in world.slots)
    return Run(schedule, list(dict.fromkeys(problems)), states, world.trace, effects)


@cache
def undisturbed(name: str, policy: int, version: int) -> Stored:
    """What is stored of a call where nothing goes wrong."""
    schedule = Schedule(0, (name,), ("transcribe,detect,mute,verify,vault",), (), policy)
    with empty_folder() as folder:
        world = World(schedule, folder)
        world.slots[0].version = version
        world.run()
        assert not world.problems, world.problems
        with calmly():
            return _stored(Vault.opened(folder / "vault", world.ledger), name)


def _calm_runs(schedule: Schedule, name: str) -> list[Stored]:
    """A call under every policy and version that any worker of a schedule has."""
    changed = {
        kind: {int(one.amount) for one in schedule.faults if one.kind == kind}
        for kind in ("policy", "version")
    }
    used, versions = {schedule.policy, *changed["policy"]}, {0, *changed["version"]}
    return [undisturbed(name, policy, version) for policy in used for version in versions]


def _judge(world: World) -> Iterator[str]:
    vault = Vault.opened(world.folder / "vault", world.ledger)
    for name in world.schedule.calls:
        yield from _judge_call(world, vault, name)
    yield from _judge_audit(world)
    yield from _look_for_canaries(world)
    yield from _look_for_keys(world)


def _judge_call(world: World, vault: Vault, name: str) -> Iterator[str]:
    state = world.ledger.state(name)
    areas = [one for one in (PASSED, QUARANTINE) if vault.place.names(one, name)]
    wanted = {CallState.STORED: [PASSED], CallState.QUARANTINED: [QUARANTINE]}.get(state, [])
    if state in {None, CallState.OPEN}:
        yield f"open: {name} never ended"
    elif areas != wanted:
        yield f"shelf: {name} is {state} and lies in {areas}"
    kinds = world.schedule.kinds
    if state is not CallState.STORED:
        if not kinds & (LOSING | MIXING) and state is not None:
            yield f"lost: {name} is {state}, and no fault takes anything away"
        return
    if areas != wanted:
        return
    try:
        facts = vault.catalogue.find(name)
        stored = _stored(vault, name)
        if facts is None or vault.certificate(facts) != stored.certificate:
            yield f"catalogue: {name} has another certificate than the vault"
    except HushwireError as error:
        yield f"unreadable: {name}: {error}"
        return
    yield from _judge_certificate(world, name, stored)
    yield from _judge_sound(world.schedule, name, stored)
    yield from _compare(world.schedule, name, stored)


def _judge_certificate(world: World, name: str, stored: Stored) -> Iterator[str]:
    public = world.key.public
    if not public.signed(read_document(stored.certificate)):
        yield f"certificate: {name} is not signed"
    audio = next(data for file, data in stored.files.items() if file.endswith(".flac"))
    texts = {file: data for file, data in stored.files.items() if not file.endswith(".flac")}
    for check in check_certificate(stored.certificate, audio, texts):
        if not check.passed:
            yield f"certificate: {name} fails {check.name}"
    if stored.stated.policy.digest not in {one.digest for one in policies()}:
        yield f"certificate: {name} names a policy that nobody has"


def _judge_sound(schedule: Schedule, name: str, stored: Stored) -> Iterator[str]:
    """Every word that the certificate's policy silences, and all that nobody may hear."""
    policy = next(
        (one for one in policies() if one.digest == stored.stated.policy.digest), policies()[0]
    )
    audio, said = stored.audio, script(name).said
    missing = len(script(name).pcm) - len(audio)
    if missing and not (missing > 0 and "no end" in schedule.kinds):
        yield f"length: {name} lacks {missing} samples"
        return
    audio = np.pad(audio, ((0, missing), (0, 0)))
    heard = [
        f"{one.start / RATE:.1f} s"
        for one in said
        if sensitive(one, policy) and audio[one.start : one.end, one.channel].any()
    ]
    if heard:
        yield f"audible: {name} ({stored.stated.policy.name}) at {', '.join(heard)}"
    changed = audio != script(name).pcm
    silenced = np.zeros_like(changed)
    silenced[len(silenced) - missing :] = True
    ramp = RATE * policy.muting.ramp_ms // 1_000 + 1
    for mute in stored.stated.mutes:
        silenced[max(0, mute.start - ramp) : mute.end + ramp, mute.channel] = True
    if (changed & ~silenced).any():
        yield f"changed: {name} outside its mutes"


def _compare(schedule: Schedule, name: str, stored: Stored) -> Iterator[str]:
    """Equal to a run without faults, of one policy and one version."""
    calm = _calm_runs(schedule, name)
    if any(dict(one.files) == dict(stored.files) for one in calm):
        return
    silenced = any(_only_silenced(stored.audio, one.audio) for one in calm)
    if not (silenced and schedule.kinds & (LOSING | MIXING)):
        yield f"different: {name} is not what an undisturbed run stores"


def _only_silenced(audio: Pcm, calm: Pcm) -> bool:
    """Whether audio differs from another only by silence, and by its edges."""
    audio = np.pad(audio, ((0, len(calm) - len(audio)), (0, 0)))
    other = audio != calm
    edge = 2 * RATE * 5 // 1_000
    beside = [np.roll(audio == 0, shift, axis=0) for shift in (-edge, 0, edge)]
    return not (other & ~np.logical_or.reduce(beside)).any()


def _judge_audit(world: World) -> Iterator[str]:
    log = AuditLog(world.ledger.database)
    public = world.key.public
    if world.schedule.kinds & {"ledger", "every ledger", "crash"}:
        try:
            with calmly():  # as the next start signs what this end could not
                log.checkpoint(world.key)
        except HushwireError as error:
            yield f"audit: {error}"
    yield from (f"audit: {one}" for one in log.verify({public.key_id: public}).problems)
    entries = [json.loads(line) for line in log.export()]
    closed = Counter(one["subject"] for one in entries if one.get("kind") == CLOSED)
    refused = {one["subject"] for one in entries if one.get("kind") == REFUSED}
    for name in world.schedule.calls:
        state = world.ledger.state(name)
        if state in {CallState.STORED, CallState.QUARANTINED} and closed[name] != 1:
            yield f"audit: {name} is {state} and was closed {closed[name]} times"
        if state is CallState.REFUSED and name not in refused:
            yield f"audit: {name} is refused and nobody told"


def _look_for_canaries(world: World) -> Iterator[str]:
    """Nothing of a call's sound or words in any record or file."""
    places = {
        f"{topic}/{number}": b"\0".join(_parts(log.records))
        for (topic, number), log in world.broker.logs.items()
    }
    for path in world.folder.rglob("*"):
        if path.is_file():
            places[str(path.relative_to(world.folder))] = path.read_bytes()
    for name in world.schedule.calls:
        for needle in _needles(name):
            for place, content in places.items():
                if needle in content:
                    yield f"in clear: {name} in {place}"


def _parts(records: list) -> Iterator[bytes]:  # type: ignore[type-arg]
    for one in records:
        yield from (
            one.key or b"",
            one.value or b"",
            *(value or b"" for value in one.headers.values()),
        )


@cache
def _needles(name: str) -> tuple[bytes, ...]:
    """Sound of the first and the last sensitive word (any, where there is none), both ways."""
    said = script(name).said
    words = [one for one in said if one.entity] or list(said)
    found: list[bytes] = []
    for one in (words[0], words[-1]):
        sound = script(name).sound(one)[WORD_PART]
        found += [sound.tobytes()[:_NEEDLE], sound[:, one.channel].tobytes()[:_NEEDLE]]
    return tuple(found)


WORD_PART = slice(400, 800)


def _look_for_keys(world: World) -> Iterator[str]:
    """Keys of calls that are over are gone; those of quarantined calls live for their time."""
    with world.ledger.database.reading() as connection:
        left = {row.call_id for row in connection.execute(TRANSIT_KEYS.select())}
    files = [path.read_bytes() for path in (world.folder / "state").glob("ledger.db*")]
    for name, wrapped in world.keys.items():
        state = world.ledger.state(name)
        if state in {CallState.STORED, CallState.REFUSED}:
            if name in left or any(wrapped in data for data in files):
                yield f"key: that of {name} ({state}) is still there"
        elif state is CallState.QUARANTINED and name not in left:
            yield f"key: that of {name} was destroyed before its quarantine ended"


def _stored(vault: Vault, name: str) -> Stored:
    certificate = vault.read(name, name + CERTIFICATE)
    stated = parse_certificate(certificate)
    return Stored(certificate, {file: vault.read(name, file) for file in stated.files})
