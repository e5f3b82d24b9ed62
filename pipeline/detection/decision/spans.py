"""From verdicts on numbers to stretches of audio: gaps, word ends, odd words, unexplained speech.

Runs are silenced, not words: the recogniser's word ends are wrong, and what it drops inside a
number is spoken all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pipeline.detection.dialogue.backchannels import Replies
from pipeline.detection.dialogue.model import Reading, Verdict
from pipeline.detection.dialogue.questions import LONG, WORDY, Question
from pipeline.detection.hypotheses.agreement import Witnesses, comparable
from pipeline.detection.hypotheses.fusion import ParsedChannel
from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.composition import Part
from pipeline.detection.numbers.runs import NumberRun
from pipeline.detection.numbers.tokens import is_glue, nearly_numbers
from pipeline.policy.model import UnexplainedRule
from pipeline.records.entities import Entity
from pipeline.records.model import Interval, Reason, Word
from pipeline.records.scores import Basis

_DIGIT_S: Final = 0.35
"""A digit lasts at least about this long, whatever the recogniser says."""
_SILENT_GAP_S: Final = 15.0
"""Between two pieces of a number without a word between them, all is silenced up to this."""
_SPOKEN_GAP_S: Final = 5.0
_SPOKEN_GAP_WORDS: Final = 2
_ODD_WORDS: Final = 3
"""The longest island of odd words beside a number that may be digits heard wrongly."""
_ODD_NEAR_S: Final = 1.5
_PAUSE_S: Final = 0.5
_ANSWER_S: Final = 12.0
_LEAST_AFTER_CARD: Final = 3
"""An answer after card data of fewer digits has lost some: its whole turn is silenced."""
_PLAIN: Final = 1
_STRANGE: Final = 2
_LONGEST_ODD: Final = 5
"""A digit heard wrongly becomes a short word."""
_AGREED: Final = 0.8
"""From this probability on a word that both models wrote is what it says, also beside a number of
which is known how many digits it lacks. Models that learnt alike mishear alike: "too fun" was "two
one" for both, at 0.6."""
_BESIDE: Final = 8
"""The most words beside a number that are looked at."""
_FULL: Final = {
    Entity.CARD_NUMBER: 15,
    Entity.CARD_SECURITY_CODE: 3,
    Entity.US_SSN: 9,
    Entity.PHONE_NUMBER: 10,
    Entity.BANK_ROUTING: 9,
    Entity.ZIP_CODE: 5,
    Entity.CARD_EXPIRY: 4,
}
"""Digits of a complete value; with all of them there, no odd word is suspected."""
_LONGEST: Final = _FULL | {Entity.CARD_NUMBER: 16}
"""The same for what was nearly a number: of most cards fifteen digits are not all."""


@dataclass(frozen=True, slots=True)
class Sensitive:
    """A stretch of one channel before the policy is asked."""

    entity: Entity
    channel: int
    start: int
    end: int
    basis: Basis
    reason: Reason = Reason.RECOGNISED

    @property
    def recognizer(self) -> str:
        """As its span names it."""
        return self.basis.recognizer(self.entity)


