"""Which part of what is said after a question for an address, or "I live at", is the address.

Outcome: tokens ``[first, last)``, a score and the pattern's name for each sentence that holds one,
or for a short answer that is one as a whole ("Ross Drive, Albany"); none where talk goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from models.answers import (
    FILLERS,
    LEAD_IN,
    MONTHS,
    is_function,
    is_number,
    is_spelled,
    sentence_end,
    trim_fillers,
)
from models.frequency import zipf
from models.lexicon import listed
from models.places import DWELLINGS, KINDS, SUFFIXES, WEAK, street_before
from models.reach import DIRECTIONS, JOINED, other_answer
from models.spoken import Turn

STATED: Final = "stated"
_OTHER: Final = frozenset(
    ["iban", "account", "card", "email", "e", "phone", "cell", "mobile", "fax", "number", "sort",
     "version"]
)  # fmt: skip
"""Where else something is sent to."""
_CLAUSES: Final = frozenset(
    ["but", "i", "im", "ive", "he", "hes", "she", "shes", "they", "theyre", "we", "you", "youll",
     "thats", "theres", "its", "if", "because", "cause", "cos", "which", "so", "when", "only"]
)  # fmt: skip
"""With what other talk goes on behind an address."""
_QUESTIONS: Final = listed("question_words") | {"is that", "is it", "is there", "did you"}
_HESITATES: Final = listed("interjections")
_COUNTED: Final = listed("counted")
"""What numbers count: "twenty minutes"."""
_STATES_AGAIN: Final = FILLERS | frozenset(
    ["is", "that", "thats", "its", "did", "you", "say", "said", "was", "still", "at", "number",
     "not", "youre", "they", "theyre", "be", "would", "have", "weve", "ive", "put"]
)  # fmt: skip
"""What leads to a house number that is read back or corrected ("so that's sixteen?")."""
_BESIDE: Final = frozenset({"opposite", "behind", "beside", "adjacent", "above"})
_LONGEST_LANDMARK: Final = 9
_LASTS: Final = frozenset({"since", "until", "till", "for", "because"})
_OR: Final = frozenset({"or", "not"})
_CORRECTED: Final = (DIRECTIONS - {"old"}) | (
    SUFFIXES - {"way", "place", "close", "row", "square", "st", "hill", "walk", "rise", "quay"}
)
"""Parts of a street's name that are corrected by themselves: "West", "Avenue, not Street"."""
_FOLLOW: Final = KINDS | {"with", "was", "not", "is", "dash", "hyphen", "as", "or"}
_BEFORE_ONE: Final = frozenset(
    ["got", "have", "has", "the", "that", "this", "old", "new", "right", "wrong", "same", "other",
     "another", "which", "first", "last", "next", "need", "want", "a"]
)  # fmt: skip
"""Words behind which "one" is no number."""
_REFUSES: Final = frozenset(
    ["hasnt", "dont", "havent", "doesnt", "isnt", "no", "aint", "not", "without", "didnt", "youve",
     "moved", "wrong", "old", "theres"]
)  # fmt: skip
"""Words of a first clause that is no address itself ("it hasn't got one, it's just …")."""
_RELATED: Final = listed("relations")
_PLACEHOLDERS: Final = frozenset({"there", "exactly", "again"})
_LEADS: Final = (
    _HESITATES
    | _PLACEHOLDERS
    | {"were", "hes", "shes", "theyre", "still", "should", "over", "moved", "living", "lives"}
)
"""Words before an address beside the common lead-ins ("we're still at …")."""
_TALKS: Final = frozenset(
    ["ill", "i", "you", "me", "us", "them", "do", "dont", "doesnt", "cant", "wont", "that", "this",
     "thats", "not", "ive", "weve", "would", "could", "who", "what", "have", "has", "if", "up"]
)  # fmt: skip
"""Words of talk that is no short answer to where ("I do apologise")."""
_PLACES: Final = KINDS | DWELLINGS
_EARLY: Final = 4
_LONGEST_NUMBER: Final = 9
_LONGEST_AGAIN: Final = 8
_LONGEST_SENTENCE: Final = 30
_ANSWER: Final = 40
_SENTENCES: Final = 3
_SHORT_ANSWER: Final = 5
_SHORT_QUESTION: Final = 4
_RARE_NAME: Final = 4.6
_MOST_COMMON: Final = 3
"""Common words in a row that may stand inside an address ("on the corner of …")."""
_RARE: Final = 3.5
_VERY_RARE: Final = 2.5
_TOWN: Final = 4.0
"""Zipf frequency below which a word is a town where it is all of an answer ("Mayo")."""
_UNCOUNTED: Final = 4.3
_UNHEARD: Final = 3.3
_FREQUENT: Final = 5.6
_ROADSIDE: Final = listed("roadside")
"""Where a car has broken down is no address: "forty west, just past the exit"."""
_NUMBERED_THINGS: Final = listed("numbered_things")
"""What stands before a number that is no house's: "terminal 2"."""
_SHORT_STREET: Final = 4
"""Words of a number and a name that answer the question alone: "fourteen oh eight farmington"."""
_EVERYDAY: Final = 4.8


