"""Letters and the words that say which letter is meant: "B as in boy", "M Mary", "capital K".

Outcome: :func:`mark` returns the same tokens, with the letter of such a phrase as a letter and its
other words as stand-ins, which belong to the value: whoever hears them knows the letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.tokens import GLUE, SOLID, Flag, Kind, Token, is_murmur

_SPELLED: Final = frozenset({Kind.LETTER, Kind.STANDIN})
_NAMED: Final = _SPELLED | {Kind.MAYBE_LETTER}
_ALONE: Final = frozenset({"a", "i"})
"""Letters that are words."""
_ROW: Final = 4
"""Digits and letters behind an "a" from which it is a letter too."""
_SHORTEST: Final = 3
"""Letters of the shortest stand-in ("boy")."""


def mark(tokens: Sequence[Token], voc: Vocabulary) -> list[Token]:
    """Mark the phrases that name letters, in the tokens of one channel and one hearing."""
    marked = list(tokens)
    if any(_tells(token, voc) for token in tokens):
        _mark_framed(marked, voc)
        _mark_rest(marked, voc)
        _mark_murmurs(marked)
    return marked


def _mark_framed(marked: list[Token], voc: Vocabulary) -> None:
    """Letters with the words that stand for them: "B as in boy"."""
    texts = tuple(token.text for token in marked)
    end = 0
    for at, text in enumerate(texts):
        letter = _letter(text, voc)
        if at < end or not letter:
            continue
        end = _framed(marked, texts, at, letter, voc)
        if end > at:
            marked[at] = marked[at]._replace(kind=Kind.LETTER, value=letter.upper())
            for place in range(at + 1, end):
                marked[place] = marked[place]._replace(kind=Kind.STANDIN, value="")


def _mark_rest(marked: list[Token], voc: Vocabulary) -> None:
    """Letters that the tokens round them tell: "capital K", "hotel november", "a four two b"."""
    for at in range(len(marked) - 1):
        token, after = marked[at], marked[at + 1]
        cased = token.text in voc.words["letter_case"] and not token.closes
        if cased and len(after.text) == 1 and after.text.isalpha():
            marked[at] = token._replace(kind=Kind.FILLER)
            flags = after.flags | {Flag.SPELLED}
            letter = after.text.upper()
            marked[at + 1] = after._replace(kind=Kind.LETTER, value=letter, flags=flags)
        elif token.kind is Kind.MONTH and token.text in voc.words["spelling"]:
            around = {after.kind, marked[at - 1].kind if at else Kind.OTHER}
            row = all(one.kind in _NAMED for one in marked[max(0, at - 2) : at]) and at > 1
            if row or (around & _NAMED and not around & SOLID):  # "hotel november", and no date
                marked[at] = token._replace(kind=Kind.MAYBE_LETTER, value=token.text[0].upper())
        elif token.text in _ALONE:
            _mark_alone(marked, at)


def _mark_murmurs(marked: list[Token]) -> None:
    """A murmur that was written letter by letter amid words: "M-M-H-M" is "mm-hm".

    Where a digit or letter comes next, whatever fills the time till then, it may be part of a code.
    """
    at = 0
    for spelled, row in groupby(list(marked), key=lambda token: token.kind in _NAMED):
        end = at + len(list(row))
        if spelled and is_murmur("".join(token.text for token in marked[at:end])):
            around = (reversed(marked[:at]), iter(marked[end:]))
            beside = [next((one for one in side if one.kind not in GLUE), None) for side in around]
            if all(one is None or one.kind is Kind.OTHER for one in beside):
                marked[at:end] = [
                    token._replace(kind=Kind.FILLER, value="") for token in marked[at:end]
                ]
        at = end


def _mark_alone(marked: list[Token], at: int) -> None:
    """The "a" or "i" at a place: spelled, or a word."""
    token, after = marked[at], marked[at + 1]
    if at and _begins_talk(marked[at - 1], token, after):
        marked[at] = token._replace(kind=Kind.OTHER, value="")
    elif token.kind in _SPELLED:
        return
    elif _article(after, marked[at - 1] if at else None) or _leads(marked, at):
        marked[at] = token._replace(kind=Kind.LETTER, value=token.text.upper())
    elif _doubled(marked, at):
        for place in (at, at + 1):
            marked[place] = marked[place]._replace(kind=Kind.LETTER, value=token.text.upper())


def _tells(token: Token, voc: Vocabulary) -> bool:
    """Whether a token may begin anything here: in most turns none does."""
    text = token.text
    letter = len(text) == 1 or text in voc.letter_names
    return letter or token.kind is Kind.MONTH or text in voc.words["letter_case"]


def _begins_talk(before: Token, token: Token, after: Token) -> bool:
    """Whether "A" or "I" is a word at the beginning of a sentence: "… E T. A pipe has burst"."""
    return before.closes and not token.closes and after.kind is Kind.OTHER


def _article(after: Token, before: Token | None) -> bool:
    """Whether "a" or "i" is spelled that stands between two tokens: letters, or one and a digit."""
    if before is None or after.text == "m":  # "seven a m"
        return False
    kinds = {before.kind, after.kind}
    return bool(kinds & _SPELLED) and kinds <= _SPELLED | SOLID


def _leads(tokens: Sequence[Token], at: int) -> bool:
    """Whether "a" or "i" begins a row of digits and letters: "a four two b six"."""
    row = tokens[at + 1 : at + 1 + _ROW]
    kinds = [token.kind for token in row]
    figures = sum(kind in SOLID for kind in kinds)
    rest = all(kind in _SPELLED | SOLID | {Kind.NEAR, Kind.SEPARATOR} for kind in kinds)
    return len(row) == _ROW and rest and 0 < figures < len(kinds)


def _doubled(tokens: Sequence[Token], at: int) -> bool:
    """Whether "a" or "i" is said twice before a row of digits: "a a seven seven one two"."""
    row = tokens[at + 2 : at + 2 + _ROW]
    twice = tokens[at + 1].text == tokens[at].text and not tokens[at].closes
    return twice and len(row) == _ROW and all(token.kind in SOLID for token in row)


def _framed(
    tokens: Sequence[Token], texts: tuple[str, ...], at: int, letter: str, voc: Vocabulary
) -> int:
    """Where a phrase ends that names the letter at a place; the place itself for none."""
    plain = len(tokens[at].text) == 1 and tokens[at].kind is not Kind.OTHER
    following = texts[at + 1] if at + 1 < len(texts) else ""
    for link, certain in _LINKS.get(following, _NO_LINK):
        word = at + 1 + len(link)
        if word >= len(tokens):
            continue
        if texts[at + 1 : word] != link:
            continue
        known = certain or (link == _FOR and plain and letter not in _ALONE)
        if _stands_for(tokens[word], letter, voc, certain=known, plain=plain):
            return word + 1
    return at


_FOR: Final = ("for",)
"""After a letter with any word of it behind: "K for Kerala"."""
_NO_LINK: Final = (((), False),)
_LINKS: Final[Mapping[str, tuple[tuple[tuple[str, ...], bool], ...]]] = {
    "as": ((("as", "in"), True), (("as", "an"), True), (("as", "a"), True), (("as",), False)),
    "like": ((("like", "in"), True), (("like",), False)),
    "is": ((("is", "in"), True), (("is", "for"), True)),
    "for": ((_FOR, False),),
    "of": ((("of",), False),),
}
"""What may stand between the letter and its word, by its first word, and whether it is said for
nothing else."""


def _letter(text: str, voc: Vocabulary) -> str:
    """The letter that a token may be, in lower case; empty for none."""
    if len(text) == 1 and text.isalpha():
        return text
    return voc.letter_names.get(text, "")


def _stands_for(word: Token, letter: str, voc: Vocabulary, *, certain: bool, plain: bool) -> bool:
    """Whether a word stands for a letter.

    Args:
        word: after the letter.
        letter: in lower case.
        voc: the language.
        certain: the words between say so ("as in").
        plain: the letter is written as one, and not as a word that sounds like it.
    """
    text = word.text
    if len(text) < _SHORTEST and text not in voc.words["standins"]:
        return False
    fits = text.startswith(letter)
    known = text in voc.words["standins"] or text in voc.words["spelling"]
    if certain:
        return (fits and text.isalpha()) or (known and (plain or fits))
    return fits and known and word.kind not in SOLID
