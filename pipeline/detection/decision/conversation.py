"""The state of a call over turns, windows and channels: which stretches carry sensitive numbers.

Outcomes: :meth:`Conversation.spans` states what is known; :meth:`Conversation.open_since` is the
"not yet": the sample from which later words may still change the answer. Nothing is raised on
spoken content, and none of it shows in a ``repr``. Every answer is computed from what was heard,
so the same words bring the same spans whatever the order of the questions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from pipeline.detection.decision.after_unheard import unasked
from pipeline.detection.decision.explained import (
    bonds,
    take_back_explained,
    take_back_heard_again,
    within,
)
from pipeline.detection.decision.opinions import Opinions
from pipeline.detection.decision.spans import Sensitive, Spreader
from pipeline.detection.dialogue.context import Surroundings
from pipeline.detection.dialogue.interpreter import interpret
from pipeline.detection.dialogue.model import Reading, Talk, Verdict
from pipeline.detection.dialogue.questions import LONG, WORDY, Question
from pipeline.detection.dialogue.read_back import GRAM, Fragments
from pipeline.detection.dialogue.retrospect import in_vain
from pipeline.detection.dialogue.timeline import ChannelTimeline
from pipeline.detection.hypotheses.agreement import Witnesses
from pipeline.detection.hypotheses.fusion import ParsedChannel, Source, sequences
from pipeline.detection.language.normalise import bare
from pipeline.detection.language.prompts import Prompt
from pipeline.detection.language.vocabulary import PromptKind, Vocabulary, vocabulary
from pipeline.detection.numbers.tokens import Flag
from pipeline.policy.model import Policy
from pipeline.records.entities import NEVER_ALLOWED, Entity
from pipeline.records.model import Action, Interval, Reason, Span, WindowTranscript
from pipeline.records.scores import Basis
from pipeline.transcription.private_cache import Remembered

OPEN_S: Final = 12.0
"""Seconds of silence on a number after which nothing is expected to continue it."""
ANSWER_S: Final = 10.0
"""Seconds for which the watermark waits for the answer to a prompt."""
_ANNOUNCED_S: Final = 4.0
"""Seconds after a date within which it may still be called a date of birth."""
_DATED: Final = frozenset({Flag.DATE, Flag.YEAR, Flag.ORDINAL})
CONTEXT_S: Final = 90.0
"""Seconds of context that stay in memory before what is still undecided."""
_UNSURE: Final = 0.5
_SURE: Final = 0.8
"""A prompt with a word of less probability than the first counts for nothing where the other model
heard, with at least the second, that an order number or the like follows."""


class Conversation:
    """What was heard of one call so far, as far as numbers are concerned.

    Args:
        sample_rate: Hz; every time is counted in samples of it.
        channels: how many the call has.
        policy: thresholds and actions per entity, and the rule on unexplained speech.
        language: of the number words and the prompts.
        customers: channels on which nobody but a customer speaks, as far as is known.
        opinions: what the reader holds of the words; it may know better what a number is.
    """

    def __init__(
        self,
        sample_rate: int,
        channels: int,
        policy: Policy,
        language: str = "en",
        customers: frozenset[int] = frozenset(),
        opinions: Opinions | None = None,
    ) -> None:
        self._opinions = opinions
        self._rate = sample_rate
        self._channels = channels
        self._policy = policy
        self._customers = customers
        self._voc: Vocabulary = vocabulary(language)
        self._timelines = {
            source: [
                ChannelTimeline(channel, sample_rate, self._voc) for channel in range(channels)
            ]
            for source in Source
        }
        self._unexplained: list[list[Interval]] = [[] for _ in range(channels)]
        self._wordless: list[list[Interval]] = [[] for _ in range(channels)]
        """Of it, what is speech."""
        self._unheard: list[list[Interval]] = [[] for _ in range(channels)]
        self._heard_until = [0] * channels
        self._fragments = Fragments()
        self.below: list[Span] = []
        """Spans that were asked for and score less than the policy's threshold; whoever takes them
        empties it."""
        self._result: tuple[list[Reading], list[Talk], list[Sensitive]] | None = None

    def __repr__(self) -> str:
        return f"Conversation(channels={self._channels}, heard_until={self._now})"

    @property
    def _now(self) -> int:
        return min(self._heard_until)

    def take(self, transcript: WindowTranscript) -> None:
        """Add what one window brought."""
        until = max(self._heard_until[transcript.channel], transcript.heard_until)
        self._heard_until[transcript.channel] = until
        if not (transcript.words or transcript.unexplained):
            return  # silence, as most windows of the side that listens are
        for source, words in sequences(transcript.words, self._voc, self._rate).items():
            self._timelines[source][transcript.channel].add(words)
        self._unexplained[transcript.channel].extend(transcript.unexplained)
        # A key or a breath is no digit that was lost.
        self._wordless[transcript.channel].extend(
            part for part in transcript.unexplained if any(map(part.overlaps, transcript.speech))
        )
        self._result = None

    def lose(self, channel: int, start: int, end: int) -> None:
        """Note samples of a channel that nobody heard: a question may have been in them."""
        self._unheard[channel].append(Interval(start, end))
        self._result = None

    def reconsider(self) -> None:
        """Judge anew: the reader has read more."""
        self._result = None

    def spans(self, until: int, force_before: int = 0) -> tuple[Span, ...]:
        """Every sensitive number known that begins before a sample, in time order.

        Args:
            until: spans that begin at or after this sample are left out.
            force_before: digits before this sample that are still undecided count as sensitive.
        """
        readings, _, sensitive = self._interpreted()
        found = list(sensitive)
        for reading in readings:
            for verdict in reading.verdicts:
                run = verdict.run
                undecided = run.start < force_before and verdict.entity is None and verdict.chains
                if undecided and len(run.digits) >= GRAM and self._may_continue(verdict):
                    found.append(
                        Sensitive(
                            Entity.NUMBER_SEQUENCE,
                            run.channel,
                            run.start,
                            run.end,
                            Basis.UNDECIDED,
                        )
                    )
        counts = {self._span(one): self._counts(one) for one in _united(found) if one.start < until}
        spans = sorted(counts, key=lambda span: (span.start, span.channel, span.end, span.entity))
        self.below += [span for span in spans if not counts[span]]
        return tuple(span for span in spans if counts[span])

    def _counts(self, one: Sensitive) -> bool:
        """What nothing explains has no score that a threshold could judge."""
        unknown = one.reason is Reason.UNEXPLAINED or one.basis is Basis.UNDECIDED
        return unknown or one.basis.score >= self._policy.threshold(one.entity, one.recognizer)

    def open_since(self, read_until: int = sys.maxsize) -> int | None:
        """The earliest sample whose spans later words may still change; ``None`` for none.

        Args:
            read_until: sample up to which the reader has read; what it may still take back is not
                told before.
        """
        readings, talks, _ = self._interpreted()
        found: list[int] = []
        for reading, talk in zip(readings, talks, strict=True):
            for verdict in reading.verdicts:
                if self._may_continue(verdict):
                    run = verdict.run
                    # What is but a sequence yet may turn out to be a card from its first digit on.
                    sure = verdict.entity not in (None, Entity.NUMBER_SEQUENCE) and not (
                        verdict.question is not None and in_vain(verdict.question)
                    )
                    found.append(run.parts[-1].word.start if sure else run.start)
            found += [
                question.asked_until
                for question in reading.questions
                if self._awaits_answer(question, talk)
            ]
        if self._opinions is not None:
            found += _unread(readings, read_until)
        settled = [-1] * self._channels
        for reading in readings:
            for verdict in reading.verdicts:
                if verdict.entity is not None:
                    last = verdict.run.parts[-1].word.start
                    settled[verdict.run.channel] = max(settled[verdict.run.channel], last)
        found += [
            start
            for timelines in self._timelines.values()
            for channel, timeline in enumerate(timelines)
            for start in timeline.unfinished(self._now, settled[channel])
        ]
        found = [sample for sample in found if sample < self._now]
        return min(found, default=None)

    def forget(self, before: int) -> None:
        """Drop what is no longer needed once everything before a sample was released.

        Some context stays, and of known numbers only salted digests of their fragments.
        """
        horizon = before - round(CONTEXT_S * self._rate)
        if horizon <= 0:
            return
        readings, _, _ = self._interpreted()
        self._fragments.remember(readings, before)
        for timelines in self._timelines.values():
            for timeline in timelines:
                timeline.forget(horizon)
        for kept in (self._unexplained, self._wordless, self._unheard):
            kept[:] = [[one for one in intervals if one.end >= horizon] for intervals in kept]
        self._result = None

    # -- inside ------------------------------------------------------------------------------

    def _interpreted(self) -> tuple[list[Reading], list[Talk], list[Sensitive]]:
        if self._result is None:
            sources = [
                source
                for source, timelines in self._timelines.items()
                if any(len(timeline) for timeline in timelines)
            ]
            groups = [
                [timeline.track() for timeline in self._timelines[source]] for source in sources
            ]
            heard = _once(
                prompt
                for source, tracks in zip(sources, groups, strict=True)
                for track in tracks
                for prompt in track.prompts
                if _believed(prompt, track, source, groups)
            )
            talks = [self._talk(tracks) for tracks in groups]
            if sources[-1:] == [Source.AGAIN]:
                talks[-1] = talks[0]  # it hears only pieces of the talk
            readings = [
                interpret(
                    Surroundings(
                        tracks,
                        heard,
                        self._rate,
                        talk,
                        self._wordless,
                        self._voc.words["announcing"],
                    ),
                    self._customers,
                )
                for tracks, talk in zip(groups, talks, strict=True)
            ]
            if self._opinions is not None:
                take_back_explained(readings, self._opinions, self._policy.reader)
            if sources[-1:] == [Source.AGAIN]:
                take_back_heard_again(readings[-1], readings[:-1])
            same_cards(readings)
            self._fragments.recognise(readings)
            whole = [
                tracks
                for source, tracks in zip(sources, groups, strict=True)
                if source is not Source.AGAIN
            ]
            witnesses = Witnesses(whole, self._voc, self._rate)
            spreader = Spreader(self._rate, self._policy.unexplained, self._voc, witnesses)
            sensitive: list[Sensitive] = []
            for tracks, reading in zip(groups, readings, strict=True):
                sensitive += spreader.spread(tracks, reading)
            sensitive += spreader.unexplained(self._unexplained, sensitive, readings)
            for reading, talk in zip(readings, talks, strict=True):
                sensitive += unasked(self._unheard, reading, talk, self._rate)
            self._result = (readings, talks, sensitive)
        return self._result

    def _talk(self, tracks: list[ParsedChannel]) -> Talk:
        """Where content words begin: neither numbers nor "okay, uh-huh, thank you"."""
        counts = _content(self._voc.language)
        starts: list[tuple[int, list[int]]] = []
        for track in tracks:
            spoken = {part.index for run in track.runs for part in run.parts}
            starts.append(
                (
                    track.channel,
                    [
                        word.start
                        for index, word in enumerate(track.words)
                        if index not in spoken and counts(word.text)
                    ],
                )
            )
        return Talk(starts)

    def _may_continue(self, verdict: Verdict) -> bool:
        """Whether more digits may still join a run, seen from what has been heard."""
        if self._now - verdict.run.end > OPEN_S * self._rate:
            return False
        if verdict.run.flags & _DATED and self._now - verdict.run.end <= _ANNOUNCED_S * self._rate:
            return True  # "…, that's my date of birth"
        return verdict.entity is not None or verdict.chains

    def _awaits_answer(self, question: Question, talk: Talk) -> bool:
        if question.entity in WORDY or question.fulfilled or question.closed is not None:
            return False
        if self._now - question.touched > ANSWER_S * self._rate:
            return False
        return not question.over(self._now, talk.between(question.touched, self._now), self._rate)

    def _span(self, one: Sensitive) -> Span:
        return Span(
            entity=str(one.entity),
            channel=one.channel,
            start=one.start,
            end=one.end,
            score=one.basis.score,
            recognizer=one.recognizer,
            action=Action.MUTE
            if one.basis is Basis.AFTER_UNHEARD
            else self._policy.rule(one.entity).action,
            reason=one.reason,
        )


def _unread(readings: Sequence[Reading], read_until: int) -> list[int]:
    """Where numbers begin that the reader may still take back.

    It has not read all that they go together with, or repeat.
    """
    found = list[int]()
    for reading in readings:
        told = [one for one in reading.verdicts if one.entity is not None]
        keys = {key for one in told if one.run.end > read_until for key in bonds(one)}
        if keys:
            found += [one.run.start for one in told if not keys.isdisjoint(bonds(one))]
    if found:
        found += [
            one.run.start
            for reading in readings
            for one in reading.verdicts
            if one.basis is Basis.KNOWN_FRAGMENT
        ]
    return found


@lru_cache(maxsize=8)
def _content(language: str) -> Remembered[bool]:
    """Whether a word says something in a language."""
    words = vocabulary(language).words
    idle = words["fillers"] | words["harmless_reply"]

    def says(text: str) -> bool:
        word = bare(text, "-")
        return len(word) > 1 and word not in idle

    return Remembered(says)


def same_cards(readings: Sequence[Reading]) -> None:
    """A card in one hearing is one in every other, wherever it begins there.

    The other lost a digit, and a number nearby explained away what was left. Where no checksum
    holds, that takes as many digits as a card has: a shorter number may be something else.
    """
    cards = [
        verdict
        for reading in readings
        for verdict in reading.verdicts
        if verdict.entity is Entity.CARD_NUMBER
    ]
    for reading in readings:
        for verdict in reading.verdicts:
            run = verdict.run
            for card in cards:
                sure = card.basis.checked or len(run.digits) > LONG
                if sure and within(run, card.run):
                    verdict.take(Entity.CARD_NUMBER, card.basis)


def _believed(
    prompt: Prompt, track: ParsedChannel, source: Source, groups: Sequence[Sequence[ParsedChannel]]
) -> bool:
    """Whether a phrase counts that a hearing brought."""
    return _supported(prompt, groups) if source is Source.AGAIN else _clear(prompt, track, groups)


def _supported(prompt: Prompt, groups: Sequence[Sequence[ParsedChannel]]) -> bool:
    """Whether a phrase of the second listening counts.

    Its prompt speaks of cards: it hears such phrases everywhere. And it drops words: "the number
    is" asks for nothing where another hearing has "the tracking number is". A phrase that explains
    numbers away counts only where another hearing has one too: "page H" was "B H".
    """
    if prompt.entity in (Entity.CARD_NUMBER, Entity.CARD_SECURITY_CODE):
        return False
    named = any(
        other is not prompt
        and other.kind is PromptKind.REFERENCE
        and other.start < prompt.end
        and prompt.start < other.end
        for tracks in groups
        for track in tracks
        if track.channel == prompt.channel
        for other in track.prompts
    )
    if prompt.kind is PromptKind.REFERENCE:
        return named
    return prompt.entity is not Entity.NUMBER_SEQUENCE or not named


def _clear(prompt: Prompt, track: ParsedChannel, groups: Sequence[Sequence[ParsedChannel]]) -> bool:
    """Whether a prompt was heard well enough, or nothing speaks against it.

    "Your other number is" of one model, unsure of it, asks for nothing where the other model
    clearly heard "your order number is". Card data and the like are asked for all the same.
    """
    if (
        prompt.kind is not PromptKind.ASK
        or prompt.entity in NEVER_ALLOWED
        or _surely(prompt, track) >= _UNSURE
    ):
        return True
    return not any(
        other.kind is PromptKind.REFERENCE
        and other.start < prompt.end
        and prompt.start < other.end
        and _surely(other, beside) >= _SURE
        for tracks in groups
        for beside in tracks
        if beside.channel == prompt.channel and beside is not track
        for other in beside.prompts
    )


def _surely(prompt: Prompt, track: ParsedChannel) -> float:
    """Least probability of a phrase's words."""
    words = track.words[prompt.first : prompt.last + 1]
    return min((word.probability for word in words), default=0.0)


