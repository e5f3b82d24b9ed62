"""The demo of the gateways: one call comes in by every way, at once and at the pace of speech.

``python -m benchmarks.gateways.demo`` runs broker, ``hushwire worker``, ``hushwire gateway`` and
``hushwire watch`` as an installation has them, with the real models, and compares what is stored
with what ``hushwire redact`` makes of the same audio. Exit code 1 when a digit can be heard that
can't be by ``redact``, a call is missing, incomplete or marked, or something of a call stands in
clear where nothing may; 2 when the demo could not run.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import shutil
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import soundfile
from rich.console import Console
from rich.table import Table

from agents.app.checks.canaries import Canary, needles
from agents.app.checks.leak_scan import Searcher, scan, told
from agents.app.checks.leak_scan_selftest import missed
from agents.crypto.transit_hybrid import TransitPublic
from agents.database.call_ledger import CallState
from agents.database.open_ledger import opened_ledger
from agents.kafka.call_sender import CallSender, new_call_id
from agents.kafka.embedded_broker import EmbeddedBroker
from agents.kafka.topics import Topics, reach_broker
from agents.settings.model import load_settings
from agents.settings.policies import read_policy
from agents.system.screen import screen
from agents.vault.exports.files import FACTS
from benchmarks.cost.reading import content_of, read_all
from benchmarks.demo import SAMPLES, emptied
from benchmarks.gateways import audiohook_client, audiosocket_client, twilio_client
from benchmarks.gateways.compared import Heard, Redacted, altered, differences, heard
from benchmarks.gateways.running import (
    HOST,
    Endpoints,
    Place,
    Running,
    answers,
    free_endpoints,
    gateway,
    has_topics,
    hushwire,
    watch,
    worker,
)  # fmt: skip
from benchmarks.gateways.ways import (
    PARTIES,
    PCM_16,
    RATE,
    Kind,
    Sample,
    Way,
    numbers,
    read_sample,
    ways,
)
from pipeline.errors import HushwireError, InputError
from pipeline.gateways.door.model import CallHeader
from pipeline.gateways.events import Codec
from pipeline.records.model import Role

OURS: Final = Path("build/demo-gateways")
STORED_S: Final = 1_800.0
"""How long all calls may take until they are stored, once they were said."""
QUARANTINED: Final = 1
"""Exit code of ``hushwire redact``."""
CHUNK: Final = RATE
"""Samples of a record of the own producer."""


@dataclass(slots=True)
class Outcome:
    """What became of one way's call."""

    way: Way
    call_id: str = ""
    """As `calls find` tells it by the recorder's id."""
    state: str = "missing"
    marks: tuple[str, ...] = ()
    stored: Redacted | None = None
    redacted: Redacted | None = None
    audible: Heard | None = None
    audible_by_redact: Heard | None = None
    differ: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=OURS, help="made anew each time")
    parser.add_argument(
        "--sample", default="card-replacement", help="a sample call with a card number"
    )
    options = parser.parse_args(arguments)
    place, console = Place(options.to.resolve()), screen()
    if not emptied(options.to):
        console.print(f"demo: {options.to} holds what the demo did not make", style="bold red")
        return 2
    for folder in place.made:
        shutil.rmtree(folder, ignore_errors=True)
    for folder in place.made:
        folder.mkdir(parents=True)
    try:
        sample = read_sample(SAMPLES, options.sample)
        outcomes, wrong = _shown(place, sample, ways(sample, place.platform), console)
    except (HushwireError, OSError) as error:
        console.print(f"demo: {error}", style="bold red", markup=False, highlight=False)
        return 2
    console.print(_table(outcomes))
    for one in outcomes:
        for line in one.differ:
            _say(console, f"{one.way.kind}: {line}")
        wrong += [f"{one.way.kind}: {line}" for line in one.wrong]
    for line in wrong:
        console.print(line, style="bold red", markup=False, highlight=False, soft_wrap=True)
    told_ = "not all is as it has to be" if wrong else "all as it has to be"
    _say(console, f"{len(outcomes)} calls, {told_}; calls and logs: {place.folder}")
    return 1 if wrong else 0


