"""MEDICATION: medicines by name, by what stands round them, and by sound where misheard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import LEAD_IN, is_function, is_number, sentence_end, skip_lead_in
from models.lexicon import entries_in, listed, longest, medicines, zipf
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.sounds import CLOSE, sounds_like_medicine, sounds_like_stem
from models.spoken import Turn
from pipeline.entities import Entity

_DOSE: Final = Worded(
    r"\b(?:milligrams?|mg|micrograms?|mcg|milliliters?|grams?|units? of|tablets?|capsules?|pills?"
    r"|puffs?)\b"
)
_TAKES: Final = Worded(
    r"\b(?:(?:prescriptions?|refills?|prior authorization|script|dose|dosage|bottle|renewal|supply"
    r"|side effects?|pack|prescribed(?: me| him| her)?) (?:for|of|on|from)(?: my| the"
    r"| his| her| some| that)?"
    r"|(?:generic|coupon|copay|price|cost|substitute)(?: version)? (?:for|of|on)"
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
_OWN: Final = Worded(
    r"\b(?:my|her|his|the) (?P<name>\w+(?: \w+){0,3}) (?:refills?|prescriptions?|script|dose|dosage"
    r"|pills?|tablets?|inhaler|injections?|patch(?:es)?)\b"
)
_SURE: Final = re.compile(
    r"(?:prescri|refill|renew|allerg|react|medic|dose|dosage|intoleran|side effect|milligram)"
)
_LEADS: Final = listed("medicine_leads")
"""Words between a trigger and the name: "takes forty milligrams of …"."""
_JOINING: Final = frozenset({"and", "or", "plus"})
_VERBS: Final = listed("medicine_verbs")
_UNUSUAL: Final = 3.2
"""Zipf frequency below which a word that sounds like no medicine may be one all the same."""
_LONG: Final = 7
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
        yield from self._listed(turn, keys)
        for found in turn.search(_TAKES):
            sure = bool(turn.medical or _SURE.search(found.match.group()))
            yield from self._place(turn, found.last, sure=sure)
        for found in turn.search(_OWN):
            first, last = turn.span_of(found, "name")
            yield from self._place(turn, first, sure=True, stop=last)
        for found in turn.search(_DOSE):
            yield from self._before_dose(turn, found.first)
            if found.match.group()[:1] == "m":
                yield from self._place(turn, found.last, sure=True)
        asked = turn.expected(Entity.MEDICATION)
        if asked is not None:
            first = skip_lead_in(turn, asked)
            halves = turn.keys(first - 1, first + 1)
            if (
                first > asked
                and sounds_like_medicine(halves)
                and not longest(medicines(), halves, 1)
            ):
                first -= 1  # "sir traline"
            while first < len(turn.tokens) and is_number(turn.tokens[first].key):
                first = skip_lead_in(turn, first + 1)  # the end of the answer before
            yield from self._place(turn, first, sure=True, asked=True)
        if turn.medical or asked is not None:
            yield from self._sounds(keys)

    @staticmethod
    def _listed(turn: Turn, keys: tuple[str, ...]) -> Iterator[Hit]:
        bare = turn.bare(keys)
        for first, last in entries_in(medicines(), turn):
            known = turn.medical or " ".join(bare[first:last]) in listed("medicines")
            alone = 0.45 if last - first == 1 and len(keys[first]) >= _LONG else 0.35
            score = 0.75 if known or sounds_like_stem(keys[first]) else alone
            yield Hit(Entity.MEDICATION, first, last, score, "lexicon")

    @staticmethod
    def _place(
        turn: Turn, at: int, *, sure: bool, asked: bool = False, stop: int | None = None
    ) -> Iterator[Hit]:
        """What stands where a medicine is named, and more after "and"."""
        if stop is None:
            stop = sentence_end(turn, at, 12) if at < len(turn.tokens) else at
        first = at
        while first < stop:
            if not asked:
                first = _skip_leads(turn, first, stop)
            last = _name(turn, first, stop)
            if last == first:
                break
            keys = turn.keys(first, last)
            sound = sounds_like_medicine(keys, enough=86.0 if sure else CLOSE)
            likely = longest(medicines(), turn.keys(0, len(turn.tokens)), first) or any(
                zipf(key) < _UNUSUAL for key in keys
            )
            if sound or asked or (sure and likely):
                score = (0.6 if asked else 0.55) + (0.1 if sound else 0)
                yield Hit(Entity.MEDICATION, first, last, score, "place")
            if last >= stop or turn.tokens[last].key not in _JOINING:
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
                and turn.tokens[first - 1].key not in _NO_MEDICINE | _VERBS
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


def _skip_leads(turn: Turn, first: int, stop: int) -> int:
    """First token that is neither a figure nor a word between a trigger and the name."""
    while first < stop and (turn.tokens[first].key in _LEADS or is_number(turn.tokens[first].key)):
        first += 1
    return first


def _name(turn: Turn, first: int, stop: int) -> int:
    """Token after the words that may be a medicine's name."""
    for size in range(min(_LONGEST, stop - first), 1, -1):
        # "met for min": a recogniser's pieces may be words of grammar.
        keys = turn.keys(first, first + size)
        if (
            not _NO_MEDICINE.intersection(keys)
            and not _JOINING.intersection(keys)
            and (sounds_like_medicine(keys))
        ):
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
