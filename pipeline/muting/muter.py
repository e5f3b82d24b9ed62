"""Silences the sensitive spans of one call, chunk by chunk, and releases nothing too early.

Outcomes of ``CallMuter``: every method returns what can be released now, in order:

- ``RedactedChunk``: a second of the call, cut anew whatever chunks the recorder made, so that
  every number always means the same place and a record's size is bounded. It is returned once no
  later finding can change one of its samples.
- ``CallEnd``: last of all, once the detector has ended the call and the audio is complete.
- An empty list is "not yet".

What is released depends on what was said of the call, not on the order in which audio and
findings arrived. It fails closed:

- Samples after the detector's last watermark are zero (``Reason.UNHEARD``), as far back as a
  later span's mute could have reached.
- Audio that never came is zero (``Reason.GAP``), and so is what the recorder paused
  (``Reason.PAUSED``).
- Tones of keys are silenced wherever they are heard, whatever detection says: the muter listens
  for them itself (``pipeline.muting.keys``).
- Findings that do not follow those before them, or that another policy or version made, account
  for nothing: from there on all is zero, and the call is marked ``mixed_detection``; verification
  refuses such a call (``pipeline.records.continuity``).
- A finding that comes after its audio was released marks the call ``late_span``; verification
  refuses such a call.
- A record that breaks the rules raises ``RecordError`` and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from pipeline.audio.chunk_assembly import REORDER, ChunkAssembler, silence
from pipeline.audio.levels import Levels
from pipeline.audio.ring_buffer import History
from pipeline.errors import RecordError
from pipeline.muting.crosstalk import mirrored
from pipeline.muting.keys import Keys, is_key, key_cuts
from pipeline.muting.merging import ChannelMutes, Cut
from pipeline.muting.padding import Padding, widen
from pipeline.muting.rendering import apply_mutes, missing_span
from pipeline.policy.model import Policy
from pipeline.records.call_names import same_call
from pipeline.records.continuity import MIXED, Account
from pipeline.records.model import (
    Action,
    Agreed,
    AudioChunk,
    CallEnd,
    CallInfo,
    Findings,
    Interval,
    Mute,
    Reason,
    RedactedChunk,
    Span,
    Watermark,
)
from pipeline.records.scores import Recognizer

CHUNK_S: Final = 1
"""Length of what is released; the last chunk of a call may be shorter."""
SPAN_PIECE_S: Final = 30
"""Longer spans are worked on in pieces, so that memory stays bounded."""
LATE_SPAN: Final = "late_span"
UNHEARD: Final = "unheard"
FINDINGS_MISSING: Final = "findings_missing"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A span, or a part of a long one, that still waits for the audio after it."""

    start: int
    end: int
    span: Span


