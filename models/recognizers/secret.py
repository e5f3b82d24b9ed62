"""PASSWORD: passwords, user names, network keys and answers to security questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import (
    FILLERS,
    is_function,
    is_number,
    is_spelled,
    sentence_end,
    trim_fillers,
)
from models.lexicon import listed, longest_listed
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.repeats import AGAIN, just_said, said_again
from models.spoken import Turn
from pipeline.entities import Entity

_NAMED: Final = Worded(
    r"\b(?:the|my|our|your) (?:[a-z]+ )?(?:login|log in|username|user name|password|answer|word)"
    r" ?(?:number|code|name|id)? (?:is|was|should be)\b"
)
"""With what an answer may begin: "the login number is"."""
_NOUN: Final = (
    r"(?:pass ?words?|pass ?phrase|pass ?code|pass ?key|user ?name|user id|user name|login|log in"
    r"|log on|screen name|code ?word|maiden name"
    r"|(?:security|secret|safe|magic|memorable) (?:word|phrase|answer|name|place)"
    r"|(?:wi ?fi|wireless|network|wpa2?|router|hub|broadband|guest|security) (?:key|code))"
)
_STATED: Final = Worded(
    rf"\b(?:(?<!what )(?<!which )(?<!whose ){_NOUN}"
    r"(?: (?:on|for|of|to) (?:the|my|your|our|this|that|it|his|her)(?: [a-z]+){0,2}?)?"
    r"(?: (?:that )?(?:ive|i have|i|weve|we|youve|you)"
    r" (?:been using|use|used|set up|set|chose|gave|made|have|had|picked))?"
    r"(?:s| is| was| its| are| says| reads| would be| should be| will be| used to be)(?: both)?"
    r"(?: the same)?"
    r"|(?:user ?name|login) and (?:the )?password (?:is|are)(?: both)?(?: the same)?"
    r"|(?:change|changed|set|reset|made|make|switched|updated)(?: [a-z]+){1,3}"
    r" (?:password|pass ?code|login|user ?name|pass ?phrase)(?: [a-z]+)? (?:to|as)"
    r"|first pets? name (?:is|was)|(?:answer|secret word|memorable word) (?:is|was|would be))\b"
)
_ABOUT: Final = Worded(
    r"\b(?:pass ?words?|pass ?phrases?|pass ?codes?|pass word|user ?name|log ?in|log in|log on"
    r"|sign in|signing in|logging in|typing|typed|type|key|keys|wi ?fi|router|hub|caps lock)\b"
)
"""Talk of a password: near it, signs and letters one by one are one."""
_SIGN: Final = Worded(
    r"\b(?:exclamation (?:mark|point|sign)|question mark|hash ?tag|hash|ampersand|asterisk"
    r"|dollar sign|pound sign|percent sign|at sign|underscore|plus sign|equals sign|tilde"
    r"|(?:capital|uppercase|upper case|lowercase|lower case|small|big) [a-z]"
    r"|(?:all (?:in )?)?(?:lowercase|lower case|uppercase|upper case|caps|capitals) [^\W_]+)\b"
)
_SURE_SIGNS: Final = frozenset(
    ["exclamation", "ampersand", "asterisk", "dollar", "percent", "tilde", "equals"]
)
_ODD: Final = re.compile(
    r"(?<!\S)(?=\S*[a-z])(?!0x)(?:[A-Za-z]+\d+[A-Za-z]+\d\w*|\d+[A-Za-z]+\d+[A-Za-z]\w*)"
)
"""Letters and digits in turn, some of the letters small: no model, no postcode, no plate."""
_SETS: Final = Worded(
    r"\b(?:(?:the |your |my )?(?:new|temporary|temp|old|current|default) one(?: is|s| was| will be)"
    r"|(?:set|reset|change|changed|make|made) it (?:to|as)|its set (?:to|as)"
    r"|(?:type|types|typed|typing|enter|entered|entering|put|putting|key|keyed|keying) in"
    r"|(?:type|typed|typing|entered|entering|trying|tried|using|(?:i|ive|we) (?:put|used))"
    r"|(?:log|logs|logged|logging|login|sign|signed|signing) (?:in|on|as)? ?(?:as|with|under))\b"
)
"""What a password or a user name follows, where it looks like one: "I'm typing Bella2009"."""
_PRODUCTS: Final = listed("names_with_figures")
_MIXED: Final = re.compile(r"(?=\w*[A-Za-z]{3})(?=\w*\d)(?!\d+(?:st|nd|rd|th|[ap]m)$)\w{5,}")
_BEFORE: Final = (FILLERS | listed("secret_lead_ins")) - {"oh"}
"""What leads to a secret. "My", "the", "first" are no lead-in here: "my first dog Rex"."""
_REFUSES: Final = listed("refusals")
_RULES: Final = frozenset(["characters", "minimum", "contain", "contains", "least"])
"""Words of what a password has to be like: "it needs at least 12 characters"."""
_REPLIES: Final = listed("replies")
_MONTHS: Final = listed("months")
_SYMBOLS: Final = listed("symbols")
_TALK: Final = frozenset(
    ["who", "you", "we", "they", "youre", "youve", "youll", "weve", "were", "theyre", "lets", "can",
     "could", "shall", "need", "want", "going", "got", "get", "do", "does", "doing"]
)  # fmt: skip
"""Words of a sentence that talks, where few of its words are telling."""
_PARTS: Final = _SYMBOLS | listed("street_suffixes") | {"point"}
_HESITATES: Final = listed("interjections")
_SIGHS: Final = {(word,) for word in _HESITATES}
_OTHERWISE: Final = frozenset({"or", "no", "maybe", "perhaps", "either", "try", "otherwise"})
"""With what another guess begins."""
_ASKS: Final = listed("question_words")
_SAID: Final = "stated"
_ASKED: Final = "asked for"
_WHOLE: Final = "all of an answer"
_LONGEST: Final = 16
_SHORT: Final = 9
_SHORTER: Final = 4
"""Words of a further sentence that is an answer too ("I set it up years ago. Biscuit?")."""
_LONE: Final = 4
_COUNT: Final = 2
_SENTENCES: Final = 4
_SIGNS: Final = 2
_GAP: Final = 5
"""Words between two signs of one password ("8 again, and then a small l")."""
_SPELLED: Final = 3
_REACH: Final = 4
"""Words behind "I'm typing" within which the secret stands."""
_TAILS: Final = listed("secret_tails")
_GOES_ON: Final = frozenset(
    ["so", "but", "because", "cos", "cause", "if", "though", "although", "which", "can", "could",
     "you", "he", "she", "they", "we", "theres", "dont", "not", "do", "does", "is", "unless"]
)  # fmt: skip
"""With what other talk goes on behind a secret and a comma."""
_SOMEBODY: Final = frozenset(
    ["you", "youve", "youre", "i", "ive", "im", "he", "hes", "she", "shes", "we", "weve", "they",
     "theyve", "dont"]
)  # fmt: skip
"""With what other talk goes on behind "and"."""
_WHERE: Final = frozenset(
    ["on", "in", "at", "under", "underneath", "behind", "inside", "from", "off", "by", "with"]
)
_THAT: Final = frozenset(["the", "a", "an", "your", "my", "our", "that", "there", "it"])
"""Together: where a secret is written down, and not what it is."""
_IS: Final = frozenset({"its", "thatd", "itd", "thats"})
_TALKS: Final = _IS | _TALK | _SOMEBODY
_ARE: Final = frozenset(
    [("it", "is"), ("it", "was"), ("that", "is"), ("would", "be"), ("have", "been"), ("i", "put"),
     ("always", "said"), ("be", "called"), ("was", "called"), ("is", "called")]
)  # fmt: skip
_TAIL: Final = max(tail.count(" ") + 1 for tail in _TAILS)


class SecretRecognizer(SpokenRecognizer):
    """What only the customer should know, when it is asked for, announced, or looks like it."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.PASSWORD,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_STATED, _SIGN, _SETS)

    def may_find(self, turn: Turn) -> bool:
        """Whether a secret is announced, asked for, known, or spelled."""
        return super().may_find(turn) or (turn.figures > 1 and bool(_ODD.search(turn.text)))

    def find(self, turn: Turn) -> Iterator[Hit]:
        """The answer after a stated or asked secret, signs of a password, and what was said."""
        hits: list[Hit] = []
        for found in turn.search(_STATED):
            if any(turn.tokens[at].stops for at in range(found.first, found.last - 1)):
                continue  # "… my username. It's under …"
            hits += self._answer(turn, found.last, 0.8, _SAID)
        hits += _looks_set(turn)
        asked = sorted({at for entity, at in turn.expects if entity == Entity.PASSWORD})
        for at in asked:
            hits += self._answer(turn, at, 0.65, _ASKED)
        yield from hits
        places = [(hit.first, hit.last) for hit in hits]
        near = just_said(turn, Entity.PASSWORD, places)
        yield from _signs(turn, min([*asked, near]))
        for first, last in said_again(turn, Entity.PASSWORD, _PARTS.__contains__, places):
            yield Hit(Entity.PASSWORD, first, last, 0.6, AGAIN)

    @staticmethod
    def _answer(turn: Turn, at: int, score: float, pattern: str) -> Iterator[Hit]:
        stop = min(len(turn.tokens), at + 2 * _LONGEST)
        given = loose = guesses = False
        place = 0
        while place < _SENTENCES and at < stop:
            end = _clause_end(turn, at, sentence_end(turn, at, _LONGEST))
            first, otherwise = _skip(turn, at, end)
            last = _trimmed(turn, first, end)
            keys = turn.keys(first, last)
            otherwise = otherwise or guesses
            guesses = otherwise and not keys  # "No? Then it's Trafalgar."
            if _asks(turn, at, end):
                at, place = end, place + 1
                continue
            content = sum(_tells(key) and key not in _REFUSES for key in keys)
            # A sentence of grammar ("I don't remember it") is no secret.
            refused = any(key in _REFUSES for key in keys)
            placed = bool(keys) and keys[0] in _WHERE and not _THAT.isdisjoint(keys[1:2])
            if not place and (refused or placed) and pattern == _SAID:
                return  # "my password's not working", "the key's on the sticker"
            if not place and placed and at:
                at = end  # "read me the password off the little card"
                continue
            goes_on = _lone(keys) and (loose or len(keys) > 1)
            goes_on = goes_on or not _MONTHS.isdisjoint(keys)
            otherwise = otherwise or goes_on
            if place and given and not otherwise:
                return  # other talk
            talk = not _TALK.isdisjoint(keys) and content * 2 < len(keys)
            rules = not _RULES.isdisjoint(keys) or _counts(keys)
            refused = refused or talk or rules
            short = len(keys) <= (_SHORTER if place and not otherwise else _SHORT) and not refused
            dense = content * 2 >= len(keys) and (not place or otherwise) and not rules
            if content and (short or dense):
                given, loose = True, not all(map(_tells, keys))
                whole = pattern == _ASKED and not place and _is_whole(turn, at, first, last)
                yield Hit(Entity.PASSWORD, first, last, score, _WHOLE if whole else pattern)
            elif not given and content:
                yield from _inside(turn, at, end, score, pattern)
            at, place = end, place + 1


