"""Detection in one call: from heard words to spans, and the watermark before which they are final.

Outcomes of ``CallDetector.take`` and ``finish``: ``Findings`` whenever the watermark moved, none
while everything is "not yet". Nothing is raised on content: a stretch whose analysis fails
becomes an ``UNHEARD`` span, is silenced whole and counted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from models.detection.allow_list import Allowed
from models.detection.turn_reader import Analyses, Reads, TurnReader
from models.disclosure.transcript_values import Disclosures
from models.text.language_check import Fluency
from models.text.turn_segmentation import CallTurns, Spoken, Stream
from pipeline.consent.gate import withheld_span
from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.decision.not_understood import HARDLY_UNDERSTOOD, Comprehension
from pipeline.detection.decision.opinions import Opinions
from pipeline.detection.decision.outvoted import may_be_outvoted, outvoted
from pipeline.detection.decision.resolver import apart, named
from pipeline.detection.hypotheses.agreement import APART_S, agreed
from pipeline.detection.hypotheses.span_edges import bordered
from pipeline.detection.language.vocabulary import DEFAULT, languages, vocabulary
from pipeline.evidence.disclosed_words import Disclosure
from pipeline.policy.model import Policy
from pipeline.records.continuity import MIXED
from pipeline.records.intervals import subtract_intervals
from pipeline.records.model import (
    Action,
    Agreed,
    CallEnd,
    Detection,
    EndedBy,
    Findings,
    Interval,
    Reason,
    Role,
    Shown,
    Span,
    Watermark,
    WindowTranscript,
    Word,
)
from pipeline.records.scores import Recognizer
from pipeline.verification.verifier import OTHER_LANGUAGE

UNHEARD: Final = "UNHEARD"
"""Entity of a stretch that could not be transcribed or analysed."""
ANALYSIS_FAILED: Final = "analysis_failed"
"""Mark of a call of which a part could not be analysed and was silenced whole."""
LOOK_BACK_S: Final = 3.0
"""How far the watermark stays behind what was heard, so that the next turn can still count."""
_KEEP_S: Final = 30.0


class CallDetector:
    """Detects in one call; see the module's text for the outcomes.

    ``failures`` counts stretches that were silenced because their analysis failed. Windows that
    were listened to in another way than the first are silenced whole, and the call is marked
    ``mixed_detection``.
    """

    def __init__(
        self,
        call_id: str,
        *,
        sample_rate: int,
        channels: int,
        policy: Policy,
        analyses: Analyses,
        reads: Reads,
        roles: Sequence[Role],
        conversation: Conversation,
        opinions: Opinions | None = None,
        disclosures: Disclosures | None = None,
        models: tuple[str, ...] = (),
        language: str = DEFAULT,
        detection: Detection | None = None,
    ) -> None:
        self.failures = 0
        self._detection = detection
        self._listening: str | None = None
        self._mixed = False
        self._foreign = language not in languages()
        known = DEFAULT if self._foreign else language
        self._fluency = None if self._foreign else Fluency(known, channels)
        self._allowed = Allowed(policy, known)
        self._language = known
        self._call_id = call_id
        self._rate = sample_rate
        self._policy = policy
        self._conversation = conversation
        self._disclosures = disclosures
        self._comprehension = Comprehension(sample_rate, channels, policy.understanding)
        self._turns = CallTurns(sample_rate, channels)
        self._reader = TurnReader(
            reads, analyses, policy, sample_rate, roles, language=known, opinions=opinions
        )
        self._waiting: dict[int, WindowTranscript] = {}
        self._next = 0
        self._heard_until = [0] * channels
        self._horizon = 0
        self._words: list[Word] = []
        self._agreed: list[Agreed] = []
        self._found: list[Span] = []
        self._stated: list[Span] = []
        self._weighed: set[Span] = set()
        """Candidates that were told."""
        self._judged: list[Span] = []
        self._disclosure = Disclosure(channels, vocabulary(known), sample_rate)
        self._watermark = 0
        self._read_until = 0
        """Sample up to which every hearing was read."""
        self._seq = 0
        self._models = set(models)
        self._ended = False

    def __repr__(self) -> str:
        """Content-free."""
        return f"CallDetector({self._call_id!r}, watermark={self._watermark})"

    def take(self, transcript: WindowTranscript) -> list[Findings]:
        """Add what one window brought; the first record of a number counts."""
        if self._ended or transcript.seq < self._next or transcript.seq in self._waiting:
            return []
        self._waiting[transcript.seq] = transcript
        moved = False
        while self._next in self._waiting:
            self._add(self._waiting.pop(self._next))
            self._next += 1
            moved = True
        if not moved:
            return []
        horizon = min(self._heard_until)
        if horizon <= self._horizon:
            return []  # what the other channels say up to here is still to come
        self._horizon = horizon
        before = self._watermark
        self._read(horizon, final=False)
        forced = self._advance(horizon)
        if self._watermark <= before:
            return []
        return [self._findings(before, self._watermark, forced)]

    def finish(self, end: CallEnd) -> list[Findings]:
        """Everything that is left; windows that never came are silenced whole."""
        if self._ended:
            return []
        self._ended = True
        # A window that is missing may have held anything: silence what is not accounted for.
        late = [self._waiting[seq] for seq in sorted(self._waiting)]
        self._waiting.clear()
        for channel, until in enumerate(self._heard_until):
            covered = [Interval(h.start, h.end) for h in late if h.channel == channel]
            for hole in subtract_intervals([Interval(until, max(until, end.end))], covered):
                self._lose(channel, hole.start, hole.end)
        for heard in late:
            self._add(heard)
        before = self._watermark
        self._read(end.end, final=True)
        self._read_until = sys.maxsize
        self._watermark = max(end.end, before)
        last = max([self._watermark, *(word.end for word in self._words)]) + 1
        if self.failures:
            end = replace(end, marks=(*end.marks, ANALYSIS_FAILED))
        if self._foreign and OTHER_LANGUAGE not in end.marks:
            end = replace(end, marks=(*end.marks, OTHER_LANGUAGE))
        if self._comprehension.hardly:
            end = replace(end, marks=(*end.marks, HARDLY_UNDERSTOOD))
        if self._mixed:
            end = replace(end, marks=(*end.marks, MIXED))
        # After a call's own end no digit follows; where it only fell silent, one may have.
        forced = last if end.ended_by is EndedBy.IDLE else 0
        return [self._findings(before, last, forced, end)]

    # -- inside ------------------------------------------------------------------------------

    def _add(self, transcript: WindowTranscript) -> None:
        if self._listening is None:
            self._listening = transcript.listening
        if transcript.listening != self._listening:
            self._mixed = True
            whole = Interval(transcript.start, max(transcript.end, transcript.heard_until))
            transcript = replace(transcript, words=(), unexplained=(), unheard=(whole,))
        if transcript.withheld:
            transcript = self._withhold(transcript)
        self._models.update(transcript.models)
        until = self._heard_until[transcript.channel]
        if transcript.start > until:
            # Windows leave no hole. A call that was heard in two runs may, such as on two kinds of
            # processor: its windows have other limits, and those whose numbers were taken are
            # dropped. What was asked in the hole nobody knows.
            self._lose(transcript.channel, until, transcript.start)
            self._mixed = True
        for one in transcript.unheard:
            self._lose(transcript.channel, one.start, one.end)
        self._words += [word for word in transcript.words if word.start >= 0]
        if self._fluency is None and (transcript.speech or transcript.words):
            self._found.append(_foreign(transcript.channel, transcript.start, transcript.end))
            transcript = replace(transcript, words=(), unexplained=())
        for span in self._comprehension.take(transcript):
            self._conversation.lose(span.channel, span.start, span.end)
            if span.end > self._watermark:
                self._found.append(replace(span, start=max(span.start, self._watermark)))
        try:
            self._turns.take(transcript)
            self._conversation.take(transcript)
            kept = [word for word in transcript.words if word.start >= 0]
            self._agreed += agreed(kept, vocabulary(self._language), self._rate)
        except Exception:  # noqa: BLE001 - whatever fails on content must silence, not pass
            self._fail(transcript.channel, transcript.start, transcript.end)
        self._heard_until[transcript.channel] = max(
            self._heard_until[transcript.channel], transcript.heard_until
        )

    def _withhold(self, transcript: WindowTranscript) -> WindowTranscript:
        """Silence what may not be kept; the window without its words."""
        for one in transcript.withheld:
            start = max(one.start, self._watermark)
            if start < one.end:
                self._found.append(withheld_span(transcript.channel, start, one.end))
            # What was asked in it nobody may know.
            self._conversation.lose(transcript.channel, one.start, one.end)
        kept = [
            word
            for word in transcript.words
            if not any(word.start < one.end and one.start < word.end for one in transcript.withheld)
        ]
        return replace(transcript, words=tuple(kept))

    def _read(self, horizon: int, *, final: bool) -> None:
        ready = self._turns.ready(horizon, final=final)
        if ready:
            self._conversation.reconsider()
        for index, spoken in enumerate(ready):
            try:
                # A prompt may fall into a turn that begins later, or is not over yet.
                others = [
                    turn.until(spoken.end)
                    for turn in ready[index + 1 :]
                    if turn.stream is Stream.SHOWN
                    and turn.channel != spoken.channel
                    and turn.begins < spoken.end
                ]
                others += self._turns.going_on(spoken.channel, spoken.end)
                self._found += self._bordered(self._reader.read(spoken, others), spoken)
                self._check_language(spoken)
            except Exception:  # noqa: BLE001 - whatever fails on content must silence, not pass
                self._fail(spoken.channel, *_extent(spoken))

    def _bordered(self, spans: list[Span], spoken: Spoken) -> list[Span]:
        """Spans of a turn, drawn in to the words beside them that both models heard."""
        if not spans:
            return spans
        heard = [word for word in self._words if word.channel == spoken.channel]
        words = [*spoken.before, *spoken.words]
        return bordered(spans, words, heard, vocabulary(self._language), self._rate)

    def _check_language(self, spoken: Spoken) -> None:
        """Silence a turn in another language: what is said in it was not understood."""
        shown = spoken.stream is Stream.SHOWN
        words = self._reader.ordinary(spoken)
        if shown and self._fluency and not self._fluency.fits(spoken.channel, words):
            self._foreign = True
            self._found.append(_foreign(spoken.channel, *_extent(spoken)))

    def _fail(self, channel: int, start: int, end: int) -> None:
        self.failures += 1
        self._lose(channel, start, end)

    def _lose(self, channel: int, start: int, end: int) -> None:
        """Silence what nobody heard, and what it may have asked for."""
        if start < end:
            self._found.append(unheard(channel, start, end))
            self._conversation.lose(channel, start, end)

    def _advance(self, horizon: int) -> int:
        """Move the watermark; returns the sample before which open numbers are forced."""
        mark = horizon - round(LOOK_BACK_S * self._rate)
        going_on = self._turns.open_since()
        not_understood = self._comprehension.open_since()
        mark = min([mark, *(at for at in (going_on, not_understood) if at is not None)])
        if mark <= self._watermark:
            return 0  # whatever is open, it can't move
        forced = 0
        latest = horizon - round(self._policy.hold.max_seconds * self._rate)
        self._read_until = horizon if going_on is None else min(horizon, going_on)
        try:
            open_since = self._conversation.open_since(self._read_until)
        except Exception:  # noqa: BLE001 - the stretch is silenced when its spans are asked for
            open_since = None
        if open_since is not None and open_since < mark:
            mark = min(mark, max(open_since, latest))
            forced = mark if open_since < latest else 0
        mark = min([mark, *(span.start for span in self._found if not self._is_settled(span))])
        # No word may straddle the watermark: it would be audible before its span is known.
        while over := [word.start for word in self._words if word.start < mark < word.end]:
            mark = min(over)
        self._watermark = max(self._watermark, mark)
        return forced

    def _is_settled(self, span: Span) -> bool:
        """Whether what the other hearing says of it was read."""
        near = span.end + round(APART_S * self._rate)
        below = self._policy.reader.outvoted_below
        return not below or near <= self._read_until or not may_be_outvoted(span)

    def _findings(
        self, before: int, until: int, forced: int, end: CallEnd | None = None
    ) -> Findings:
        spans = self._due(before, until, forced)
        self._stated += [span for span in spans if span.action is Action.MUTE]
        words = sorted(
            (word for word in self._words if word.start < until),
            key=lambda word: (word.start, word.end, word.channel, word.text),
        )
        shown = self._disclosure.told(words, self._words, self._stated)
        disclosed = self._disclosed(spans)
        sure = tuple(one for one in self._agreed if one.start < until)
        self._agreed = [one for one in self._agreed if one.start >= until]
        self._words = [word for word in self._words if word.start >= until]
        keep = self._watermark - round(_KEEP_S * self._rate)
        self._stated = [span for span in self._stated if span.end > keep]
        self._disclosure.forget(keep)
        try:
            self._conversation.forget(self._watermark)
            self._reader.forget(keep - round(self._policy.hold.max_seconds * self._rate))
        except Exception:  # noqa: BLE001 - memory only; the spans were stated
            self.failures += 1
        findings = Findings(
            call_id=self._call_id,
            seq=self._seq,
            spans=spans,
            words=shown,
            watermark=Watermark(self._watermark),
            models=tuple(sorted(self._models)),
            end=end,
            shown=disclosed,
            since=before,
            detection=self._by(),
            candidates=self._candidates(until, keep),
            agreed=sure,
        )
        self._seq += 1
        return findings

    def _candidates(self, until: int, keep: int) -> tuple[Span, ...]:
        """What a threshold decided on since the last findings, each once, in order.

        What begins at or after ``until``, or was not read by the other hearing yet, waits.
        What that outvotes no threshold would have silenced, unless it is part of what is silent.
        """
        new: list[Span] = []
        for told in (self._reader.candidates, self._conversation.below, self._judged):
            waiting: list[Span] = []
            for one in told:
                ready = one.start < until and self._is_settled(one)
                (new if ready else waiting).append(one)
            told[:] = waiting
        if not new:
            return ()
        found = {one for one in new if self._is_silent(one) or not self._is_outvoted(one)}
        found -= self._weighed
        self._weighed = {span for span in self._weighed if span.end > keep} | found
        return tuple(
            sorted(
                found, key=lambda s: (s.start, s.channel, s.end, s.entity, s.recognizer, s.score)
            )
        )

    def _is_silent(self, one: Span) -> bool:
        return any(
            span.channel == one.channel and span.start <= one.start < span.end
            for span in self._stated
        )

    def _by(self) -> Detection | None:
        if self._detection is None:
            return None
        return replace(self._detection, listening=self._listening or "")

    def _disclosed(self, spans: tuple[Span, ...]) -> tuple[Shown, ...]:
        """What the transcript may show of the spans; plain placeholders where that fails."""
        if self._disclosures is None:
            return ()
        try:
            return self._disclosures.take(spans, self._words)
        except Exception:  # noqa: BLE001 - the spans are muted all the same
            self.failures += 1
            return ()

    def _due(self, before: int, until: int, forced: int) -> tuple[Span, ...]:
        """Spans that begin before ``until`` and were not stated, each once, in order."""
        due = [one for one in self._found if one.start < until and not self._is_outvoted(one)]
        self._found = [span for span in self._found if span.start >= until]
        try:
            numbers = self._conversation.spans(until, force_before=forced)
            due += named(numbers, self._reader.opinions, self._policy)
        except Exception:  # noqa: BLE001 - whatever fails on content must silence, not pass
            self.failures += 1
            due += [unheard(c, before, until) for c in range(len(self._heard_until))]
        try:
            due = self._allowed.drop(due, self._words)
            self._allowed.forget(before)
        except Exception:  # noqa: BLE001 - all of it stays muted
            self.failures += 1
        self._judged += [
            span
            for span in due
            if span.reason is Reason.RECOGNISED and span.recognizer != Recognizer.READER
        ]
        fresh: dict[Span, None] = {}
        # What is allowed is dropped before: it may lie over what is not.
        for span in apart(due, self._rate):
            part = span if span.start >= before else self._rest(span, before)
            if part is not None and part not in self._stated:
                fresh[part] = None
        return tuple(
            sorted(
                fresh,
                key=lambda s: (s.start, s.channel, s.end, s.entity, s.recognizer, -s.score),
            )
        )

    def _is_outvoted(self, span: Span) -> bool:
        below = self._policy.reader.outvoted_below
        return outvoted(span, self._reader.opinions, below, self._rate)

    def _rest(self, span: Span, before: int) -> Span | None:
        """What of a span that began before the last watermark is new; None if nothing is."""
        if span.end <= before:
            return None
        part = replace(span, start=before)
        covered = any(
            old.channel == span.channel and old.start <= before and old.end >= span.end
            for old in self._stated
        )
        return None if covered else part


def _foreign(channel: int, start: int, end: int) -> Span:
    """Speech in a language that cannot be searched."""
    return replace(unheard(channel, start, max(end, start + 1)), recognizer=OTHER_LANGUAGE)


def unheard(channel: int, start: int, end: int, reason: Reason = Reason.UNHEARD) -> Span:
    """A stretch that is silenced because nobody can say what is in it."""
    return Span(
        entity=UNHEARD,
        channel=channel,
        start=start,
        end=end,
        score=1.0,
        recognizer="unheard",
        action=Action.MUTE,
        reason=reason,
    )


def _extent(spoken: Spoken) -> tuple[int, int]:
    return spoken.start, max(spoken.end, spoken.start + 1)
