"""Reads the turns of a call in order: what the encoder holds of each word, and what forms tell."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from presidio_analyzer import RecognizerResult

from models.reader.encoder import Kept, Reading
from models.reader.inputs import LABELS, LONGEST, LOOKED_BACK
from models.registry.analyzer import found_by
from models.text.turn import PAUSE, Turn, turn_of
from models.text.turn_segmentation import PAUSE_S, Spoken, Stream
from pipeline.detection.decision.opinions import Opinion, Opinions
from pipeline.detection.dialogue.questions import LONG
from pipeline.detection.language.vocabulary import DEFAULT
from pipeline.errors import ModelError
from pipeline.policy.model import Policy
from pipeline.records.entities import Entity
from pipeline.records.model import Action, Interval, Role, Span, Word
from pipeline.records.scores import FoundBy, Recognizer
from pipeline.transcription.word_timing import plausible

FLOOR: Final = 0.1
"""Probability from which a word is noted for those who ask what another threshold would do."""
SPLIT_S: Final = 2.0
"""Pause inside an entity that is left audible."""
_READER: Final = FoundBy(Recognizer.READER.value)
_EARLY_S: Final = 0.3
"""How much too early the recogniser's words begin, so that they may end as much later."""
_LETTERS_S: Final = 1.2
"""The longest that the last letter of something spelled goes on into the pause after it: of
letters too few are heard."""
_GLUED: Final = frozenset("-'.\u2019")
_LOOKED_BACK_S: Final = 120.0
_ROUNDING: Final = 1e-4
_MENTIONED: Final = 0.02
"""Probability from which a type is told of a word."""
_LIKELY: Final = 0.5
_BELIEVED: Final = 0.2
"""Probability of the recogniser of speech from which a word tells what was said."""
_SAME: Final = 0.25
"""Probability from which a word goes on with the entity before it, though another is likelier."""


class Analyses(Protocol):
    """What runs the recognisers over a turn."""

    def analyze(self, turn: Turn) -> list[RecognizerResult]:
        """Every result, in a fixed order."""
        ...


class Reads(Protocol):
    """What reads turns, such as ``models.reader.encoder.Encoder``."""

    def read(self, turn: Turn, role: Role, before: tuple[Kept, ...] = ()) -> Reading:
        """Read a turn behind what was read before."""
        ...


class ScriptedAnalyses:
    """A fake for tests: returns what was scripted, or raises it."""

    def __init__(self, results: list[RecognizerResult] | Exception) -> None:
        """Hold what ``analyze`` will say."""
        self._results = results

    def analyze(self, turn: Turn) -> list[RecognizerResult]:  # noqa: ARG002
        """The scripted results, whatever the turn."""
        if isinstance(self._results, Exception):
            raise self._results
        return self._results


class ScriptedReads:
    """A fake for tests: holds words for what was scripted.

    Args:
        words: of each word in lower case, its type and the probability of it.
    """

    def __init__(self, words: dict[str, tuple[str, float]] | None = None) -> None:
        self._words = words or {}

    def read(self, turn: Turn, role: Role, before: tuple[Kept, ...] = ()) -> Reading:  # noqa: ARG002
        """What was scripted; anything else is harmless."""
        found = np.zeros((len(turn.tokens), len(LABELS)), np.float32)
        for row, key in zip(found, turn.all_keys, strict=True):
            entity, probability = self._words.get(key, (LABELS[1], 0.0))
            row[LABELS.index(entity)] = probability
            row[0] = 1 - probability
        return Reading(found)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A turn's text with the word of every character."""

    text: str = field(repr=False)
    words: tuple[tuple[int, int, Word], ...] = field(repr=False)
    fresh: int = 0
    """Characters before this one belong to turns that were read before."""

    def between(self, start: int, end: int) -> list[Word]:
        """Words that characters ``[start, end)`` touch."""
        first = bisect_right(self.words, start, key=itemgetter(1))
        stop = bisect_left(self.words, end, key=itemgetter(0))
        return [word for _, _, word in self.words[first:stop]]


def place(before: Sequence[Word], words: Sequence[Word], pause: int) -> _Placed:
    """The text of words, the first ones as what was said before.

    Args:
        before: words of earlier turns of the channel.
        words: of the turn.
        pause: samples between the two from which a pause stands in the text.
    """
    text = ""
    fresh = 0
    placed: list[tuple[int, int, Word]] = []
    for index, word in enumerate((*before, *words)):
        if index == len(before):
            fresh = len(text)
        piece = word.text.strip()
        # Whisper parts "B-A-R" before its hyphens: such pieces belong to the word before.
        glue = "" if not text or piece[:1] in _GLUED else " "
        if glue and index and index == len(before) and word.start - before[-1].end >= pause:
            glue = f" {PAUSE} "
        start = len(text) + len(glue)
        text += glue + piece
        placed.append((start, len(text), word))
    return _Placed(text, tuple(placed), fresh)


