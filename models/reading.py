"""Reads turns: prompts and names are carried over, recognisers run, results become spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from presidio_analyzer import RecognizerResult

from models.animals import of_an_animal
from models.answers import FILLERS, is_function, is_number
from models.impersonal import Impersonal
from models.lexicon import given_names, longest_listed
from models.memory import KEPT, LONGEST, Memory
from models.openly import VERSION, is_public, version_asked
from models.presidio import explained
from models.prompts import about_health, asked, is_about
from models.repeats import AGAIN
from models.spoken import PAUSE, Turn, turn_of
from models.turns import PAUSE_S, Spoken, Stream
from pipeline.audit import plausible
from pipeline.entities import Entity
from pipeline.numbers import read
from pipeline.policy import Policy
from pipeline.records import Interval, Span, Word
from pipeline.tokens import Flag
from pipeline.vocabulary import DEFAULT, Subject, vocabulary

ANSWER_S: Final = 12.0
"""How long after a prompt, or after the last part of its answer, an answer may come."""
LONGEST_ANSWER_S: Final = 60.0
TALK_S: Final = 45.0
"""How long what was spoken of, or asked for, may still be told."""
SPLIT_S: Final = 2.0
"""Pause inside an entity that is left audible."""
_SHORT_ASK: Final = 12
"""Tokens of the longest turn that asks for the last value again."""
_MOVES_ON: Final = 3
"""Words of content with which the asker goes on to something else."""
_WORD_S: Final = 0.35
_LETTER_S: Final = 0.09
"""The longest that a word plausibly takes (measured on telephone speech)."""
_LETTERS_S: Final = 1.2
_EARLY_S: Final = 0.3
"""How much too early the recogniser's words begin, so that they may end as much later."""
_SHORTEST_NAME: Final = 3
_UNCUED: Final = ("ner and name list", "given name and surname", "full name", "two names")
"""Patterns of names that nothing round them announces."""
_GLUED: Final = frozenset("-'.\u2019")


class Analyses(Protocol):
    """What runs the recognisers over a turn."""

    def analyze(self, turn: Turn, *, names: bool) -> list[RecognizerResult]:
        """Every result, in a fixed order."""
        ...


class ScriptedAnalyses:
    """A fake for tests: returns what was scripted, or raises it."""

    def __init__(self, results: list[RecognizerResult] | Exception) -> None:
        """Hold what ``analyze`` will say."""
        self._results = results

    def analyze(self, turn: Turn, *, names: bool) -> list[RecognizerResult]:  # noqa: ARG002
        """The scripted results, whatever the turn."""
        if isinstance(self._results, Exception):
            raise self._results
        return self._results


@dataclass(slots=True)
class _Prompt:
    entity: str
    channel: int
    sample: int
    touched: int


@dataclass(frozen=True, slots=True)
class _Placed:
    """A turn's text with the word of every character."""

    text: str = field(repr=False)
    words: tuple[tuple[int, int, Word], ...] = field(repr=False)
    fresh: int
    """Characters before this one belong to turns that were read before."""

    def between(self, start: int, end: int) -> list[Word]:
        """Words that characters ``[start, end)`` touch."""
        return [word for first, last, word in self.words if first < end and start < last]


def _again(turn: Turn, at: int) -> bool:
    """Whether a phrase begins at a token that asks again, or for more."""
    return longest_listed("asks_again", turn.all_keys, at) > 0


def _place(before: Sequence[Word], words: Sequence[Word], pause: int) -> _Placed:
    text = ""
    fresh = 0
    placed: list[tuple[int, int, Word]] = []
    for index, word in enumerate((*before, *words)):
        if index == len(before):
            fresh = len(text)
        piece = word.text.strip()
        # Whisper parts "B-A-R" before its hyphens: such pieces belong to the word before.
        glue = "" if not text or piece[:1] in _GLUED else " "
        if glue and index == len(before) and word.start - before[-1].end >= pause:
            glue = f" {PAUSE} "
        start = len(text) + len(glue)
        text += glue + piece
        placed.append((start, len(text), word))
    return _Placed(text, tuple(placed), fresh)


