"""Names that are words too, where nothing is written large, and initials before surnames.

"Ask for hope", "it's grace calling", "is mark there", "Summer." where somebody asked who; and
"Mr. B. Osei", which no list of names holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from string import ascii_lowercase
from typing import Final

from models.answers import is_function, is_spelled
from models.frequency import zipf
from models.lexicon import listed, plain_given_names, surnames
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.naming import FREE, NO_NAMES, has_capitals, in_surnames
from models.spoken import Turn
from pipeline.accents import plain
from pipeline.entities import Entity

_WORDS: Final = listed("word_names")
_ASKED: Final = _WORDS | listed("names_after_things")
_LOOKS: Final = frozenset(
    ["sunny", "misty", "dusty", "rocky", "rusty", "sandy", "storm", "rich", "gay", "precious",
     "olive", "amber", "violet", "ruby", "sage", "ginger", "jade", "rose"]
)  # fmt: skip
"""What weather, things and colours are, too: "it's sunny here"."""
_TO: Final = Worded(
    r"\b(?:(?:ask|asking|asked|looking) for"
    r"|(?:speak|speaking|talk|talking|spoke|talked|put through) (?:to|with)"
    r"|through to|care of|addressed to|made out to|signed by|collected by|met by)\b"
)
_HERE: Final = Worded(
    r"\b(?:(?:is|was)(?= [a-z]+ (?:there|home|about|around|available|in|free|awake|with you|working"
    r"|off|back)\b)|(?:its|it is|this is)(?= [a-z]+ (?:calling|speaking|ringing|phoning|again|here"
    r"|from)\b)|(?:my names?|names?)(?: is)?|call me|goes by)\b"
)
_SPEAKS: Final = frozenset({"calling", "speaking", "ringing", "phoning"})
_GOES_ON: Final = frozenset(
    ["she", "shes", "he", "hes", "please", "when", "at", "on", "from", "about", "calling",
     "speaking", "again", "here", "there", "thats", "and", "with", "or", "as", "yes", "yeah",
     "okay", "ok", "is", "was", "my", "shell", "hell", "theyre", "they", "said", "who", "home",
     "available", "around", "in", "today", "then", "no"]
)  # fmt: skip
"""With what talk goes on behind a name ("ask for hope, she's my daughter")."""
_AGAIN: Final = frozenset(
    ["okay", "ok", "and", "yes", "yeah", "is", "isnt", "wasnt", "its", "hasnt", "was", "said",
     "with", "then", "there", "again", "as", "thats", "please", "right", "thanks"]
)  # fmt: skip
"""What stands behind a name of this call that is said again."""
_BEFORE: Final = frozenset(
    ["okay", "ok", "hi", "hello", "hey", "thanks", "right", "so", "and", "yes", "no", "for", "to",
     "with", "is", "its", "thats", "not", "you", "from", "by", "alright", "sorry", "bye", "cheers",
     "please", "who"]
)  # fmt: skip
_RELATED: Final = listed("relations") - {"ex", "boy", "girl", "baby", "client", "kid", "other half"}
_TITLES: Final = frozenset(
    ["mr", "mrs", "ms", "miss", "mister", "missus", "dr", "doctor", "mx", "professor", "prof"]
)
_LEADS: Final = frozenset(
    ["its", "thats", "is", "name", "im", "the", "ask", "for", "to", "under", "just", "put", "say",
     "my", "a", "from", "by", "and", "mine", "be", "oh", "it", "as"]
)  # fmt: skip
_NO_SURNAMES: Final = NO_NAMES | _GOES_ON
_LETTERS: Final = frozenset(ascii_lowercase)
_MOST_INITIALS: Final = 3
_RARE: Final = 3.6
_MOST_LEADS: Final = 4


def word_names(turn: Turn, others: Iterable[Hit]) -> Iterator[Hit]:
    """Names that are everyday words: asked for, in a frame, called, or said again.

    Args:
        turn: the turn.
        others: names that were found in it by other means.
    """
    asked = turn.expected(Entity.PERSON)
    keys = turn.all_keys
    if not _ASKED.isdisjoint(keys):
        capitals = has_capitals(turn)
        told = [*(_answer(turn, asked) if asked is not None else ()), *_framed(turn)]
        yield from told
        said = {
            *turn.known,
            *(key for one in (*told, *others) for key in turn.keys(one.first, one.last)),
        }
        for at, key in enumerate(keys):
            if key in _WORDS and _again(turn, at, said, capitals=capitals):
                yield Hit(Entity.PERSON, at, _surname(turn, at + 1), 0.5, "named before")
    if not _TITLES.isdisjoint(keys):
        yield from _titled(turn)
    if not _LETTERS.isdisjoint(keys):
        yield from _initialled(turn, asked)
    if "who" in keys:
        yield from _surname_asked(turn)


def _surname(turn: Turn, at: int) -> int:
    """Token after a surname that stands behind a given name; ``at`` for none."""
    if at >= len(turn.tokens) or turn.tokens[at - 1].after.strip(" -"):
        return at
    key = plain(turn.all_keys[at])
    fits = key in surnames() and zipf(key) < FREE and key not in _NO_SURNAMES
    return at + 1 if fits and not is_function(key) else at


def _ends(turn: Turn, at: int, follow: frozenset[str]) -> bool:
    """Whether a name that ends before ``at`` stands for itself."""
    if at >= len(turn.tokens) or turn.tokens[at - 1].stops:
        return True
    return "," in turn.tokens[at - 1].after or turn.all_keys[at] in follow


def _answer(turn: Turn, asked: int) -> Iterator[Hit]:
    """Such as "Summer." or "ask for Hope, she's my daughter" behind "who should he ask for?"."""
    at = asked
    while at < len(turn.tokens) and at - asked < _MOST_LEADS and _leads(turn.all_keys[at]):
        at += 1
    if at < len(turn.tokens) and turn.all_keys[at] in _ASKED:
        last = _surname(turn, at + 1)
        if last > at + 1 or _ends(turn, last, _GOES_ON):
            yield Hit(Entity.PERSON, at, last, 0.6, "asked for")


def _leads(key: str) -> bool:
    return key in _LEADS or key in _RELATED or key.removesuffix("s") in _RELATED


def _framed(turn: Turn) -> Iterator[Hit]:
    """Behind "ask for", between "is" and "there", between "it's" and "calling"."""
    for pattern in (_TO, _HERE):
        for found in turn.search(pattern):
            at = found.last
            if at >= len(turn.tokens) or turn.all_keys[at] not in _WORDS:
                continue
            last = _surname(turn, at + 1)
            speaks = not _SPEAKS.isdisjoint(turn.keys(last, last + 1)) or pattern is _TO
            looks = turn.all_keys[at] in _LOOKS and not speaks
            if not looks and (last > at + 1 or _ends(turn, last, _GOES_ON)):
                yield Hit(Entity.PERSON, at, last, 0.55, "framed")
    for at in range(1, len(turn.tokens)):
        key, large = turn.all_keys[at], turn.tokens[at].title
        named = key in _ASKED if large else key in _WORDS - {"will"}
        if named and turn.all_keys[at - 1] in _RELATED and _ends(turn, at + 1, _GOES_ON):
            yield Hit(Entity.PERSON, at, at + 1, 0.5, "related")


def _again(turn: Turn, at: int, said: set[str], *, capitals: bool) -> bool:
    """Whether a name that was said is said again, without its capital."""
    keys = turn.all_keys
    starts = at == 0 or turn.tokens[at - 1].stops
    doubled = at > 0 and keys[at - 1] == keys[at] and turn.tokens[at - 1].title
    if doubled and not turn.tokens[at].title:
        return True  # "I'm Will. Will Shepherd"
    if keys[at] not in said:
        return False
    if capitals and turn.tokens[at].title:
        return False
    if capitals:
        return starts and _ends(turn, at + 1, _AGAIN)
    called = starts or keys[at - 1] in _BEFORE
    return called and _ends(turn, at + 1, _AGAIN)


def _titled(turn: Turn) -> Iterator[Hit]:
    """Surnames that are words for other things, with which a title ends ("Ms. Lane")."""
    for at in range(1, len(turn.tokens)):
        key, token = turn.all_keys[at], turn.tokens[at]
        if turn.all_keys[at - 1] not in _TITLES - {"dr", "doctor", "miss"} or not token.title:
            continue
        named = in_surnames(key) and not is_function(key) and not is_spelled(key)
        if named and _ends(turn, at + 1, _GOES_ON):
            yield Hit(Entity.PERSON, at, at + 1, 0.5, "titled")


def _initialled(turn: Turn, asked: int | None) -> Iterator[Hit]:
    """Initials with the surname behind them ("Mr. B. Osei", "D. Wayne Purcell")."""
    keys = turn.all_keys
    capitals = has_capitals(turn)
    at = 0
    while at < len(keys):
        last = at
        while last < len(keys) and last - at < _MOST_INITIALS and _is_initial(turn, last, capitals):
            last += 1
        family = last > at and last < len(keys) and _is_family(turn, last, capitals=capitals)
        if family and _is_sure(turn, at, last, asked, capitals=capitals):
            end = last + 1
            while capitals and end < min(len(keys), last + _MOST_INITIALS):
                if turn.tokens[end - 1].after != " " or not _is_family(turn, end, capitals=True):
                    break
                end += 1
            yield Hit(Entity.PERSON, at, end, 0.55, "initials and surname")
        at = max(last, at + 1)


def _is_sure(turn: Turn, at: int, last: int, asked: int | None, *, capitals: bool) -> bool:
    """Whether letters ``[at, last)`` before what may be a surname are somebody's initials."""
    keys = turn.all_keys
    titled = at > 0 and keys[at - 1] in _TITLES
    told = asked is not None and 0 <= at - asked <= _MOST_LEADS
    dotted = capitals and all("." in turn.tokens[one].after for one in range(at, last))
    rare = in_surnames(keys[last]) and zipf(keys[last]) < _RARE
    return titled or told or (dotted and rare and at > 0)


