"""The words of a language that number detection knows, read from ``spoken_<language>.yaml``.

Outcomes: a :class:`Vocabulary`, built once per language; :class:`~pipeline.errors.SettingsError`
for a language without a file, or a file that breaks its form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatch
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

import yaml

from pipeline.detection.language.normalise import plain
from pipeline.detection.language.phrase_matcher import Phrases
from pipeline.errors import SettingsError
from pipeline.records.entities import Entity

DEFAULT = "en"
"""The language of a call that says none."""
_WORD_LISTS = (
    "months",
    "weekdays",
    "fillers",
    "corrections",
    "separators",
    "links",
    "spelling",
    "money",
    "percent",
    "units",
    "pronoun_before",
    "safe",
    "odd",
    "harmless_reply",
    "listening",
    "joins",
    "tens_joins",
    "waits",
    "each",
    "periods",
    "bare_scales",
    "weak_letters",
    "lone_letters",
    "decimal",
    "corrected",
    "announcing",
)
_SPELLING_LISTS = (
    "acronyms",
    "standins",
    "letter_links",
    "letter_case",
    "foreign_talk",
    "leading",
    "leading_date",
)
"""Word lists that a language may do without."""


class PromptKind(IntEnum):
    """What a phrase does; where two overlap, the higher one stands."""

    PLACE = 0
    """The number after it is a time or a place, unless a value was asked for."""
    TOPIC = 1
    """Says what the talk is about."""
    AMOUNT = 2
    """The number after it is a price or a quantity."""
    REFERENCE = 3
    """An order number or another harmless one follows."""
    AGAIN = 4
    """What was asked for last is asked for again, or goes on: "that's not what I have"."""
    ASK = 5
    """A value is asked for or announced."""


class Announced(NamedTuple):
    """What a phrase about numbers announces."""

    kind: PromptKind
    entity: Entity | None = None
    """What is asked for, or talked about."""
    brief: bool = False
    """One short harmless number and no more ("extension"), or more of a value and no other."""
    followed: bool = False
    """Holds for a number in the same sentence only ("order 5 5 1 8")."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Number words, the words around numbers, and the phrases that announce values."""

    language: str
    digits: Mapping[str, str]
    """Word to digit; a digit wherever it stands."""
    near_digits: Mapping[str, str]
    """Word to digit; a digit only beside another number word ("oh")."""
    homophones: Mapping[str, str]
    """Word to digit; what a recogniser writes for a digit, believed only inside a run."""
    teens: Mapping[str, str]
    tens: Mapping[str, str]
    hundreds: Mapping[str, str]
    """Word to the digit before its two zeros, where a language has one word for it."""
    scales: Mapping[str, int]
    """Word to its number of zeros."""
    multipliers: Mapping[str, int]
    ordinals: Mapping[str, str]
    letter_names: Mapping[str, str]
    """Word to letter; what a recogniser writes for a letter, believed only in "see as in cat"."""
    words: Mapping[str, frozenset[str]]
    """Named lists, such as ``fillers`` and ``units``."""
    digit_prompt: str
    """Read to a recogniser as said before: it halves the digits that are lost. It invites digits,
    too, so what is heard behind it is evidence and never a ``MAIN`` word."""
    figures: Mapping[str, str]
    """Figures to the word for them, as phrases are written."""
    announcing: Phrases[Announced]
    """What announces a number, or explains it."""


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """Two-letter codes of the languages that there are number words and prompts for."""
    names = (file.name for file in resources.files(__package__).iterdir())
    return tuple(sorted(name[7:-5] for name in names if fnmatch(name, "spoken_??.yaml")))


def known(language: str) -> str:
    """A call's language, or the default where there is no data for it."""
    return language if language in languages() else DEFAULT


@lru_cache(maxsize=8)
def vocabulary(language: str = DEFAULT) -> Vocabulary:
    """The vocabulary of a language, by its two-letter code.

    Raises:
        SettingsError: there is no file for the language, or it breaks its form.
    """
    name = f"spoken_{language}.yaml"
    try:
        text = (resources.files(__package__) / name).read_text(encoding="utf-8")
    except OSError as error:
        msg = f"no number words for language {language!r}: {name} is missing"
        raise SettingsError(msg) from error
    try:
        return _build(yaml.safe_load(text))
    except (KeyError, TypeError, ValueError, AttributeError, re.error, yaml.YAMLError) as error:
        msg = f"{name}: not in the form of spoken_en.yaml ({type(error).__name__}: {error})"
        raise SettingsError(msg) from error


def _build(data: Mapping[str, Any]) -> Vocabulary:
    return Vocabulary(
        language=str(data["language"]),
        digits=_inverse(data["digits"]),
        near_digits=_inverse(data["near_digits"]),
        homophones=_inverse(data["homophones"]),
        teens=_inverse(data["teens"]),
        tens=_inverse(data["tens"]),
        hundreds=_inverse(data["hundreds"]),
        scales={word: int(value) for word, value in _inverse(data["scales"]).items()},
        multipliers={word: int(value) for word, value in _inverse(data["multipliers"]).items()},
        ordinals=_inverse(data["ordinals"]),
        letter_names=_inverse(data.get("letter_names", {})),
        words={name: _words(data["words"][name]) for name in _WORD_LISTS}
        | {name: _words(data["words"].get(name, "")) for name in _SPELLING_LISTS},
        digit_prompt=str(data["digit_prompt"]),
        figures={
            figure: plain(words.split()[0])
            for table in ("digits", "teens")
            for figure, words in data[table].items()
        },
        announcing=_announcing(data),
    )


def _announcing(data: Mapping[str, Any]) -> Phrases[Announced]:
    lists = {
        Announced(kind, Entity(name)): phrases
        for kind, section in ((PromptKind.ASK, "ask"), (PromptKind.TOPIC, "topic"))
        for name, phrases in data[section].items()
    }
    lists[Announced(PromptKind.REFERENCE)] = data["reference"]
    lists[Announced(PromptKind.REFERENCE, followed=True)] = data.get("followed", ())
    lists[Announced(PromptKind.AGAIN)] = data.get("again", ())
    lists[Announced(PromptKind.AGAIN, brief=True)] = data.get("more", ())
    lists[Announced(PromptKind.REFERENCE, brief=True)] = data.get("brief", ())
    lists[Announced(PromptKind.AMOUNT)] = data["amount"]
    lists[Announced(PromptKind.PLACE)] = data["place"]
    parts = data.get("parts", {})
    whole = {label: [_with(parts, one) for one in phrases] for label, phrases in lists.items()}
    return Phrases({label: _longest_first(phrases) for label, phrases in whole.items()})


def _with(parts: Mapping[str, str], phrase: str) -> str:
    for name, part in parts.items():
        phrase = phrase.replace(f"<{name}>", part)
    return phrase


def _inverse(table: Mapping[str, str]) -> dict[str, str]:
    return {word: value for value, words in table.items() for word in _words(words)}


def _words(text: str) -> frozenset[str]:
    """The words of a list, with their accents and without."""
    words = text.split()
    return frozenset([*words, *map(plain, words)])


def _longest_first(phrases: Iterable[str]) -> list[str]:
    return sorted((phrase.strip() for phrase in phrases), key=len, reverse=True)