def _shown(
    place: Place, sample: Sample, every: Sequence[Way], console: Console
) -> tuple[list[Outcome], list[str]]:
    """Run all of it; what became of each call, and what is wrong beside that."""
    wrong: list[str] = []
    _keys(place)
    with EmbeddedBroker() as broker:
        _live(place, broker.bootstrap, every, console, wrong)
        wrong += [
            f"{one}: a host of the public key alone holds more"
            for folder in (place.gateway, place.recorder)
            for one in folder.iterdir()
            if one != place.public_key
        ]
        outcomes = [_found(place, way) for way in every]
        wrong += _in_clear(place, broker.bootstrap, sample, every, console)
    exported = hushwire(
        "export", "--all", "--vault", str(place.vault), "--to", str(place.calls),
        "--state-dir", str(place.worker),
    )  # fmt: skip
    if exported.returncode != 0:
        wrong.append(f"hushwire export: {exported.stderr.strip() or exported.stdout.strip()}")
    _say(console, "hushwire redact, of what each way carried")
    made: dict[str, Redacted] = {}
    ramp_ms = read_policy(load_settings()).muting.ramp_ms
    for one in outcomes:
        _compare(place, one, made, ramp_ms)
    return outcomes, wrong


def _keys(place: Place) -> None:
    """Make the pair where calls are redacted, and hand out its public half."""
    state = ("--state-dir", str(place.worker))
    for words in (("keys", "transit", "new", *state), ("keys", "transit", "public", *state)):
        done = hushwire(*words)
        if done.returncode != 0:
            raise InputError(f"hushwire {' '.join(words[:3])}: {done.stderr.strip()}")
    place.public_key.write_text(done.stdout)


def _live(
    place: Place, bootstrap: str, every: Sequence[Way], console: Console, wrong: list[str]
) -> None:
    """Let all calls come in, and wait until they are stored."""
    topics, endpoints = Topics.named(load_settings().topic_prefix), free_endpoints()
    with ExitStack() as stack:
        workers = stack.enter_context(worker(place, bootstrap))
        workers.until(lambda: has_topics(bootstrap, topics))
        doors = stack.enter_context(gateway(place, bootstrap, endpoints))
        watcher = stack.enter_context(watch(place, bootstrap))
        doors.until(lambda: answers(endpoints.health))
        longest = max(len(way.carried) for way in every) / RATE
        _say(console, f"{len(every)} calls come in at once, {longest:.0f} s at the pace of speech")
        wrong += asyncio.run(_replay(place, bootstrap, topics, endpoints, every))
        _say(console, "all were said; waiting until they are stored")
        _await_stored(place, len(every), (workers, doors, watcher), console)
        for one in (watcher, doors, workers):
            if code := one.stop():
                wrong.append(f"{one.name}: ended with {code}; see {one.log}")
            wrong += _complaints(one)


async def _replay(
    place: Place, bootstrap: str, topics: Topics, endpoints: Endpoints, every: Sequence[Way]
) -> list[str]:
    """All clients at once; what was not confirmed."""
    problems: list[str] = []

    async def one(way: Way) -> None:
        if not await _say_call(way, place, bootstrap, topics, endpoints):
            problems.append(f"{way.kind}: its end was not confirmed")

    await asyncio.gather(*map(one, every))
    return problems


async def _say_call(
    way: Way, place: Place, bootstrap: str, topics: Topics, endpoints: Endpoints
) -> bool:
    """One call by its way; whether the other side has all of it, as far as the way tells."""
    at = f"ws://{HOST}:{endpoints.port}"
    match way.kind:
        case Kind.TWILIO:
            parameters = {
                "token": endpoints.token_of(way.recorder_id), "from": PARTIES[0], "to": PARTIES[1]
            }  # fmt: skip
            code = await twilio_client.replay(
                f"{at}/twilio", way.sent.T, call=way.recorder_id, parameters=parameters
            )
            return code == 1_000
        case Kind.TELNYX:
            code = await twilio_client.replay(
                f"{at}/telnyx", way.sent.T, call=way.recorder_id.removeprefix("v3:"),
                parameters={"token": endpoints.token}, platform="telnyx",
            )  # fmt: skip
            return code == 1_000
        case Kind.AUDIOHOOK | Kind.PAUSED:
            ended = await audiohook_client.replay(
                f"{at}/audiohook", way.sent, key=endpoints.api_key,
                secret=endpoints.client_secret, pauses=[way.pause] if way.pause else [],
            )  # fmt: skip
            way.recorder_id = ended.conversation
            return ended.closed
        case Kind.AUDIOSOCKET:
            name = uuid.UUID(way.recorder_id)
            said = await audiosocket_client.replay(
                HOST, endpoints.audiosocket, way.sent[:, 0], name=name
            )
            return said == b""
        case Kind.WAV | Kind.MP3:
            await asyncio.to_thread(_drop, way, place.drop)
            return True
        case Kind.PRODUCER:
            public = TransitPublic.load(place.public_key)
            return await _produce(way, CallSender(bootstrap, topics.audio_in, public))


