"""Prompts that are played to callers: frozen records as files hold them, and all of them together.

What is malformed raises pydantic's ``ValidationError``; ``loading`` tells it with file and line.
No message quotes a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Final

import phonenumbers
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipeline.consent.notices.needs import Strength
from pipeline.consent.notices.texts import ssml_mistake, text_mistake
from pipeline.records.call_names import holds_number
from pipeline.records.consent import NAME, PLACE, UNKNOWN
from pipeline.records.pseudonyms import PURPOSE

LONGEST: Final = 1_000
"""Characters of a prompt."""
LONGEST_SSML: Final = 3_000
LONGEST_PHRASE: Final = 200
"""Of what stands for a placeholder."""
_ID: Final = r"^[a-z0-9][a-z0-9._-]{0,55}$"
"""A name (``model.NAME``) to which ``@version`` can be added."""


def plain_number(number: str) -> str | None:
    """A telephone number in E.164; None where it is none in international form."""
    try:
        parsed = phonenumbers.parse(number[:40], None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _quoted(value: object) -> object:
    """YAML makes a number of +1…, and false of no."""
    if isinstance(value, bool | int | float):
        raise ValueError("write it in quotes")  # noqa: TRY004 - pydantic tells ValueErrors
    return value


@cache
def _languages() -> frozenset[str]:
    from pycountry import languages  # noqa: PLC0415 - commands without notices need no list

    codes = (getattr(one, "alpha_2", None) for one in languages)
    return frozenset(code for code in codes if code)


def _language(code: str) -> str:
    if code not in _languages():
        raise ValueError("no code of ISO 639-1, such as en or es")
    return code


Quoted = Annotated[str, BeforeValidator(_quoted)]
Place = Annotated[Quoted, Field(pattern=rf"^(\*|{PLACE.pattern})$")]
NoticeId = Annotated[Quoted, Field(pattern=_ID)]
LineName = Annotated[Quoted, Field(pattern=f"^{NAME.pattern}$")]
PurposeName = Annotated[Quoted, Field(pattern=f"^{PURPOSE.pattern}$")]
Phrase = Annotated[
    Quoted, Field(min_length=1, max_length=LONGEST_PHRASE, pattern=r"^[^{}<>\x00-\x1f\x7f]+$")
]
"""What stands for a placeholder."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Spoken(_Model):
    """What has a language."""

    language: Quoted

    @field_validator("language")
    @classmethod
    def _is_language(cls, code: str) -> str:
        return _language(code)


class Gives(StrEnum):
    """What a prompt does."""

    NOTICE = "notice"
    QUESTION = "notice_and_question"


class Notice(_Spoken):
    """A prompt in one language. ``id@version`` names it in evidence, whatever the language."""

    id: NoticeId
    version: Annotated[int, Field(ge=1, le=10_000)]
    places: Annotated[tuple[Place, ...], Field(min_length=1)]
    """Where it may be played; a country stands for its subdivisions too, ``*`` for all places."""
    gives: Gives
    opt_in: bool = False
    """Whether it asks for an act without which nothing is recorded."""
    text: Quoted
    """With ``{company}``, and ``{purpose}`` where it says what for."""
    ssml: Quoted = ""
    """The same words as SSML 1.1; empty: made of the text."""
    valid_from: date

    @field_validator("text")
    @classmethod
    def _is_spoken(cls, text: str) -> str:
        if mistake := text_mistake(text, LONGEST):
            raise ValueError(mistake)
        return text

    @field_validator("ssml")
    @classmethod
    def _speaks_the_text(cls, ssml: str, info: ValidationInfo) -> str:
        text = info.data.get("text", "")  # absent where it is wrong, which is told already
        if ssml and text and (mistake := ssml_mistake(ssml, text, LONGEST_SSML)):
            raise ValueError(mistake)
        return ssml

    @field_validator("opt_in")
    @classmethod
    def _asks(cls, opt_in: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - a field's value
        if opt_in and info.data.get("gives") is not Gives.QUESTION:
            raise ValueError("an opt-in asks: gives is notice_and_question")
        return opt_in

    @property
    def ref(self) -> str:
        """What evidence names it by."""
        return f"{self.id}@{self.version}"

    @property
    def strength(self) -> Strength:
        """How much it does."""
        if self.opt_in:
            return Strength.OPT_IN
        return Strength.QUESTION if self.gives is Gives.QUESTION else Strength.NOTICE

    def covers(self, place: str) -> int:
        """How closely it is meant for a place: 3 that one, 2 its country, 1 all; 0: not for it."""
        country = place.partition("-")[0]
        named = ((place, 3), (country, 2), (UNKNOWN, 1))
        return next((level for one, level in named if one in self.places), 0)


class TrackingNumber(_Spoken):
    """What is played on a number of the company's own."""

    number: Quoted = Field(repr=False)
    """In international form; kept as E.164."""
    place: Place
    """Where those who call it are."""
    company: Phrase
    purpose: PurposeName | None = None
    notice: NoticeId | None = None
    """None: what fits best."""
    name: LineName | None = None
    """What the line is called in lists of calls; None: by a pseudonym."""

    @field_validator("name")
    @classmethod
    def _is_no_number(cls, name: str | None) -> str | None:
        if name and holds_number(name):
            raise ValueError("may hold a number; name it by a word")
        return name

    @field_validator("number")
    @classmethod
    def _is_number(cls, number: str) -> str:
        plain = plain_number(number)
        if plain is None:
            raise ValueError("not a telephone number in international form, such as +1 and 10 more")
        return plain


class Phrases(_Model):
    """What may stand for ``{purpose}``: by language and name."""

    by_language: dict[Quoted, dict[PurposeName, Phrase]]

    @model_validator(mode="after")
    def _are_languages(self) -> Phrases:
        for code in self.by_language:
            _language(code)
        return self


@dataclass(frozen=True, slots=True)
class Notices:
    """All prompts of an installation."""

    notices: tuple[Notice, ...]
    own: frozenset[tuple[str, str]] = frozenset()
    """Id and language of those that the installation wrote."""
    purposes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    numbers: Mapping[str, TrackingNumber] = field(default_factory=dict, repr=False)
    """By number."""

    def known(self, ref: str) -> bool:
        """Whether there is, or was, a prompt of this ``id@version``."""
        return any(one.ref == ref for one in self.notices)

    def in_force(self, language: str, day: date) -> list[Notice]:
        """The latest version of each prompt of a language on a day."""
        latest: dict[str, Notice] = {}
        for one in sorted(self.notices, key=lambda one: one.version):
            if one.language == language and one.valid_from <= day:
                latest[one.id] = one
        return list(latest.values())

    @property
    def languages(self) -> list[str]:
        """The languages in which there are prompts."""
        return sorted({one.language for one in self.notices})