class Spreader:
    """Widens numbers to the audio that has to be silent."""

    def __init__(
        self, rate: int, rule: UnexplainedRule, voc: Vocabulary, witnesses: Witnesses
    ) -> None:
        self._rate = rate
        self._rule = rule
        self._voc = voc
        self._witnesses = witnesses

    def spread(self, tracks: Sequence[ParsedChannel], reading: Reading) -> list[Sensitive]:
        """The stretches of one reading."""
        found: list[Sensitive] = []
        for track in tracks:
            verdicts = [
                verdict
                for verdict in reading.verdicts
                if verdict.entity is not None and verdict.run.channel == track.channel
            ]
            if not verdicts:
                continue
            replies = Replies(track, reading, self._voc, self._rate, self._witnesses)
            for verdict in verdicts:
                found += self._whole(track, verdict, replies)
            for left, right in pairwise(verdicts):
                gap = self._gap(track, left, right)
                if gap is not None and not replies.between(
                    left, left.run.parts[-1], right.run.parts[0]
                ):
                    found.append(gap)
            if self._rule.mute:
                for verdict in verdicts:
                    found += self._odd(track, verdict)
        if self._rule.mute:
            for question in reading.questions:
                found += self._odd_answers(tracks, question)
        return found

    def unexplained(
        self,
        intervals: Sequence[Sequence[Interval]],
        sensitive: Sequence[Sensitive],
        readings: Iterable[Reading],
    ) -> list[Sensitive]:
        """Speech without a word, near a sensitive number or where an answer is awaited."""
        if not self._rule.mute:
            return []
        near = self._rule.within_ms * self._rate // 1_000
        questions = [
            question for reading in readings for question in reading.questions if _numeric(question)
        ]
        found: list[Sensitive] = []
        for channel, gaps in enumerate(intervals):
            beside = [one for one in sensitive if one.channel == channel]
            for gap in gaps:
                entity = next(
                    (
                        one.entity
                        for one in beside
                        if gap.start <= one.end + near and one.start - near <= gap.end
                    ),
                    None,
                ) or next(
                    (
                        question.entity
                        for question in questions
                        if self._awaited(question, gap.start)
                    ),
                    None,
                )
                if entity is not None:
                    found.append(_suspect(entity, channel, gap.start, gap.end, Basis.WORDLESS))
        return found

    def _whole(self, track: ParsedChannel, verdict: Verdict, replies: Replies) -> list[Sensitive]:
        """A run, without what was said between its groups by all that was heard."""
        run = verdict.run
        entity = verdict.entity or Entity.NUMBER_SEQUENCE
        pieces: list[tuple[Part, ...]] = []
        first = 0
        for at in range(1, len(run.parts)):
            before, after = run.parts[at - 1], run.parts[at]
            talk = self._witnesses.ordinary(track.channel, before.word.end, after.word.start)
            if talk > _SPOKEN_GAP_WORDS or replies.between(verdict, before, after):
                pieces.append(run.parts[first:at])
                first = at
        pieces.append(run.parts[first:])
        lost = len(run.digits) < _LEAST_AFTER_CARD and verdict.basis is Basis.AFTER_CARD
        if verdict.turn is not None and lost:
            return [self._turn(track, verdict, entity)]
        bounds = [[parts[0].word.start, self._end(track, parts)] for parts in pieces]
        bounds[0][0] = self._witnesses.start(run, track.words)
        bounds[-1][1] = self._witnesses.end(run, track.words, bounds[-1][1])
        return [
            Sensitive(entity, run.channel, start, end, verdict.basis)
            for start, end in bounds
            if start < end
        ]

    @staticmethod
    def _turn(track: ParsedChannel, verdict: Verdict, entity: Entity) -> Sensitive:
        """The whole of a short turn of which nobody knows the prompt: "Well, 32" is "12 32"."""
        words = track.words[verdict.turn[0] : verdict.turn[1] + 1] if verdict.turn else ()
        start, end = words[0].start, max(word.end for word in words)
        return Sensitive(entity, track.channel, start, end, verdict.basis)

    def _end(self, track: ParsedChannel, parts: Sequence[Part]) -> int:
        """The end of a run or piece: the recogniser's ends come too early."""
        end = max(part.word.end for part in parts)
        last = parts[-1]
        least = last.word.start + round(_DIGIT_S * self._rate) * len(last.digits)
        following = last.index + 1
        if least > end:
            room = track.words[following].start if following < len(track.words) else least
            end = max(end, min(least, room))
        return end

    def _gap(self, track: ParsedChannel, left: Verdict, right: Verdict) -> Sensitive | None:
        """What lies between two pieces of one number, unless something harmless was said."""
        same = left.question is right.question and left.chain == right.chain
        same = same and (left.question is not None or left.chain > 0)
        length = right.run.start - left.run.end
        heard = self._witnesses.ordinary(track.channel, left.run.end, right.run.start)
        between = max(right.run.first - left.run.last - 1, heard)
        silent = between <= 0 and length <= _SILENT_GAP_S * self._rate
        spoken = between <= _SPOKEN_GAP_WORDS and length <= _SPOKEN_GAP_S * self._rate
        if length <= 0 or not same or not (silent or spoken):
            return None
        entity = left.entity or Entity.NUMBER_SEQUENCE
        weaker = min(left.basis, right.basis, key=lambda one: one.score)
        return Sensitive(entity, track.channel, left.run.end, right.run.start, weaker)

    def _odd(self, track: ParsedChannel, verdict: Verdict) -> list[Sensitive]:
        """Short islands of odd words directly before and after a number."""
        entity = verdict.entity or Entity.NUMBER_SEQUENCE
        if entity is Entity.STREET_ADDRESS:
            return []  # the street's name stands there
        long = entity is Entity.NUMBER_SEQUENCE and len(verdict.run.digits) >= LONG
        value = Entity.CARD_NUMBER if long else entity  # nobody asked, and it may be one
        alone = verdict.question is None and not verdict.chain and not long
        asked = {index for one in track.prompts for index in range(one.first, one.last + 1)}
        found: list[Sensitive] = []
        for edge, step in ((verdict.run.last, 1), (verdict.run.first, -1)):
            count = self._in_breath(verdict.run, step) if long else len(verdict.run.digits)
            short = self._falls_short(verdict, count, _FULL.get(value))
            lacking = self._falls_short(verdict, count, _LONGEST.get(entity))
            sure = _AGREED if short and value in _FULL else 0.0
            beside = self._beside(track.words, edge, step, asked)
            rows = [self._numbers(beside, sure=sure)] if lacking else []
            if not alone:  # a fragment is read back amid other words
                doubts = [self._doubt(word, short=short, sure=sure) for word in beside]
                rows.append(_island(beside, doubts))
                if short:
                    rows.append(_island(beside, _repeated(beside, doubts)))
            found += [
                _suspect(entity, track.channel, word.start, word.end, Basis.ODD_WORD)
                for word in max(rows, key=len, default=[])
            ]
        return found

    def _beside(self, words: Sequence[Word], edge: int, step: int, asked: set[int]) -> list[Word]:
        """Words from a number on outward, as far as they may belong to it: to a pause or prompt."""
        found: list[Word] = []
        at, previous = edge + step, words[edge]
        while 0 <= at < len(words) and at not in asked and len(found) < _BESIDE:
            word = words[at]
            gap = word.start - previous.end if step > 0 else previous.start - word.end
            if gap > (_PAUSE_S if found else _ODD_NEAR_S) * self._rate:
                break
            found.append(word)
            previous = word
            at += step
        return found

    @staticmethod
    def _falls_short(verdict: Verdict, count: int, full: int | None) -> bool:
        """Whether digits are missing of a value of so many; of one of any length always."""
        run, question = verdict.run, verdict.question
        if question is not None:
            # What the asking side reads back is complete only when that side has said all of it.
            given = (
                question.given[run.channel]
                if run.channel == question.channel
                else question.answered
            )
            count = max(count, given)
            told = max(
                (n for side, n in question.given.items() if side != question.channel), default=0
            )
            if run.channel == question.channel and told and count >= max(question.need, told):
                return False  # all of it was read back
        return full is None or count < full

    def _in_breath(self, run: NumberRun, step: int) -> int:
        """Digits of a run at one edge, up to a pause: a code may follow a card's number there."""
        pauses = [
            at
            for at, (before, after) in enumerate(pairwise(run.parts), 1)
            if after.word.start - before.word.end > _ODD_NEAR_S * self._rate
        ]
        last, first = max(pauses, default=0), min(pauses, default=len(run.parts))
        parts = run.parts[last:] if step > 0 else run.parts[:first]
        return sum(len(part.digits) for part in parts)

    def _numbers(self, beside: Sequence[Word], *, sure: float) -> list[Word]:
        """Words beside a number up to the last that was nearly one, behind no ordinary word."""
        length = 0
        for at, (word, nearly) in enumerate(
            zip(beside, nearly_numbers(beside, self._voc), strict=True)
        ):
            if nearly:
                length = at + 1
            elif not (self._doubt(word, short=True, sure=sure) or is_glue(word.text, self._voc)):
                break
        return [*beside[:length]]

    def _doubt(self, word: Word, *, short: bool, sure: float = 0.0) -> int:
        """How much a word may be a digit heard wrongly: not at all, by its look, or surely odd.

        Args:
            word: beside a number.
            short: whether the number lacks digits.
            sure: from which probability on a word is ordinary that both models wrote.
        """
        text = comparable(word.text)
        number = text in self._voc.homophones or text in self._voc.near_digits
        agreed = word.probability >= sure and self._witnesses.agree(word)
        if not number and text not in self._voc.words["odd"] and agreed:
            return 0
        if word.probability < self._rule.unsure_below:
            return _STRANGE
        if not short or not text or text in self._voc.words["corrections"]:
            return 0
        if number:
            return _STRANGE
        if text in self._voc.words["odd"]:
            return _PLAIN
        strange = text not in self._voc.words["safe"] and len(text) <= _LONGEST_ODD
        return _STRANGE if strange else 0

    def _odd_answers(self, tracks: Sequence[ParsedChannel], question: Question) -> list[Sensitive]:
        """An answer that holds no digit at all, but an odd word or two: "What?"."""
        if not _numeric(question) or question.answered:
            return []
        found: list[Sensitive] = []
        for track in tracks:
            if track.channel == question.channel and len(tracks) > 1:
                continue
            words = [
                word for word in track.words if self._awaited(question, word.start) and word.end > 0
            ]
            if not words or len(words) > _ODD_WORDS:
                continue
            nearly = zip(words, nearly_numbers(words, self._voc), strict=True)
            if all(near or self._doubt(word, short=True) for word, near in nearly):
                start, end = words[0].start, words[-1].end
                found.append(_suspect(question.entity, track.channel, start, end, Basis.ODD_WORD))
        return found

    def _awaited(self, question: Question, at: int) -> bool:
        """Whether an answer that is still incomplete may be heard at a sample."""
        slack = round(_PAUSE_S * self._rate)
        if not question.asked_until - slack <= at:
            return False
        last = max(question.touched, question.asked_until) + round(_ANSWER_S * self._rate)
        if question.closed is not None:
            last = min(last, question.closed)
        return at <= last and question.answered < _FULL.get(question.entity, question.need)


