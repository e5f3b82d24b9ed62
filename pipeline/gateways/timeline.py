"""Pieces of channels at places in time to contiguous chunks of all channels.

A cut ends with the piece that makes it long enough, so that no part of that waits for the next one.
Pieces may come in disorder within a window. A stretch that no channel has becomes a gap between
two cuts; one that a single channel lacks becomes that channel's silence, as does what lies before
the first piece. What comes twice, or after its stretch was given up, is dropped and counted. Memory
is bounded by a chunk and the window. A pause or a loss after which nothing comes (yet) is told by a
short blank cut.

Outcomes: every method returns the cuts that are ready by it, most often none. ``GatewayError``
where a piece is no whole number of samples, of a channel that the call hasn't got, or one of many
that leave more holes than lost frames do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from pipeline.gateways.events import Codec, GatewayError, Reason
from pipeline.gateways.g711 import SILENCE

SHORTEST_GAP_S: Final = 0.005
"""What all channels lack for less time than this is jitter of the sender's clock: silence."""
MOST_WHOLE_S: Final = 1.0
"""A longer cut, or one longer than a chunk, does not go on to the end of its last piece."""
BLANK_S: Final = 0.01
"""Length of a blank cut."""
MOST_HOLES: Final = 2_000
"""Of a channel at once: of 20 s (the longest chunk and window), every other frame of 5 ms."""
_Hole: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cut:
    """Contiguous encoded audio of all channels."""

    start: int
    """Of its first sample, counted from the call's first."""
    samples: int
    """Per channel."""
    audio: bytes = field(repr=False)
    """Interleaved."""
    paused: bool = False
    """What is missing before it was paused on purpose."""
    blank: bool = False
    """Nobody spoke it: it belongs to what is missing before it."""


class _Lane:
    """What there is of one channel from the timeline's place on, or of all, interleaved."""

    __slots__ = ("buffer", "end", "holes")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.end = 0
        self.holes: list[_Hole] = []


