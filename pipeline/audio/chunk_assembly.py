"""Puts the chunks of one call in order and fills what never came with silence.

Outcomes of ``ChunkAssembler``:

- ``take`` returns the chunks that are next in order, contiguous in number and in samples: every
  number from 0 exactly once, each beginning where the one before ended. An empty list means
  "not yet": an earlier chunk is still missing, or the chunk was a repeat.
- A chunk that is still missing when ``reorder`` later ones wait, or when the call ends, becomes a
  *gap*: all-zero audio of exactly the missing length under the missing number (several missing
  ones share the length evenly; one without any room between its neighbours comes out empty; a long
  one comes in several pieces under its number).
  ``gaps`` states every such interval. A chunk that comes after its gap was filled is dropped.
- What a ``paused`` chunk says to have been paused is silence as well and stands in ``pauses``, not
  in ``gaps``: nothing was lost. Where a chunk is missing beside it, nobody knows how much was
  paused, and all of it is a gap. The samples of a ``blank`` chunk belong to what is missing before
  it, pause or gap, and become zero whatever they were.
- A chunk that breaks the rules raises ``RecordError`` and leaves the state as it was: it then
  counts as missing, so that its place is silenced.
- ``finish`` never raises on a careless recorder: it fills up to the stated end and ``marks`` says
  what was wrong.

Two stages (listening and muting) that read the same chunks in the same order get the same result.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pipeline.errors import RecordError
from pipeline.records.model import (
    HIGHEST_RATE,
    LONGEST_CALL_S,
    AudioChunk,
    CallEnd,
    CallInfo,
    Interval,
    Pcm,
)

REORDER = 64
"""Later chunks that may wait for a missing one; at 1 s a chunk about a minute."""
PIECE_S = 10
"""Longest silence that is given out at once; a longer one comes in pieces under one number."""
MOST_MISSING = 65_536
"""Most chunk numbers that may be missing at once: it bounds what a wrong number can cause."""


class ChunkAssembler:
    """Orders the chunks of one call; see the module's text for the outcomes.

    Args:
        reorder: how many later chunks may wait for a missing one, at least 1.
        call: what the chunks have to agree with; without it, the first good chunk says so.
    """

    def __init__(self, reorder: int = REORDER, *, call: CallInfo | None = None) -> None:
        if reorder < 1:
            raise ValueError(f"reorder has to be at least 1, not {reorder}")
        self._reorder = reorder
        self._call = call
        self._next = 0
        self._position = 0
        self._waiting: dict[int, AudioChunk] = {}
        self._gaps: list[Interval] = []
        self._pauses: list[Interval] = []
        self._marks: set[str] = set()

    @property
    def position(self) -> int:
        """First sample that was not given out yet."""
        return self._position

    @property
    def numbers(self) -> int:
        """How many chunk numbers were given out or filled."""
        return self._next

    @property
    def held(self) -> int:
        """Bytes of the chunks that wait for a missing one."""
        return sum(chunk.pcm.nbytes for chunk in self._waiting.values())

    @property
    def gaps(self) -> tuple[Interval, ...]:
        """Every silent stretch that stands in for audio that never came, in order, merged."""
        return tuple(self._gaps)

    @property
    def pauses(self) -> tuple[Interval, ...]:
        """Every stretch that the recorder paused on purpose, in order, merged."""
        return tuple(self._pauses)

    @property
    def marks(self) -> tuple[str, ...]:
        """``gap``, ``paused``, ``contradiction``, as they happened: for ``CallEnd.marks``."""
        return tuple(sorted(self._marks))

    def take(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Take a chunk as it arrives; return what is now in order, possibly nothing.

        Raises:
            RecordError: no samples, audio of the wrong shape or type, another call, sample rate
                or channel count than before, a start that overlaps a neighbour, or a start or
                number that is too far ahead. The chunk then counts as missing.
        """
        if chunk.seq < self._next or chunk.seq in self._waiting:
            return []
        try:
            self._check(chunk)
        except RecordError:
            self._marks.add("contradiction")
            raise
        self._call = self._call or chunk.call
        self._waiting[chunk.seq] = chunk
        ready = self._in_order()
        while len(self._waiting) >= self._reorder:
            ready += self._fill(min(self._waiting), min(self._waiting.values(), key=_start).start)
            ready += self._in_order()
        return ready

    def finish(self, end: CallEnd) -> list[AudioChunk]:
        """Return everything that is left, with silence for what is missing up to ``end``.

        What waits beyond the stated end is dropped, and a stated end that lies before audio that
        was already given out is ignored; both are marked as ``contradiction``.

        Raises:
            RecordError: the end belongs to another call.
        """
        if self._call is None:
            return []
        if end.call_id != self._call.call_id:
            raise RecordError("the end belongs to another call than the chunks")
        ready: list[AudioChunk] = []
        inside = {
            seq: chunk
            for seq, chunk in self._waiting.items()
            if seq < end.chunks and chunk.end <= end.end
        }
        if len(inside) < len(self._waiting) or end.end < self._position or end.chunks < self._next:
            self._marks.add("contradiction")
        self._waiting = inside
        while self._waiting:
            first = min(self._waiting)
            ready += self._fill(first, self._waiting[first].start)
            ready += self._in_order()
        limit = self._position + LONGEST_CALL_S * self._call.sample_rate
        last_seq, last_sample = min(end.chunks, self._next + MOST_MISSING), min(end.end, limit)
        if (last_seq, last_sample) != (end.chunks, end.end):
            self._marks.add("contradiction")
        if last_sample > self._position:
            # Samples without a number of their own still have to come out: the stated length wins.
            ready += self._fill(max(last_seq, self._next + 1), last_sample)
        elif last_seq > self._next:
            ready += self._fill(last_seq, self._position)
        return ready

    def _check(self, chunk: AudioChunk) -> None:
        call, pcm = chunk.call, chunk.pcm
        if pcm.dtype != np.int16 or pcm.ndim != 2 or pcm.shape[1] != call.channels:  # noqa: PLR2004
            raise RecordError("audio has to be int16 of shape (samples, channels)")
        if call.channels < 1 or not 1 <= call.sample_rate <= HIGHEST_RATE:
            raise RecordError(
                f"a call needs at least one channel and a sample rate up to {HIGHEST_RATE} Hz: "
                "nothing above half of it is listened to"
            )
        if len(pcm) == 0:
            raise RecordError(f"chunk {chunk.seq} has no samples")
        known = self._call or call
        if call.call_id != known.call_id:
            raise RecordError("the chunk belongs to another call")
        if (call.sample_rate, call.channels) != (known.sample_rate, known.channels):
            raise RecordError(
                f"chunk {chunk.seq} changes the call from {known.sample_rate} Hz, "
                f"{known.channels} channels to {call.sample_rate} Hz, {call.channels} channels"
            )
        if chunk.seq - self._next > MOST_MISSING:
            raise RecordError(f"chunk {chunk.seq} is too far ahead of number {self._next}")
        if chunk.start - self._position > LONGEST_CALL_S * call.sample_rate:
            raise RecordError(f"chunk {chunk.seq} begins too far ahead of its neighbours")
        overlaps = chunk.start < self._position or any(
            chunk.start < other.end if other.seq < chunk.seq else other.start < chunk.end
            for other in self._waiting.values()
        )
        if overlaps:
            raise RecordError(f"chunk {chunk.seq} overlaps a neighbour in time")

    def _in_order(self) -> list[AudioChunk]:
        """Give out the waiting chunks that follow directly."""
        ready: list[AudioChunk] = []
        while (chunk := self._waiting.pop(self._next, None)) is not None:
            ready += self._joined(chunk)
            self._next += 1
            self._position = chunk.end
        return ready

    def _joined(self, chunk: AudioChunk) -> list[AudioChunk]:
        """The chunk, with silence before it where the recorder's clock ran on without audio."""
        noted, mark = (self._pauses, "paused") if chunk.paused else (self._gaps, "gap")
        self._note(noted, mark, self._position, chunk.end if chunk.blank else chunk.start)
        if chunk.blank:
            return self._silent(chunk.seq, self._position, chunk.end)
        if chunk.start == self._position:
            return [chunk]
        *before, last = self._silent(chunk.seq, self._position, chunk.start)
        pcm = np.concatenate([last.pcm, chunk.pcm])
        return [*before, AudioChunk(call=chunk.call, seq=chunk.seq, start=last.start, pcm=pcm)]

    def _fill(self, until_seq: int, until: int) -> list[AudioChunk]:
        """Silence for the numbers up to ``until_seq`` and the samples up to ``until``."""
        first, missing = self._position, until_seq - self._next
        if self._call is None or missing < 1:
            return []
        self._note(self._gaps, "gap", first, until)
        self._marks.add("gap")
        bounds = [first + (until - first) * part // missing for part in range(missing + 1)]
        silent: list[AudioChunk] = []
        for part in range(missing):
            silent += self._silent(self._next + part, bounds[part], bounds[part + 1])
        self._next, self._position = until_seq, until
        return silent

    def _silent(self, seq: int, start: int, end: int) -> list[AudioChunk]:
        """Silence under one number, in pieces: a day of it is never one array."""
        call = self._call
        assert call is not None  # noqa: S101 - no gap is known before a chunk is
        step = PIECE_S * call.sample_rate
        return [
            AudioChunk(
                call=call,
                seq=seq,
                start=low,
                pcm=silence(min(low + step, end) - low, call.channels),
            )
            for low in (range(start, end, step) if end > start else (start,))
        ]

    def _note(self, noted: list[Interval], mark: str, start: int, end: int) -> None:
        if end == start:
            return
        self._marks.add(mark)
        if noted and noted[-1].end == start:
            start = noted.pop().start
        noted.append(Interval(start, end))


@lru_cache(maxsize=16)
def silence(samples: int, channels: int) -> Pcm:
    """Zeros, read-only and shared, so that a long silence takes no memory.

    Args:
        samples: per channel; some seconds.
        channels: how many.

    Returns:
        Shape ``(samples, channels)``.
    """
    zeros = np.zeros((samples, channels), np.int16)
    zeros.flags.writeable = False
    return zeros


def _start(chunk: AudioChunk) -> int:
    return chunk.start