def _island(beside: list[Word], doubts: Sequence[int]) -> list[Word]:
    """Odd words beside a number, which ``beside`` begins at, by how odd each is.

    Words that are ordinary too ("the", "so") count only where a pause bounds them; others count up
    to the next ordinary word.
    """
    odd = next((at for at, doubt in enumerate(doubts) if not doubt), len(doubts))
    bounded = odd == len(doubts) or _PLAIN not in doubts[:odd]
    return beside[:odd] if bounded and odd <= _ODD_WORDS else []


def _repeated(beside: Sequence[Word], doubts: Sequence[int]) -> list[int]:
    """The same, where an unsure word that is said twice in a row is odd: "full full" is "4 4"."""
    texts = [comparable(word.text) for word in beside]
    twice = {one for one, other in pairwise(texts) if one == other and one}
    return [
        _STRANGE if text in twice and word.probability < _AGREED else doubt
        for word, text, doubt in zip(beside, texts, doubts, strict=True)
    ]


def _numeric(question: Question) -> bool:
    return question.entity not in WORDY and question.entity is not Entity.STREET_ADDRESS


def _suspect(entity: Entity, channel: int, start: int, end: int, basis: Basis) -> Sensitive:
    return Sensitive(entity, channel, start, end, basis, Reason.UNEXPLAINED)
