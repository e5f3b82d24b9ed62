"""MEDICATION: medicines by name, by what stands round them, and by sound where misheard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import LEAD_IN, is_function, is_number, sentence_end, skip_lead_in
from models.lexicon import listed, longest, medicines, zipf
from models.recognizers.base import Hit, SpokenRecognizer
from models.sounds import sounds_like_medicine, sounds_like_stem
from models.spoken import Turn
from pipeline.entities import Entity

_DOSE: Final = re.compile(
    r"\b(?:milligrams?|mg|micrograms?|mcg|milliliters?|grams?|units? of|tablets?|capsules?|pills?"
    r"|puffs?)\b"
)
_TAKES: Final = re.compile(
    r"\b(?:(?:prescriptions?|refills?|prior authorization|script|dose|dosage|bottle|renewal|supply"
    r"|side effects?|pack|prescribed(?: me| him| her)?) (?:for|of|on|from)(?: my| the"
    r"| his| her| some| that)?"
    r"|refill(?:ed|ing)?(?: on)?(?: my| the| his| her| some)|renew(?: my| the)"
    r"|prescribed(?: me| him| her)?"
    r"|allergic to|allergy to|allergies to|react(?:ion)? (?:badly )?to|reacted (?:badly )?to"
    r"|(?:i|we|he|she) (?:also |still |currently |only |just |already )*(?:takes?|took"
    r"|uses?)(?: my| some)?"
    r"|(?:im|i am|hes|shes|been|were|was) (?:also |still |currently |already )*(?:taking"
    r"|on)(?: my)?"
    r"|(?:put|started|keep|keeps|has) (?:me|him|her) on|switched(?: me| him| her)? (?:to"
    r"|from)|stopped taking"
    r"|started taking|need(?: more| some| my)|out of(?: my)?|low on(?: my)?|intolerant (?:of|to)"
    r"|sensitive to|(?:cant|cannot|dont|do not) (?:take|tolerate)|run(?:ning)? out of(?: my)?"
    r"|medications? (?:is|are|called|named)|medicines? (?:is|called)|drug (?:is|called))\b"
)
_SURE: Final = re.compile(
    r"(?:prescri|refill|renew|allerg|react|medic|dose|dosage|intoleran|side effect|milligram)"
)
_NO_MEDICINE: Final = listed("not_medicines")
_LONGEST: Final = 4
_EVERYDAY: Final = 5.6
_DOSE_REACH: Final = 6


class MedicationRecognizer(SpokenRecognizer):
    """Medicines; in a call about health the slots where one is named count as well."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICATION,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Names in the lexicon, names in a medicine's place, and names that sound like one."""
        keys = turn.keys(0, len(turn.tokens))
        index = 0
        while index < len(keys):
            size = longest(medicines(), keys, index)
            if size:
                known = turn.medical or " ".join(keys[index : index + size]) in listed("medicines")
                score = 0.75 if known or sounds_like_stem(keys[index]) else 0.35
                yield Hit(Entity.MEDICATION, index, index + size, score, "lexicon")
            index += max(1, size)
        for found in turn.search(_TAKES):
            sure = bool(turn.medical or _SURE.search(found.match.group()))
            yield from self._place(turn, found.last, sure=sure)
        for found in turn.search(_DOSE):
            yield from self._before_dose(turn, found.first)
        asked = turn.expected(Entity.MEDICATION)
        if asked is not None:
            first = skip_lead_in(turn, asked)
            while first < len(turn.tokens) and is_number(turn.tokens[first].key):
                first = skip_lead_in(turn, first + 1)  # the end of the answer before
            yield from self._place(turn, first, sure=True, score=0.6)
        if turn.medical or asked is not None:
            yield from self._sounds(keys)

    @staticmethod
    def _place(turn: Turn, at: int, *, sure: bool, score: float = 0.55) -> Iterator[Hit]:
        """What stands where a medicine is named, and one more after "and"."""
        stop = sentence_end(turn, at, 12) if at < len(turn.tokens) else at
        first = at
        while first < stop:
            last = _name(turn, first, stop)
            if last > first:
                sound = sounds_like_medicine(turn.keys(first, last))
                if sure or sound:
                    yield Hit(
                        Entity.MEDICATION, first, last, score + (0.1 if sound else 0), "place"
                    )
            if last >= stop or turn.tokens[last].key not in {"and", "or", "plus"} or last == first:
                break
            first = last + 1

    @staticmethod
    def _before_dose(turn: Turn, dose: int) -> Iterator[Hit]:
        """The name before "twenty milligrams"."""
        last = dose
        while (
            last > 0
            and dose - last < _DOSE_REACH
            and (
                is_number(turn.tokens[last - 1].key)
                or turn.tokens[last - 1].key in {"a", "and", "point", "of", "the", "at"}
            )
        ):
            last -= 1
        first = last
        while (
            first > 0
            and last - first < _LONGEST - 1
            and (
                not is_function(turn.tokens[first - 1].key)
                and turn.tokens[first - 1].key not in _NO_MEDICINE
                and not turn.tokens[first - 1].stops
            )
        ):
            first -= 1
        unit = turn.tokens[dose].key
        certain = unit[:1] == "m" or unit == "puffs"
        if first < last and last < dose and (certain or turn.medical):
            yield Hit(Entity.MEDICATION, first, last, 0.6, "before a dose")

    @staticmethod
    def _sounds(keys: tuple[str, ...]) -> Iterator[Hit]:
        for index, key in enumerate(keys):
            if zipf(key) < 3.2 and sounds_like_medicine((key,)):  # noqa: PLR2004
                yield Hit(Entity.MEDICATION, index, index + 1, 0.55, "sounds like one")


def _name(turn: Turn, first: int, stop: int) -> int:
    """Token after the words that may be a medicine's name."""
    for size in range(min(_LONGEST, stop - first), 1, -1):
        # "met for min": a recogniser's pieces may be words of grammar.
        if sounds_like_medicine(turn.keys(first, first + size)):
            return first + size
    at = first
    while at < stop and at - first < _LONGEST:
        key = turn.tokens[at].key
        if key in LEAD_IN or key in _NO_MEDICINE or is_number(key):
            break
        if at == first and zipf(key) < _EVERYDAY:
            at += 1  # "water in" was warfarin: where a medicine is named, nouns count
            continue
        if is_function(key) and not longest(medicines(), turn.keys(0, len(turn.tokens)), at):
            break
        at += 1
    return at
