"""How far a street reaches: over the unit and number before it, the town and ZIP behind it.

Outcome: the first token, or the token after the last one; where nothing belongs to the street it
is what was given.
"""

from __future__ import annotations

from typing import Final

from models.answers import FILLERS, is_number, is_spelled
from models.frequency import zipf
from models.lexicon import listed
from models.places import DWELLINGS
from models.spoken import Turn

UNITS: Final = frozenset(["flat", "apartment", "apt", "unit", "suite", "lot", "shop", "room"])
_UNIT_WORDS: Final = frozenset(["apartment", "apt", "unit", "suite", "lot"])
JOINED: Final = frozenset(["dash", "hyphen", "stroke", "slash", "oblique", "number", "no"])
"""What joins the parts of a house number."""
DIRECTIONS: Final = frozenset({"north", "south", "east", "west", "old", "upper", "lower"})
_NEXT: Final = frozenset({("whats",), ("what",), ("your",), ("can",), ("could",)})
"""With what the other side goes on, on one channel: "and your postcode"."""
_ASKS: Final = frozenset(
    [
        "what",
        "whats",
        "which",
        "whos",
        "whose",
        "hows",
        "wheres",
        "whens",
        "thanks",
        "okay",
        "ok",
        "alright",
    ]
)
"""With what the other side goes on where nothing marks the end of an answer."""
_ASKS_IN_TWO: Final = frozenset(
    (first, second)
    for first, seconds in {
        "can": "i you we", "could": "i you we", "may": "i", "shall": "i we", "do": "you we",
        "does": "it that he she", "did": "you they", "have": "you", "is": "that it there this",
        "are": "you there we they", "was": "that it", "would": "you", "will": "you that",
        "and": "the your what whats where wheres who how when is can could do your are whose",
        "thank": "you", "all": "right", "how": "many long much do is are", "where": "is are",
        "who": "is am", "let": "me", "got": "it", "no": "problem worries bother",
    }.items()
    for second in seconds.split()
)  # fmt: skip
_ENDS: Final = frozenset(
    ["northeast", "northwest", "southeast", "southwest", "ne", "nw", "se", "sw", "extension",
     "middle"]
)  # fmt: skip
"""Behind a street's kind: "Street Northwest"."""
_WHICH: Final = frozenset(
    ["ground", "first", "second", "third", "top", "floor", "basement", "garden", "rear", "front",
     "back", "upstairs", "downstairs", "lower", "upper", "granny", "attic", "annexe", "annex"]
)  # fmt: skip
_FLATS: Final = frozenset(["flat", "apartment", "apt", "unit", "maisonette", "bedsit", "studio"])
_BEFORE_A_STREET: Final = 7
_LONGEST_HEAD: Final = 12
_AFTER: Final = 16
_NO_TAIL: Final = frozenset(
    ["for", "since", "until", "till", "before", "after", "with", "when", "about", "around", "if",
     "because", "but", "every", "its", "from"]
)  # fmt: skip
"""With what other talk goes on behind a street ("for three years")."""
_GRAMMAR: Final = 5.6
_IN_PLACES: Final = frozenset({"new", "a", "b", "of"})


def head(turn: Turn, first: int) -> int:
    """``first`` moved back over unit and number that stand before a street."""
    at = _unit_before(turn, first)
    while at > 0 and first - at < _LONGEST_HEAD and not turn.tokens[at - 1].stops:
        key = turn.all_keys[at - 1]
        letter = is_spelled(key) and key <= "h" and (key != "a" or turn.tokens[at - 1].title)
        ordinal = key[:1].isdigit() and key[-2:] in {"st", "nd", "rd", "th"}
        hundred = (key == "and" and turn.keys(max(0, at - 2), at - 1) == ("hundred",)) or (
            key == "a" and turn.all_keys[at] == "hundred"
        )
        number = (is_number(key) and not ordinal) or letter or hundred
        before = turn.all_keys[at - 2] if at > 1 else ""
        number = number or (key in DIRECTIONS and is_number(before))
        no = key == "no" and "," in turn.tokens[at - 1].after
        if no or not (number or key in JOINED or key in DWELLINGS):
            break
        at -= 1
    return at


def _unit_before(turn: Turn, first: int) -> int:
    """``first`` moved back over what stands before a number and a street ("flat 12 Rosewood …")."""
    for at in range(max(0, first - _BEFORE_A_STREET), first + 1):
        if turn.tokens[at].key in UNITS and not any(token.stops for token in turn.tokens[at:first]):
            return at
    return first


def tail(turn: Turn, last: int) -> int:
    """``last`` moved on over unit, city, state and ZIP that follow a street."""
    stop = min(len(turn.tokens), last + _AFTER)
    end = last = _behind(turn, last)
    keys = turn.keys(0, len(turn.tokens))
    stop = min(stop, other_answer(turn, last))
    states = listed("states")
    for index in range(last, stop):
        key = keys[index]
        pair = " ".join(keys[index : index + 2])
        if key in states or key in _UNIT_WORDS or is_number(key):
            end = index + 1
        elif pair in states:
            end = min(index + 2, stop)
        elif key in _NO_TAIL or (
            index > end and (key in FILLERS or (zipf(key) > _GRAMMAR and key not in _IN_PLACES))
        ):
            break
        if index > end + 4:
            break
    # A unit's letter, or a city without its state, right behind the street.
    if end < len(keys) and keys[end - 1] in _UNIT_WORDS:
        end += 1
    while (
        end < stop
        and not turn.tokens[end - 1].stops
        and (turn.tokens[end].title and keys[end] not in FILLERS and keys[end] != "i")
    ):
        end += 1
    return min(end, len(keys))


def _behind(turn: Turn, last: int) -> int:
    """``last`` moved on over what a street or a unit ends with ("Road Upper")."""
    keys = turn.all_keys
    if (
        last < len(keys)
        and (keys[last] in _ENDS or (keys[last] in DIRECTIONS - {"old"}))
        and not turn.tokens[last - 1].stops
        and keys[last + 1 : last + 2] not in {("of",), ("from",), ("to",)}
    ):
        last += 1
    begun = last
    while last < len(keys) and keys[last] in _WHICH and not turn.tokens[last - 1].stops:
        last += 1
    flat = last > begun or keys[last - 1] == "floor"
    if flat and last < len(keys) and keys[last] in _FLATS and not turn.tokens[last - 1].stops:
        return last + 1
    told = last > begun and (last == len(keys) or turn.tokens[last - 1].after.strip())
    return last if told else begun


def other_answer(turn: Turn, first: int) -> int:
    """Where another answer, or another question, begins ("… Ohio, and 40 02")."""
    for at in range(first + 1, len(turn.tokens)):
        if turn.all_keys[at] in _ASKS or turn.keys(at, at + 2) in _ASKS_IN_TWO:
            return at
        if turn.tokens[at].key == "and" and (
            "," in turn.tokens[at - 1].after or turn.keys(at + 1, at + 2) in _NEXT
        ):
            return at
    return len(turn.tokens)