def answer(
    turn: Turn, at: int, score: float, pattern: str
) -> Iterator[tuple[int, int, float, str]]:
    """Sentences of an answer that hold an address, or the whole of a short one."""
    stop = min(len(turn.tokens), at + _ANSWER)
    given = False
    for place in range(_SENTENCES):
        at = _lead(turn, at, stop)
        if at >= stop or turn.all_keys[at] in _OTHER | {"same"}:
            return
        whole = sentence_end(turn, at, _LONGEST_SENTENCE)
        limit = trim_fillers(turn, at, other_answer(turn, at))
        end = trim_fillers(turn, at, min(whole, limit))
        if _asks(turn, at, whole) or _elsewhere(turn, at, end):
            return
        if not place and turn.all_keys[at] in _BESIDE and end - at <= _LONGEST_LANDMARK:
            yield at, end, score, pattern
            return
        number = _house_number(turn, at, end)
        if number < end or _names_place(turn, at, end):
            first = _begin(turn, at, number, pattern)
            if not given:
                limit = _clause(turn, number, limit)
                further = max(end, _last_number(turn, at, limit, _LONGEST_SENTENCE))
                end = trim_fillers(turn, first, min(further, limit))
            begun = number if first <= number < end else first
            yield first, _worded_end(turn, begun, end), score, pattern
            given = True
        elif given:
            return
        elif not place:
            yield from _short(turn, at, _clause(turn, at, end), whole, score, pattern)
        at = max(whole, end)


def _short(
    turn: Turn, at: int, end: int, whole: int, score: float, pattern: str
) -> Iterator[tuple[int, int, float, str]]:
    """A first clause that is a place by its name; or one that refuses, and what follows it."""
    if end < whole and not _REFUSES.isdisjoint(turn.keys(at, end)):
        yield from answer(turn, end, score, pattern)
    elif end - at <= _SHORT_ANSWER and _odd(turn, at, end, whole, pattern):
        yield _article(turn, at, told=pattern == STATED), end, score - 0.15, pattern


def _begin(turn: Turn, at: int, number: int, pattern: str) -> int:
    """Where an address begins in a sentence that begins at ``at`` and has a number."""
    if all(map(is_function, turn.keys(at, number))):
        return number
    bare = pattern == STATED or _PLACES.isdisjoint(turn.keys(at, number))
    return _article(turn, at, told=bare)


def _lead(turn: Turn, at: int, stop: int) -> int:
    """First token at or after ``at`` that is no lead-in ("oh, we're still at …")."""
    keys = turn.all_keys
    while at < stop and (keys[at] in LEAD_IN or keys[at] in _LEADS):
        if keys[at] == "one" and any(map(is_number, keys[at + 1 : at + 2])):
            break  # "one one two"
        at += 1
    return at


def _elsewhere(turn: Turn, first: int, last: int) -> bool:
    """Whether an answer is no address: a place on a road, or nothing but a state."""
    keys = turn.keys(first, last)
    if "dot" in keys or _is_network(turn, first, last):
        return True
    if not _ROADSIDE.isdisjoint(keys) and KINDS.isdisjoint(keys):
        return True
    return " ".join(keys) in listed("states")


def _is_network(turn: Turn, first: int, last: int) -> bool:
    """Whether figures are joined by dots: "our address is 51.91.22.7"."""
    return any(
        turn.tokens[at].after == "." and turn.all_keys[at + 1][:1].isdigit()
        for at in range(first, last - 1)
        if turn.all_keys[at][:1].isdigit()
    )