class CallMuter:
    """Mutes one call; see the module's text for the outcomes.

    Args:
        policy: padding, style and echo rule.
        reorder: how many later chunks may wait for a missing one.
    """

    def __init__(self, policy: Policy, *, reorder: int = REORDER) -> None:
        self._policy = policy
        self._assembler = ChunkAssembler(reorder)
        self._state: _Call | None = None
        self._waiting: dict[int, Findings] = {}
        self._next_findings = 0
        self._call_id: str | None = None
        self._end: CallEnd | None = None
        self._audio_complete = False
        self._finished = False

    @property
    def held(self) -> int:
        """Bytes of audio that wait for findings.

        What waits for more audio does not count: raw audio stops while too much is held. It is
        bounded all the same, by ``REORDER`` chunks, and by the pieces in which spans and mutes are
        worked on.
        """
        return self._state.held if self._state and self._end is None else 0

    @property
    def finished(self) -> bool:
        """Whether the call's end was returned."""
        return self._finished

    @property
    def waits_for_audio(self) -> bool:
        """Whether the detector has ended the call while audio is still missing.

        If it stays so for longer than the audio can be late, hand the end to ``take_end``.
        """
        return self._end is not None and not self._audio_complete

    def take_audio(self, chunk: AudioChunk) -> list[RedactedChunk | CallEnd]:
        """Take a raw chunk.

        Raises:
            RecordError: the chunk breaks the rules; its place will be silent.
        """
        if self._finished:
            return []
        self._call_id = same_call(self._call_id, chunk.call.call_id)
        before = self._assembler.position
        self._append(self._assembler.take(chunk), before)
        return self._advance()

    def take_findings(self, findings: Findings) -> list[RedactedChunk | CallEnd]:
        """Take what detection found; repeats are dropped.

        Raises:
            RecordError: a record of another call, or a span on a channel that does not exist.
        """
        if self._finished:
            return []
        self._call_id = same_call(self._call_id, findings.call_id)
        self._check(findings)
        if findings.seq >= self._next_findings:
            self._waiting.setdefault(findings.seq, findings)
        if findings.end is not None and self._end is None:
            self._end = findings.end
        return self._advance()

    def take_end(self, end: CallEnd) -> list[RedactedChunk | CallEnd]:
        """Learn that no more audio comes: what is missing up to ``end`` becomes a gap.

        The end that the recorder sent after its chunks. Not needed where all audio came: then
        the detector's own end, with its last findings, is enough.

        Raises:
            RecordError: the end of another call.
        """
        if self._finished:
            return []
        self._call_id = same_call(self._call_id, end.call_id)
        self._complete(end)
        return self._advance()

    def _check(self, findings: Findings) -> None:
        channels = self._state.call.channels if self._state else None
        for span in findings.spans:
            if span.channel < 0 or (channels is not None and span.channel >= channels):
                raise RecordError(f"a span on channel {span.channel}, which the call has not")

    def _append(self, chunks: list[AudioChunk], before: int) -> None:
        if chunks and self._state is None:
            self._state = _Call(self._policy, chunks[0].call)
        if self._state is None:
            return
        for reason, places in (
            (Reason.GAP, self._assembler.gaps),
            (Reason.PAUSED, self._assembler.pauses),
        ):
            for place in places:
                self._state.add_missing(max(place.start, before), place.end, reason)
        for chunk in chunks:
            self._state.append(chunk)

    def _complete(self, end: CallEnd) -> None:
        if self._audio_complete:
            return
        before = self._assembler.position
        self._append(self._assembler.finish(end), before)
        self._audio_complete = True

    def _advance(self) -> list[RedactedChunk | CallEnd]:
        """Move on as far as what is known allows."""
        state, end = self._state, self._end
        if end is not None and not self._audio_complete and self._all_came(end):
            self._complete(end)
        if state is None:
            if end is None or not self._audio_complete:
                return []
            self._finished = True
            marks = {*end.marks, *self._assembler.marks}
            return [replace(end, chunks=0, end=0, marks=tuple(sorted(marks)))]
        while (findings := self._waiting.pop(self._next_findings, None)) is not None:
            self._next_findings += 1
            state.take(findings)
        over = end is not None and self._audio_complete
        if over:
            for findings in self._waiting.values():
                mark = state.watermark
                state.take(replace(findings, since=mark, watermark=Watermark(mark)))
                state.marks.add(FINDINGS_MISSING)
            self._waiting.clear()
        released: list[RedactedChunk | CallEnd] = list(
            state.release(audio_complete=self._audio_complete, over=over)
        )
        if over and end is not None:
            self._finished = True
            marks = {*end.marks, *self._assembler.marks, *state.marks}
            released.append(
                replace(end, chunks=state.released, end=state.position, marks=tuple(sorted(marks)))
            )
        return released

    def _all_came(self, end: CallEnd) -> bool:
        came = self._assembler
        return came.numbers >= end.chunks and came.position >= end.end