class Timeline:
    """The chunks of one call.

    Args:
        codec: of the pieces.
        channels: how many the call has.
        rate: Hz.
        chunk: samples of a cut, where nothing is missing; more, up to ``MOST_WHOLE_S``, where its
            last piece does not end there.
        window: samples by which one piece may be ahead of another that is still waited for.
    """

    def __init__(self, codec: Codec, channels: int, rate: int, *, chunk: int, window: int) -> None:
        self._silence = SILENCE[codec]
        self._width = len(self._silence)
        self._channels = channels
        self._chunk, self._window = chunk, window
        self._most = max(chunk, round(rate * MOST_WHOLE_S))
        self._shortest_gap = max(1, round(rate * SHORTEST_GAP_S))
        self._blank = max(1, round(rate * BLANK_S))
        self._at = 0
        self._told = 0
        """Where the latest cut ends."""
        self._due = chunk
        self._lanes: list[_Lane] | None = None
        self._interleaved = False
        self._frame = self._width
        self._paused = False
        self._open_gap = -1
        """Where a gap reaches the end of what was given out, and may go on."""
        self.late = 0
        """Pieces that were dropped: they came twice, or too late."""

    @property
    def end(self) -> int:
        """First sample after all that has come."""
        return max((lane.end for lane in self._lanes), default=0) if self._lanes else self._at

    @property
    def at(self) -> int:
        """First sample that was not given out or given up: nothing before it is taken any more."""
        return self._at

    @property
    def held(self) -> int:
        """Bytes that wait for the rest of their chunk."""
        return sum(len(lane.buffer) for lane in self._lanes or ())

    def add(self, channel: int, start: int, payload: bytes) -> Sequence[Cut]:
        """Take a piece.

        Args:
            channel: index; -1: all of them, interleaved.
            start: of its first sample.
            payload: encoded.

        Raises:
            GatewayError: see the module's text.
        """
        lanes = self._lanes
        if lanes is None:
            lanes = self._begin(channel)
        if (channel < 0) is not self._interleaved:
            if self._channels > 1:
                raise GatewayError(
                    Reason.BAD_AUDIO, "a call's audio is interleaved or by channel, never both"
                )
            channel = 0
        if channel >= len(lanes):
            raise GatewayError(Reason.BAD_AUDIO, "audio of a channel that was not declared")
        lane = lanes[channel]
        samples, rest = divmod(len(payload), self._frame)
        if rest:
            raise GatewayError(
                Reason.BAD_AUDIO,
                f"{len(payload)} bytes are no whole number of samples of {self._frame} bytes",
            )
        if start == lane.end:
            lane.buffer += payload
            lane.end = start + samples
            return self._cut() if lane.end >= self._due else ()
        return self._out_of_order(lane, start, samples, payload)

    def pause(self, at: int) -> Sequence[Cut]:
        """The recorder stops on purpose at this sample: what there is goes out now."""
        cuts = self.flush()
        self._skip(at)
        self._paused = True
        return cuts

    def blank(self, until: int) -> Sequence[Cut]:
        """All up to this sample is missing, paused or lost: what there is goes out, and says so."""
        cuts = self.flush()
        self._skip(until)
        if self._at <= self._told:
            return cuts
        samples = min(self._blank, self._at - self._told)
        silence = self._silence * (samples * self._channels)
        blank = Cut(self._at - samples, samples, silence, self._paused, blank=True)
        self._told = self._at
        return [*cuts, blank]

    def lost(self, start: int, samples: int) -> Sequence[Cut]:
        """These samples will not come."""
        if start + samples <= self.end:
            return ()
        cuts = self.flush()
        self._skip(start + samples)
        return cuts

    def flush(self) -> Sequence[Cut]:
        """Give out all that there is, waiting for nothing any more."""
        cuts = list(self._cut())
        while self._at < self.end:
            cuts += self._give(min(self.end, self._at + self._chunk))
        return cuts

    def _begin(self, channel: int) -> list[_Lane]:
        self._interleaved = channel < 0
        self._frame = self._width * (self._channels if self._interleaved else 1)
        self._lanes = [_Lane() for _ in range(1 if self._interleaved else self._channels)]
        for lane in self._lanes:
            lane.end = self._at
        return self._lanes

    def _out_of_order(self, lane: _Lane, start: int, samples: int, payload: bytes) -> Sequence[Cut]:
        cuts: list[Cut] = []
        if start > self.end + self._window:
            cuts += self.flush()
            self._skip(start)
        if start < self._at:  # given up already
            dropped = min(samples, self._at - start)
            start, samples, payload = (
                self._at, samples - dropped, payload[dropped * self._frame :],
            )  # fmt: skip
        if samples and start < lane.end:
            known = min(samples, lane.end - start)
            if not self._fill(lane, start, payload[: known * self._frame]) and known == samples:
                self.late += 1
            start, samples, payload = (
                start + known, samples - known, payload[known * self._frame :],
            )  # fmt: skip
        elif not samples:
            self.late += 1
        if samples:
            self._reach(lane, start)
            lane.buffer += payload
            lane.end = start + samples
        return [*cuts, *self._cut()]

    def _fill(self, lane: _Lane, start: int, payload: bytes) -> bool:
        """Put a piece into the holes that it covers; what is there already stays."""
        end, left, filled = start + len(payload) // self._frame, [], False
        for low, high in lane.holes:
            a, b = max(low, start), min(high, end)
            if a >= b:
                left.append((low, high))
                continue
            filled = True
            piece = payload[(a - start) * self._frame : (b - start) * self._frame]
            lane.buffer[(a - self._at) * self._frame : (b - self._at) * self._frame] = piece
            left += [hole for hole in ((low, a), (b, high)) if hole[0] < hole[1]]
        lane.holes = left
        return filled

    def _reach(self, lane: _Lane, end: int) -> None:
        """Lengthen a lane with what is not there (yet)."""
        missing = end - lane.end
        if missing > 0:
            if len(lane.holes) >= MOST_HOLES:
                raise GatewayError(
                    Reason.BAD_AUDIO, f"pieces that leave more than {MOST_HOLES:,} holes at once"
                )
            lane.holes.append((lane.end, end))
            lane.buffer += self._silence * (missing * self._frame // self._width)
            lane.end = end

    def _skip(self, to: int) -> None:
        """Go on at a later sample; all that was there was given out."""
        if to <= self._at:
            return
        self._at, self._due = to, to + self._chunk
        for lane in self._lanes or ():
            lane.buffer.clear()
            lane.holes.clear()
            lane.end = to

    def _cut(self) -> Sequence[Cut]:
        cuts: list[Cut] = []
        lanes = self._lanes
        while lanes:
            due = self._due
            furthest = max(lane.end for lane in lanes)
            if furthest < due:
                break
            if furthest - due < self._window and not all(
                lane.end >= due and (not lane.holes or lane.holes[0][0] >= due) for lane in lanes
            ):
                break
            cuts += self._give(self._whole(lanes, due))
        return cuts

    def _whole(self, lanes: list[_Lane], due: int) -> int:
        """Where a cut ends that is due: with the last piece that all lanes have, if it may."""
        end = min(lane.end for lane in lanes)
        if any(lane.holes for lane in lanes):
            after = [low for lane in lanes for low, high in lane.holes if high > due]
            end = min([end, *after])
        return end if due < end <= self._at + self._most else due

    def _give(self, to: int) -> list[Cut]:
        """Give out all lanes up to a sample, in cuts without a common gap."""
        lanes, start, samples = self._lanes or [], self._at, to - self._at
        for lane in lanes:
            self._reach(lane, to)
        size = samples * self._frame
        parts = [bytes(lane.buffer[:size]) for lane in lanes]
        gaps = self._common_gaps(lanes, start, to)
        for lane in lanes:
            del lane.buffer[:size]
            if lane.holes:
                lane.holes = [(max(a, to), b) for a, b in lane.holes if b > to]
        self._at, self._due = to, to + self._chunk
        audio = parts[0] if len(parts) == 1 else _interleave(parts, self._width)
        if not gaps and not self._paused:
            self._told = to
            return [Cut(start, samples, audio)]
        cuts, frame = [], self._width * self._channels
        for begin, end in _between(start, to, gaps):
            piece = audio[(begin - start) * frame : (end - start) * frame]
            cuts.append(Cut(begin, end - begin, piece, self._paused))
            self._paused, self._told = False, end
        return cuts

    def _common_gaps(self, lanes: list[_Lane], start: int, to: int) -> list[_Hole]:
        """What no lane has of a stretch.

        Shorter ones than jitter are none, nor is what lies before the first piece of a call whose
        audio begins a moment after the call.
        """
        self._open_gap, open_gap = -1, self._open_gap
        if not all(lane.holes for lane in lanes):
            return []
        common = [(start, self.end)]
        for lane in lanes:
            common = _shared(common, lane.holes)
        gaps = [
            (low, min(high, to))
            for low, high in common
            if low < to
            and (high - low >= self._shortest_gap or low == open_gap)
            and (low > 0 or high > self._window)
        ]
        if gaps and gaps[-1][1] == to:
            self._open_gap = to
        return gaps


def _shared(some: list[_Hole], others: list[_Hole]) -> list[_Hole]:
    """What lies in a hole of either list; both are in order."""
    shared, one, other = [], 0, 0
    while one < len(some) and other < len(others):
        (a, b), (c, d) = some[one], others[other]
        if max(a, c) < min(b, d):
            shared.append((max(a, c), min(b, d)))
        if b < d:
            one += 1
        else:
            other += 1
    return shared


def _between(start: int, to: int, gaps: list[_Hole]) -> list[_Hole]:
    """What is left of a stretch without its gaps."""
    left, at = [], start
    for low, high in gaps:
        if at < low:
            left.append((at, low))
        at = high
    if at < to:
        left.append((at, to))
    return left


def _interleave(parts: list[bytes], width: int) -> bytes:
    if width == 1:  # most of all audio; of short cuts it takes half the time of the other way
        octets = bytearray(len(parts) * len(parts[0]))
        for channel, part in enumerate(parts):
            octets[channel :: len(parts)] = part
        return bytes(octets)
    mixed = np.empty((len(parts[0]) // width, len(parts)), np.uint16)
    for channel, part in enumerate(parts):
        mixed[:, channel] = np.frombuffer(part, np.uint16)
    return mixed.tobytes()
