"""What a run under faults has to show: nothing lost, different, doubled, leaked or left over."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import soundfile
from rich.table import Table

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import Stated
from agents.app.checks.canaries import needles
from agents.app.checks.certificate_file import check_file
from agents.app.checks.leak_scan import Searcher, scan, told
from agents.crypto.ed25519 import SigningKey
from agents.stages.all_stages import INPUTS
from agents.upkeep.audit_checkpoints import VaultCheckpoints, certified
from agents.vault.file_store import PASSED, QUARANTINE
from pipeline.evidence.certificate import Certificate, parse_certificate
from tests.broker.canaries import WORDS, canaries
from tests.broker.harness import Installation, Script, content

VARIANTS = len(WORDS)
"""Calls of one length differ by their first word alone."""
SWEEP_REFUSED = "sweep_refused"
"""What a worker's log says of one."""
CLOSED = "hushwire.audit.call-closed.v1"


@dataclass
class Line:
    """What one kind of fault did."""

    times: int = 0
    calls: set[str] = field(default_factory=set)
    """Calls that were open when it came."""
    recovery_s: list[float] = field(default_factory=list)


@dataclass
class Outcome:
    """What became of a run."""

    calls: int
    faults: dict[str, Line]
    lost: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    """Calls that were kept out of the vault because two policies or versions had a part in them."""
    different: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    """Certificates that do not check, and what is wrong with the audit log."""
    leaked: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    orphans: list[int] = field(default_factory=list)
    exits: Counter[int] = field(default_factory=Counter)
    """Exit codes of workers that ended by themselves."""
    sweeps_refused: int = 0
    """Sweeps that a clock which had jumped would have made."""
    searched_mb: float = 0.0
    """How much was searched for canaries."""

    @property
    def clean(self) -> bool:
        """Whether nothing at all went wrong."""
        return not any(self.bad.values())

    @property
    def bad(self) -> dict[str, list[str]]:
        """Everything that must be empty, by name."""
        return {
            "lost": self.lost,
            "different": self.different,
            "duplicated": self.duplicated,
            "invalid": self.invalid,
            "leaked": self.leaked,
            "stuck": self.stuck,
            "orphans": [str(one) for one in self.orphans],
        }


def judge(
    outcome: Outcome,
    made: Installation,
    calls: Sequence[Script],
    expected: Sequence[Installation],
    *,
    folders: Sequence[Path],
) -> None:
    """Compare with the undisturbed runs, and look for what must not be there.

    Args:
        outcome: gets what is found.
        made: where the faults came.
        calls: what was sent.
        expected: the undisturbed runs, one for every policy and version that a worker had.
        folders: everything that either run, its broker or its database wrote.
    """
    stored = _compare(outcome, made, calls, expected)
    _check_proofs(outcome, made, stored)
    _search(outcome, made, calls, folders)
    outcome.sweeps_refused = made.log().count(SWEEP_REFUSED)
    _look_for_stuck(outcome, made)


def _compare(
    outcome: Outcome, made: Installation, calls: Sequence[Script], expected: Sequence[Installation]
) -> list[str]:
    """Files of every call; returns the calls that are stored, once.

    A call is as one of the undisturbed runs made it, in all its files. One that was taken over by
    another version half-way may be quarantined, and for no other reason.
    """
    place = made.vault.place
    stored: list[str] = []
    for one in calls:
        name = one.info.call_id
        places = [area for area in (PASSED, QUARANTINE) if place.names(area, name)]
        if places == [QUARANTINE] and _was_mixed(made, name):
            outcome.quarantined.append(name)
            continue
        if places != [PASSED]:
            (outcome.duplicated if len(places) > 1 else outcome.lost).append(name)
            continue
        stored.append(name)
        stated = parse_certificate(_certificate(made, name).read_bytes())
        differing = [_differing(made, alone, name, stated) for alone in expected]
        outcome.different += [f"{name}/{file}" for file in min(differing, key=len)]
    return stored


def _was_mixed(made: Installation, name: str) -> bool:
    stated = parse_certificate(_certificate(made, name, "quarantine").read_bytes())
    return "other_detections" in {one.name for one in stated.checks if not one.passed}


def _differing(
    made: Installation, alone: Installation, name: str, stated: Certificate
) -> list[str]:
    """Files of a call that are not as in an undisturbed run."""
    deaf = "unheard" in stated.marks
    found = []
    for file, digest in stated.files.items():
        content, calm = made.kept(name, file), alone.kept(name, file)
        same = calm == content or (deaf and _only_silenced(file, content, calm))
        if not same or hashlib.sha256(content).hexdigest() not in digest:
            found.append(file)
    return found