def _is_whole(turn: Turn, at: int, first: int, last: int) -> bool:
    """Whether a few words that tell of nobody are all of an answer ("The old oak.")."""
    few = last == len(turn.tokens) and last - first <= _LONE
    said, begins = {*turn.keys(at, last)}, turn.all_keys[first]
    other = begins in _ASKS - _THAT or begins in _WHERE or "?" in turn.tokens[last - 1].after
    return few and not other and said.isdisjoint(_TALKS)


def _counts(keys: tuple[str, ...]) -> bool:
    """Whether a sentence says how long a secret is: "Six letters."."""
    return len(keys) == _COUNT and is_number(keys[0]) and keys[1] in {"letters", "digits", "words"}


def _lone(keys: tuple[str, ...]) -> bool:
    """Whether a sentence is a few words that tell: "Sounds dodgy, that. Cormorant."."""
    return 0 < len(keys) <= _LONE and all(map(_tells, keys)) and _REPLIES.isdisjoint(keys)


def _skip(turn: Turn, first: int, last: int) -> tuple[int, bool]:
    """First token of a sentence after its lead-in, and whether it is another guess."""
    otherwise = False
    keys = turn.all_keys
    for found in turn.search(_NAMED):
        if found.first == first and found.last < last:
            first = found.last
    while first < last:
        hesitates = longest_listed("hesitations", keys, first)
        sighs = keys[first] == "oh" and (
            turn.tokens[first].after.strip()
            or keys[first + 1 : first + 2] in _SIGHS
            or (first + 1 < last and longest_listed("hesitations", keys, first + 1) > 0)
        )
        if hesitates:
            first += hesitates
        elif sighs:
            first += 1
        elif keys[first] in _BEFORE or keys[first] in _HESITATES or keys[first] in _OTHERWISE:
            otherwise = otherwise or keys[first] in _OTHERWISE
            first += 1
        else:
            break
    return first, otherwise