class TurnReader:
    """Reads the turns of one call, in order.

    Args:
        analyses: runs the recognisers.
        policy: thresholds and actions.
        sample_rate: Hz.
        channels: how many the call has; with one, both speakers are on it.
        language: of the call.
    """

    def __init__(
        self,
        analyses: Analyses,
        policy: Policy,
        sample_rate: int,
        channels: int,
        *,
        language: str = DEFAULT,
    ) -> None:
        self._analyses = analyses
        self._language = language
        self._policy = policy
        self._rate = sample_rate
        self._pause = round(PAUSE_S * sample_rate)
        self._mono = channels == 1
        self._prompts: list[_Prompt] = []
        self._known: set[str] = set()
        self._memory = Memory(sample_rate)
        self._medical = False
        self._secret: int | None = None
        self._lately: dict[tuple[str, int], int] = {}
        self._animals = False
        self._impersonal = Impersonal()
        self._last: dict[int, tuple[str, ...]] = {}

    def read(
        self,
        spoken: Spoken,
        others: Sequence[tuple[Word, ...]] = (),
    ) -> list[Span]:
        """Sensitive spans of one turn.

        Args:
            spoken: the turn.
            others: what the other channels say in turns that still go on.
        """
        placed = _place(spoken.before, spoken.words, self._pause)
        turn = turn_of(placed.text, language=self._language)
        if not turn.tokens:
            return []
        # Who has spoken of his own health may mention his dog.
        self._animals = self._animals or (not self._medical and is_about(turn, Subject.ANIMALS))
        prompts = self._found_in(turn, placed, spoken.channel)
        prompts += self._asked_again(turn, placed, spoken, prompts)
        wanted = frozenset(prompt.entity for prompt in prompts)
        self._impersonal.take(turn, wanted, medical=self._medical)
        self._medical = self._medical or about_health(turn)
        if is_about(turn, Subject.SECRETS):
            self._secret = spoken.end
        self._move_on(spoken, turn, placed, prompts)
        active = [*self._active(spoken), *self._going_on(others, spoken)]
        if self._mono:
            active += prompts
        expects = {(prompt.entity, self._from(placed, turn, prompt.sample)) for prompt in active}
        turn = turn.given(
            tuple(sorted(expects)),
            frozenset(self._known),
            medical=self._medical,
            said=self._memory.known(spoken.start),
            recent=self._memory.recent(spoken.start),
            heard=self._other_side(spoken.channel, others),
            secret=self._of_secrets(spoken.start),
            lately=self._asked_lately(spoken),
        )
        if spoken.stream is Stream.SHOWN:
            fresh = (token.key for token in turn.tokens if token.start >= placed.fresh)
            self._last[spoken.channel] = tuple(fresh)
        for prompt in active:
            prompt.touched = max(prompt.touched, spoken.end)
        self._prompts += prompts
        self._lately |= {(prompt.entity, spoken.channel): spoken.end for prompt in prompts}
        spans = self._found(turn, placed, spoken)
        if not self._medical or turn.medical:
            return spans
        # Somebody has just told of his health: what else he says of it counts from here on.
        turn = replace(turn, medical=True)
        return self._found(turn, placed, spoken)

    def _asked_lately(self, spoken: Spoken) -> frozenset[str]:
        """Entity types that the speaker was asked for not long ago; who asks may offer a date."""
        return frozenset(
            entity
            for (entity, channel), at in self._lately.items()
            if (self._mono or channel != spoken.channel)
            and spoken.start - at <= TALK_S * self._rate
        )

    def _of_secrets(self, now: int) -> bool:
        """Whether a secret may still be told that was spoken of."""
        return self._secret is not None and now - self._secret <= TALK_S * self._rate

    def _other_side(self, channel: int, others: Sequence[tuple[Word, ...]]) -> tuple[str, ...]:
        """What was said last by whom this speaker talks to; on one channel, the turn before."""
        going_on = [words for words in others if words and words[0].channel != channel]
        if going_on:
            return turn_of(_place((), going_on[-1], self._pause).text).all_keys
        if self._mono:
            return self._last.get(channel, ())
        return next((keys for other, keys in self._last.items() if other != channel), ())

    def _found(self, turn: Turn, placed: _Placed, spoken: Spoken) -> list[Span]:
        results = self._analyses.analyze(turn, names=spoken.stream is Stream.SHOWN)
        return self._spans(results, placed, turn, spoken.channel)

    # -- what was asked ----------------------------------------------------------------------

    def _found_in(self, turn: Turn, placed: _Placed, channel: int) -> list[_Prompt]:
        found: dict[tuple[str, int], _Prompt] = {}
        version = version_asked(turn)
        told = [(VERSION, version)] if version is not None else []
        for entity, last in (*asked(turn), *told):
            token = turn.tokens[last - 1]
            if token.end <= placed.fresh:
                continue
            word = placed.between(token.start, token.end)[-1]
            # Whisper lets a last word end seconds late; the answer begins long before that.
            likely = round((_WORD_S + _LETTER_S * len(word.text)) * self._rate)
            sample = min(word.end, word.start + likely)
            found[entity, sample] = _Prompt(entity, channel, sample, sample)
        return list(found.values())

    def _asked_again(
        self, turn: Turn, placed: _Placed, spoken: Spoken, prompts: list[_Prompt]
    ) -> list[_Prompt]:
        """A secret that was just said is wrong or goes on: "that's not it", "and then?"."""
        if prompts or Entity.PASSWORD not in self._memory.recent(spoken.start):
            return []
        fresh = [at for at, token in enumerate(turn.tokens) if token.start >= placed.fresh]
        if not fresh or len(fresh) > _SHORT_ASK or not any(_again(turn, at) for at in fresh):
            return []
        return [_Prompt(Entity.PASSWORD, spoken.channel, spoken.end, spoken.end)]

    def _move_on(self, spoken: Spoken, turn: Turn, placed: _Placed, prompts: list[_Prompt]) -> None:
        """Close what the speaker asked before, when he goes on to something else."""
        fresh = [token for token in turn.tokens if token.start >= placed.fresh]
        content = sum(token.key not in FILLERS and not is_number(token.key) for token in fresh)
        moves = bool(prompts) or content >= _MOVES_ON
        now = spoken.start
        self._prompts = [
            prompt
            for prompt in self._prompts
            if now - prompt.touched <= ANSWER_S * self._rate
            and now - prompt.sample <= LONGEST_ANSWER_S * self._rate
            and not (
                moves
                and not self._mono
                and prompt.channel == spoken.channel
                and prompt.sample < spoken.start
            )
            and not (self._mono and prompts and prompt.sample < spoken.start)
        ]

    def _active(self, spoken: Spoken) -> list[_Prompt]:
        return [
            prompt
            for prompt in self._prompts
            if (self._mono or prompt.channel != spoken.channel) and prompt.sample <= spoken.end
        ]

    def _going_on(self, others: Sequence[tuple[Word, ...]], spoken: Spoken) -> list[_Prompt]:
        found: list[_Prompt] = []
        for words in others:
            if not words:
                continue
            placed = _place((), words, self._pause)
            found += [
                prompt
                for prompt in self._found_in(
                    turn_of(placed.text, language=self._language), placed, words[0].channel
                )
                if prompt.sample <= spoken.end
            ]
        return found

    def _from(self, placed: _Placed, turn: Turn, sample: int) -> int:
        """First token that begins after a sample, give or take what word times are off."""
        slack = round(0.3 * self._rate)
        for index, token in enumerate(turn.tokens):
            words = placed.between(token.start, token.end)
            if words and words[0].start >= sample - slack and words[0].end > sample:
                return index
        return len(turn.tokens)

    # -- what was found ----------------------------------------------------------------------

    def _spans(
        self, results: list[RecognizerResult], placed: _Placed, turn: Turn, channel: int
    ) -> list[Span]:
        spans: dict[Span, None] = {}
        for result in results:
            rule = self._policy.rule(result.entity_type)
            least = self._policy.threshold(result.entity_type, explained(result))
            if result.end <= placed.fresh or result.score < least:
                continue
            if self._harmless(turn, result):
                continue
            words = placed.between(result.start, result.end)
            if result.entity_type == Entity.AGE_OVER_89:
                # The other side repeats it: "a hundred and two!"
                said = words[-1].end
                self._prompts.append(_Prompt(result.entity_type, channel, said, said))
            if result.entity_type == Entity.PERSON:
                if explained(result).endswith(_UNCUED) and self._names_letters(words, placed):
                    continue
                self._remember(turn, result.start, result.end)
            if result.entity_type in KEPT:
                self._keep(turn, result, words[-1].end)
            if "spelled" in explained(result):
                words = self._stretched(words, placed)
            else:
                words = [replace(word, end=self._ends(word)) for word in words]
            for start, end in self._stretches(words):
                spans[
                    Span(
                        entity=result.entity_type,
                        channel=channel,
                        start=start,
                        end=end,
                        score=round(float(result.score), 3),
                        recognizer=explained(result),
                        action=rule.action,
                    )
                ] = None
        return list(spans)

    def _harmless(self, turn: Turn, result: RecognizerResult) -> bool:
        """Whether a finding is an animal's or nobody's, or what a company says in public."""
        entity, start, end = result.entity_type, result.start, result.end
        if self._animals and of_an_animal(turn, entity, start):
            return True
        dropped = self._impersonal.drops(turn, entity, start, end)
        self._medical = self._medical or self._impersonal.told
        return dropped or is_public(turn, entity, start, end)

    def _names_letters(self, words: list[Word], placed: _Placed) -> bool:
        """Whether names stand for the letters of a code: "J as in John, 4 4 1"."""
        runs = read([word for _, _, word in placed.words], voc=vocabulary(self._language))
        codes = {
            part.word
            for run in runs
            if run.digits and Flag.SPELLED in run.flags
            for part in run.parts
        }
        return codes.issuperset(words)

    def _remember(self, turn: Turn, start: int, end: int) -> None:
        for token in turn.tokens:
            if (
                start <= token.start < end
                and len(token.key) >= _SHORTEST_NAME
                and (token.key in given_names() or not is_function(token.key))
            ):
                self._known.add(token.key)

    def _keep(self, turn: Turn, result: RecognizerResult, now: int) -> None:
        """Remember a value, or that it was said again."""
        if explained(result).endswith(AGAIN):
            self._memory.touch(result.entity_type, now)
            return
        inside = [
            index
            for index, token in enumerate(turn.tokens)
            if result.start <= token.start < result.end
        ]
        if inside and len(inside) <= LONGEST:
            self._memory.take(result.entity_type, turn, inside[0], inside[-1] + 1, now)

    def _stretched(self, words: list[Word], placed: _Placed) -> list[Word]:
        """Words with the last one as long as the pause after it: letters are heard too few."""
        last = words[-1]
        following = min(
            (word.start for _, _, word in placed.words if word.start > last.start),
            default=last.end + round(_LETTERS_S * self._rate),
        )
        end = min(max(last.end, following), last.end + round(_LETTERS_S * self._rate))
        return [*words[:-1], replace(last, end=end)]

    def _ends(self, word: Word) -> int:
        """The end of a word, which the recogniser may have stretched over a pause."""
        heard = Interval(word.start, max(word.end, word.start))
        likely = plausible(word.text, heard, self._rate).end + round(_EARLY_S * self._rate)
        return min(word.end, likely)

    def _stretches(self, words: list[Word]) -> list[tuple[int, int]]:
        """Samples of words, parted where the speaker paused for long."""
        found: list[tuple[int, int]] = []
        for word in words:
            end = max(word.end, word.start + 1)
            if found and word.start - found[-1][1] <= SPLIT_S * self._rate:
                found[-1] = (min(found[-1][0], word.start), max(found[-1][1], end))
            else:
                found.append((word.start, end))
        return found