def _only_silenced(file: str, content: bytes, calm: bytes) -> bool:
    """Whether audio differs by silence alone; texts of such a call may lack words."""
    if not file.endswith(".flac"):
        return True
    here, there = (soundfile.read(io.BytesIO(one), dtype="int16")[0] for one in (content, calm))
    return here.shape == there.shape and not here[here != there].any()


def _check_proofs(outcome: Outcome, made: Installation, stored: Sequence[str]) -> None:
    """Every certificate as `hushwire certificate check` does, the log as `audit verify` does."""
    public = SigningKey.load(made.folder / "state" / "signing.pem").public
    keys = {public.key_id: public}
    for name in stored:
        found = check_file(_certificate(made, name), keys, unseal=partial(made.kept, name))
        outcome.invalid += [f"{name}: {one.text}" for one in found]
    log = AuditLog(made.ledger.database)
    place = made.vault.place
    told = list(certified(place, keys))
    outcome.invalid += [one for one in told if isinstance(one, str)]
    seen = log.verify(
        keys,
        kept=VaultCheckpoints(place).all(),
        outside=[one for one in told if isinstance(one, Stated)],
        calls=len(told),
    )
    outcome.invalid += [f"audit log: {one}" for one in seen.problems]
    entries = [json.loads(line) for line in log.export()]
    closed = Counter(one["subject"] for one in entries if one.get("kind") == CLOSED)
    outcome.invalid += [
        f"{name}: closed {closed[name]} times in the audit log"
        for name in stored
        if closed[name] != 1
    ]


def _search(
    outcome: Outcome, made: Installation, calls: Sequence[Script], folders: Sequence[Path]
) -> None:
    """No canary in any file of the folders, with the vault's fetched to one, nor in any record."""
    searcher = Searcher(*needles(canaries([one.pcm for one in calls[:VARIANTS]])))
    for topic, records in made.read_every().items():
        data = content(records)
        outcome.searched_mb += len(data) / 1e6
        outcome.leaked += [
            f"{topic}: {hit.canary} as {hit.form}" for hit in searcher.search(io.BytesIO(data))
        ]
    done = scan([*folders], searcher)
    outcome.searched_mb += done.bytes / 1e6
    outcome.leaked += told(done)


def _look_for_stuck(outcome: Outcome, made: Installation) -> None:
    """Every stage has committed to the end of every partition."""
    records = made.read_every()
    for stage, inputs in INPUTS.items():
        for topic in inputs(made.topics):
            committed = made.committed(stage, topic)
            written = dict(Counter(record.partition() for record in records[topic]))
            if committed != written:
                outcome.stuck.append(f"{stage} {topic}: {committed} of {written}")


def _certificate(made: Installation, name: str, area: str = PASSED) -> Path:
    """The certificate of a call, with its sealed files beside it: a bucket is no folder."""
    folder, place = made.folder / "fetched" / name, made.vault.place
    if not folder.exists():
        folder.mkdir(parents=True)
        for file in place.names(area, name):
            with closing(place.open(area, name, file)) as stream:
                (folder / file).write_bytes(stream.read())
    return folder / f"{name}.certificate.json"


def table(outcome: Outcome) -> Table:
    """What is printed: calls that were open when a fault came, and what became of them."""
    made = Table(
        "fault", "times", "calls", "lost", "different", "duplicated", "leaked",
        "until the next call was stored, s: median", "longest",
    )  # fmt: skip
    different = {one.split("/")[0] for one in outcome.different}
    for name, line in outcome.faults.items():
        times = sorted(line.recovery_s)
        bad = (set(outcome.lost), different, set(outcome.duplicated))
        made.add_row(
            name,
            str(line.times),
            str(len(line.calls)),
            *(str(len(line.calls & one)) for one in bad),
            "",
            *([f"{times[len(times) // 2]:.1f}", f"{times[-1]:.1f}"] if times else ["-", "-"]),
        )
    made.add_section()
    made.add_row(
        "all",
        str(sum(one.times for one in outcome.faults.values())),
        str(outcome.calls),
        *(str(len(one)) for one in (outcome.lost, different, outcome.duplicated, outcome.leaked)),
        "",
        "",
    )
    return made
