"""The state of one call's verification: what is measured, asked, found and released."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.audio.levels import SILENCE_DBFS, AudibleTrack, loudest_frame
from pipeline.audio.ring_buffer import History
from pipeline.detection.decision.not_understood import HARDLY_UNDERSTOOD
from pipeline.errors import RecordError
from pipeline.muting.muter import FINDINGS_MISSING, LATE_SPAN
from pipeline.muting.padding import Padding
from pipeline.muting.rendering import Fill, apply_mutes, expected_inside, is_gap
from pipeline.policy.model import Policy
from pipeline.records.entities import Entity
from pipeline.records.intervals import subtract_intervals
from pipeline.records.model import (
    Action,
    Agreed,
    CallEnd,
    CallInfo,
    Check,
    Interval,
    Mute,
    Pcm,
    Reason,
    RedactedChunk,
    Span,
    Verdict,
    Window,
    WindowTranscript,
)
from pipeline.records.scores import Recognizer
from pipeline.verification.findings import (
    Scene,
    is_edge,
    is_number,
    mute_for,
    mute_for_key,
)
from pipeline.verification.left_keys import LeftKeys
from pipeline.verification.planning import ADVANCE_SPEECH_S, Planner, ReviewRequest
from pipeline.verification.residual_sound import residual_sounds

_EXPECT_S: Final = 10
"""A mute this near to a window says what may be left over in it."""
REFUSED_MARKS: Final = (LATE_SPAN, FINDINGS_MISSING, HARDLY_UNDERSTOOD)
_RESIDUAL_SCORE: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Asked:
    """A window that was not answered yet."""

    request: ReviewRequest
    round: int
    position: int
    """First sample that had not come when the look was planned: later rounds know no more, so that
    what is heard does not depend on how fast the listening is."""
    known: tuple[Mute, ...]
    """What muting had silenced by then."""
    reach: Interval
    """Later rounds go no further: before it, audio may have been released."""
    expected: frozenset[str]
    """Entity types that were muted near it."""
    numbers: tuple[Span, ...] = ()
    """Muted numbers of its channel that digits in it may be the edge of."""
    mutes: tuple[Mute, ...] = ()
    """What earlier rounds of the same look added; other looks' mutes are left out on purpose, so
    that what is heard does not depend on which answer comes first."""


@dataclass(slots=True)
class _Tally:
    """What the checks count."""

    loudest: float = SILENCE_DBFS
    wrong_fill: int = 0
    still_found: int = 0
    keys_left: int = 0
    unanswered: int = 0
    listened: int = 0
    chunks: int = 0
    models: set[str] = field(default_factory=set)
    added: set[Mute] = field(default_factory=set)


class ReviewState:
    """The state of one call from its first chunk on."""

    def __init__(self, policy: Policy, info: CallInfo) -> None:
        self.info = info
        self.tally = _Tally()
        self.asked: dict[int, _Asked] = {}
        self._policy = policy
        self._padding = Padding.of(policy, info.sample_rate)
        self._fill = Fill(policy.muting.style, info.sample_rate, info.call_id)
        self._held: deque[RedactedChunk] = deque()
        self._mutes: list[Mute] = []
        """Those near what is held, for the windows' expectations."""
        self._agreed: set[Agreed] = set()
        self._position = 0
        self._tracks = [AudibleTrack(info.sample_rate) for _ in range(info.channels)]
        self._planner = Planner(
            policy.verification,
            info.call_id,
            sample_rate=info.sample_rate,
            channels=info.channels,
            ahead=self._padding.ahead + self._padding.context,
            audible=lambda channel, start, end: self._tracks[channel].within(start, end),
        )
        self._next_window = 0
        self._muted_samples = 0
        self._keys = LeftKeys(info)
        self._keys_found: list[Span] = []
        """Heard, and not muted yet: what is cut beside them has not come."""
        self._keys_left: LeftKeys | None = None
        """Listens to what goes on, once a key was muted here,"""
        self._keys_since = self._left_from = 0
        """from the chunk with the first of these call samples on, which begins at the second; none
        before it can be muted for a key."""

    @property
    def _speech(self) -> int:
        """Samples of speech that the first pass had so far: what sounds, and what is muted."""
        return sum(track.audible_samples for track in self._tracks) + self._muted_samples

    def append(self, chunk: RedactedChunk) -> list[Window]:
        """Measure the next chunk and plan what it allows to plan.

        Raises:
            RecordError: it does not begin where the one before ended.
        """
        if chunk.start != self._position:
            raise RecordError(f"redacted chunk {chunk.seq} does not follow the one before")
        self._measure(chunk)
        self._held.append(chunk)
        self._position = chunk.end
        self._mute_keys(self._keys.take(chunk.pcm, chunk.mutes), over=False)
        self.tally.chunks += 1
        for channel, track in enumerate(self._tracks):
            track.take(chunk.pcm[:, channel], chunk.start)
        self._agreed.update(chunk.agreed)
        for mute in chunk.mutes:
            if mute not in self._mutes:
                self._mutes.append(mute)
                if not is_gap(mute):
                    self._planner.add(mute)
                    self._muted_samples += mute.end - mute.start
        return self.plan(over=False)

    def plan(self, *, over: bool) -> list[Window]:
        """Windows for everything that can be planned now."""
        speech = self._speech
        requests = self._planner.advance(self._position, speech, over=over)
        return [self._ask(self._first(request)) for request in requests]

    def _first(self, request: ReviewRequest) -> _Asked:
        """The first round of a look, with all that is known now."""
        beside, position = self._planner.beside, self._position
        return _Asked(
            request,
            round=1,
            position=position,
            known=tuple(self._mutes),
            reach=Interval(max(0, request.start - beside), min(position, request.end + beside)),
            expected=self._expected(request),
            numbers=self._numbers(request),
        )

    def answer(self, transcript: WindowTranscript, spans: Sequence[Span]) -> list[Window]:
        """Mute what was found in a window, and ask again where something was."""
        asked = self.asked.pop(transcript.seq, None)
        if asked is None:
            return []
        self.tally.models.update(transcript.models)
        if transcript.unheard or not transcript.models:
            self.tally.unanswered += 1
        found = self._left(asked, [span for span in spans if span.action is Action.MUTE])
        if not transcript.unheard:
            found += self._left(asked, self._residual_sounds(asked, transcript, found))
        self.tally.added.update(found)
        # What sounded beside a mute is silent now, and all of it was told at once. A digit heard
        # next to that silence once more is no ground to refuse the call, because the listener's
        # prompt makes it hear digits there.
        telling = [mute.interval for mute in found if not is_edge(mute)]
        if asked.round >= self._policy.verification.max_rounds:
            self.tally.still_found += len(telling)
            telling = []
        if not telling:
            return []
        more = replace(asked, round=asked.round + 1, mutes=(*asked.mutes, *found))
        request = self._planner.again(asked.request, telling, self._muted(more), asked.reach)
        return [self._ask(replace(more, request=request))] if request.pieces else []

    def _left(self, asked: _Asked, spans: Sequence[Span]) -> list[Mute]:
        scene = self._scene(asked)
        mutes = (mute_for(span, scene, self._policy) for span in spans)
        return [mute for mute in mutes if mute is not None]

    def _scene(self, asked: _Asked) -> Scene:
        """What findings in a look are judged by."""
        channel = asked.request.channel
        added = tuple(span for mute in asked.mutes for span in mute.spans)
        known = (span for mute in asked.known for span in mute.spans)
        return Scene(
            request=asked.request,
            sample_rate=self.info.sample_rate,
            position=asked.position,
            muted=tuple(self._muted(asked)),
            near=tuple(span for span in (*known, *added) if is_number(span)),
            beside=(*asked.numbers, *added),
            heard=self._tracks[channel].within,
            read=lambda start, end: self._read(start, end)[:, channel],
        )

    def _residual_sounds(
        self, asked: _Asked, transcript: WindowTranscript, found: Sequence[Mute]
    ) -> list[Span]:
        """What sounds beside a muted number without a word."""
        channel = asked.request.channel
        numbers = [
            mute.interval
            for mute in (*asked.known, *asked.mutes, *found)
            if mute.channel == channel and any(is_number(span) for span in mute.spans)
        ]
        agreed = sorted(one.interval for one in self._agreed if one.channel == channel)
        parts = residual_sounds(
            self._audible(asked), numbers, transcript.words, self.info.sample_rate, agreed
        )
        entity = Entity.NUMBER_SEQUENCE.value
        name = Recognizer.LEFT_SOUND.value
        return [
            Span(entity, channel, part.start, part.end, _RESIDUAL_SCORE, name) for part in parts
        ]

    def _expected(self, request: ReviewRequest) -> frozenset[str]:
        """Entity types muted near a look."""
        near = _EXPECT_S * self.info.sample_rate
        return frozenset(
            span.entity
            for mute in self._mutes
            if mute.start < request.end + near and mute.end > request.start - near
            for span in mute.spans
            if span.reason in {Reason.RECOGNISED, Reason.ECHO}
        )

    def _numbers(self, request: ReviewRequest) -> tuple[Span, ...]:
        """Numbers muted on a look's channel."""
        mutes = [mute for mute in self._mutes if mute.channel == request.channel]
        return tuple(span for mute in mutes for span in mute.spans if is_number(span))

    @property
    def _back(self) -> int:
        """Samples before a look, or before a key, that muting what is found there may reach."""
        padding = self._padding
        return padding.back + padding.context + padding.ramp + self._planner.beside

    def release(self, *, over: bool) -> list[RedactedChunk]:
        """Return the chunks that no answer can change any more."""
        back = self._back
        starts = [asked.request.start for asked in self.asked.values()]
        if over:
            self._mute_keys(self._keys.finish(), over=True)
        else:
            starts += [self._planner.earliest(self._position), self._keys.settled]
            starts += [one.start for one in self._keys_found]
        horizon = min(starts, default=self._position + back) - back
        ready: list[RedactedChunk] = []
        while self._held and self._held[0].end <= horizon:
            ready.append(self._final(self._held.popleft()))
        if ready:
            begin = ready[-1].end
            for track in self._tracks:
                track.forget(begin)
            self._planner.forget(begin)
            oldest = begin - _EXPECT_S * self.info.sample_rate
            self._mutes = [mute for mute in self._mutes if mute.end > oldest]
            self._agreed = {one for one in self._agreed if one.end > oldest}
        return ready

    def verdict(self, end: CallEnd) -> Verdict:
        """Judge the call."""
        tally, rule = self.tally, self._policy.verification
        missing = abs(end.chunks - tally.chunks)
        lost = abs(end.end - self._position)
        marks = [mark for mark in end.marks if mark in REFUSED_MARKS]
        speech = max(self._speech, ADVANCE_SPEECH_S * self.info.sample_rate)
        planner = self._planner
        checks = (
            Check.none_of("missing_chunks", missing),
            Check.none_of("missing_samples", lost),
            Check.none_of("refused_marks", len(marks)),
            Check(
                "energy_in_mutes_dbfs",
                tally.loudest <= rule.max_span_dbfs,
                round(tally.loudest, 2),
                rule.max_span_dbfs,
            ),
            Check.none_of("wrong_fill_samples", tally.wrong_fill),
            Check.none_of("windows_not_heard", tally.unanswered),
            Check.none_of("still_found", tally.still_found),
            Check.none_of("keys_still_heard", self._still_heard()),
            # Reported, never refused: the budget ran out before these could be looked at.
            Check(
                "neighbourhoods_passed_over",
                passed=True,
                measured=float(planner.passed_over),
                limit=float(planner.sides),
            ),
            Check(
                "cost_of_speech",
                passed=True,
                measured=round(planner.spent / speech, 4),
                limit=rule.max_cost,
            ),
        )
        return Verdict(
            call=self.info,
            passed=all(check.passed for check in checks),
            checks=checks,
            added=tuple(sorted(tally.added, key=_order)),
            listened=tally.listened,
            models=tuple(sorted(tally.models)),
            end=end,
        )

    def _mute_keys(self, found: Sequence[Span], *, over: bool) -> None:
        """Mute keys that are heard in what muting has let through."""
        waiting: list[Span] = []
        muted = self._keys_left is not None
        for key in (*self._keys_found, *found):
            mute = mute_for_key(key, self._policy, self.info.sample_rate)
            if mute.end > self._position and not over:
                waiting.append(key)
                continue
            self.tally.added.add(replace(mute, end=min(mute.end, self._position)))
            muted = True
        if muted and self._keys_left is None:
            # Not from what happens to be held: that depends on how fast the listening is.
            self._left_from = max(
                (one.start for one in self._held if one.start <= self._keys_since),
                default=self._held[0].start,
            )
            self._keys_left = LeftKeys(self.info, self._left_from)
        self._keys_found = waiting
        settled = min([self._keys.settled, *(one.start for one in waiting)])
        self._keys_since = max(0, settled - self._back)

    def _still_heard(self) -> int:
        """How many keys are heard in what was let through here, once all of it was."""
        if self._keys_left is not None:
            self.tally.keys_left += len(self._keys_left.finish())
        return self.tally.keys_left

    def _measure(self, chunk: RedactedChunk) -> None:
        """Compare what stands inside the mutes with what has to stand there."""
        wanted, mask = expected_inside(
            chunk.mutes, self._fill, shape=(len(chunk.pcm), self.info.channels), start=chunk.start
        )
        if self._fill.style != "silence":
            self.tally.wrong_fill += int(np.count_nonzero((chunk.pcm != wanted) & mask))
            return
        inside = np.where(mask, chunk.pcm, 0).astype(np.float64)
        self.tally.loudest = max(self.tally.loudest, loudest_frame(inside, self.info.sample_rate))

    def _ask(self, asked: _Asked) -> Window:
        request, seq = asked.request, self._next_window
        self._next_window += 1
        self.asked[seq] = asked
        self.tally.listened += sum(len(piece) for piece in request.pieces)
        return Window(
            call_id=self.info.call_id,
            seq=seq,
            channel=request.channel,
            start=request.start,
            end=request.end,
            sample_rate=self.info.sample_rate,
            pcm=self._silenced(asked),
            speech=tuple(self._audible(asked)),
            heard_until=request.end,
            language=self.info.language,
        )

    def _silenced(self, asked: _Asked) -> npt.NDArray[np.int16]:
        """The look's audio with what its own earlier rounds added."""
        request = asked.request
        audio = apply_mutes(
            self._read(request.start, request.end),
            asked.mutes,
            self.info.sample_rate,
            self._policy.muting,
            start=request.start,
            key=self.info.call_id,
        )
        return np.asarray(audio[:, request.channel], np.int16)

    def _muted(self, asked: _Asked) -> list[Interval]:
        """What is silent in a look's channel, as far as the look may know."""
        known = (*asked.known, *asked.mutes)
        return [mute.interval for mute in known if mute.channel == asked.request.channel]

    def _audible(self, asked: _Asked) -> list[Interval]:
        return subtract_intervals(asked.request.pieces, self._muted(asked))

    def _read(self, start: int, end: int) -> Pcm:
        """Redacted audio as it came, without what verification added."""
        history = History(self.info.channels)
        for chunk in self._held:
            history.append(chunk.start, chunk.pcm)
        return history.read(start, end)

    def _final(self, chunk: RedactedChunk) -> RedactedChunk:
        """A chunk with everything that verification added to it; no key is heard in it."""
        final = self._with_added(chunk)
        if self._keys_left is not None and chunk.start >= self._left_from:
            self.tally.keys_left += len(self._keys_left.take(final.pcm, chunk.mutes))
        return final

    def _with_added(self, chunk: RedactedChunk) -> RedactedChunk:
        ramp = self._padding.ramp
        near = sorted(
            (
                mute
                for mute in self.tally.added
                if mute.start - ramp < chunk.end and mute.end + ramp > chunk.start
            ),
            key=_order,
        )
        if not near:
            return chunk
        pcm = apply_mutes(
            chunk.pcm,
            [*near, *(mute for mute in chunk.mutes if is_gap(mute))],
            self.info.sample_rate,
            self._policy.muting,
            start=chunk.start,
            key=self.info.call_id,
        )
        touching = [each for each in near if each.start < chunk.end and each.end > chunk.start]
        return replace(chunk, pcm=pcm, mutes=(*chunk.mutes, *touching))


def _order(mute: Mute) -> tuple[int, int, str]:
    """An order of mutes that does not depend on when they were found."""
    return mute.start, mute.end, repr(mute.spans)
