"""Spelled names: rows of letters, the words that stand for letters, and what is said between.

Outcome: :func:`spelling` tells where a row that begins at a token ends and what it spells; it ends
where it begins if there is none. A row has three letters at least. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from models.answers import is_spelled
from models.frequency import zipf
from models.lexicon import listed
from models.patterns import Worded
from models.spoken import Turn
from pipeline.accents import plain
from pipeline.vocabulary import DEFAULT, vocabulary

_LEAST: Final = 3
_PAIR: Final = 2
_RARE_PAIR: Final = 4.25
"""Zipf frequency below which two letters that the recogniser ran together are no word."""
_TALK: Final = 5.0
"""Zipf frequency from which a word for a letter ("yes") is more likely talk."""
_RARE_NAME: Final = 4.6
"""Zipf frequency below which the name of a letter ("aitch") is a letter in a row of letters."""
_QUALIFIES: Final = frozenset(
    ["double", "triple", "treble", "capital", "small", "big", "another", "letter", "uppercase"]
)
"""Words before a letter."""
_BETWEEN: Final = frozenset(["hyphen", "dash", "apostrophe", "space", "stroke"])
_BRIDGES: Final = frozenset(
    ["and", "then", "so", "next", "um", "uh", "er", "erm", "uhm", "okay", "ok", "yeah", "yes"]
)
_HESITATIONS: Final = frozenset(["um", "uh", "er", "erm", "uhm", "like", "say", "the", "oh"])
_MOST_BRIDGES: Final = 3
_CODES: Final = frozenset(
    (
        *(
            "cvv",
            "cvc",
            "ssn",
            "dob",
            "pin",
            "vin",
            "usa",
            "pdf",
            "ssl",
            "usb",
            "url",
            "atm",
            "gps",
        ),
        *("iban", "http", "https", "html", "imei", "mri", "nhs", "bbc", "irs", "dvla", "hmrc"),
    )
)
"""Abbreviations: rows of letters that spell no name."""
WITH_LETTER: Final = Worded(
    r"\b(?:that(?:s| is) |its |it is |spell?ed |spelt )?with(?:out)?"
    r" (?:an?|one|two|double|the|no|just one|just an?)(?: (?:double|single|silent|capital))?"
    r" [a-z]s?\b"
    r"(?:(?: and| then| or)? (?:with |without )?(?:an?|one|two|double|no) (?:[a-z]s?)\b)*"
    r"(?: (?:at the|in the|on the) (?:end|middle|front|beginning|start))?",
)
"""How a name differs from another one: "Shaun with a U", "Brandi with an i"."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """A row of letters in tokens ``[first, last)``."""

    first: int
    last: int
    letters: str = field(repr=False)


@cache
def _standins() -> frozenset[str]:
    """Words that stand for letters once letters were said ("S, A, money")."""
    words = vocabulary(DEFAULT).words["standins"]
    return listed("spelling_words") | {word for word in words if zipf(word) < _TALK}


def spelled_run(turn: Turn, first: int) -> int:
    """Token after the row of letters that begins at ``first``; ``first`` if none does."""
    return spelling(turn, first).last


def spellings(turn: Turn, first: int = 0) -> Iterator[Spelling]:
    """Every row of letters from ``first`` on that is no abbreviation."""
    at = first
    while at < len(turn.tokens):
        if not _may_begin(turn, at):
            at += 1
            continue
        row = spelling(turn, at)
        if row.last > at and turn.keys(at, row.last) not in _abbreviations():
            yield row
        at = max(at + 1, row.last)


@cache
def _abbreviations() -> frozenset[tuple[str, ...]]:
    return frozenset(map(tuple, _CODES))


def spelling(turn: Turn, first: int) -> Spelling:
    """The row that begins at ``first`` ("B, A as in apple, double R, and then N for Nellie")."""
    if not _may_begin(turn, first):
        return Spelling(first, first, "")
    at, letters = first, ""
    while at < len(turn.tokens):
        last, letter = _item(turn, at, len(letters))
        if last == at and len(letters) >= _PAIR:
            bridged = _bridge(turn, at)
            if bridged > at:
                last, letter = _item(turn, bridged, len(letters))
                last = at if last == bridged else last
        if last == at:
            break
        at, letters = last, letters + letter
    enough = len(letters) >= _LEAST
    return Spelling(first, at, letters) if enough else Spelling(first, first, "")


def _may_begin(turn: Turn, at: int) -> bool:
    if at >= len(turn.tokens):
        return False
    key = turn.tokens[at].key
    if len(key) == 1 and at and _tells_apart(turn, at):
        return False
    return len(key) == 1 or key in _QUALIFIES or key in listed("spelling_words")


def _tells_apart(turn: Turn, at: int) -> bool:
    """Whether a letter only says how a name is written ("with a U. S, H, A, U, N")."""
    before = turn.keys(max(0, at - 2), at)
    if turn.tokens[at - 1].stops:
        return False
    return before[-1] in {"with", "without"} or (
        len(before) == _PAIR
        and before[0] in {"with", "without"}
        and before[1] in {"a", "an", "one"}
    )


def _item(turn: Turn, at: int, letters: int) -> tuple[int, str]:
    """Token after one letter and what was said for it; ``at`` itself if there is none."""
    keys = turn.keys(at, at + 2)
    if not keys:
        return at, ""
    key = keys[0]
    if is_spelled(key) and not (key == "i" and _is_pronoun(turn, at)):
        return _named(turn, at), key
    if len(keys) == _PAIR and (key in _QUALIFIES or (letters and key in _BETWEEN)):
        qualifies = is_spelled(keys[1]) or (letters > 0 and keys[1] in _BETWEEN | _QUALIFIES)
        last, letter = _item(turn, at + 1, letters) if qualifies else (at, "")
        return (last, letter * _times(key)) if last > at + 1 else (at, "")
    letter = _stands_for(turn, at, letters)
    return (at + 1, letter) if letter else (at, "")


def _stands_for(turn: Turn, at: int, letters: int) -> str:
    """The letters that a word stands for in a row; an empty string if it stands for none."""
    key = turn.tokens[at].key
    if key in (_standins() if letters >= _PAIR else listed("spelling_words")):
        return key[:1] if letters or _alphabet_follows(turn, at) else ""
    if letters < _PAIR:
        return ""
    letter = vocabulary(DEFAULT).letter_names.get(key, "")
    if letter:
        return letter if zipf(key) < _RARE_NAME else ""
    token = turn.tokens[at]
    part = len(key) == _PAIR and key.isalpha() and zipf(key) < _RARE_PAIR
    name = token.title and turn.text[token.start : token.end] != key.upper()  # "…, A, N, Ni"
    return key if part and not name else ""


def _times(key: str) -> int:
    return {"double": 2, "triple": 3, "treble": 3}.get(key, 1)


def _named(turn: Turn, at: int) -> int:
    """Token after a letter and the word that names it: "N for, er, Nellie", "A as in apple"."""
    letter = turn.tokens[at].key
    keys = turn.keys(at + 1, at + 3)
    if keys in {("as", "in"), ("is", "for")}:
        last = at + 3
    elif keys[:1] and keys[0] in {"for", "as", "like"}:
        last = at + 2
    else:
        return at + 1
    sure = keys == ("as", "in")
    while turn.keys(last, last + 1) and turn.tokens[last].key in _HESITATIONS:
        last += 1
    if last >= len(turn.tokens):
        return at + 1
    key = turn.tokens[last].key
    fits = sure or key in listed("spelling_words") or (key.startswith(letter) and len(key) > 1)
    return last + 1 if fits else at + 1


def named_letter(turn: Turn, at: int) -> int:
    """Token after one letter with the word for it ("Catherine, C for Charlie"); else ``at``."""
    if at < len(turn.tokens) and is_spelled(turn.tokens[at].key):
        last = _named(turn, at)
        return last if last > at + 1 else at
    return at


def _bridge(turn: Turn, at: int) -> int:
    """Token after "and then", "um" and the like, where letters go on behind; else ``at``."""
    end = at
    while end < min(len(turn.tokens), at + _MOST_BRIDGES) and turn.tokens[end].key in _BRIDGES:
        end += 1
    if end == at:
        return at
    last, _ = _item(turn, end, _PAIR)
    if last == end:
        return at
    named = last > end + 1  # "and then N for Nellie"
    return end if named or last >= len(turn.tokens) or _item(turn, last, _PAIR)[0] > last else at


def _is_pronoun(turn: Turn, at: int) -> bool:
    """An "I" with a verb after it; inside a spelled run letters stand on both sides."""
    if at + 1 >= len(turn.tokens):
        return False
    if turn.keys(at + 1, at + 3) == ("as", "in") or turn.tokens[at + 1].key == "for":
        return False  # "I as in ice"
    return not is_spelled(turn.tokens[at + 1].key) and not (
        at and is_spelled(turn.tokens[at - 1].key)
    )


def _alphabet_follows(turn: Turn, at: int) -> bool:
    alphabet = listed("spelling_words")
    following = turn.keys(at + 1, at + 3)
    return len(following) == _PAIR and all(key in alphabet or is_spelled(key) for key in following)


def spells(row: Spelling, names: frozenset[str]) -> bool:
    """Whether a row spells one of some names, or a piece of one."""
    return any(row.letters in plain(name) for name in names)