def _article(turn: Turn, at: int, *, told: bool) -> int:
    """``at`` moved back over an article that belongs to it ("The Gables", "the end terrace")."""
    if not at or turn.all_keys[at - 1] != "the":
        return at
    large = turn.tokens[at].title and turn.tokens[at - 1].title
    return at - 1 if large or not told else at


def _worded_end(turn: Turn, first: int, last: int) -> int:
    """``last`` moved back to where common words go on that are no part of an address."""
    end = first
    for at in range(first, last):
        key = turn.all_keys[at]
        if key in _LASTS and at > first:
            break
        part = key in _PLACES or is_number(key) or is_spelled(key) or zipf(key) < _UNCOUNTED
        if part or (turn.tokens[at].title and zipf(key) < _FREQUENT) or key in DIRECTIONS:
            end = at + 1
        elif at - end >= _MOST_COMMON:
            break
    return max(end, min(first + 1, last))


def _house_number(turn: Turn, first: int, last: int) -> int:
    """First token of a number that may be a house's; ``last`` for none.

    Not a phone number, a date, or what counts something; and it stands at the beginning, or a
    street or dwelling is named, too.
    """
    keys = turn.keys(first, last)
    if not MONTHS.isdisjoint(keys):
        return last
    at = first
    named = any(map(partial(_names, turn, first), range(first, last)))
    while at < last:
        end = at
        while end < last and _counts(turn, at, end):
            end += 1
        if turn.keys(at, end) == ("one",) and _is_pronoun(turn, at):
            at = end
            continue
        if end > at and turn.keys(end, end + 3) == ("and", "a", "half"):
            end += 3
        following = turn.all_keys[end] if end < len(turn.tokens) else ""
        digits = sum(len(key) if key[:1].isdigit() else 1 for key in turn.keys(at, end))
        labels = at > 0 and turn.all_keys[at - 1] in _NUMBERED_THINGS
        free = named or (at - first <= _EARLY and (end == last or stands_free(turn, end)))
        free = (free or (at == first and _short_street(turn, end, last))) and not labels
        if end > at and free and digits <= _LONGEST_NUMBER and following not in _COUNTED:
            return at
        at = max(end, at + 1)
    return last


def _is_pronoun(turn: Turn, at: int) -> bool:
    """Whether "one" stands for a thing: "it hasn't got one", "the old one"."""
    return at > 0 and not _BEFORE_ONE.isdisjoint(turn.keys(at - 1, at))


def _counts(turn: Turn, first: int, at: int) -> bool:
    """Whether a token is a part of a number ("a hundred and six")."""
    key = turn.all_keys[at]
    joins = key == "and" and at > first and turn.all_keys[at - 1] in {"hundred", "thousand"}
    return is_number(key) or (joins and any(map(is_number, turn.keys(at + 1, at + 2))))


def _names(turn: Turn, first: int, at: int) -> bool:
    """Whether a token is a dwelling, or the kind of a street that has a name."""
    key = turn.all_keys[at]
    if key in DWELLINGS or key in SUFFIXES - WEAK:
        return True
    if key not in KINDS or at == first or turn.tokens[at - 1].stops:
        return False
    return street_before(turn, at) < at or (
        not is_number(turn.all_keys[at - 1])
        and any(map(is_number, turn.keys(max(first, at - _SHORT_STREET + 1), at)))
    )


def _short_street(turn: Turn, end: int, last: int) -> bool:
    """Whether a number and a word that it cannot count are all of an answer ("90 prospect")."""
    names = turn.keys(end, last)
    return 0 < len(names) <= _SHORT_STREET and all(
        zipf(key) < _EVERYDAY and not (key.endswith("s") and zipf(key) > _VERY_RARE)
        for key in names[:1]
    )


def stands_free(turn: Turn, end: int) -> bool:
    """Whether a number counts nothing: a name or a letter follows, or nothing at once."""
    if end >= len(turn.tokens) or turn.tokens[end - 1].after.strip():
        return True
    token = turn.tokens[end]
    if token.key in DIRECTIONS:
        return True
    plural = token.key.endswith("s") and zipf(token.key) > _VERY_RARE
    return token.title or len(token.key) == 1 or (zipf(token.key) < _RARE and not plural)


def _names_place(turn: Turn, first: int, last: int) -> bool:
    """Whether words hold a state, or a street's kind."""
    keys = turn.keys(first, last)
    states = listed("states")
    return any(
        key in SUFFIXES - WEAK
        or (
            (key in states or f"{key} {following}" in states)
            and (turn.tokens[at - 1].title or not is_function(turn.all_keys[at - 1]))
        )
        for at, key, following in zip(range(first, last), keys, (*keys[1:], ""), strict=True)
    )


