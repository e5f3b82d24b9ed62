"""Words that are a part of a number only beside one: homophones, "oh", letters, months, ordinals.

Outcome: :func:`settle` keeps such a token, or puts a cut in its place. It raises nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.tokens import GLUE, SOLID, Flag, Kind, Token
from pipeline.records.model import Word

_BELIEVED: Final = 3
"""Certain digits that a run needs before a homophone in it counts as a digit."""
_ROW: Final = 3
"""Homophones in a row that are digits: beside a number no sentence holds so many."""
_SPELLED: Final = frozenset({Kind.LETTER, Kind.MAYBE_LETTER})
_NAMED: Final = frozenset({Kind.LETTER, Kind.MAYBE_LETTER, Kind.STANDIN})
_RADIO: Final = 3
"""Words of a spelling alphabet that are letters even without a digit beside them."""


def settle(
    segment: list[Token],
    offset: int,
    words: Sequence[Word],
    tokens: Sequence[Token],
    voc: Vocabulary,
) -> list[Token | None]:
    """The tokens of a segment that belong to a number; ``None`` where one does not.

    Args:
        segment: tokens in a row, none of which ends a number for sure.
        offset: where the segment begins in ``tokens``.
        words: of the channel.
        tokens: of ``words``.
        voc: the language.
    """
    return _Settler(words, tokens, voc).settle(segment, offset)


class _Settler:
    def __init__(self, words: Sequence[Word], tokens: Sequence[Token], voc: Vocabulary) -> None:
        self._words = words
        self._tokens = tokens
        self._voc = voc

    def settle(self, tokens: list[Token], offset: int) -> list[Token | None]:
        """Homophones, "oh", letters, months and ordinals become numbers, or ``None`` (a cut)."""
        tokens = _with_ranges(tokens)
        sure = sum(len(token.value) for token in tokens if token.kind in SOLID)
        settled: list[Token | None] = []
        for at, token in enumerate(tokens):
            keep = True
            if token.kind is Kind.HOMOPHONE:
                keep = self._is_digit(tokens, at, offset, sure)
            elif token.kind is Kind.NEAR:
                keep = self._near_number(tokens, at)
            elif token.kind in _SPELLED:
                keep = self._is_letter(tokens, at)
                if not keep and token.text in self._voc.words["corrections"]:  # "I mean"
                    settled.append(token._replace(kind=Kind.CORRECTION))
                    continue
            elif token.kind is Kind.MONTH:
                keep = self._beside(tokens, at, SOLID | {Kind.ORDINAL})
            elif token.kind is Kind.ORDINAL:
                keep = self._beside(tokens, at, {Kind.MONTH, Kind.TENS})
                keep = keep or self._day_of_month(tokens, at)
            elif token.kind is Kind.LINK:
                keep = self._beside(tokens, at, {Kind.MONTH, Kind.ORDINAL})
            settled.append(token if keep else None)
        return settled

    def _beside(self, tokens: list[Token], at: int, kinds: Collection[Kind]) -> bool:
        return any(
            neighbour is not None and neighbour.kind in kinds
            for neighbour in (_next(tokens, at, -1), _next(tokens, at, 1))
        )

    @staticmethod
    def _day_of_month(tokens: list[Token], at: int) -> bool:
        """Whether an ordinal is of "the twentieth of the second", with a year after it."""
        ordinals = [
            place
            for place in range(max(0, at - 3), min(len(tokens), at + 4))
            if tokens[place].kind is Kind.ORDINAL
        ]
        if len(ordinals) != 2:  # noqa: PLR2004 - day and month
            return False
        day, month = ordinals
        between = [token.kind for token in tokens[day + 1 : month]]
        year = tokens[month + 1].kind in SOLID if month + 1 < len(tokens) else False
        return year and bool(between) and all(kind is Kind.LINK for kind in between)

    def _near_number(self, tokens: list[Token], at: int) -> bool:
        kinds = SOLID | {Kind.NEAR, Kind.MULTIPLIER, Kind.LETTER}
        return self._beside(tokens, at, kinds) and any(token.kind in SOLID for token in tokens)

    def _is_letter(self, tokens: list[Token], at: int) -> bool:
        if tokens[at].kind is Kind.LETTER:
            return True
        if len(tokens[at].text) > 1:
            return self._is_radio(tokens, at)
        strong = SOLID | {Kind.LETTER, Kind.NEAR, Kind.STANDIN}
        after = tokens[at + 1] if at + 1 < len(tokens) else None
        if after is not None and after.kind is Kind.SEPARATOR and after.text:
            return True  # "A dash double four"
        left, right = (_beyond(tokens, at, step) for step in (-1, 1))
        return (left in strong and right in strong) or Kind.LETTER in (left, right)

    @staticmethod
    def _is_radio(tokens: list[Token], at: int) -> bool:
        """Whether a word of a spelling alphabet is meant: digits or more such words beside it."""
        first, end = _row(tokens, at, _NAMED)
        row = tokens[first:end]
        strong = SOLID | {Kind.NEAR}
        left = first > 0 and tokens[first - 1].kind in strong
        right = end < len(tokens) and tokens[end].kind in strong
        spelled = any(token.kind is Kind.LETTER for token in row) or len(row) >= _RADIO
        return left or right or spelled

    def _is_digit(self, tokens: list[Token], at: int, offset: int, sure: int) -> bool:
        if at > 0 and tokens[at - 1].kind is Kind.MULTIPLIER:
            return True
        if sure < _BELIEVED or _in_range(tokens, at):
            return False
        left = any(token.kind in SOLID for token in tokens[:at])
        right = any(token.kind in SOLID for token in tokens[at + 1 :])
        if (left and right) or self._in_row(tokens, at):
            return True
        place = offset + at
        if left:
            return tokens[at].closes or self._pause(place, place + 1)
        return self._pause(place - 1, place) or self._tokens[place - 1].closes

    @staticmethod
    def _in_row(tokens: list[Token], at: int) -> bool:
        """Whether so many homophones stand in a row that they can be no words: "to too for"."""
        first, end = _row(tokens, at, {Kind.HOMOPHONE})
        return end - first >= _ROW

    def _pause(self, left: int, right: int) -> bool:
        """Whether the speaker pauses between two neighbouring tokens; the edges count as pauses."""
        if left < 0 or right >= len(self._tokens):
            return True
        before = self._words[self._tokens[left].word]
        after = self._words[self._tokens[right].word]
        return after.start - before.end > (before.end - before.start)


def _with_ranges(tokens: list[Token]) -> list[Token]:
    """The tokens; the two ends of a range count things, as if a unit followed: "20 to 40"."""
    ends = {
        place for at in range(len(tokens)) if _in_range(tokens, at) for place in (at - 1, at + 1)
    }
    return [
        token._replace(flags=token.flags | {Flag.UNIT}) if at in ends else token
        for at, token in enumerate(tokens)
    ]


def _in_range(tokens: list[Token], at: int) -> bool:
    """Whether a word stands between the ends of a range, and nothing else is a number there."""
    if tokens[at].kind is not Kind.HOMOPHONE or not 0 < at < len(tokens) - 1:
        return False
    left, right = tokens[at - 1], tokens[at + 1]
    alone = sum(token.kind in SOLID for token in tokens) == 2  # noqa: PLR2004 - both ends
    ends = left.kind is right.kind is Kind.FIGURES and len(left.value) == len(right.value) > 1
    return alone and ends and left.value < right.value


def _row(tokens: list[Token], at: int, kinds: Collection[Kind]) -> tuple[int, int]:
    """The tokens of some kinds around one, without a break, as ``[first, end)``."""
    first, end = at, at + 1
    while first > 0 and tokens[first - 1].kind in kinds:
        first -= 1
    while end < len(tokens) and tokens[end].kind in kinds:
        end += 1
    return first, end


def _beyond(tokens: list[Token], at: int, step: int) -> Kind | None:
    """The kind beside a row of letters that are words too ("A A colon")."""
    place = at + step
    while 0 <= place < len(tokens):
        token = tokens[place]
        lone = token.kind is Kind.MAYBE_LETTER and len(token.text) == 1
        if not lone and token.kind is not Kind.SEPARATOR:
            return token.kind
        place += step
    return None


def _next(tokens: list[Token], at: int, step: int) -> Token | None:
    """The nearest token in a direction that is neither filler nor link."""
    place = at + step
    while 0 <= place < len(tokens):
        if tokens[place].kind not in GLUE:
            return tokens[place]
        place += step
    return None