def _once(prompts: Iterable[Prompt]) -> list[Prompt]:
    """The phrases of all readings, each once, in time order."""
    ordered = sorted(
        prompts,
        key=lambda prompt: (
            prompt.start,
            prompt.channel,
            prompt.kind,
            str(prompt.entity),
            prompt.end,
        ),
    )
    kept: list[Prompt] = []
    for prompt in ordered:
        twin = next(
            (
                old
                for old in reversed(kept[-8:])
                if old.channel == prompt.channel
                and old.entity is prompt.entity
                and old.kind is prompt.kind
                and prompt.start < old.end
            ),
            None,
        )
        if twin is None:
            kept.append(prompt)
    return kept


def _united(found: Iterable[Sensitive]) -> list[Sensitive]:
    """Overlapping stretches of one entity, channel and reason become one."""
    united: list[Sensitive] = []
    last: dict[tuple[Entity, int, Reason], int] = {}
    for one in sorted(found, key=lambda item: (item.start, item.end, -item.basis.score)):
        key = (one.entity, one.channel, one.reason)
        at = last.get(key)
        if at is not None and one.start <= united[at].end:
            old = united[at]
            best = one if one.basis.score > old.basis.score else old
            united[at] = replace(best, start=old.start, end=max(old.end, one.end))
        else:
            last[key] = len(united)
            united.append(one)
    return united
