"""EMAIL_ADDRESS as spoken ("j o h n dot smith at gmail dot com") and as recognisers write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import FILLERS, is_number, is_spelled, sentence_end, skip_lead_in, trim_fillers
from models.lexicon import alternatives, listed, zipf
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_PROVIDER: Final = alternatives("email_providers")
_TLD: Final = alternatives("top_level_domains")
_COUNTRY: Final = "(?:uk|u k|au|a u|nz|n z|za|in|jp|br|mx|us|u s|ca|ie)"
"""After "co dot", "com dot" and the like."""
_ENDING: Final = Worded(rf"\b{_TLD}\b")
_DOMAIN: Final = Worded(
    rf"\b(?:at |add |and )?(?:(?P<known>{_PROVIDER})(?: (?:dot|period|point|doc|dat))? {_TLD}"
    rf"|(?P<other>(?:[a-z0-9]+ ){{1,9}}?)(?:dot|period) {_TLD})(?: dot {_COUNTRY})?\b",
    holds=rf"{_TLD}\b",
)
_BARE: Final = Worded(
    r"\bat (?:gmail|g mail|yahoo|hotmail|hot mail|icloud|protonmail|aol|a o l|ymail)\b"
)
_CONNECTORS: Final = frozenset(
    [
        "dot",
        "period",
        "point",
        "underscore",
        "dash",
        "hyphen",
        "minus",
        "plus",
        "at",
        "add",
        "apostrophe",
        "number",
        "as",
        "in",
    ]
)
_BEFORE: Final = listed("before_addresses")
_EVIDENCE: Final = frozenset(
    [
        "at",
        "dot",
        "underscore",
        "com",
        "gmail",
        "yahoo",
        "hotmail",
        "outlook",
        "icloud",
        "aol",
        "net",
        "org",
    ]
)
_LONGEST_LOCAL: Final = 26
_LONGEST_ODD: Final = 9
"""Words of an address as it is spoken: "j dot smith at some example dot com"."""
_LONGEST_ANSWER: Final = 40
_AFTER_SIGN: Final = 9
"""Words of an answer after the last sign of a spelled address: "… at", and a domain that was not
understood. Then other talk begins, on one channel that of the other side."""
_EVIDENCE_GAP: Final = 5
"""Words between two signs of an address after which the second belongs to other talk."""
_WORDS: Final = frozenset({"a", "i"})
"""Letters that are words too: signs of an address only right behind another sign."""
_LABELS: Final = 3
"""Labels of a name with dots ("smith.example.org") that is no plain web site."""
_TLDS: Final = listed("top_level_domains")


class SpokenEmailRecognizer(SpokenRecognizer):
    """Addresses by their domain; the whole answer where one was asked for."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.EMAIL_ADDRESS,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_ENDING, _BARE)

    def may_find(self, turn: Turn) -> bool:
        """Whether there is an end of an address, a mail provider, an at sign or a question."""
        return super().may_find(turn) or "@" in turn.text

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Addresses with "at", addresses asked for, and what is left of broken ones."""
        asked = turn.expected(Entity.EMAIL_ADDRESS)
        if asked is not None:
            yield from self._answer(turn, asked)
        for found in turn.search(_DOMAIN):
            at = self._at_sign(turn, found.first, found.last)
            if at is not None:
                yield Hit(Entity.EMAIL_ADDRESS, _local(turn, at), found.last, 0.85, "at a domain")
        for found in turn.search(_BARE):
            first = _local(turn, found.first)
            if first < found.first:
                yield Hit(Entity.EMAIL_ADDRESS, first, found.last, 0.7, "at a mail provider")
        for index, token in enumerate(turn.tokens):
            first = _dotted(turn, index) if token.key in _TLDS else index
            if index - first >= _LABELS - 1 and turn.tokens[first].key != "www":
                yield Hit(
                    Entity.EMAIL_ADDRESS, _local(turn, first), index + 1, 0.6, "a name with dots"
                )
            if "@" in token.after:
                yield Hit(
                    Entity.EMAIL_ADDRESS,
                    _local(turn, index + 1),
                    _domain(turn, index + 1),
                    0.9,
                    "@",
                )

    @staticmethod
    def _at_sign(turn: Turn, first: int, last: int) -> int | None:
        for index in range(last - 1, max(-1, first - 2), -1):
            if turn.tokens[index].key in {"at", "add"}:
                return index
            if index < last - 1 and "@" in turn.tokens[index].after:
                return index + 1
        # Without "at": letters or figures right before a mail provider are an address too.
        known = turn.plain[turn.offsets[first] :].startswith(tuple(listed("email_providers")))
        if (
            known
            and first
            and (is_spelled(turn.tokens[first - 1].key) or is_number(turn.tokens[first - 1].key))
        ):
            return first
        return None

    @staticmethod
    def _answer(turn: Turn, asked: int) -> Iterator[Hit]:
        first = skip_lead_in(turn, asked)
        last = trim_fillers(turn, first, len(turn.tokens))
        keys = turn.keys(first, last)
        if not keys:
            return
        spelled = sum(map(is_spelled, keys))
        evidence = (
            any(key in _EVIDENCE for key in keys)
            or any("@" in token.after for token in turn.tokens[first:last])
            or spelled > 1
        )
        end = trim_fillers(turn, first, sentence_end(turn, first, _LONGEST_ANSWER))
        if evidence:
            sign = _last_evidence(turn, first, last)
            if spelled and sign > first:  # up to the end of what the last sign stands in
                sign = trim_fillers(turn, sign, sentence_end(turn, sign - 1, _AFTER_SIGN))
            yield Hit(Entity.EMAIL_ADDRESS, first, max(end, sign), 0.7, "asked for")
            return
        figures = sum(map(is_number, keys))
        odd = figures > 1 or any(zipf(key) < 4.0 for key in keys)  # noqa: PLR2004
        if odd and len(keys) <= _LONGEST_ODD:  # a short odd answer is the address, misheard
            yield Hit(Entity.EMAIL_ADDRESS, first, last, 0.55, "odd answer")


def _last_evidence(turn: Turn, first: int, last: int) -> int:
    """Token after the last sign of an address, while the signs follow one another closely.

    ``first`` where there is none.
    """
    end = first
    for index in range(first, last):
        token = turn.tokens[index]
        letter = is_spelled(token.key) and (token.key not in _WORDS or index == end)
        sign = letter or token.key in _EVIDENCE or "@" in token.after
        if sign and (end == first or index - end <= _EVIDENCE_GAP):
            end = index + 1
    return end


def _dotted(turn: Turn, last: int) -> int:
    """First token of the name with dots that ends with the token ``last``."""
    first = last
    while first > 0 and turn.tokens[first - 1].after == ".":
        first -= 1
    return first


def _local(turn: Turn, at: int) -> int:
    """First token of the part before the at sign, which is the token ``at``."""
    first = at
    words = 0
    while first > 0 and at - first < _LONGEST_LOCAL:
        token = turn.tokens[first - 1]
        single = is_spelled(token.key) or is_number(token.key) or token.key in _CONNECTORS
        if token.stops and not single:
            break
        if not single:
            if token.key in _BEFORE or token.key in FILLERS:
                break
            glued = bool(token.after) and not token.after.strip(".-_@")
            words += 0 if glued else 1
            if words > 4:  # noqa: PLR2004 - "mary ann van buren at …"
                break
        first -= 1
    while (
        first < at
        and turn.tokens[first].key in {"at", "as", "in", "number", "i"}
        and (first + 1 < at and not is_spelled(turn.tokens[first + 1].key))
    ):
        first += 1
    return first


def _domain(turn: Turn, at: int) -> int:
    """Token after the domain that begins at ``at``."""
    last = at + 1
    while last < len(turn.tokens) and (
        turn.tokens[last - 1].after == "."
        or turn.tokens[last].key == "dot"
        or turn.tokens[last - 1].key == "dot"
    ):
        last += 1
    return min(last, len(turn.tokens))
