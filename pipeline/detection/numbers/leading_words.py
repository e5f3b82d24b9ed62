"""Words right before a number that look like a part of it: "this one, four …", "Oh, five …".

Outcome: the tokens or parts without them. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.detection.language.normalise import bare
from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.composition import Part
from pipeline.detection.numbers.tokens import Kind, Token
from pipeline.records.checksums import card_brand, luhn
from pipeline.records.model import Word

_ENDS: Final = (".", "?", "!")
_ONE: Final = "1"
_CODE: Final = 4
"""Words of a code that "his one" speaks of, at least."""
_EXCLAIMED: Final = 3
"""Digits that follow an exclamation at least; after fewer it may be the zero of "oh, four"."""


def settle_first(tokens: Sequence[Token], words: Sequence[Word], voc: Vocabulary) -> list[Token]:
    """The tokens of a segment; a first word that is no digit becomes a filler.

    "This one," with a comma stands for a thing, and "Oh," at the beginning of a sentence before
    digits without commas is an exclamation.
    """
    if len(tokens) < 2 or not tokens[0].closes:  # noqa: PLR2004 - a first and another one
        return list(tokens)
    first, second = tokens[0], tokens[1]
    before = words[first.word - 1].text if first.word else ""
    thing = first.value == _ONE and bare(before) in voc.words["pronoun_before"]
    begins = not before or before.rstrip().endswith(_ENDS)
    flows = len(tokens) == 2 or not second.closes  # noqa: PLR2004
    flows = flows and sum(len(token.value) for token in tokens[1:]) >= _EXCLAIMED
    sighed = len(first.text) > 1 and "-" not in words[first.word].text  # "C-R-O" is a zero
    exclaimed = first.kind is Kind.NEAR and sighed and begins and flows
    if thing or exclaimed:
        return [first._replace(kind=Kind.FILLER), *tokens[1:]]
    return list(tokens)


def without_pronoun(
    parts: Sequence[Part], words: Sequence[Word], voc: Vocabulary
) -> Sequence[Part]:
    """The parts of a run; without a "this one" where a card's digits or a code's letter follow."""
    digits = "".join(part.digits for part in parts)
    before = parts[0].index - 1
    if not parts[0].word.text[:1].isalpha() or parts[0].digits != _ONE or before < 0:
        return parts
    if bare(words[before].text) not in voc.words["pronoun_before"]:
        return parts
    code = len(parts) > _CODE and bool(parts[1].letters) and not parts[1].digits
    card = bool(card_brand(digits[1:])) and luhn(digits[1:])
    return parts[1:] if card or code else parts
