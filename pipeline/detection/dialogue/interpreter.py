"""What each number of one reading of a call is: answers, chains, fragments, or harmless.

A reading is one hearing of all channels. :func:`interpret` walks over its numbers and over the
phrases of every reading in the order of time. It is a pure function of what was heard, so that
the same words always bring the same verdicts. Outcomes: a :class:`Reading`; it raises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from pipeline.detection.dialogue.context import Surroundings, cut
from pipeline.detection.dialogue.model import CARD_DATA, HARMLESS, Reading, Verdict
from pipeline.detection.dialogue.number_chains import TOPIC_S, Chains, join_strays
from pipeline.detection.dialogue.questions import (
    DATED,
    LONG,
    LONG_NEED,
    QUEUE_S,
    REFERENCE_DONE,
    REFERENCE_S,
    REFERENCE_TALK,
    WORDY,
    Question,
)
from pipeline.detection.dialogue.reopening import reopened, waits_for
from pipeline.detection.dialogue.retrospect import join_alike, take_back
from pipeline.detection.language.prompts import Prompt
from pipeline.detection.language.vocabulary import PromptKind
from pipeline.detection.numbers.amounts import decimal, parted, price, with_cents
from pipeline.detection.numbers.birth_dates import birth_date, old_figures
from pipeline.detection.numbers.formats import shaped, toll_free, written
from pipeline.detection.numbers.runs import NumberRun
from pipeline.detection.numbers.tokens import Flag
from pipeline.records.checksums import aba, card_brand, luhn
from pipeline.records.entities import Entity
from pipeline.records.model import Hearing
from pipeline.records.scores import Basis

_FRAGMENT: Final = 4
_SPELLED_CODE: Final = 5
"""Characters of the shortest code whose letters are spelled with stand-ins; one more where it is
one letter, since "Delta eleven sixty two" is a flight."""
_OWN_CODE: Final = 6
"""Characters of the shortest code that is taken for the customer's own, said in so many pieces:"""
_OWN_PARTS: Final = 5
_SPELLED_NAME: Final = 3
_BRIEF: Final = 6
"""Digits of the longest extension."""
_SAME_BREATH: Final = 2
"""Words of content between "your order number is" and the number."""
_GIVEN: Final = 2
"""Digits with which a side begins to answer."""
_AFTER_CARD_S: Final = 30.0
"""Seconds after card data for which a short number that nobody explained is taken for more."""
_BREATH_S: Final = 8.0
_EXPIRY: Final = 10
"""Digits of month, year and a security code at most."""
_DATE: Final = frozenset({Flag.DATE, Flag.YEAR, Flag.ORDINAL})


def interpret(look: Surroundings, customers: frozenset[int]) -> Reading:
    """Judge every run of one reading.

    Args:
        look: the reading, and the phrases of all readings around it.
        customers: channels of customers.
    """
    return _Walk(look, customers).walk()


