"""Silences intervals of audio: exact inside, a short ramp outside, every other sample untouched.

Everything here is a function of absolute sample positions alone, so that a call that is rendered
chunk by chunk equals the same call rendered at once, bit for bit, and a repeat equals the first
run.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from pipeline.audio.files import scaled
from pipeline.records.model import Mute, Pcm, Reason, Span

if TYPE_CHECKING:
    from pipeline.policy.model import MutingRule

TONE_HZ: Final = 1_000
"""The bleep of broadcasting: well inside the telephone band."""
TONE_PEAK: Final = 3_277
"""-20 dBFS: audible, and quieter than speech."""
NOISE_PEAK: Final = 58
"""Peak at -55 dBFS, as on a quiet telephone line; fixed, so that it tells nothing of the call."""


MISSING: Final = frozenset({Reason.GAP, Reason.PAUSED})
"""Reasons of what never came."""


def is_gap(mute: Mute) -> bool:
    """Whether a mute only stands for audio that never came: it is zero in every style."""
    return bool(mute.spans) and all(span.reason in MISSING for span in mute.spans)


def is_pause(mute: Mute) -> bool:
    """Whether a mute only stands for what the recorder paused on purpose."""
    return bool(mute.spans) and all(span.reason is Reason.PAUSED for span in mute.spans)


def missing_span(channel: int, start: int, end: int, reason: Reason) -> Span:
    """What stands for audio that never came, for one of the ``MISSING`` reasons."""
    return Span(reason.upper(), channel, start, end, 1.0, "assembly", reason=reason)


def apply_mutes(
    samples: npt.NDArray[Any],
    mutes: Sequence[Mute],
    sample_rate: int,
    rule: MutingRule,
    *,
    start: int = 0,
    key: str = "",
) -> npt.NDArray[Any]:
    """Silence mutes in audio of any sample width.

    Args:
        samples: shape ``(n, channels)``; int16, int32 or float of full scale 1. Not changed.
        mutes: in call samples; those that lie elsewhere are ignored, those past the end are cut.
        sample_rate: Hz.
        rule: style and ramp.
        start: call sample of ``samples[0]``.
        key: seeds the comfort noise: the call id.

    Returns:
        A new array of the same shape and type. Outside the mutes and ``rule.ramp_ms`` around
        them it is bit-identical.
    """
    out = samples.copy()
    ramp = rule.ramp_ms * sample_rate // 1_000
    fill = Fill(rule.style, sample_rate, key)
    ordered = sorted(mutes, key=lambda mute: (mute.channel, mute.start, mute.end))
    filled = [mute for mute in ordered if not is_gap(mute)]
    for mute in filled:
        _ramps(out, mute, ramp, start, fill)
    for mute in filled:
        low, high = _clip(mute.start, mute.end, start, len(out))
        if low < high:
            inside = fill.samples(mute.channel, start + low, start + high)
            out[low:high, mute.channel] = scaled(inside, out.dtype)
    for mute in ordered:
        if is_gap(mute):
            low, high = _clip(mute.start, mute.end, start, len(out))
            out[low:high, mute.channel] = 0
    return out


@dataclass(frozen=True, slots=True)
class Fill:
    """What stands inside the mutes of one call: a function of the place alone."""

    style: Literal["silence", "tone", "noise"]
    sample_rate: int
    key: str
    """Seeds the comfort noise: the call id."""

    def samples(self, channel: int, start: int, end: int) -> npt.NDArray[np.int16]:
        """The call samples ``[start, end)`` of one channel."""
        if self.style == "tone":
            period = _tone_period(self.sample_rate)
            return np.asarray(period[np.arange(start, end) % len(period)])
        if self.style == "noise":
            return _noise(self.key, channel, start, end)
        return np.zeros(end - start, np.int16)


def expected_inside(
    mutes: Sequence[Mute], fill: Fill, *, shape: tuple[int, int], start: int
) -> tuple[Pcm, npt.NDArray[np.bool_]]:
    """What a rendered chunk has to hold inside its mutes, made without the chunk itself.

    Returns:
        The expected samples and a mask of the same shape that says where they count.
    """
    wanted = np.zeros(shape, np.int16)
    mask = np.zeros(shape, np.bool_)
    for mute in sorted(mutes, key=is_gap):
        low, high = _clip(mute.start, mute.end, start, shape[0])
        if low >= high:
            continue
        mask[low:high, mute.channel] = True
        wanted[low:high, mute.channel] = (
            0 if is_gap(mute) else fill.samples(mute.channel, start + low, start + high)
        )
    return wanted, mask


def _ramps(out: npt.NDArray[Any], mute: Mute, ramp: int, start: int, fill: Fill) -> None:
    """Fade into the mute before its first sample and out of it after its last one."""
    gains = _raised_cosine(ramp)
    for edge, fade in ((mute.start - ramp, gains[::-1]), (mute.end, gains)):
        low, high = _clip(edge, edge + ramp, start, len(out))
        if low >= high:
            continue
        gain = fade[start + low - edge : start + high - edge]
        beside = fill.samples(mute.channel, start + low, start + high)
        kept = out[low:high, mute.channel].astype(np.float64)
        mixed = kept * gain + scaled(beside, out.dtype).astype(np.float64) * (1.0 - gain)
        if np.issubdtype(out.dtype, np.integer):
            mixed = np.rint(mixed)
        out[low:high, mute.channel] = mixed.astype(out.dtype)


def _clip(first: int, last: int, start: int, length: int) -> tuple[int, int]:
    """Bring call samples to indices of an array that begins at ``start``."""
    return max(0, first - start), min(length, last - start)


@lru_cache(maxsize=16)
def _raised_cosine(length: int) -> npt.NDArray[np.float64]:
    """Gains rising from 0 to 1 over ``length`` samples."""
    phase = (np.arange(length) + 0.5) * (math.pi / max(1, length))
    gains = 0.5 * (1.0 - np.cos(phase))
    gains.flags.writeable = False
    return np.asarray(gains)


@lru_cache(maxsize=16)
def _tone_period(sample_rate: int) -> npt.NDArray[np.int16]:
    """Whole periods of the tone: a table, because a sine of large arguments may differ by place."""
    length = sample_rate // math.gcd(sample_rate, TONE_HZ)
    angle = np.arange(length) * (2.0 * math.pi * TONE_HZ / sample_rate)
    return np.asarray(np.rint(TONE_PEAK * np.sin(angle)), dtype=np.int16)


def _noise(key: str, channel: int, start: int, end: int) -> npt.NDArray[np.int16]:
    """Triangular noise from a counter: splitmix64 (Steele, Lea, Flood 2014) of place and seed."""
    digest = hashlib.sha256(f"{key}/{channel}".encode()).digest()
    seed = np.uint64(int.from_bytes(digest[:8], "big"))
    with np.errstate(over="ignore"):
        state = np.arange(start, end, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + seed
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    low = (state & np.uint64(0xFFFF)).astype(np.int64)
    high = ((state >> np.uint64(16)) & np.uint64(0xFFFF)).astype(np.int64)
    return ((low + high - 65_535) * NOISE_PEAK // 65_536).astype(np.int16)