def _drop(way: Way, folder: Path) -> None:
    """As a recorder does it: the sidecar last."""
    if way.file is None:
        raise ValueError("no recording")
    shutil.copyfile(way.file, folder / way.file.name)
    told_ = json.dumps({**way.sidecar, "caller": PARTIES[2]})
    (folder / way.file.name).with_suffix(".json").write_text(told_, encoding="utf-8")


async def _produce(way: Way, sender: CallSender) -> bool:
    """As a program of somebody else does it, by the package's own producer."""
    roles = tuple(Role(one) for one in way.truth.channels)
    header = CallHeader(
        new_call_id(), RATE, roles, Codec.L16,
        recorder_id=way.recorder_id, language="en", numbers=(PARTIES[3],),
    )  # fmt: skip
    loop = asyncio.get_running_loop()
    try:
        call, began = sender.open(header), loop.time()
        for first in range(0, len(way.sent), CHUNK):
            piece = way.sent[first : first + CHUNK]
            await asyncio.sleep(began + (first + len(piece)) / RATE - loop.time())
            call.send(piece.astype("<i2").tobytes(), len(piece))
        call.end()
        await asyncio.wrap_future(call.acknowledged())
    finally:
        await asyncio.to_thread(sender.close)
    return call.failed is None


def _await_stored(place: Place, count: int, running: Sequence[Running], console: Console) -> None:
    """Wait until so many calls have ended, whatever became of them."""
    deadline, before = time.monotonic() + STORED_S, -1
    settings = load_settings(state_dir=place.worker)
    ended = (CallState.STORED, CallState.QUARANTINED, CallState.REFUSED)
    with opened_ledger(settings, place.worker) as ledger:
        while (now := sum(map(ledger.count, ended))) < count and time.monotonic() < deadline:
            for one in running:
                one.require_running()
            if now != before:
                before = now
                _say(console, f"  {now} of {count}")
            time.sleep(2)
        _say(console, f"  {now} of {count}")
    # The watcher puts away what is stored, which it hears a moment later.
    while time.monotonic() < deadline and _dropped(place):
        for one in running:
            one.require_running()
        time.sleep(1)


def _dropped(place: Place) -> bool:
    return any(one.is_file() for one in place.drop.iterdir())


def _complaints(one: Running) -> Iterator[str]:
    """Lines of a log that tell of a failure; `watch` writes words, the others JSON."""
    for number, line in enumerate(one.log.read_text(encoding="utf-8").splitlines(), 1):
        try:
            fine = json.loads(line)["level"] == "info"
        except (ValueError, KeyError, TypeError):
            fine = one.name == "watch" and not line.startswith(("hushwire:", "refused:", "Trace"))
        if not fine:
            yield f"{one.log}, line {number}: it complains"