def _inside(turn: Turn, first: int, last: int, score: float, pattern: str) -> Iterator[Hit]:
    """The secret in talk without a full stop: "they always ask for one its geronimo"."""
    for at in range(first, last - 1):
        if turn.all_keys[at] not in _IS and turn.keys(at, at + 2) not in _ARE:
            continue
        begin, _ = _skip(turn, at, last)
        end = begin
        while end < last and end - begin < _SHORTER and _tells(turn.all_keys[end]):
            end += 1
        if end > begin and _REFUSES.isdisjoint(turn.keys(begin, end)):
            yield Hit(Entity.PASSWORD, begin, end, score, pattern)
            return


def _clause_end(turn: Turn, first: int, last: int) -> int:
    """Token after the clause that holds ``first``: "pelican, so if he doesn't say it"."""
    told = False
    for at in range(first, last - 1):
        key = turn.tokens[at].key
        told = told or (_tells(key) and key not in _BEFORE)
        if told and "," in turn.tokens[at].after and turn.tokens[at + 1].key in _GOES_ON:
            return at + 1
        if told and key in {"and", "but"} and turn.tokens[at + 1].key in _SOMEBODY:
            return at
    return last


def _trimmed(turn: Turn, first: int, last: int) -> int:
    """``last`` moved back over what is said behind a secret: "I think", "all one word"."""
    begin = last + 1
    while begin > last > first:
        begin = last
        last = trim_fillers(turn, first, last)
        for size in range(min(_TAIL, last - first - 1), 0, -1):
            if " ".join(turn.keys(last - size, last)) in _TAILS:
                last -= size
                break
    return last