class _Call:
    """What is known of a call from its first chunk on."""

    def __init__(self, policy: Policy, call: CallInfo) -> None:
        self.call = call
        self.marks: set[str] = set()
        self.released = 0
        """How many chunks were released."""
        self.position = 0
        """First sample that has not come yet."""
        self._policy = policy
        self._digest = policy.digest
        self._account = Account(self._digest)
        self._padding = Padding.of(policy, call.sample_rate)
        self._history = History(call.channels)
        self._pieces: list[_Piece] = []
        self._longest = SPAN_PIECE_S * call.sample_rate
        self._gaps: list[Mute] = []
        self._agreed: list[Agreed] = []
        self._keys = Keys(call)
        self._mutes = [
            ChannelMutes(channel, self._padding, call.sample_rate)
            for channel in range(call.channels)
        ]
        self._released = 0
        """First sample that was not released yet."""

    @property
    def watermark(self) -> int:
        """Every span that begins before this sample was stated."""
        return self._account.watermark

    @property
    def held(self) -> int:
        """Bytes of audio that were not released, as long as findings lag behind what came."""
        waits = self.watermark < self.position
        return 2 * self.call.channels * (self.position - self._released) if waits else 0

    def append(self, chunk: AudioChunk) -> None:
        """Take the next chunk in order."""
        self._history.append(chunk.start, chunk.pcm)
        self.position = chunk.end
        self._add_keys(self._keys.take(chunk.pcm))

    def add_missing(self, start: int, end: int, reason: Reason) -> None:
        """Note audio that never came: a gap, or what the recorder paused."""
        if start >= end:
            return
        for channel in range(self.call.channels):
            span = missing_span(channel, start, end, reason)
            self._gaps.append(Mute(channel, start, end, (span,)))

    def take(self, findings: Findings) -> None:
        """Take the next findings in order."""
        before = self.watermark
        hole = self._account.take(findings)
        if self._account.mixed:
            self.marks.add(MIXED)
        self._agreed += findings.agreed
        for span in findings.spans:
            if span.action is Action.MUTE:
                if span.start < before:
                    self.marks.add(LATE_SPAN)
                self._add(span)
        if len(hole):
            # As far back as the mute of a span there could have reached.
            start = max(0, hole.start - self._padding.back - self._padding.lag)
            for span in self._unheard(start, hole.end):
                self._add(span)

    def _add(self, span: Span) -> None:
        if span.reason is Reason.UNHEARD:
            self.marks.add(UNHEARD)
        # A channel that the call has not was found too late to refuse the record: mute all.
        known = span.channel < self.call.channels
        every = (
            [span]
            if known
            else [replace(span, channel=channel) for channel in range(self.call.channels)]
        )
        start, end = max(0, span.start), max(0, span.start, span.end)
        for low, high in _parts(start, end, self._longest) or [(start, start)]:
            self._pieces += [_Piece(low, high, each) for each in every]

    def _add_keys(self, spans: list[Span]) -> None:
        """Keys are shorter than a piece; more may be cut beside them than the policy pads."""
        edge = self._keys.edge
        for span in spans:
            self._pieces.append(_Piece(max(0, span.start - edge), span.end + edge, span))

    def _unheard(self, start: int, end: int) -> list[Span]:
        """A stretch of all channels that nobody accounts for."""
        name, reason = Reason.UNHEARD.upper(), Reason.UNHEARD
        return [
            Span(name, channel, start, end, 1.0, "muting", reason=reason)
            for channel in range(self.call.channels)
        ]

    def release(self, *, audio_complete: bool, over: bool) -> list[RedactedChunk]:
        """Return the chunks that nothing can change any more."""
        if audio_complete:
            self._add_keys(self._keys.finish())
        self._cut(audio_complete=audio_complete)
        if over:
            self._mute_the_unheard()
            until = self.position + self._padding.ramp + self._padding.merge
        else:
            starts = [piece.start for piece in self._pieces]
            known = min([self.watermark, self._keys.settled - self._keys.edge, *starts])
            until = known - self._padding.back - self._padding.lag
        step = CHUNK_S * self.call.sample_rate
        ready: list[RedactedChunk] = []
        while self._released < self.position:
            start, end = self._released, min(self._released + step, self.position)
            if end - start < step and not over:
                break
            if not all(mutes.settled(start, end, until) for mutes in self._mutes):
                break
            ready.append(self._redact(start, end))
            self._released = end
            self.released += 1
        self._forget()
        return ready

    def _cut(self, *, audio_complete: bool) -> None:
        """Turn the spans into cuts whose surrounding audio has come."""
        padding = self._padding
        ahead = padding.ahead + max(padding.context, padding.lag)
        waiting: list[_Piece] = []
        for piece in self._pieces:
            if audio_complete or piece.end + ahead <= self.position:
                self._cut_one(piece)
            else:
                waiting.append(piece)
        self._pieces = waiting

    def _cut_one(self, piece: _Piece) -> None:
        """Widen a span, cut it, and mirror the cut where the other channel carries an echo.

        Everything here depends on the call's audio around the span and on nothing else.
        """
        padding, rate = self._padding, self.call.sample_rate
        start, end = min(piece.start, self.position), min(piece.end, self.position)
        first = max(0, start - padding.back - padding.context)
        last = min(self.position, end + padding.ahead + padding.context)
        channel = piece.span.channel
        levels = Levels.measure(self._history.read(first, last)[:, channel], first, rate)
        rule = self._policy.rule(piece.span.entity)
        if is_key(piece.span):
            first = max(0, start - padding.back - padding.lag)
            last = min(self.position, end + padding.ahead + max(padding.context, padding.lag))
            for cut in key_cuts(piece.span, rule, self._history.read(first, last), first, rate):
                self._mutes[cut.span.channel].add(cut)
            return
        wide = widen(
            start,
            end,
            rule=rule,
            padding=padding,
            levels=levels,
            sample_rate=rate,
            timed=piece.span.recognizer != Recognizer.WORDLESS,
        )
        low, high = max(0, wide.start), min(self.position, wide.end)
        self._mutes[channel].add(Cut(low, high, piece.span))
        if self._policy.echo.mode != "never" and low < high:
            for other in range(self.call.channels):
                if other != channel:
                    self._mirror(piece.span, low, high, other)

    def _mirror(self, span: Span, low: int, high: int, other: int) -> None:
        """Cut the other channel too where the sensitive samples can be heard there."""
        lag = self._padding.lag
        audio = self._history.read(low - lag, high + lag)
        source, beside = audio[lag : lag + high - low, span.channel], audio[:, other]
        place, rule = Interval(low, high), self._policy.echo
        score, places = mirrored(place, source, beside, self.call.sample_rate, lag, rule)
        for place in places:
            start, end = max(0, place.start), min(self.position, place.end)
            if start < end:
                echo = Span(
                    span.entity, other, start, end, round(score, 4), "echo", reason=Reason.ECHO
                )
                self._mutes[other].add(Cut(start, end, echo))

    def _mute_the_unheard(self) -> None:
        """Silence what the detector never got to, as far back as a span there could reach."""
        if self.watermark >= self.position:
            return
        self.marks.add(UNHEARD)
        start = max(0, self.watermark - self._padding.back - self._padding.lag)
        for low, high in _parts(start, self.position, self._longest):
            for span in self._unheard(low, high):
                self._mutes[span.channel].add(Cut(low, high, span))

    def _redact(self, start: int, end: int) -> RedactedChunk:
        near = [each for mutes in self._mutes for each in mutes.near(start, end)]
        gaps = [gap for gap in self._gaps if gap.start < end and gap.end > start]
        pcm = apply_mutes(
            self._history.read(start, end),
            [*near, *gaps],
            self.call.sample_rate,
            self._policy.muting,
            start=start,
            key=self.call.call_id,
        )
        if not pcm.any():
            pcm = silence(*pcm.shape)  # many of them may wait to be sent, after a long pause
        touching = [mute for mute in near if mute.start < end and mute.end > start]
        return RedactedChunk(
            call=self.call,
            seq=self.released,
            start=start,
            pcm=pcm,
            mutes=tuple(touching + gaps),
            policy=self._digest,
            agreed=tuple(each for each in self._agreed if each.start < end and each.end > start),
        )

    def _forget(self) -> None:
        """Drop what no later span can need."""
        padding = self._padding
        for mutes in self._mutes:
            mutes.forget(self._released)
        self._gaps = [gap for gap in self._gaps if gap.end > self._released]
        self._agreed = [each for each in self._agreed if each.end > self._released]
        first = min([self.watermark, self._released, *(each.start for each in self._pieces)])
        self._history.forget(first - padding.back - max(padding.context, padding.lag))


def _parts(start: int, end: int, longest: int) -> list[tuple[int, int]]:
    """A stretch in parts that are worked on one by one."""
    return [(low, min(low + longest, end)) for low in range(start, end, longest)]
