"""MEDICATION: medicines by name, by what stands round them, and by sound where misheard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Final

from models.answers import FILLERS, LEAD_IN, is_function, is_number, sentence_end, skip_lead_in
from models.frequency import zipf
from models.lexicon import (
    entries_in,
    given_names,
    known_medicines,
    listed,
    longest,
    medicines,
    surnames,
)
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.recognizers.health import with_determiner
from models.sounds import (
    CLOSE,
    ENOUGH,
    in_pieces,
    sounds_like_medicine,
    sounds_like_stem,
    written_apart,
)
from models.spoken import Found, Turn
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
    r"|started taking|(?:still|already|currently|been|be|not|tried|missed|stopped|started"
    r"|start|tried"
    r" taking|is she|is he|you) (?:taking|doing|using|having|on|take)(?: the| my| her| his| that)?"
    r"|need(?: more| some| my)|out of(?: my)?|low on(?: my)?|intolerant (?:of|to)"
    r"|sensitive to|(?:cant|cannot|dont|do not) (?:take|tolerate)|run(?:ning)? out of(?: my)?"
    r"|medications? (?:is|are|called|named)|medicines? (?:is|called)|drug (?:is|called))\b"
)
_OWN: Final = Worded(
    r"\b(?:my|her|his|the) (?P<name>\w+(?: \w+){0,3}) (?:refills?|prescriptions?|script|dose|dosage"
    r"|pills?|tablets?|inhaler|injections?|patch(?:es)?)\b"
)
_FORM: Final = Worded(
    r"\b(?P<name>\w+) (?:tablets?|capsules?|pessar(?:y|ies)|suppositor(?:y|ies)|patch(?:es)?|gel"
    r"|cream|ointment|drops|spray|inhalers?|puffer|pens?|injections?|syrup|sachets?|lozenges|shots?"
    r"|jabs?|infusions?|nebules|linctus|suspension|implants?)\b",
)
_FORMS: Final = frozenset(
    ["tablet", "tablets", "capsule", "capsules", "patch", "patches", "gel", "cream", "ointment",
     "drops", "spray", "inhaler", "inhalers", "pen", "pens", "injection", "injections", "syrup"]
)  # fmt: skip
_SURE: Final = re.compile(
    r"(?:prescri|refill|renew|allerg|react|medic|dose|dosage|intoleran|side effect|milligram)"
)
_LEADS: Final = listed("medicine_leads")
"""Words between a trigger and the name: "takes forty milligrams of …"."""
_UNITS: Final = frozenset(
    ["milligram", "milligrams", "mg", "mgs", "microgram", "micrograms", "mcg", "mil", "mils",
     "ml", "units", "grams"]
)  # fmt: skip
_AFTER_STRENGTH: Final = frozenset(
    ["and", "that", "which", "last", "for", "once", "twice", "please", "but", "is", "its", "xr"]
)
_JOINING: Final = frozenset({"and", "or", "plus"})
_VERBS: Final = listed("medicine_verbs")
_UNUSUAL: Final = 3.2
"""Zipf frequency below which a word that sounds like no medicine may be one all the same."""
_LONG: Final = 7
_NO_MEDICINE: Final = listed("not_medicines")
_BEFORE_NAME: Final = _NO_MEDICINE | _VERBS
_LONGEST: Final = 4
_EVERYDAY: Final = 5.6
_DOSE_REACH: Final = 6
_PILL_LIKE: Final = frozenset({"shaped", "shape", "box", "bottle", "case", "cutter", "organiser"})
_SHORT_ANSWER: Final = 3
"""Words of an answer that is nothing but a name, whatever its words mean elsewhere."""
_GRAMMAR: Final = 5.2
"""Zipf frequency of words with which no medicine in pieces begins or ends."""
_RARE_PIECE: Final = 3.7
_UNKNOWN_PIECE: Final = 2.6
"""Zipf frequency below which a piece is no word that people use on the phone."""
_SURE_BONES: Final = 5
"""Consonants of a medicine that is known in pieces where nothing else tells of one."""
_ALIKE: Final = 88.0
_EXACT: Final = 94.0
"""How alike pieces are that are words of their own."""
_SURNAMES: Final = 3_000
"""Rank of the surnames that are in everybody's mouth (census of 1990)."""


