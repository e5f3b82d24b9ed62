"""A stored call against what ``hushwire redact`` makes of the same audio.

What is audible is measured on the audio, by the truth; what is silent is what the certificates say,
after the audio was found to be the original's everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from benchmarks.gateways.ways import Way
from pipeline.evaluation.scoring.leak_scoring import DIGIT_KINDS, score_call
from pipeline.evidence.certificate import Certificate, parse_certificate
from pipeline.evidence.layout import CERTIFICATE
from pipeline.records.intervals import merge_intervals, subtract_intervals
from pipeline.records.model import FULL_SCALE, Interval, Pcm

NEAR_S: Final = 1.0
"""How near a span is that may be why a difference is silent."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """One redacted call."""

    certificate: Certificate
    pcm: Pcm | None = field(repr=False)
    """None: it is quarantined."""

    @classmethod
    def read(cls, folder: Path, stem: str) -> Redacted:
        """From a folder with a certificate, and with a FLAC unless it is quarantined."""
        certificate = parse_certificate((folder / f"{stem}{CERTIFICATE}").read_bytes())
        if not certificate.passed:
            return cls(certificate, None)
        pcm, _ = soundfile.read(folder / f"{stem}.flac", dtype="int16", always_2d=True)
        return cls(certificate, pcm)

    def like(self, other: Redacted) -> bool:
        """Whether both are silent at the same samples."""
        if self.pcm is None or other.pcm is None:
            return self.pcm is other.pcm
        return np.array_equal(self.pcm, other.pcm)

    def silent(self, channel: int) -> list[Interval]:
        """What was silenced of a channel; what never came is no part of it."""
        return merge_intervals(
            Interval(one.start, one.end)
            for one in self.certificate.mutes
            if one.channel == channel and not (one.gap or one.paused)
        )

    @property
    def silent_s(self) -> float:
        """Seconds that were silenced, over all channels."""
        channels = range(len(self.certificate.roles))
        total = sum(len(one) for channel in channels for one in self.silent(channel))
        return total / self.certificate.sample_rate


@dataclass(frozen=True, slots=True)
class Heard:
    """Digits of card, CVV and SSN."""

    digits: int
    audible: frozenset[tuple[int, int]]
    """Which words of which entities can be heard that stand for digits."""
    count: int
    """How many digits these are."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is silent in one of both alone."""

    channel: int
    start_s: float
    end_s: float
    stored: bool
    """Whether it is the stored call in which it is silent."""
    why: str
    """Types and reasons of the spans there."""


def heard(way: Way, redacted: Redacted) -> Heard:
    """Which digits can be heard; of a quarantined call none.

    Raises:
        InputError: the call is longer or shorter than what was carried.
    """
    rate, pcm = redacted.certificate.sample_rate, redacted.pcm
    after = np.zeros(way.carried.shape) if pcm is None else pcm / FULL_SCALE
    result = score_call(way.truth, way.carried / FULL_SCALE, after, rate)
    audible, count = set(), 0
    for number, entity in enumerate(result.entities):
        if entity.truth.type in DIGIT_KINDS:
            for place, one in enumerate(entity.words):
                if one.word.digits and one.leaked:
                    audible.add((number, place))
                    count += len(one.word.digits)
    return Heard(sum(one.digits for one in result.digits), frozenset(audible), count)


def altered(way: Way, redacted: Redacted, ramp_ms: int) -> int:
    """How many samples differ from what was carried though nobody says that they were silenced.

    Args:
        way: what was carried.
        redacted: what became of it.
        ramp_ms: by which audio fades into a mute and out of it.
    """
    if redacted.pcm is None:
        return 0
    ramp = ramp_ms * redacted.certificate.sample_rate // 1_000
    kept = np.ones(way.carried.shape, np.bool_)
    for one in redacted.certificate.mutes:
        kept[max(0, one.start - ramp) : one.end + ramp, one.channel] = False
    return int(np.count_nonzero((way.carried != redacted.pcm) & kept))


def differences(stored: Redacted, redacted: Redacted) -> Iterator[Difference]:
    """What is silent in one of both alone, in the order of channels and time."""
    rate = stored.certificate.sample_rate
    # Nobody said anything in a pause: there it is all the same who calls it what.
    for channel in range(len(stored.certificate.roles)):
        missing = [
            Interval(one.start, one.end)
            for one in stored.certificate.mutes
            if one.channel == channel and (one.gap or one.paused)
        ]
        both = {True: stored.silent(channel), False: redacted.silent(channel)}
        found = [
            (one, which)
            for which in (True, False)
            for one in subtract_intervals(both[which], [*both[not which], *missing])
        ]
        for one, which in sorted(found, key=lambda each: each[0]):
            source = stored if which else redacted
            why = _why(source.certificate, channel, one)
            yield Difference(channel, one.start / rate, one.end / rate, which, why)


def _why(certificate: Certificate, channel: int, place: Interval) -> str:
    """The nearest spans of a place, as types with reasons."""
    near = NEAR_S * certificate.sample_rate
    spans = sorted(
        (max(0, one.start - place.end, place.start - one.end), one.entity, one.reason.value)
        for one in certificate.spans
        if one.channel == channel
    )
    if not spans or spans[0][0] > near:
        return "padding"
    names: Sequence[str] = [
        f"{entity} {reason}" for far, entity, reason in spans if far == spans[0][0]
    ]
    return ", ".join(dict.fromkeys(names))