def _clause(turn: Turn, first: int, last: int) -> int:
    """Where other talk goes on behind an address: "…, that's the trailer park"."""
    for at in range(first + 1, last):
        parted = turn.tokens[at - 1].after.strip() or turn.tokens[at - 1].stops
        if parted and turn.all_keys[at] in _CLAUSES:
            return at
    return last


def _odd(turn: Turn, first: int, last: int, whole: int, pattern: str) -> bool:
    """Whether a short answer has a name: a street or a city without its number."""
    if pattern == STATED and "?" in turn.tokens[whole - 1].after:
        return False  # "have you got the address of the rental?"
    keys = turn.keys(first, last)
    if all(key in _RELATED or key.removesuffix("s") in _RELATED for key in keys):
        return False  # "my mum's"
    if not _TALKS.isdisjoint(keys) or (len(keys) > 1 and is_number(keys[0])):
        return False
    alone = len(keys) == 1 and last == whole and pattern != STATED
    if alone and zipf(keys[0]) < _TOWN and keys[0] not in listed("replies"):
        return True
    cased = any(token.title for token in turn.tokens[first:last])
    least = _RARE if cased else _RARE_NAME
    return any(
        zipf(key) < (least if index else _UNHEARD)
        or (index and turn.tokens[index].title and zipf(key) < _FREQUENT)
        for index, key in enumerate(keys, first)
    )


def _asks(turn: Turn, first: int, last: int) -> bool:
    """Whether a sentence is a question itself ("and the postcode", "where is it exactly?")."""
    keys = turn.keys(first, last)
    if any(is_number(key) and key != "one" for key in keys):
        return False
    if turn.keys(max(0, first - 2), first) in {("and", "the"), ("and", "your")}:
        return len(keys) <= _SHORT_QUESTION
    asks = "?" in turn.tokens[last - 1].after
    begin = first
    while begin > 0 and not turn.tokens[begin - 1].stops:
        begin -= 1
    if asks and turn.all_keys[begin] == "and" and first - begin <= _SHORT_QUESTION:
        return True
    return " ".join(keys[:2]) in _QUESTIONS or (
        keys[0] in _QUESTIONS and (asks or keys[0].startswith("wh"))
    )


def numbers_again(turn: Turn, at: int) -> Iterator[tuple[int, int]]:
    """House numbers right after an address: "sixteen, not six", "146-22 with a dash?"."""
    while at < len(turn.tokens):
        end = sentence_end(turn, at, _LONGEST_SENTENCE)
        first = at
        while first < end and turn.all_keys[first] in _STATES_AGAIN:
            first += 1
        last = first
        while last < end and (
            is_number(turn.all_keys[last])
            or turn.all_keys[last] in JOINED
            or (turn.all_keys[last] in _OR and last > first)
        ):
            last += 1
        while last > first and turn.all_keys[last - 1] in _OR:
            last -= 1
        following = turn.all_keys[last] if last < end else ""
        joined = following and not turn.tokens[last - 1].after.strip()
        priced = not {"$", "£", "€", "%"}.isdisjoint(
            turn.text[turn.tokens[at].start : turn.tokens[end - 1].end + 1]
        )
        counts = following in _COUNTED or priced
        free = not joined or following in _FOLLOW
        if last > first and end - at <= _LONGEST_AGAIN and free and not counts:
            yield first, last
        at = end


def _last_number(turn: Turn, first: int, last: int, limit: int) -> int:
    stop = min(last, first + limit)
    return max(
        (index + 1 for index in range(first, stop) if is_number(turn.tokens[index].key)),
        default=first,
    )


def directions_again(turn: Turn, at: int) -> Iterator[tuple[int, int]]:
    """Parts of a street's name, corrected: "no, it's West", "Avenue, not Street"."""
    while at < len(turn.tokens):
        end = sentence_end(turn, at, _LONGEST_SENTENCE)
        keys = turn.keys(at, end)
        told = [index for index, key in enumerate(keys, at) if key in _CORRECTED]
        rest = [key for key in keys if key not in _CORRECTED and key not in _STATES_AGAIN]
        if told and not rest and len(keys) <= _LONGEST_AGAIN:
            yield from ((index, index + 1) for index in told)
        at = end