class MedicationRecognizer(SpokenRecognizer):
    """Medicines; in a call about health the slots where one is named count as well."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICATION,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Medicines, each with the article or the like before it ("my", "the")."""
        for hit in self._hits(turn):
            yield replace(hit, first=with_determiner(turn, hit.first))

    def _hits(self, turn: Turn) -> Iterator[Hit]:
        """Names in the lexicon, names in a medicine's place, and names that sound like one."""
        keys = turn.keys(0, len(turn.tokens))
        yield from self._listed(turn, keys)
        yield from self._apart(turn, keys)
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
            yield from self._answer(turn, asked)
        if turn.medical or asked is not None:
            yield from self._sounds(turn)
        if turn.medical:
            for found in turn.search(_FORM):
                yield from self._of_a_form(turn, found)

    def _answer(self, turn: Turn, asked: int) -> Iterator[Hit]:
        """What was asked for."""
        first = skip_lead_in(turn, asked)
        halves = turn.keys(first - 1, first + 1)
        if first > asked and sounds_like_medicine(halves) and not longest(medicines(), halves, 1):
            first -= 1  # "sir traline"
        while first < len(turn.tokens) and is_number(turn.tokens[first].key):
            first = skip_lead_in(turn, first + 1)  # the end of the answer before
        yield from self._place(turn, first, sure=True, asked=True)

    @staticmethod
    def _listed(turn: Turn, keys: tuple[str, ...]) -> Iterator[Hit]:
        bare = turn.bare_keys
        for first, last in entries_in(medicines(), turn):
            named = " ".join(bare[first:last])
            if named == "the pill" and keys[last : last + 1] and keys[last] in _PILL_LIKE:
                continue
            known = turn.medical or named in known_medicines()
            alone = 0.45 if last - first == 1 and len(keys[first]) >= _LONG else 0.35
            score = 0.75 if known or sounds_like_stem(keys[first]) else alone
            end = _with_form(turn, _with_strength(turn, last))
            yield Hit(Entity.MEDICATION, first, end, score, "lexicon")

    @staticmethod
    def _apart(turn: Turn, keys: tuple[str, ...]) -> Iterator[Hit]:
        """Medicines that the recogniser wrote as several words: "pro air", "gabba penton"."""
        rare = _RARE_PIECE if turn.medical else _UNKNOWN_PIECE
        for first, last in written_apart(keys):
            if turn.medical or min(map(zipf, keys[first:last])) < rare:
                yield Hit(Entity.MEDICATION, first, last, 0.6, "written apart")
        unusual = [at for at, key in enumerate(keys) if zipf(key) < rare]
        for first, last, alike, bones in in_pieces(keys, unusual):
            pieces = keys[first:last]
            if (
                bones >= _SURE_BONES
                and alike >= _ALIKE
                and min(map(zipf, pieces)) < rare
                and (bones > _SURE_BONES or max(zipf(pieces[0]), zipf(pieces[-1])) < _GRAMMAR)
                and (min(map(zipf, pieces)) < _UNKNOWN_PIECE or alike >= _EXACT)
                and _in_a_row(turn, first, last)
                and not any(map(is_number, pieces))
                and (turn.medical or not _is_name(pieces))
                and not any(longest(medicines(), keys, at) for at in range(first, last))
            ):
                yield Hit(Entity.MEDICATION, first, last, 0.6, "in pieces")

    @staticmethod
    def _of_a_form(turn: Turn, found: Found) -> Iterator[Hit]:
        """The rare word before "pessaries", "patches", "pens"."""
        first, last = turn.span_of(found, "name")
        key = turn.tokens[first].key
        if zipf(key) < _UNKNOWN_PIECE and key not in _NO_MEDICINE and not key.isdigit():
            yield Hit(Entity.MEDICATION, first, last, 0.55, "form")

    @staticmethod
    def _place(
        turn: Turn, at: int, *, sure: bool, asked: bool = False, stop: int | None = None
    ) -> Iterator[Hit]:
        """What stands where a medicine is named, and more after "and"."""
        if stop is None:
            stop = sentence_end(turn, at, 12) if at < len(turn.tokens) else at
        first = at
        while first < stop:
            first = _skip_leads(turn, first, stop, asked=asked)
            last = _name(turn, first, stop)
            if last == first:
                break
            keys = turn.keys(first, last)
            sound = sounds_like_medicine(keys, enough=86.0 if sure else CLOSE)
            likely = longest(medicines(), turn.all_keys, first) or any(
                zipf(key) < _UNUSUAL for key in keys
            )
            whole = asked and turn.medical and (likely or stop - at <= _SHORT_ANSWER)
            if sound or whole or (sure and likely):
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
                and turn.tokens[first - 1].key not in _BEFORE_NAME
                and not turn.tokens[first - 1].stops
            )
        ):
            first -= 1
        unit = turn.tokens[dose].key
        certain = unit[:1] == "m" or unit == "puffs"
        if first < last and last < dose and (certain or turn.medical):
            yield Hit(Entity.MEDICATION, first, last, 0.6, "before a dose")

    @staticmethod
    def _sounds(turn: Turn) -> Iterator[Hit]:
        for index, key in enumerate(turn.bare_keys):
            common = zipf(key)
            if common < _UNUSUAL and sounds_like_medicine(
                (key,), enough=CLOSE if common >= _UNKNOWN_PIECE else ENOUGH
            ):
                yield Hit(Entity.MEDICATION, index, index + 1, 0.55, "sounds like one")