@dataclass(slots=True)
class _Said:
    """A turn of the main hearing that was read."""

    channel: int
    start: int
    end: int
    kept: tuple[Kept, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Found:
    """Tokens ``[first, last)`` of one turn that are one entity."""

    entity: str
    first: int
    last: int
    score: float


class TurnReader:
    """Reads the turns of one call, in order.

    Args:
        reads: the encoder.
        analyses: runs the recognisers.
        policy: thresholds and actions.
        sample_rate: Hz.
        roles: who speaks on each channel.
        language: of the call.
        opinions: where what it holds of words is kept; its own without.
    """

    def __init__(
        self,
        reads: Reads,
        analyses: Analyses,
        policy: Policy,
        sample_rate: int,
        roles: Sequence[Role],
        *,
        language: str = DEFAULT,
        opinions: Opinions | None = None,
    ) -> None:
        self._reads = reads
        self._analyses = analyses
        self._language = language
        self._policy = policy
        self._rate = sample_rate
        self._pause = round(PAUSE_S * sample_rate)
        self._roles = tuple(roles)
        self._said: list[_Said] = []
        every = np.array([bool(at) for at in range(len(LABELS))])
        muted = np.array([policy.rule(label).action is Action.MUTE for label in LABELS]) & every
        columns = (np.flatnonzero(muted), np.flatnonzero(every))
        self._columns = [(one, {LABELS[at] for at in one}) for one in columns if len(one)]
        """Of the labels, those that the policy mutes, and all; what is muted goes first."""
        self.opinions = opinions or Opinions(len(self._roles))
        self.candidates: list[Span] = []
        """Words of some probability, and results below their threshold; whoever takes them empties
        it."""

    def read(self, spoken: Spoken, others: Sequence[tuple[Word, ...]] = ()) -> list[Span]:
        """Sensitive spans of one turn.

        Args:
            spoken: the turn.
            others: what the other channels say in turns that still go on.
        """
        return [*self._told(spoken, others), *self._formed(spoken)]

    def ordinary(self, spoken: Spoken) -> list[Word]:
        """The words of a turn that was read, but for what the reader holds for medicines.

        They are in no list of words, and no sign of another language.
        """
        return [word for word in spoken.words if not self._is_medicine(word)]

    def _is_medicine(self, word: Word) -> bool:
        held = self.opinions.of(word)
        return held is not None and held.types.get(Entity.MEDICATION, 0.0) >= _LIKELY

    def forget(self, before: int) -> None:
        """Drop what is no longer looked at once everything before a sample was released."""
        self.opinions.forget(before)
        horizon = before - round(_LOOKED_BACK_S * self._rate)
        self._said = [one for one in self._said if one.end >= horizon]

    # -- what words mean ---------------------------------------------------------------------

    def _told(self, spoken: Spoken, others: Sequence[tuple[Word, ...]]) -> list[Span]:
        placed = place((), spoken.words, self._pause)
        turn = turn_of(placed.text, language=self._language)
        if not turn.tokens:
            return []
        before = self._before(spoken)
        for words in others:
            if words:
                going_on = turn_of(place((), words, self._pause).text, language=self._language)
                before += self._reads.read(going_on, self._roles[words[0].channel], before).kept
        reading = self._reads.read(turn, self._roles[spoken.channel], before)
        if not np.isfinite(reading.probabilities).all():
            raise ModelError("the reader gave no probabilities")
        if spoken.stream is Stream.SHOWN:
            self._keep(_Said(spoken.channel, spoken.begins, spoken.ends, reading.kept))
        self._hold(turn, placed, reading, spoken.channel)
        self._note(turn, placed, reading)
        return [
            self._span(found.entity, words, found.score, _READER)
            for found in self._entities(turn, reading)
            for words in self._parted(turn, placed, found)
        ]

    def _before(self, spoken: Spoken) -> tuple[Kept, ...]:
        """What was said before a turn; not the turn itself as the main hearing has it."""
        return tuple(
            kept
            for one in self._said
            if one.start < spoken.begins
            and not (one.channel == spoken.channel and one.end > spoken.begins)
            for kept in one.kept
        )

    def _keep(self, said: _Said) -> None:
        self._said.append(said)
        self._said.sort(key=lambda one: (one.start, one.channel))
        # What no later turn has room to look back on.
        room = LOOKED_BACK + LONGEST
        for at in range(len(self._said) - 1, -1, -1):
            room -= sum(map(len, self._said[at].kept))
            if room < 0:
                del self._said[:at]
                return

    def _hold(self, turn: Turn, placed: _Placed, reading: Reading, channel: int) -> None:
        for token, row in zip(turn.tokens, reading.probabilities, strict=True):
            types = {LABELS[at]: float(row[at]) for at in np.flatnonzero(row > _MENTIONED) if at}
            for word in placed.between(token.start, token.end):
                heard = Interval(word.start, max(word.end, word.start + 1))
                sure = word.probability >= _BELIEVED
                said = plausible(word.text, heard, self._rate).end if sure else word.start
                secret = 1 - float(row[0])
                self.opinions.add(
                    channel, Opinion(heard.start, heard.end, word.hearing, secret, types, said)
                )

    def _note(self, turn: Turn, placed: _Placed, reading: Reading) -> None:
        """Note every word that a threshold down to ``FLOOR`` would have."""
        # No type is likelier than all of them: few words are left to look at.
        some = np.flatnonzero(reading.probabilities[:, 0] <= 1 - FLOOR + _ROUNDING)
        if not len(some):
            return
        columns, _ = self._columns[0]
        muted = reading.probabilities[some].take(columns, axis=1)
        likeliest = columns[muted.argmax(axis=1)].tolist()
        for at, secret, label in zip(some, muted.sum(axis=1).tolist(), likeliest, strict=True):
            token = turn.tokens[at]
            if secret >= FLOOR and (words := placed.between(token.start, token.end)):
                self.candidates.append(self._span(LABELS[label], words, secret, _READER))

    def _entities(self, turn: Turn, reading: Reading) -> Iterator[_Found]:
        """Runs of words whose probability reaches the policy's threshold, of one type each.

        A run ends where a sentence does.
        """
        found: _Found | None = None
        for at, row in enumerate(reading.probabilities):
            before = found if found is not None and found.last == at else None
            if before is not None and turn.tokens[at - 1].stops:
                before = None
            one = self._counted(at, row, before)
            if one is None:
                continue
            # Where every word counts, as for a curve over thresholds, each has its own score.
            least = self._policy.threshold(one.entity, Recognizer.READER)
            if before is not None and before.entity == one.entity and least > 0:
                found = replace(before, last=at + 1, score=max(before.score, one.score))
                continue
            if found is not None:
                yield found
            found = one
        if found is not None:
            yield found

    def _counted(self, at: int, row: NDArray[np.float32], before: _Found | None) -> _Found | None:
        """A word as an entity of its own, if its probability reaches the threshold.

        It is of the type of the entity before it, where it may go on with that.
        """
        for columns, labels in self._columns:
            secret = float(row[columns].sum())
            named = entity = LABELS[columns[int(row[columns].argmax())]]
            if before is not None and before.entity in labels:
                goes_on = row[LABELS.index(before.entity)] >= _SAME * secret
                named = before.entity if goes_on else entity
            # What it is called makes nothing audible.
            if secret >= min(
                self._policy.threshold(one, Recognizer.READER) for one in (entity, named)
            ):
                return _Found(named, at, at + 1, secret)
        return None

    def _parted(self, turn: Turn, placed: _Placed, found: _Found) -> list[list[Word]]:
        """The words of an entity, parted where the speaker paused for long."""
        start, end = turn.tokens[found.first].start, turn.tokens[found.last - 1].end
        parts: list[list[Word]] = []
        for word in map(self._cut, placed.between(start, end)):
            if parts and word.start - parts[-1][-1].end <= SPLIT_S * self._rate:
                parts[-1].append(word)
            else:
                parts.append([word])
        last = turn.tokens[found.last - 1].key
        if parts and len(last) == 1 and last.isalpha():
            parts[-1][-1] = self._drawn_out(parts[-1][-1], placed)
        return parts

    # -- what forms tell ---------------------------------------------------------------------

    def _formed(self, spoken: Spoken) -> Iterator[Span]:
        placed = place(spoken.before, spoken.words, self._pause)
        turn = turn_of(placed.text, language=self._language)
        if not turn.tokens:
            return
        for result in self._analyses.analyze(turn):
            if result.end <= placed.fresh:
                continue
            words = [self._cut(word) for word in placed.between(result.start, result.end)]
            entity, score, by = result.entity_type, float(result.score), found_by(result)
            if self._explained(entity, words):
                continue
            if score >= self._policy.threshold(entity, by.recognizer):
                yield self._span(entity, words, score, by)
            elif words:
                self.candidates.append(self._span(entity, words, score, by))

    def _explained(self, entity: str, words: Sequence[Word]) -> bool:
        """Whether the reader is sure that four numbers with dots between are no address.

        Any number that is told in four pairs may be written so.
        """
        if entity != Entity.IP_ADDRESS:
            return False
        figures = sum(sign.isdecimal() for word in words for sign in word.text)
        return figures < LONG and self.opinions.harmless(words, self._policy.reader.payment_below)

    # -- where it is -------------------------------------------------------------------------

    def _span(self, entity: str, words: Sequence[Word], score: float, by: FoundBy) -> Span:
        if not words:
            raise ValueError("a form that is empty: it holds no words")
        start, end, channel = words[0].start, words[0].end, words[0].channel
        for word in words[1:]:
            start, end = min(start, word.start), max(end, word.end)
        action = self._policy.rule(entity).action
        return Span(entity, channel, start, end, round(score, 3), str(by), action)

    def _cut(self, word: Word) -> Word:
        """A word that the recogniser of speech may have stretched over a pause."""
        heard = Interval(word.start, max(word.end, word.start))
        likely = plausible(word.text, heard, self._rate).end + round(_EARLY_S * self._rate)
        return replace(word, end=max(min(word.end, likely), word.start + 1))

    def _drawn_out(self, last: Word, placed: _Placed) -> Word:
        """A last letter as long as the pause after it."""
        longest = last.end + round(_LETTERS_S * self._rate)
        after = [word.start for _, _, word in placed.words if word.start > last.start]
        return replace(last, end=min(max(last.end, min(after, default=longest)), longest))
