"""What a run under faults has to show: nothing lost, different, doubled, leaked or left over."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import soundfile
from rich.table import Table

from agents.worker import INPUTS
from pipeline.certificate import parse_certificate
from tests.broker.harness import Installation, Script


@dataclass
class Line:
    """What one kind of fault did."""

    times: int = 0
    recovery_s: list[float] = field(default_factory=list)


@dataclass
class Outcome:
    """What became of a run."""

    calls: int
    faults: dict[str, Line]
    lost: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    orphans: list[int] = field(default_factory=list)
    exits: Counter[int] = field(default_factory=Counter)
    """Exit codes of workers that ended by themselves."""

    @property
    def clean(self) -> bool:
        """Whether nothing at all went wrong."""
        bad = self.lost, self.different, self.duplicated, self.leaked, self.stuck, self.orphans
        return not any(bad)


def judge(
    outcome: Outcome, made: Installation, calls: Sequence[Script], expected: Installation
) -> None:
    """Compare with the undisturbed run, and look for what must not be there."""
    vault = made.folder / "vault"
    for one in calls:
        name = one.info.call_id
        places = [place for place in ("calls", "quarantine") if (vault / place / name).is_dir()]
        if places != ["calls"]:
            (outcome.duplicated if len(places) > 1 else outcome.lost).append(name)
            continue
        certificate = (vault / "calls" / name / f"{name}.certificate.json").read_bytes()
        stated = parse_certificate(certificate)
        deaf = "unheard" in stated.marks
        for file, digest in stated.files.items():
            content = made.kept(name, file)
            calm = expected.kept(name, file)
            same = calm == content or (deaf and _only_silenced(file, content, calm))
            if not same or hashlib.sha256(content).hexdigest() not in digest:
                outcome.different.append(f"{name}/{file}")
    canaries = [b"hello", b"please", b"four"] + [
        one.pcm[start : start + 16].tobytes()
        for one in calls
        for start in range(0, len(one.pcm), 2_400)
        if one.pcm[start : start + 16].any()
    ]
    reads = {stage: inputs(made.topics) for stage, inputs in INPUTS.items()}
    written: dict[str, Counter[int]] = {}
    for topic in {name for names in reads.values() for name in names}:
        records = made.read(topic)
        written[topic] = Counter(record.partition() for record in records)
        values = b"\0".join(record.value() or b"" for record in records)
        outcome.leaked += [f"{topic}: {one!r}" for one in canaries if one in values]
    for stage, topics in reads.items():
        for topic in topics:
            committed = made.committed(stage, topic)
            if committed != dict(written[topic]):
                outcome.stuck.append(f"{stage} {topic}: {committed} of {dict(written[topic])}")


def _only_silenced(file: str, content: bytes, calm: bytes) -> bool:
    """Whether audio differs by silence alone; texts of such a call may lack words."""
    if not file.endswith(".flac"):
        return True
    here, there = (soundfile.read(io.BytesIO(one), dtype="int16")[0] for one in (content, calm))
    return here.shape == there.shape and not here[here != there].any()


def table(outcome: Outcome) -> Table:
    """What is printed."""
    made = Table("fault", "times", "longest until the next call was stored, s")
    for name, line in outcome.faults.items():
        longest = f"{max(line.recovery_s):.1f}" if line.recovery_s else "-"
        made.add_row(name, str(line.times), longest)
    return made