def _is_initial(turn: Turn, at: int, capitals: bool) -> bool:  # noqa: FBT001
    key = turn.all_keys[at]
    if not is_spelled(key) or turn.tokens[at].after.strip(" .") or "/" in turn.tokens[at].after:
        return False
    if key in {"a", "i"}:
        return turn.tokens[at].title and "." in turn.tokens[at].after
    return turn.tokens[at].title or not capitals


def _is_family(turn: Turn, at: int, *, capitals: bool) -> bool:
    token = turn.tokens[at]
    key = plain(token.key)
    if len(key) == 1 or not key.isalpha() or key in NO_NAMES or is_function(key):
        return False
    if capitals and not token.title:
        return False
    return zipf(key) < FREE and (capitals or key in surnames() or zipf(key) < _RARE)


def _surname_asked(turn: Turn) -> Iterator[Hit]:
    """Where a given name is followed by "who": "kyle who? bergstrom", with both on one channel."""
    keys = turn.all_keys
    for at in range(1, len(keys) - 1):
        if keys[at] != "who":
            continue
        if keys[at - 1] not in plain_given_names() and keys[at - 1] not in _WORDS:
            continue
        key = plain(keys[at + 1])
        if zipf(key) < _RARE and key.isalpha() and key not in NO_NAMES:
            yield Hit(Entity.PERSON, at + 1, at + 2, 0.5, "surname asked for")
