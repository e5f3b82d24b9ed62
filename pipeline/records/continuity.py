"""Whether the findings of a call are one detection without a hole.

A call may be detected twice: its words are read again after a restart, perhaps by another version,
under another policy, or on another processor. The first record of a number counts, so the records
of two runs may mix. What lies between the last of one run and the next of the other was stated by
neither; and a span that the second run stated with an earlier number, of which the first run knows
nothing, may reach beyond that. So from the first record on that does not follow the one before it,
nothing is accounted for.

Outcome of ``Account.take``: the stretch that has to be silent because nobody accounts for it;
empty where the records are of one run. ``mixed`` says that they are not: such a call is never
stored.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pipeline.records.model import Detection, Findings, Interval

MIXED: Final = "mixed_detection"
"""Mark of a call that was heard or detected in two runs that differ."""


class Account:
    """How far one call is accounted for; takes its findings in the order of their numbers.

    Args:
        policy: digest of the call's policy.
    """

    def __init__(self, policy: str) -> None:
        self.mixed = False
        self.watermark = 0
        self.detection: Detection | None = None
        """By what the first record was made; None where it does not say."""
        self._policy = policy
        self._begun = False
        self._made: Detection | None = None

    def take(self, findings: Findings) -> Interval:
        """Take the next record; the samples of all channels that nobody accounts for."""
        by = findings.detection
        made = by and replace(by, software=_fingerprint(by.software))
        if not self._begun:
            self._begun, self.detection, self._made = True, by, made
        before, until = self.watermark, max(self.watermark, findings.watermark.sample)
        # Older versions say neither by what nor since when; they count only among themselves.
        follows = by is None or (by.policy == self._policy and findings.since == before)
        self.mixed = self.mixed or made != self._made or not follows
        self.watermark = until
        return Interval(before if self.mixed else until, until)


def _fingerprint(software: str) -> str:
    """What decides of how records name the software: a version that detects the same is the same.

    ``hushwire VERSION (FINGERPRINT)``; all of what is not of that form.
    """
    name, bracket, rest = software.rpartition(" (")
    return rest if name and bracket and rest.endswith(")") else software
