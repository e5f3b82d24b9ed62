"""What a backfill brought: of every recording that was wanted, in this run and those before."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from rich.console import Console

from agents.system.progress import lasting, plain


class Fate(StrEnum):
    """What became of a recording."""

    STORED = "stored"
    IN_PART = "stored in part"
    QUARANTINED = "quarantined"
    REFUSED = "refused"
    ERASED = "erased"
    NOT_TAKEN = "not taken"
    """It can't be read, or its sidecar is no good."""
    ELSEWHERE = "open elsewhere"
    """Its call came over another way, and has not ended."""
    CHANGED = "changed"
    """While it was read, or it is gone."""
    IN_WORK = "in work"
    NOT_BEGUN = "not begun"

    @property
    def told(self) -> bool:
        """Whether a line tells of it."""
        return self not in {Fate.STORED, Fate.IN_WORK, Fate.NOT_BEGUN}


@dataclass(frozen=True, slots=True)
class Through:
    """One recording."""

    recording: str
    """Its name for people."""
    fate: Fate
    call_id: str = ""
    reason: str = ""
    seconds: float = 0.0

    @property
    def line(self) -> str:
        """For people."""
        call = f": call {self.call_id}" if self.call_id else ""
        return f"{self.fate}: {self.recording}{call}{f': {self.reason}' if self.reason else ''}"


@dataclass(frozen=True, slots=True)
class Report:
    """All of them."""

    archive: str
    since: str
    until: str
    recordings: tuple[Through, ...]
    others: int
    """Files that are no recordings."""
    sent: tuple[float, ...]
    """In this run: the seconds of each."""
    wall_seconds: float
    stopped: bool
    """Before it was through."""

    @property
    def clean(self) -> bool:
        """Whether each recording is stored."""
        return all(one.fate is Fate.STORED for one in self.recordings)

    @property
    def counts(self) -> dict[str, int]:
        """By fate, those that there are."""
        found = Counter(one.fate for one in self.recordings)
        return {fate.value: found[fate] for fate in Fate if found[fate]}

    @property
    def stored_seconds(self) -> float:
        """Length of all calls that are stored."""
        return sum(one.seconds for one in self.recordings if one.fate is Fate.STORED)

    @property
    def failures(self) -> Sequence[Through]:
        """Those that are not stored, and why."""
        return [one for one in self.recordings if one.fate.told]

    def as_json(self) -> str:
        """For programs."""
        document = {
            "archive": self.archive,
            "since": self.since or None,
            "until": self.until or None,
            "recordings": len(self.recordings),
            "others": self.others,
            "outcomes": self.counts,
            "stored_seconds": round(self.stored_seconds, 3),
            "this_run": {
                "sent": len(self.sent),
                "sent_seconds": round(sum(self.sent), 3),
                "wall_seconds": round(self.wall_seconds, 3),
                "stopped": self.stopped,
            },
            "failures": [asdict(one) for one in self.failures],
        }
        return json.dumps(document, indent=2)

    def print(self, console: Console) -> None:
        """For people."""
        for one in self.failures:
            plain(console, one.line)
        counts = ", ".join(f"{count} {fate}" for fate, count in self.counts.items())
        hours = self.stored_seconds / 3_600
        plain(
            console, f"{len(self.recordings)} recordings: {counts or 'none'}; {hours:.2f} h stored"
        )
        if self.sent:
            seconds, took = sum(self.sent), lasting(self.wall_seconds)
            speed = seconds / max(self.wall_seconds, 1e-6)
            plain(
                console,
                f"this run: {len(self.sent)} sent, {seconds / 3_600:.2f} h in {took} "
                f"({speed:.1f} times real time)",
            )
        if self.stopped:
            plain(console, "stopped; the same command goes on from here")
