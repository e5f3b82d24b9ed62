"""EMAIL_ADDRESS as spoken ("j o h n dot smith at gmail dot com") and as recognisers write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import (
    FILLERS,
    LEAD_IN,
    is_number,
    is_spelled,
    sentence_end,
    skip_lead_in,
    trim_fillers,
)
from models.frequency import zipf
from models.lexicon import alternatives, listed
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.repeats import AGAIN, just_said, letters_at, said_again
from models.spoken import Turn
from pipeline.entities import Entity

_PROVIDER: Final = alternatives("email_providers")
_TLD: Final = alternatives("top_level_domains")
_DOT: Final = "(?:dot|period|point|doc|dat|full stop)"
_COUNTRY: Final = "(?:[a-z]{2}|[a-z] [a-z])"
"""A country's domain, also letter by letter ("dot d e")."""
_ENDING: Final = Worded(rf"\b(?:{_TLD}|{_DOT} {_COUNTRY})\b")
_DOMAIN: Final = Worded(
    rf"\b(?:at |add |and )?(?:(?P<known>{_PROVIDER})(?: {_DOT})? {_TLD}"
    rf"|(?P<other>(?:[a-z0-9]+ ){{1,9}}?)(?:dot|period) {_TLD})(?: (?:dot|period) {_COUNTRY})?\b",
)
_ABROAD: Final = Worded(
    rf"\b(?:at|add) (?:[a-z0-9]+ ){{1,5}}?{_DOT}"
    rf" (?:{_TLD}|c o m|o r g|n e t|e d u|{_COUNTRY})\b"
    rf"(?: {_DOT} {_COUNTRY}\b)?",
)
"""Any domain behind an at sign: believed where the part before the sign looks like an address."""
_BARE: Final = Worded(
    r"\bat (?:gmail|g mail|yahoo|hotmail|hot mail|icloud|protonmail|aol|a o l|ymail"
    r"|(?P<other>outlook|comcast|verizon|zoho|gmx|fastmail|proton|btinternet|bt internet|rediffmail"
    r"|virgin media|virginmedia|sky|talktalk|orange|web|posteo|bigpond|optus))\b"
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
_LEADS_TO_SITES: Final = frozenset({"is", "are"})
_MORE_LEADS: Final = frozenset(
    ["still", "should", "probably", "maybe", "definitely", "always", "either", "both", "same"]
)
"""Words before an address beside the common lead-ins ("is it still …")."""
_PLACED: Final = frozenset(["after", "before", "end", "front", "behind", "between", "beginning"])
"""Where in an address a figure or a letter stands: "there's an 82 after it"."""
_BETWEEN: Final = frozenset(
    ["theres", "there", "yeah", "with", "as", "figures", "digits", "numbers"]
)
_COUNTRYS: Final = Worded(rf"\b[a-z]{{3,}} {_DOT} {_COUNTRY}\b")
_LONGEST_DOMAIN: Final = 6
"""Words of a turn that says no more than a domain."""
_LONGEST_LOCAL: Final = 26
_LONGEST_ODD: Final = 9
"""Words of an address as it is spoken: "j dot smith at some example dot com"."""
_LONGEST_ANSWER: Final = 40
_LONGEST_CORRECTION: Final = 14
"""Words of an answer that spells a part of an address again; a longer one is other talk."""
_AFTER_SIGN: Final = 9
"""Words of an answer after the last sign of a spelled address: "… at", and a domain that was not
understood. Then other talk begins, on one channel that of the other side."""
_EVIDENCE_GAP: Final = 5
"""Words between two signs of an address after which the second belongs to other talk."""
_WORDS: Final = frozenset({"a", "i"})
"""Letters that are words too: signs of an address only right behind another sign."""
_JOINS: Final = frozenset({"underscore", "hyphen", "dash"})
_LOCAL_SIGNS: Final = frozenset({"dot", "period", "point", "underscore", "hyphen", "dash"})
_PARTS: Final = (
    _JOINS
    | {"dot", "point", "at", "one", "word", "space", "com", "letter"}
    | (listed("email_providers") - {"me", "live", "mail", "mac", "cox", "charter", "spectrum"})
)
"""Words of an address that are telling beside another part of it."""
_PROVIDERS: Final = listed("email_providers") - {"me", "live", "mail", "mac", "cox", "charter"}
_RARE: Final = 3.5
_EVERYDAY: Final = 4.6
_SPELLED: Final = 3
_MOST_LEADS: Final = 3
_LABELS: Final = 3
"""Labels of a name with dots ("smith.example.org") that is no plain web site."""
_TLDS: Final = listed("top_level_domains")


class SpokenEmailRecognizer(SpokenRecognizer):
    """Addresses by their domain; the whole answer where one was asked for."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.EMAIL_ADDRESS,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_ENDING, _BARE, _ABROAD, _COUNTRYS)

    def may_find(self, turn: Turn) -> bool:
        """Whether there is an end of an address, a mail provider, an at sign or a question."""
        return super().may_find(turn) or "@" in turn.text

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Addresses with "at", addresses asked for, what is left of broken ones, and repeats."""
        asked = turn.expected(Entity.EMAIL_ADDRESS)
        hits = [*self._spoken(turn), *self._written(turn)]
        if asked is not None:
            whole = [hit for hit in hits if hit.last > asked]
            hits += [*_sentences_of(turn, asked, whole)] or self._answer(turn, asked)
            if Entity.EMAIL_ADDRESS in turn.recent:
                for at in _figures_asked(turn, asked):
                    hits.append(Hit(Entity.EMAIL_ADDRESS, at, at + 1, 0.5, "figures asked for"))
        if asked is not None or Entity.EMAIL_ADDRESS in turn.recent:
            hits += self._domain_alone(turn)
        yield from hits
        places = [(hit.first, hit.last) for hit in hits]
        for first, last in said_again(turn, Entity.EMAIL_ADDRESS, _PARTS.__contains__, places):
            yield Hit(Entity.EMAIL_ADDRESS, first, last, 0.6, AGAIN)
        yield from _going_on(turn, just_said(turn, Entity.EMAIL_ADDRESS, places))

    def _spoken(self, turn: Turn) -> Iterator[Hit]:
        """Such as "j dot smith at gmail dot com"."""
        for found in turn.search(_DOMAIN):
            at = self._at_sign(turn, found.first, found.last)
            if at is not None and not _of_a_site(turn, at):
                yield from _parted(turn, _local(turn, at), at, found.last)
        for found in turn.search(_ABROAD):
            first = _local(turn, found.first)
            if _looks_local(turn, first, found.first):
                yield Hit(Entity.EMAIL_ADDRESS, first, found.last, 0.7, "at a country's domain")
        for found in turn.search(_BARE):
            first = _local(turn, found.first)
            rare = not found.group("other") or _looks_local(turn, first, found.first)
            if first < found.first and rare:
                yield Hit(Entity.EMAIL_ADDRESS, first, found.last, 0.7, "at a mail provider")

    @staticmethod
    def _written(turn: Turn) -> Iterator[Hit]:
        """Such as "j.smith@gmail.com", or what a recogniser made of it."""
        for index, token in enumerate(turn.tokens):
            first = _dotted(turn, index) if token.key in _TLDS else index
            if index - first >= _LABELS - 1 and turn.tokens[first].key != "www":
                local = _local(turn, first)
                yield Hit(Entity.EMAIL_ADDRESS, local, index + 1, 0.6, "a name with dots")
            domain = _domain(turn, index + 1)
            if token.key == "at" and _written(turn, index + 1):
                first = _local(turn, index)
                if _looks_local(turn, first, index):
                    yield Hit(Entity.EMAIL_ADDRESS, first, domain, 0.7, "at a written domain")
            if "@" in token.after:
                yield Hit(Entity.EMAIL_ADDRESS, _local(turn, index + 1), domain, 0.9, "@")

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
    def _domain_alone(turn: Turn) -> Iterator[Hit]:
        """What stands behind the at sign, said by itself: "and then? fastmail dot fm"."""
        if len(turn.tokens) <= _LONGEST_DOMAIN:
            for found in (*turn.search(_DOMAIN), *turn.search(_COUNTRYS)):
                yield Hit(Entity.EMAIL_ADDRESS, found.first, found.last, 0.5, "domain alone")

    @staticmethod
    def _answer(turn: Turn, asked: int) -> Iterator[Hit]:
        first = skip_lead_in(turn, asked)
        last = trim_fillers(turn, first, len(turn.tokens))
        keys = turn.keys(first, last)
        if not keys:
            return
        spelled = sum(map(is_spelled, keys))
        fresh = Entity.EMAIL_ADDRESS not in turn.recent or len(keys) <= _LONGEST_CORRECTION
        evidence = (
            any(_is_sign(turn, at) for at in range(first, last))
            or any("@" in token.after for token in turn.tokens[first:last])
            or (spelled > 1 and (fresh or is_spelled(keys[0])))
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


def _sentences_of(turn: Turn, asked: int, hits: list[Hit]) -> Iterator[Hit]:
    """Answers that hold a whole address, from where its sentence begins."""
    for hit in hits:
        first = hit.first
        while first > asked and not turn.tokens[first - 1].stops:
            first -= 1
        first = skip_lead_in(turn, first)
        while first < hit.first and turn.all_keys[first] in _MORE_LEADS:
            first = skip_lead_in(turn, first + 1)
        if hit.first - first <= _LONGEST_LOCAL:
            yield Hit(Entity.EMAIL_ADDRESS, min(first, hit.first), hit.last, 0.7, "asked for")


def _parted(turn: Turn, first: int, at: int, last: int) -> Iterator[Hit]:
    """An address, without talk behind its at sign ("at, and then it's the company, …")."""
    rest = at + 1
    while rest < last and turn.tokens[rest].key in LEAD_IN:
        rest += 1
    if rest - at <= _MOST_LEADS or rest >= last:
        yield Hit(Entity.EMAIL_ADDRESS, first, last, 0.85, "at a domain")
        return
    yield Hit(Entity.EMAIL_ADDRESS, first, at + 1, 0.85, "at a domain")
    yield Hit(Entity.EMAIL_ADDRESS, rest, last, 0.85, "at a domain")


def _of_a_site(turn: Turn, at: int) -> bool:
    """Whether an "at" leads to a web site: "the pages are at www dot …", "it's up at …"."""
    if turn.keys(at + 1, at + 2) in {("www",), ("w",), ("http",), ("https",)}:
        return True
    before = turn.tokens[at - 1] if at else None
    return before is not None and before.key in _LEADS_TO_SITES and not before.stops


def _looks_local(turn: Turn, first: int, at: int) -> bool:
    """Whether tokens are the part before an at sign: with a dot, a figure, a letter, or rare."""
    keys = turn.keys(first, at)
    if not keys:
        return False
    signs = any(key in _LOCAL_SIGNS or is_number(key) for key in keys)
    letters = any(is_spelled(key) and key not in _WORDS for key in keys)
    return signs or letters or zipf(keys[-1]) < _RARE


def _written(turn: Turn, at: int) -> bool:
    """Whether a name with dots is written from a token on ("web.de")."""
    if at >= len(turn.tokens) - 1 or turn.tokens[at].after != ".":
        return False
    end = turn.all_keys[_domain(turn, at) - 1]
    return end.isalpha() and len(end) > 1


def _going_on(turn: Turn, at: int) -> Iterator[Hit]:
    """What is spelled right after an address was said ("all one word, V A N D E N …")."""
    while at < len(turn.tokens):
        letters, end = letters_at(turn, at)
        joined = turn.all_keys[at] in _JOINS or turn.keys(at, at + 2) == ("one", "word")
        if _at_provider(turn, at):
            end = at + 2
            yield Hit(Entity.EMAIL_ADDRESS, at, end, 0.5, "goes on")
        elif turn.all_keys[at] in _PLACED:
            for figure in _placed(turn, at):
                yield Hit(Entity.EMAIL_ADDRESS, figure, figure + 1, 0.5, "goes on")
        elif len(letters) >= _SPELLED or (joined and turn.all_keys[at] != "dot"):
            first, last = _signs_around(turn, at, max(end, at + 1 + (turn.all_keys[at] == "one")))
            yield Hit(Entity.EMAIL_ADDRESS, first, last, 0.5, "goes on")
            end = last
        at = max(end, at + 1)


def _at_provider(turn: Turn, at: int) -> bool:
    """Whether an answer goes on with who the mail is with ("no, at yahoo")."""
    following = turn.keys(at + 1, at + 2)
    return turn.all_keys[at] == "at" and bool(following) and following[0] in _PROVIDERS


def _figures_asked(turn: Turn, asked: int) -> Iterator[int]:
    """Figures of a short answer to "is there a number in it?": "yes, 82", "eight two"."""
    last = sentence_end(turn, skip_lead_in(turn, asked), _LONGEST_ODD)
    numbers = [at for at in range(asked, last) if is_number(turn.all_keys[at])]
    others = set(turn.keys(asked, last)) - LEAD_IN - _PLACED - _BETWEEN
    if numbers and not {key for key in others if not is_number(key)}:
        yield from numbers


def _placed(turn: Turn, at: int) -> Iterator[int]:
    """Figures and letters of which a sentence says where in an address they stand."""
    first = at
    while first > 0 and at - first < _AFTER_SIGN and not turn.tokens[first - 1].stops:
        first -= 1
        key = turn.all_keys[first]
        if is_number(key) and key != "one":
            yield first


def _signs_around(turn: Turn, first: int, last: int) -> tuple[int, int]:
    """Letters and signs of an address with those that stand beside them."""
    while first > 0 and not turn.tokens[first - 1].stops:
        before = turn.all_keys[first - 1]
        if not (before in _PARTS or is_number(before) or (first > 1 and before == "all")):
            break
        first -= 1
    while last < len(turn.tokens) and not turn.tokens[last - 1].stops:
        after = turn.all_keys[last]
        if not (after in _PARTS or is_number(after) or is_spelled(after)):
            break
        last += 1
    return first, last


def _is_sign(turn: Turn, at: int) -> bool:
    """Whether a word is a sign of an address; "at" is one behind what is no everyday word."""
    key = turn.all_keys[at]
    if key != "at" or at == 0:
        return key in _EVIDENCE
    before = turn.all_keys[at - 1]
    return is_spelled(before) or is_number(before) or zipf(before) < _EVERYDAY


def _last_evidence(turn: Turn, first: int, last: int) -> int:
    """Token after the last sign of an address, while the signs follow one another closely.

    ``first`` where there is none.
    """
    end = first
    for index in range(first, last):
        token = turn.tokens[index]
        letter = is_spelled(token.key) and (token.key not in _WORDS or index == end)
        sign = letter or _is_sign(turn, index) or "@" in token.after
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