def _looks_set(turn: Turn) -> Iterator[Hit]:
    """Words with figures in them behind "I'm typing" or "the new one is"."""
    for found in turn.search(_SETS):
        for at in range(found.last, min(found.last + _REACH, len(turn.tokens))):
            token = turn.tokens[at]
            word = turn.text[token.start : token.end]
            product = token.key.rstrip("0123456789") in _PRODUCTS
            if _MIXED.fullmatch(word) and not word.isupper() and not product:
                yield Hit(Entity.PASSWORD, at, at + 1, 0.6, _SAID)
            if token.stops:
                break


def _asks(turn: Turn, first: int, last: int) -> bool:
    """Whether a sentence is a question of the other side ("And the postcode?")."""
    if "?" not in turn.tokens[last - 1].after:
        return False
    begins = [first, *(at + 1 for at in range(first, last) if "," in turn.tokens[at].after)]
    for begin in begins:
        at = begin
        while at < last and turn.tokens[at].key in FILLERS:
            at += 1
        keys = turn.keys(at, min(at + 2, last))
        if turn.keys(at + 1, at + 3) == ("it", "be"):
            return False  # "can it be nectarine?"
        if keys and (keys[0] in _ASKS or " ".join(keys) in _ASKS):
            return True
    return False


def _signs(turn: Turn, begin: int) -> Iterator[Hit]:
    """Passwords by their form: signs, cases and letters one by one, and odd tokens.

    Args:
        turn: what was said.
        begin: token from which talk is of a password anyway.
    """
    about = begin < len(turn.tokens) or next(turn.search(_ABOUT), None) is not None
    marks = {found.first: found.last for found in turn.search(_SIGN)}
    taken = {at for first, last in marks.items() for at in range(first, last)}
    for at in range(begin, len(turn.tokens)):
        if at not in taken and _mark(turn, at):
            marks.setdefault(at, at + 1)
    for first, last, count in _grouped(turn, sorted(marks.items())):
        keys = turn.keys(first, last)
        sure = any(key in _SURE_SIGNS for key in keys)
        several = count >= _SIGNS and (sure or (about and any(key in _SYMBOLS for key in keys)))
        spelled = first >= begin and count >= _SPELLED and any(map(is_spelled, keys))
        begun = _word_before(turn, first)
        if several or spelled or (about and sure and begun < first):
            yield Hit(Entity.PASSWORD, begun, last, 0.6, "signs")
    for match in _ODD.finditer(turn.text):
        inside = [
            index
            for index, token in enumerate(turn.tokens)
            if token.start < match.end() and match.start() < token.end
        ]
        if inside:
            yield Hit(Entity.PASSWORD, inside[0], inside[-1] + 1, 0.5, "letters and digits in turn")


