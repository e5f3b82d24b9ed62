"""Numbers that may be heard because the reader is sure that the talk explains them.

A question is found by phrases, and a length is a guess; the reader has read the call. What is taken
back is taken back whole: all pieces of one side that answer one question, of both where one may
repeat the other, or all that go together as a chain. None is where any word of it was not read as
it was heard, where its digits are as many as a card's, or where a checksum holds. What the second
listening heard of such numbers goes with them. Nothing is raised.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import combinations
from typing import Final, TypeAlias

from pipeline.detection.decision.opinions import Opinions
from pipeline.detection.dialogue.model import Reading, Verdict
from pipeline.detection.dialogue.questions import LONG, Question
from pipeline.detection.numbers.runs import NumberRun
from pipeline.policy.model import ReaderRule
from pipeline.records.entities import NEVER_ALLOWED, RECALL_FIRST, Entity
from pipeline.records.intervals import shared

_SAME: Final = 2
"""Digits in a row by which one side repeats the other."""
_BOTH: Final = -1
"""In the place of a channel: of both sides."""
_Key: TypeAlias = tuple[str, int, int]
"""What numbers go together as, which of these, and on whose side: a channel, or both."""


def take_back_explained(readings: Sequence[Reading], opinions: Opinions, rule: ReaderRule) -> None:
    """Take back the verdicts that the talk explains.

    What one side announces and explains itself is awaited no longer; whoever was asked may still
    have more to say.

    Args:
        readings: of every hearing.
        opinions: what the reader holds of the words.
        rule: how far it is believed.
    """
    for reading in readings:
        explained = _take_back(reading, lambda group: _explained(group, opinions, rule))
        _close(
            reading,
            [
                question
                for question in reading.questions
                if ("ask", id(question), question.channel) in explained
                and question.entity not in RECALL_FIRST
                and question.given.keys() == {question.channel}
                and opinions.channels > 1  # on one nobody knows who speaks
            ],
        )


def take_back_heard_again(again: Reading, firsts: Sequence[Reading]) -> None:
    """Where a first listening read the same number and found it harmless, that stands.

    The second listening hears digits without the words around them. What it heard otherwise or
    more of, or what a checksum holds for, the first did not judge. Nor is more of an answer
    awaited there where it is not in the first.
    """
    standing = {id(one) for one in again.verdicts if _stands(one, firsts)}

    def harmless(group: Sequence[Verdict]) -> bool:
        return _digits(group) < LONG and all(id(one) in standing for one in group)

    _take_back(again, harmless)
    for verdict in again.verdicts:
        verdict.explained |= verdict.entity is None and id(verdict) in standing
    closed = {
        (one.entity, one.channel, one.opened)
        for reading in firsts
        for one in reading.questions
        if one.closed == one.opened
    }
    _close(
        again, [one for one in again.questions if (one.entity, one.channel, one.opened) in closed]
    )


def _stands(verdict: Verdict, firsts: Sequence[Reading]) -> bool:
    """Whether a first hearing has its digits there, and each that has a number there no secret."""
    run = verdict.run
    same = [other for reading in firsts for other in reading.verdicts if within(run, other.run)]
    alike = any(_heard_so(run, other.run) for other in same)
    return alike and not verdict.basis.checked and all(other.entity is None for other in same)


def _heard_so(again: NumberRun, first: NumberRun) -> bool:
    """Whether the digits of one hearing stand in another's in their order, but for one at most."""
    digits = again.digits
    some = (digits[:at] + digits[at + 1 :] for at in range(len(digits)))
    return len(digits) <= len(first.digits) and any(
        _in_order(one, first.digits) for one in (digits, *some)
    )


def _in_order(digits: str, others: str) -> bool:
    rest = iter(others)
    return all(digit in rest for digit in digits)


def within(run: NumberRun, other: NumberRun) -> bool:
    """Whether more than half of a number lies in another hearing's number of its channel."""
    return run.channel == other.channel and 2 * shared(run, other) > run.end - run.start


def _take_back(reading: Reading, harmless: Callable[[Sequence[Verdict]], bool]) -> set[_Key]:
    """Take back what is harmless with all that it goes together with; the keys of what is."""
    groups: defaultdict[_Key, list[Verdict]] = defaultdict(list)
    found = [one for one in reading.verdicts if one.entity is not None]
    for verdict in found:
        for key in bonds(verdict):
            groups[key].append(verdict)
    keys = {key for key, group in groups.items() if harmless(group)}
    together = {
        ask
        for (kind, ask, side), group in groups.items()
        if kind == "ask" and side == _BOTH and _inseparable(group)
    }
    for verdict in found:
        if keys.issuperset(_bound_to(verdict, together)):
            verdict.take_back()
    return keys


def _close(reading: Reading, explained: Iterable[Question]) -> None:
    """Wait for no more of an answer to these, but where something sensitive is one."""
    answered = {id(one.question) for one in reading.verdicts if one.entity is not None}
    for question in explained:
        if id(question) not in answered:
            question.closed = question.opened


def _inseparable(answers: Sequence[Verdict]) -> bool:
    """Whether what both sides told goes together: a card, or one may repeat the other."""
    sides = defaultdict[int, str](str)
    for one in answers:
        sides[one.run.channel] += one.run.digits
    card = any(one.question and one.question.entity is Entity.CARD_NUMBER for one in answers)
    return (card and sum(map(len, sides.values())) >= LONG) or any(
        not one.isdisjoint(other) for one, other in combinations(map(_rows, sides.values()), 2)
    )


def _rows(digits: str) -> set[str]:
    """Digits by which what repeats them is known."""
    return {digits[at : at + _SAME] for at in range(len(digits) - _SAME + 1)}


def bonds(verdict: Verdict) -> Iterable[_Key]:
    """What a number is a part of: itself, the answers to its question, its chain."""
    yield "run", id(verdict), _BOTH
    if verdict.question is not None:
        yield "ask", id(verdict.question), verdict.run.channel
        yield "ask", id(verdict.question), _BOTH
    if verdict.chain:
        yield "chain", verdict.chain, _BOTH


def _bound_to(verdict: Verdict, together: Collection[int]) -> Iterable[_Key]:
    """With which of them it goes.

    Who asked for an account may state a price while he waits: what one side told goes without what
    the other told, unless it may repeat it.
    """
    alone = len(verdict.run.digits) >= _SAME and id(verdict.question) not in together
    side = verdict.run.channel if alone else _BOTH
    return (key for key in bonds(verdict) if key[0] != "ask" or key[2] == side)


def _explained(group: Sequence[Verdict], opinions: Opinions, rule: ReaderRule) -> bool:
    strict = any(one.entity in NEVER_ALLOWED | RECALL_FIRST for one in group)
    below = rule.payment_below if strict else rule.explained_below
    if _digits(group) >= LONG:
        return False
    return all(not one.basis.checked and opinions.harmless(one.run.words, below) for one in group)


def _digits(group: Sequence[Verdict]) -> int:
    """How many digits were told; what the other side reads back counts once."""
    told = Counter((one.run.digits, one.run.channel) for one in group)
    most: defaultdict[str, int] = defaultdict(int)
    for (digits, _), times in told.items():
        most[digits] = max(most[digits], times)
    return sum(len(digits) * times for digits, times in most.items())