def _with_strength(turn: Turn, last: int) -> int:
    """``last`` moved over the strength that is said with a name: "ibuprofen eight hundred"."""
    at = last
    while at < len(turn.tokens) and at - last < _LONGEST and _follows_number(turn, at):
        at += 1
    if at == last:
        return last
    if at < len(turn.tokens) and turn.tokens[at].key in _UNITS and not turn.tokens[at - 1].stops:
        return at + 1
    ends = at == len(turn.tokens) or bool(turn.tokens[at - 1].after.strip(" -"))
    return at if ends or turn.tokens[at].key in _AFTER_STRENGTH else last


def _with_form(turn: Turn, last: int) -> int:
    """``last`` moved over what the medicine comes as: "fentanyl patches"."""
    form = turn.tokens[last - 1].after == " " and not _FORMS.isdisjoint(turn.keys(last, last + 1))
    return last + 1 if form else last


def _follows_number(turn: Turn, at: int) -> bool:
    """Whether a token is a number that is said in one breath with what stands before it."""
    key = turn.tokens[at].key
    return (is_number(key) or key == "point") and not turn.tokens[at - 1].after.strip(" -")


def _in_a_row(turn: Turn, first: int, last: int) -> bool:
    """Whether nothing but blanks and hyphens parts some tokens."""
    return all(not token.after.strip(" -") for token in turn.tokens[first : last - 1])


def _is_name(keys: tuple[str, ...]) -> bool:
    return any(key in given_names() or surnames().get(key, _SURNAMES) < _SURNAMES for key in keys)


def _skip_leads(turn: Turn, first: int, stop: int, *, asked: bool) -> int:
    """First token that is neither a figure nor a word between a trigger and the name."""
    while first < stop:
        key = turn.tokens[first].key
        lead = key in _LEADS or key in FILLERS or (asked and _leads_an_answer(turn, first, stop))
        if not lead and not is_number(key):
            break
        first += 1
    return first


def _leads_an_answer(turn: Turn, at: int, stop: int) -> bool:
    """Whether a word of an answer is grammar, and does not begin a medicine in pieces."""
    key = turn.tokens[at].key
    if zipf(key) < _GRAMMAR or longest(medicines(), turn.all_keys, at):
        return False
    return not any(
        sounds_like_medicine(turn.keys(at, last), stems=False)
        for last in range(at + 2, min(at + _LONGEST, stop) + 1)
    )


def _name(turn: Turn, first: int, stop: int) -> int:
    """Token after the words that may be a medicine's name."""
    known = longest(medicines(), turn.all_keys, first) if first < stop else 0
    if known:
        return min(first + known, stop)
    for size in range(min(_LONGEST, stop - first), 1, -1):
        # "met for min": a recogniser's pieces may be words of grammar.
        keys = turn.keys(first, first + size)
        if (
            not _NO_MEDICINE.intersection(keys)
            and not _JOINING.intersection(keys)
            and sounds_like_medicine(keys)
        ):
            return first + size
    at = first
    while at < stop and at - first < _LONGEST:
        key = turn.tokens[at].key
        if key in LEAD_IN or key in _NO_MEDICINE or is_number(key):
            break
        if at > first and longest(medicines(), turn.all_keys, at):
            break
        if at == first and zipf(key) < _EVERYDAY:
            at += 1  # "water in" was warfarin: where a medicine is named, nouns count
            continue
        if is_function(key) and not longest(medicines(), turn.all_keys, at):
            break
        at += 1
        if turn.tokens[at - 1].after.strip(" -"):
            break
    return at