def _parted(turn: Turn, last: int, first: int) -> bool:
    """Whether other talk begins between two signs: "E, W, A. Your balance is 212"."""
    between = turn.keys(last, first)
    stops = any(turn.tokens[at].stops for at in range(last - 1, first))
    return stops and any(map(_tells, between)) and any(map(is_function, between))


def _grouped(turn: Turn, marks: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Signs that follow one another closely, as ``[first, last)``, with how many they are."""
    found: list[tuple[int, int, int]] = []
    for first, last in marks:
        if found and first - found[-1][1] <= _GAP and not _parted(turn, found[-1][1], first):
            begin, _, count = found[-1]
            found[-1] = (begin, last, count + 1)
        else:
            found.append((first, last, 1))
    return found


def _mark(turn: Turn, at: int) -> bool:
    """Whether a token may be one of a password's that is read out: a letter, a figure, a sign."""
    token = turn.tokens[at]
    if token.key in {"a", "i"} or (token.key == "oh" and token.after.strip()):
        return False
    mixed = _MIXED.fullmatch(turn.text[token.start : token.end]) is not None
    return is_spelled(token.key) or is_number(token.key) or mixed or token.key in _SYMBOLS


def _word_before(turn: Turn, first: int) -> int:
    """``first`` moved back to the word that a sign ends ("fluffy exclamation mark")."""
    if first and turn.tokens[first].key in _SURE_SIGNS | {"hash", "hashtag", "underscore"}:
        before = turn.tokens[first - 1]
        if not before.stops and not is_function(before.key):
            return first - 1
    return first


def _tells(key: str) -> bool:
    """Whether a word says something of a secret: content, a letter, a number or a symbol."""
    spelled = is_spelled(key) and key not in {"a", "i"}
    return spelled or is_number(key) or key in _SYMBOLS or not is_function(key)
