"""Verifies a certificate offline: against the files that were stored with it, and nothing else.

``check_certificate`` asks again what the certificate states, and answers with checks; it raises
``RecordError`` for what is no certificate.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from pipeline.audio.files import inspect_recording, iter_chunks
from pipeline.audio.levels import SILENCE_DBFS, loudest_frame
from pipeline.errors import AudioError
from pipeline.evidence.certificate import Certificate, MuteStated, parse_certificate
from pipeline.muting.output_format import as_coded
from pipeline.muting.rendering import Fill, expected_inside, missing_span
from pipeline.records.intervals import merge_intervals
from pipeline.records.model import Action, Check, Interval, Mute, Reason, Span

_SMEAR_MS: Final = 60
"""How far Vorbis and Opus smear sound into silence (measured on 8 kHz calls: up to 40 ms)."""


def check_certificate(
    certificate: bytes, audio: bytes, files: Mapping[str, bytes], *, limit_dbfs: float = -60.0
) -> tuple[Check, ...]:
    """Verify a certificate offline against the files that were stored with it.

    Args:
        certificate: its file.
        audio: the stored recording.
        files: every other stored file by name, transcripts above all.
        limit_dbfs: loudest RMS of 10 ms allowed inside a silent mute.

    Returns:
        One check each: the call passed, every hash agrees and every file is there, length and
        rate agree, the mutes hold what they have to, every span to be muted lies in a mute.

    Raises:
        RecordError: the certificate does not follow the schema.
    """
    stated = parse_certificate(certificate)
    hashes = {hashlib.sha256(data).hexdigest() for data in (audio, *files.values())}
    wrong = sum(1 for digest in stated.files.values() if digest not in hashes)
    extra = len(hashes - set(stated.files.values()))
    checks = [
        Check("passed", stated.passed, float(stated.passed), 1.0),
        Check.none_of("files_missing_or_altered", wrong),
        Check.none_of("files_not_stated", extra + (not stated.files)),
        Check.none_of("spans_not_covered", _uncovered(stated)),
    ]
    return (*checks, *_measure(stated, audio, limit_dbfs))


def uncovered_spans(spans: Iterable[Span], mutes: Iterable[Mute], length: int) -> int:
    """How many spans that had to be muted are not wholly inside the mutes of their channel."""
    by_channel: dict[int, list[Interval]] = {}
    for mute in mutes:
        by_channel.setdefault(mute.channel, []).append(mute.interval)
    silent = {channel: merge_intervals(places) for channel, places in by_channel.items()}
    return sum(
        1
        for span in spans
        if span.action is Action.MUTE
        and not _inside(
            min(span.start, length), min(span.end, length), silent.get(span.channel, ())
        )
    )


def _inside(start: int, end: int, merged: Sequence[Interval]) -> bool:
    """Whether one of the sorted intervals, which are apart from each other, holds all samples."""
    if start >= end:
        return True
    near = bisect_right(merged, start, key=lambda one: one.start)
    return near > 0 and merged[near - 1].end >= end


def _measure(stated: Certificate, audio: bytes, limit_dbfs: float) -> list[Check]:
    """Decode the recording block by block and look into its mutes."""
    fill = Fill(stated.style, stated.sample_rate, stated.call_id)
    place, wrong, loudest = 0, 0, SILENCE_DBFS
    try:
        info = inspect_recording(audio)
        channels = len(stated.roles)
        if info.channels != channels or any(one.channel >= channels for one in stated.mutes):
            return [Check.none_of("channels_wrong", 1)]
        if info.sample_rate != stated.sample_rate:
            return [Check.none_of("sample_rate_wrong", abs(info.sample_rate - stated.sample_rate))]
        # A lossy codec smears what stands beside a mute into its edges.
        inset = 0 if info.container != "OGG" else _SMEAR_MS * info.sample_rate // 1_000
        mutes = [
            Mute(
                one.channel,
                one.start + inset,
                min(one.end - inset, info.frames),
                _gap_spans(one) if one.gap else (),
            )
            for one in stated.mutes
        ]
        by_second = _by_second(mutes, info.sample_rate)
        for second, block in enumerate(iter_chunks(audio, seconds=1.0)):
            here = by_second.get(second, [])
            wanted, mask = expected_inside(here, fill, shape=block.shape, start=place)
            wrong += int(np.count_nonzero((block != as_coded(wanted, info)) & mask))
            loudest = max(loudest, loudest_frame(np.where(mask, block, 0), info.sample_rate))
            place += len(block)
    except AudioError:
        return [Check.none_of("audio_unreadable", 1)]
    inside = (
        Check("energy_in_mutes_dbfs", loudest <= limit_dbfs, round(loudest, 2), limit_dbfs)
        if stated.style == "silence"
        else Check.none_of("wrong_fill_samples", wrong)
    )
    return [Check.none_of("samples_missing", abs(stated.samples - place)), inside]


def _by_second(mutes: Iterable[Mute], sample_rate: int) -> dict[int, list[Mute]]:
    """The mutes that reach into each second of a call: a long call has too many to try them all."""
    found: dict[int, list[Mute]] = {}
    for mute in mutes:
        for second in range(mute.start // sample_rate, mute.end // sample_rate + 1):
            found.setdefault(second, []).append(mute)
    return found


def _gap_spans(one: MuteStated) -> tuple[Span, ...]:
    return (missing_span(one.channel, one.start, one.end, Reason.GAP),)


def _uncovered(stated: Certificate) -> int:
    spans = [
        Span(one.entity, one.channel, one.start, one.end, one.score, one.recognizer, one.action)
        for one in stated.spans
    ]
    mutes = [Mute(one.channel, one.start, one.end) for one in stated.mutes]
    return uncovered_spans(spans, mutes, stated.samples)
