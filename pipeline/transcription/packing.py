"""Packs stretches of speech close together for the recogniser, and finds the way back.

Long pauses cost as much as speech and carry nothing, so they are left out. ``pack`` returns packs
of at most a given length; every sample of every stretch is in at least one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from pipeline.records.intervals import merge_intervals
from pipeline.records.model import Interval
from pipeline.transcription.voice_activity import Samples


@dataclass(frozen=True, slots=True)
class Pack:
    """Pieces of one audio, one behind the other, behind a silent lead."""

    audio: Samples = field(repr=False)
    pieces: tuple[Interval, ...]
    """Where the pieces lie in the audio that they were taken from."""
    lead: int
    """Silent samples in front: a number that begins a window is easily lost without."""

    def place(self, start: int, end: int) -> Interval:
        """Where ``[start, end)`` of the pack lies in the original audio."""
        first, last = self._origin(start, at_end=False), self._origin(end, at_end=True)
        return Interval(first, max(first, last))

    def _origin(self, sample: int, *, at_end: bool) -> int:
        offset = max(0, sample - self.lead)
        for piece in self.pieces:
            inside = offset <= len(piece) if at_end else offset < len(piece)
            if inside:
                return piece.start + offset
            offset -= len(piece)
        return self.pieces[-1].end


def pack(
    audio: Samples,
    stretches: Iterable[Interval],
    *,
    most: int,
    margin: int,
    lead: int,
    overlap: int,
    apart: bool = False,
) -> list[Pack]:
    """Pack stretches of an audio.

    Args:
        audio: shape ``(samples,)``.
        stretches: what has to be heard; parts outside the audio are left out.
        most: the most samples in a pack without the lead.
        margin: audio around each stretch that comes along.
        lead: silence in front of each pack.
        overlap: how far the parts of a stretch longer than ``most`` reach into each other.
        apart: whether each stretch gets a pack of its own.
    """
    pieces: list[Interval] = []
    for stretch in stretches:
        start, end = max(0, stretch.start - margin), min(len(audio), stretch.end + margin)
        while end - start > most:
            pieces.append(Interval(start, start + most))
            start += most - overlap
        if start < end:
            pieces.append(Interval(start, end))
    groups: list[list[Interval]] = []
    filled = 0
    # Margins that touch become one piece; parts of one long stretch stay apart, each in its pack.
    for piece in pieces if apart else _joined(pieces, most):
        if apart or not groups or filled + len(piece) > most:
            groups.append([])
            filled = 0
        groups[-1].append(piece)
        filled += len(piece)
    silence = np.zeros(lead, np.float32)
    return [
        Pack(
            audio=np.concatenate([silence, *(audio[piece.start : piece.end] for piece in group)]),
            pieces=tuple(group),
            lead=lead,
        )
        for group in groups
    ]


def _joined(pieces: list[Interval], most: int) -> list[Interval]:
    """Pieces that touch as one, as long as the result is not too long."""
    joined: list[Interval] = []
    for piece in pieces:
        if joined and piece.start <= joined[-1].end:
            both = merge_intervals([joined[-1], piece])[0]
            if len(both) <= most:
                joined[-1] = both
                continue
        joined.append(piece)
    return joined