def _found(place: Place, way: Way) -> Outcome:
    """Look a call up as somebody does who has the platform's id alone."""
    done = hushwire(
        "calls", "find", "--recorder-id", way.recorder_id, "--json",
        "--state-dir", str(place.worker),
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    outcome = Outcome(way)
    if len(rows) != 1:
        outcome.wrong.append(f"{len(rows)} calls are found by the recorder's id")
        return outcome
    outcome.call_id, outcome.state = rows[0]["call_id"], rows[0]["state"]
    return outcome


def _compare(place: Place, one: Outcome, made: dict[str, Redacted], ramp_ms: int) -> None:
    """The call against `redact`."""
    one.redacted = _redact(place, one.way, made)
    one.audible_by_redact = heard(one.way, one.redacted)
    if one.state not in (CallState.STORED, CallState.QUARANTINED):
        one.wrong.append(f"it is {one.state}")
        return
    folder = place.calls / one.call_id
    one.stored = Redacted.read(folder, one.call_id)
    if one.stored.pcm is None and one.redacted.pcm is not None:
        one.wrong.append("it is quarantined, and by redact it is not")
        return
    _marked(one, json.loads((folder / FACTS).read_text(encoding="utf-8")))
    if one.stored.certificate.samples != len(one.way.carried):
        one.wrong.append(
            f"it has {one.stored.certificate.samples} samples: {len(one.way.carried)} came"
        )
        return
    one.audible = heard(one.way, one.stored)
    if one.audible.audible - one.audible_by_redact.audible:
        one.wrong.append("a digit can be heard that can't be by redact")
    if count := altered(one.way, one.stored, ramp_ms):
        one.wrong.append(f"{count} samples differ though nothing was silenced there")
    if one.stored.like(one.redacted):
        return
    for each in differences(one.stored, one.redacted):
        one.differ.append(
            f"{one.way.truth.channels[each.channel]} {each.start_s:.3f} to {each.end_s:.3f} s is "
            f"silent {'in the stored call' if each.stored else 'by redact'} alone ({each.why})"
        )


def _marked(one: Outcome, facts: dict[str, Any]) -> None:
    """What the catalogue says of a call."""
    one.marks = tuple(sorted(facts["marks"]))
    if set(one.marks) - one.way.marks:
        one.wrong.append(f"it is marked {', '.join(one.marks)}")
    if one.way.marks - set(one.marks):
        one.wrong.append("its pause is not told")
    if one.state == CallState.STORED and facts["recorder_id"] != one.way.recorder_id:
        one.wrong.append("the export names another recorder's id")


def _redact(place: Place, way: Way, made: dict[str, Redacted]) -> Redacted:
    """What `redact` makes of the audio; once for ways that carry the same."""
    content = way.file.read_bytes() if way.file and way.kind is Kind.MP3 else way.carried.tobytes()
    key = hashlib.sha256(content + repr(way.truth.channels).encode()).hexdigest()
    if key not in made:
        source = place.redacted / f"{way.name}{'.mp3' if way.kind is Kind.MP3 else '.wav'}"
        if way.kind is Kind.MP3:
            source.write_bytes(content)
        else:
            soundfile.write(source, way.carried, RATE, subtype=PCM_16)
        source.with_suffix(".json").write_text(json.dumps(way.sidecar), encoding="utf-8")
        into = place.redacted / "out" / f"{way.name}.flac"
        into.parent.mkdir(exist_ok=True)
        done = hushwire("redact", str(source), str(into))
        if done.returncode not in (0, QUARANTINED):
            raise InputError(f"hushwire redact {source.name}: {done.stderr.strip()}")
        made[key] = Redacted.read(into.parent, way.name)
    return made[key]


def _in_clear(
    place: Place, bootstrap: str, sample: Sample, every: Sequence[Way], console: Console
) -> Iterator[str]:
    """Look for ids, numbers, cards and sounds on the broker and wherever something was written."""
    known = [
        *(Canary(f"recorder's id of {way.kind}", way.recorder_id) for way in every),
        *(Canary(f"number {place}", number) for place, number in enumerate(numbers(), 1)),
        *(Canary(f"card or SSN {place}", text) for place, text in enumerate(sample.texts, 1)),
        *(
            Canary(f"sound of {way.kind}", samples=way.carried, rate=RATE)
            for way in every
            if way.kind in {Kind.TELNYX, Kind.AUDIOSOCKET, Kind.WAV, Kind.MP3}
        ),
    ]
    yield from missed(known)
    searcher = Searcher(*needles(known))
    topics, there = Topics.named(load_settings().topic_prefix), reach_broker(bootstrap)
    records = hits = 0
    for topic in (one for one in topics.all() if one in there):
        messages = read_all(bootstrap, topic, load_settings().partitions)
        records += len(messages)
        for hit in searcher.search(BytesIO(b"\0".join(map(content_of, messages)))):
            hits += 1
            yield f"{topic}: {hit.canary} as {hit.form}"
    done = scan(place.held, searcher)
    lines = told(done)
    yield from lines
    _say(
        console,
        f"{len(known)} canaries (recorders' ids, numbers, card, sound), looked for in {records} "
        f"records of the broker and {done.files} files of vault, states and logs: "
        f"{hits + len(lines)} finds",
    )


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="The same call by every way")
    table.add_column("way", no_wrap=True)
    for title in (
        "stored", "marks", "digits\naudible", "the same\nby redact", "silent",
        "the same\nby redact",
        "unlike", "found by\nthe id",
    ):  # fmt: skip
        table.add_column(title, justify="right", no_wrap=True)
    for one in outcomes:
        ours, theirs = one.audible, one.audible_by_redact
        equal = one.stored and one.redacted and one.stored.like(one.redacted)
        table.add_row(
            one.way.kind,
            "yes" if one.state == CallState.STORED else one.state,
            ", ".join(one.marks) or "none",
            f"{ours.count} of {ours.digits}" if ours else "",
            f"{theirs.count} of {theirs.digits}" if theirs else "",
            f"{one.stored.silent_s:.2f} s" if one.stored else "",
            f"{one.redacted.silent_s:.2f} s" if one.redacted else "",
            "no sample" if equal else f"{len(one.differ)} place(s)",
            "yes" if one.call_id else "no",
        )
    return table


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