class _Walk:
    def __init__(self, look: Surroundings, customers: frozenset[int]) -> None:
        self._customers = customers
        self._look = look
        self._tracks = look.tracks
        self._rate = look.rate
        self._talk = look.talk
        self._active: list[Question] = []
        self._reference: Prompt | None = None
        self._reference_until = 0
        self._reference_given: dict[int, list[str]] = {}
        self._card_topic = -1
        self._bank_topic = -1
        self._chains = Chains(look.rate, look.talk)
        self._card_data = -1
        self._result = Reading()
        asked = [
            prompt for prompt in look.heard if prompt.kind in (PromptKind.ASK, PromptKind.TOPIC)
        ]
        again = [prompt for prompt in look.heard if prompt.kind is PromptKind.AGAIN]
        references = [prompt for prompt in look.heard if prompt.kind is PromptKind.REFERENCE]
        runs = [run for track in look.tracks.values() for run in cut(track, asked, references)]
        events: list[tuple[int, int, Prompt | NumberRun]] = []
        events += [(prompt.start, 0, prompt) for prompt in [*asked, *references, *again]]
        events += [(run.start, 1, run) for run in runs]
        self._events = sorted(events, key=lambda event: event[:2])

    def walk(self) -> Reading:
        for _, _, event in self._events:
            if isinstance(event, Prompt):
                self._phrase(event)
            else:
                self._take(event)
        self._chains.end(self._card_topic)
        ends = [track.words[-1].end for track in self._tracks.values() if track.words]
        now = max(ends, default=0)
        take_back(self._result, lambda question: self._is_over(question, now))
        join_alike(self._result)
        join_strays(self._result, self._look, self._tracks, self._rate)
        return self._result

    # -- phrases -----------------------------------------------------------------------------

    def _phrase(self, prompt: Prompt) -> None:
        if prompt.kind is PromptKind.TOPIC:
            if prompt.entity is Entity.CARD_NUMBER:
                self._card_topic = prompt.end
            else:
                self._bank_topic = prompt.end
            return
        self._drop_over(prompt.start)
        if prompt.kind is PromptKind.AGAIN:
            question = None
            if self._reference is None:
                question = reopened(self._result.questions, self._active, prompt, self._rate)
            if question is not None:
                self._active.append(question)
                self._result.questions.append(question)
            return
        if prompt.kind is PromptKind.REFERENCE:
            self._chains.end(self._card_topic)
            self._close(
                [question for question in self._active if question.answered],
                prompt.start,
                keep_cards=True,
            )
            self._reference, self._reference_until = prompt, prompt.end
            self._reference_given = {}
            return
        self._question(prompt)

    def _question(self, prompt: Prompt) -> None:
        again = next(
            (question for question in self._active if question.entity is prompt.entity), None
        )
        if again is not None and not again.fulfilled:
            again.asked_until = again.touched = max(again.touched, prompt.end)
            self._active.remove(again)
            self._active.append(again)
        else:
            late = prompt.start - round(QUEUE_S * self._rate)
            moved_on = prompt.entity not in WORDY
            ended = [
                question
                for question in self._active
                if question.fulfilled
                or (not question.answered and question.opened <= late)
                or (question.halfway and moved_on and question.need < LONG_NEED)
            ]
            self._close(ended, prompt.start, keep_cards=False)
            question = Question.of(self._specific(prompt))
            self._active.append(question)
            self._result.questions.append(question)
        self._chains.end(self._card_topic)
        self._reference = None
        if prompt.entity in (Entity.BANK_ROUTING, Entity.BANK_ACCOUNT):
            self._bank_topic = prompt.end
        if prompt.entity is Entity.CARD_NUMBER:
            self._card_topic = prompt.end

    def _specific(self, prompt: Prompt) -> Prompt:
        """An "account number" is a bank's where the talk is of checks."""
        near = 0 <= prompt.start - self._bank_topic < TOPIC_S * self._rate and self._bank_topic >= 0
        if prompt.entity is Entity.ACCOUNT_NUMBER and near:
            return replace(prompt, entity=Entity.BANK_ACCOUNT)
        return prompt

    def _close(self, questions: list[Question], at: int, *, keep_cards: bool) -> None:
        for question in questions:
            if keep_cards and question.entity is Entity.CARD_NUMBER and question.halfway:
                continue
            question.closed = at
            self._active.remove(question)

    def _drop_over(self, at: int) -> None:
        for question in list(self._active):
            if self._is_over(question, at):
                question.closed = at
                self._active.remove(question)

    def _is_over(self, question: Question, at: int) -> bool:
        """Whether no more can come for a question from a sample on."""
        return question.over(at, self._talk.between(question.touched, at), self._rate)

    # -- numbers -----------------------------------------------------------------------------

    def _take(self, run: NumberRun) -> None:
        """Judge a run, and the prices in it apart where they can be no answer."""
        self._drop_over(run.start)
        if not all(self._asks_in_vain(question, run) for question in self._active):
            self._judge(run, paid=False)
            return
        for piece in parted(run):
            self._judge(piece, paid=price(piece))

    def _asks_in_vain(self, question: Question, run: NumberRun) -> bool:
        """Whether a run is of the side that asked, after the other side spoke and gave nothing.

        A value that is misheard as a price stays whole; so does all on one channel.
        """
        if question.entity in CARD_DATA or question.answered or question.channel != run.channel:
            return False
        others = [channel for channel in self._tracks if channel != run.channel]
        return any(self._talk.between(question.touched, run.start, channel) for channel in others)

    def _judge(self, run: NumberRun, *, paid: bool) -> None:
        verdict = Verdict(run, self._look.local(run))
        verdict.missing = self._look.missing(run)
        verdict.turn = self._look.turn(run)
        self._result.verdicts.append(verdict)
        clock = self._look.clock(run, verdict.local)
        business = toll_free(run.characters) and not any(
            waits_for(question, run.channel) for question in self._active
        )
        verdict.explained = clock or business
        question = self._answered_by(verdict, [] if paid or verdict.explained else self._active)
        if question is not None:
            question.answer(run)
            verdict.question = question
            entity = question.meant(run)
            asked = question.entity is entity
            verdict.take(entity, Basis.ASKED_FOR if asked else Basis.BY_LENGTH)
            self._raise(verdict)
            if entity in CARD_DATA:
                self._card_data = run.end
            return
        announced = self._look.announced_after(run)
        said = run.flags & HARMLESS - (_DATE if announced in DATED else frozenset())
        enough = len(run.digits) >= 3 and not with_cents(run)  # noqa: PLR2004
        if announced is not None and enough and not said:
            verdict.take(announced, Basis.ANNOUNCED)
        self._after_card(verdict)
        self._born(verdict)
        self._lengths(verdict)
        long = verdict.entity is not None and len(run.digits) > LONG
        if verdict.entity is Entity.CARD_NUMBER or (long and not verdict.explained):
            self._card_data = run.end
        self._shaped(verdict)
        self._spelled(verdict)
        self._short_answer(verdict)
        self._own_code(verdict)

    def _shaped(self, verdict: Verdict) -> None:
        """Letters and digits in an order that only one kind of number has."""
        run = verdict.run
        entity, explained = shaped(run.characters), verdict.explained
        if entity is None:
            entity = written(" ".join(part.word.text for part in run.parts))
            explained = explained and (toll_free(run.characters) or self._called_so(run))
        if entity is not None and not explained:
            verdict.take(entity, Basis.BY_FORM)

    def _called_so(self, run: NumberRun) -> bool:
        """Whether its speaker calls a number an order's or the like in the same breath.

        Elsewhere in the talk of an order a telephone number is one: "shall we ring 512-555-0190?"
        """
        reference = self._reference
        return (
            reference is not None
            and reference.channel == run.channel
            and self._talk.between(reference.end, run.start) <= _SAME_BREATH
        )

    def _spelled(self, verdict: Verdict) -> None:
        """Letters with words that stand for them: a code, or without a digit a name."""
        run = verdict.run
        if verdict.explained or Flag.SPELLED not in run.flags:
            return
        if run.digits:
            if len(run.characters) >= _SPELLED_CODE + (run.letters == 1):
                verdict.take(Entity.NUMBER_SEQUENCE, Basis.SPELLED_CODE)
            return
        asked = next(
            (question.entity for question in reversed(self._active) if question.entity in WORDY),
            None,
        )
        if asked is not None or len(run.characters) >= _SPELLED_NAME:
            verdict.take(asked or Entity.PERSON, Basis.SPELLED_LETTERS)

    def _short_answer(self, verdict: Verdict) -> None:
        """Digits said one by one that nothing explains: the prompt was not understood, or none was.

        As a whole turn, in answer to the other side, letters may be among them: amid talk a code
        with letters is mostly one of an order or a thing. What was listened to again for digits,
        and rows of figures of the second opinion, are prices too: they count as an answer only.
        """
        run = verdict.run
        enough = len(run.digits) >= _FRAGMENT and (run.digit_by_digit or run.in_a_row)
        if not enough or not verdict.chains:
            return
        plain = run.letters <= 1 and not run.flags & {Flag.DECIMAL, Flag.PAIRED}
        clear = {Hearing.MAIN} if run.in_a_row else {Hearing.MAIN, Hearing.SECOND}
        if verdict.answer or (plain and all(word.hearing in clear for word in run.words)):
            verdict.take(Entity.NUMBER_SEQUENCE, Basis.ANSWER)

    def _own_code(self, verdict: Verdict) -> None:
        """Letters and digits that a customer says one by one, and nothing explains.

        Customers spell what is theirs; an agent states the codes of orders and offers.
        """
        run = verdict.run
        said = [part for part in run.parts if part.characters]
        spelled = len(said) >= _OWN_PARTS and all(len(part.letters) <= 1 for part in said)
        long = run.letters > 0 and len(run.characters) >= _OWN_CODE
        if run.channel in self._customers and spelled and long and verdict.chains:
            verdict.take(Entity.NUMBER_SEQUENCE, Basis.OWN_CODE)

    def _after_card(self, verdict: Verdict) -> None:
        """Short numbers after card data, where the prompt was not understood."""
        run = verdict.run
        soon = self._card_data >= 0 and run.start - self._card_data < _AFTER_CARD_S * self._rate
        if not soon or verdict.explained or verdict.local is PromptKind.AMOUNT:
            return
        # Security codes and expiry dates; of an answer a digit or two may be lost.
        short = (2 if verdict.answer else 3) <= len(run.digits) <= 4  # noqa: PLR2004
        if short and decimal(run) and self._heard_a_card(run):
            return
        if short and not run.flags & (HARMLESS | {Flag.CARDINAL}):
            verdict.take(Entity.CARD_SECURITY_CODE, Basis.AFTER_CARD)
        elif run.flags & {Flag.DATE, Flag.YEAR} and (verdict.answer or self._right_after(run)):
            verdict.take(Entity.CARD_EXPIRY, Basis.AFTER_CARD)

    def _heard_a_card(self, run: NumberRun) -> bool:
        """Whether a run is of the side that was told card data by the other one.

        That side states what is to be paid. On one channel nobody knows who speaks.
        """
        return any(
            old.entity in CARD_DATA and old.run.channel != run.channel
            for old in self._result.verdicts
        )

    def _right_after(self, run: NumberRun) -> bool:
        """Whether a month and a year follow card data in one breath."""
        near = run.start - self._card_data < _BREATH_S * self._rate
        return near and Flag.ORDINAL not in run.flags and len(run.digits) <= _EXPIRY

    def _born(self, verdict: Verdict) -> None:
        """A whole date of the past as a whole turn: the prompt was not understood."""
        if not birth_date(verdict.run) or verdict.explained or verdict.local is PromptKind.AMOUNT:
            return
        if verdict.answer or old_figures(verdict.run) or self._look.alone(verdict.run):
            verdict.take(Entity.DATE_OF_BIRTH, Basis.WHOLE_DATE)

    def _answered_by(self, verdict: Verdict, questions: Sequence[Question]) -> Question | None:
        run = verdict.run
        repeated = self._repeats_at_once(verdict)
        if repeated is not None:
            return repeated
        reference = self._in_reference(run)
        for question in reversed(questions):
            if reference is not None and question.opened < reference.start:
                pending = question.entity is Entity.CARD_NUMBER and not question.fulfilled
                pending = pending and not self._says_what(reference, question, run)
                near = run.start - question.touched < REFERENCE_S / 2 * self._rate
                if not (pending and near and len(run.digits) >= _FRAGMENT):
                    continue
            if verdict.local is not None and self._from_asker(question, run):
                continue
            if question.accepts(run, verdict.local, trailing_word=self._look.goes_on(run)):
                return question
        if reference is not None and reference.brief:
            self._reference = None
            verdict.explained = len(run.digits) <= _BRIEF
        elif reference is not None and not self._another_number(reference, run):
            self._reference_until = max(self._reference_until, run.end)
            self._reference_given.setdefault(run.channel, []).append(run.digits)
            verdict.explained = True
        return None

    def _another_number(self, reference: Prompt, run: NumberRun) -> bool:
        """Whether the other side says a long number after the one that a reference stated.

        "Is there a help desk one?" speaks of no number that the answer could repeat.
        """
        stated = "".join(self._reference_given.get(reference.channel, []))
        other = run.channel != reference.channel and len(run.digits) > _BRIEF
        repeats = len(stated) >= _FRAGMENT and (stated in run.digits or run.digits in stated)
        return other and bool(stated) and not repeats

    def _repeats_at_once(self, verdict: Verdict) -> Question | None:
        """What the other side is just answering, where a run falls between its groups."""
        run = verdict.run
        if verdict.local is not None or run.flags & (HARMLESS | {Flag.CARDINAL}):
            return None
        for old in reversed(self._result.verdicts):
            if old.question is None or old.run.channel == run.channel:
                continue
            inside = old.run.start < run.start and run.end < old.run.end
            if inside or (old.question.entity in CARD_DATA and self._goes_on(old.run, run.start)):
                return old.question
        return None

    @staticmethod
    def _goes_on(run: NumberRun, at: int) -> bool:
        """Whether digits of a number are still to come where the other side says some itself."""
        behind = sum(len(part.digits) for part in run.parts if part.word.start > at)
        return run.start < at and behind >= _FRAGMENT

    def _from_asker(self, question: Question, run: NumberRun) -> bool:
        """Whether the side that asked says a price or a place, after the other side answered."""
        short = len(run.digits) <= _FRAGMENT and question.entity is not Entity.STREET_ADDRESS
        if not short or run.channel != question.channel or question.given[run.channel]:
            return False
        return any(
            len(old.run.digits) >= _GIVEN
            for old in self._result.verdicts
            if old.run.channel != run.channel and question.opened < old.run.start < run.start
        )

    def _says_what(self, reference: Prompt, question: Question, run: NumberRun) -> bool:
        """Whether the side that asked, and gave nothing, says "your order number is" itself.

        On one channel nobody knows who speaks, and on the answering side it may be misheard.
        """
        asker = reference.channel == run.channel == question.channel
        return len(self._tracks) > 1 and asker and not question.given[run.channel]

    def _in_reference(self, run: NumberRun) -> Prompt | None:
        if self._reference is None:
            return None
        talk = self._talk.between(self._reference_until, run.start)
        given = max(map(len, chain.from_iterable(self._reference_given.values())), default=0)
        moved_on = talk > (REFERENCE_DONE if given >= _FRAGMENT else REFERENCE_TALK)
        if moved_on or run.start - self._reference_until > REFERENCE_S * self._rate:
            self._reference = None
        return self._reference

    def _raise(self, verdict: Verdict) -> None:
        """A checksum that holds raises the score; one that fails says nothing."""
        digits = verdict.run.digits
        card = verdict.entity is Entity.CARD_NUMBER and luhn(digits) and card_brand(digits)
        if card or (verdict.entity is Entity.BANK_ROUTING and aba(digits)):
            verdict.basis = Basis.CHECKED_ANSWER

    def _lengths(self, verdict: Verdict) -> None:
        """Numbers that nobody asked for: long ones, alone or as a chain of pieces."""
        run = verdict.run
        count = len(run.digits)
        # Whatever is said about it: a card's number may follow "for that order".
        if luhn(run.digits) and card_brand(run.digits):
            verdict.take(Entity.CARD_NUMBER, Basis.CHECKED)
        if count >= LONG and not (run.amounts or run.clocks or run.rising or run.quantities):
            called = verdict.explained
            basis = Basis.EXPLAINED_LONG_NUMBER if called else Basis.LONG_NUMBER
            verdict.take(Entity.NUMBER_SEQUENCE, basis)
        if verdict.chains:
            self._chains.add(verdict, self._card_topic)
