"""The form in which a redacted recording is written, and the proof that the file holds it.

Outcomes: ``form_of`` says how OUT is coded, or raises ``AudioError`` where the file could not hold
the recording's samples as they are; ``write_in`` returns the file's bytes; ``written_checks``
decodes them again and answers, sample by sample, whether they are what muting should have made.
OUT carries the samples that the stages saw, see ``pipeline.audio.narrowing``, in the recording's
own width where its kind allows. Formats that lose quality are written only when asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.audio.files import (
    COARSE,
    Recording,
    RecordingInfo,
    encode,
    read_recording,
    scaled,
    width_of,
)
from pipeline.errors import AudioError
from pipeline.muting.rendering import Fill, expected_inside
from pipeline.records.model import Check, Mute, Pcm

if TYPE_CHECKING:
    from pipeline.policy.model import MutingRule

LOSSY: Final = {".ogg": "VORBIS", ".opus": "OPUS"}
"""Endings of the formats that change every sample, and what they hold."""
ENDINGS: Final = (".wav", ".flac", *LOSSY)
_OPUS_RATES: Final = frozenset({8_000, 12_000, 16_000, 24_000, 48_000})
"""What Opus runs at (RFC 6716, section 2)."""
_SIXTEEN: Final = "PCM_16"
_TWENTY_FOUR: Final = "PCM_24"


def form_of(info: RecordingInfo, ending: str, *, lossy: bool = False) -> RecordingInfo:
    """How a recording is coded in a file with an ending.

    Args:
        info: what the recording is, at the rate at which it was analysed.
        ending: ``.wav``, ``.flac``, ``.ogg`` or ``.opus``.
        lossy: whether Ogg Vorbis and Opus may be written.

    Raises:
        AudioError: another ending, a lossy one that was not asked for, or a format that cannot
            hold the recording's samples.
    """
    ending = ending.lower()
    require_ending(ending, lossy=lossy)
    if ending in LOSSY:
        return _lossy_form(info, ending)
    if ending == ".wav":
        if info.container == "WAV":
            if not info.exact:
                raise AudioError(
                    f"writing {info.subtype} again would change every sample; "
                    "let OUT end with .flac"
                )
            return info
        wide = info.subtype == _TWENTY_FOUR
        return replace(info, container="WAV", subtype=_TWENTY_FOUR if wide else _SIXTEEN)
    if info.container == "FLAC":
        return info
    wide = info.subtype == _TWENTY_FOUR
    return replace(info, container="FLAC", subtype=_TWENTY_FOUR if wide else _SIXTEEN)


def require_ending(ending: str, *, lossy: bool) -> None:
    """Refuse an ending that is never written; no recording needs to be read for it.

    Raises:
        AudioError: another ending, or a lossy one that was not asked for.
    """
    ending = ending.lower()
    if ending not in ENDINGS:
        raise AudioError(f"OUT has to end with one of {', '.join(ENDINGS)}")
    if ending in LOSSY and not lossy:
        raise AudioError(
            f"{ending} loses quality, every sample would change; "
            "let OUT end with .flac, or ask for it with --lossy"
        )


def _lossy_form(info: RecordingInfo, ending: str) -> RecordingInfo:
    subtype = LOSSY[ending]
    if subtype == "OPUS" and info.sample_rate not in _OPUS_RATES:
        raise AudioError(f"Opus does not run at {info.sample_rate} Hz; let OUT end with .ogg")
    return replace(info, container="OGG", subtype=subtype)


def in_form(pcm: Pcm, form: RecordingInfo) -> Recording:
    """16-bit samples of shape ``(n, channels)`` in the width in which a form is decoded."""
    return Recording(info=form, samples=scaled(pcm, width_of(form)))


def write_in(recording: Recording) -> bytes:
    """The bytes of a recording's file, in its own container and subtype.

    Raises:
        AudioError: the container cannot hold these samples.
    """
    info = recording.info
    return encode(recording.samples, info.sample_rate, info.container, info.subtype)


def written_checks(
    original: Recording, muted: Recording, written: bytes, mutes: Sequence[Mute], rule: MutingRule,
    *, key: str,
) -> tuple[Check, ...]:  # fmt: skip
    """Whether a file holds the original with its mutes and nothing else.

    Nothing of what muting did is believed: the file is decoded, outside the mutes and their ramps
    it has to equal the original bit for bit, and inside it has to equal what the fill alone comes
    to in the file's own coding. Of a lossy file the samples that went into its encoder are
    compared instead.

    Args:
        original: as it was read, in the file's form.
        muted: what was handed to the encoder.
        written: the file.
        mutes: of the call.
        rule: style and ramp.
        key: seed of the comfort noise, the call id.
    """
    info = original.info
    try:
        read = read_recording(written)
    except AudioError:
        return (Check.none_of("written_unreadable", 1),)
    same = (read.sample_rate, read.channels, read.info.frames) == (
        info.sample_rate, info.channels, info.frames,
    )  # fmt: skip
    same = same and (read.info.container, read.info.subtype) == (info.container, info.subtype)
    if not same or muted.samples.shape != original.samples.shape:
        return (Check.none_of("written_form_changed", 1),)
    result = read.samples if info.exact else muted.samples
    outside, inside = differences(original, result, mutes, rule, key=key)
    return (
        Check.none_of("written_form_changed", 0),
        Check.none_of("samples_changed_outside", outside),
        Check.none_of("samples_left_inside", inside),
    )


def differences(
    original: Recording,
    result: npt.NDArray[Any],
    mutes: Sequence[Mute],
    rule: MutingRule,
    *,
    key: str,
) -> tuple[int, int]:
    """Samples that differ where they must not: outside the mutes and ramps, and inside the mutes.

    Works a second at a time, so that a long recording needs no second copy of itself.
    """
    info = original.info
    fill = Fill(rule.style, info.sample_rate, key)
    ramp = rule.ramp_ms * info.sample_rate // 1_000
    outside = inside = 0
    step = info.sample_rate
    for start in range(0, len(result), step):
        got = result[start : start + step]
        was = original.samples[start : start + step]
        near = [m for m in mutes if m.start - ramp < start + len(got) and m.end + ramp > start]
        wanted, mask = expected_inside(near, fill, shape=(len(got), info.channels), start=start)
        expected = as_coded(scaled(wanted, original.samples.dtype), info)
        inside += int(np.count_nonzero((got != expected) & mask))
        touched = mask.copy()
        for mute in near:
            low, high = max(0, mute.start - ramp - start), mute.end + ramp - start
            if high > 0 and low < len(got):
                touched[low:high, mute.channel] = True
        outside += int(np.count_nonzero((got != was) & ~touched))
    return outside, inside


def as_coded(samples: npt.NDArray[Any], info: RecordingInfo) -> npt.NDArray[Any]:
    """Samples as a file's coding gives them back: G.711 and 8 bits have coarser steps."""
    if info.subtype not in COARSE:
        return samples
    again = read_recording(encode(samples, info.sample_rate, info.container, info.subtype))
    return np.asarray(again.samples)
