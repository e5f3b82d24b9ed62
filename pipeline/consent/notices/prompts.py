"""Which prompt is played in which places, filled in.

Outcome of ``prompt_for``: a ``Prompt``, or ``InputError`` that says what is missing. It reads no
file and no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from pipeline.consent.notices.model import Notice, Notices
from pipeline.consent.notices.needs import Need, need_of
from pipeline.consent.notices.texts import COMPANY, PURPOSE, filled, placeholders, ssml_of
from pipeline.consent.rules import RuleSet
from pipeline.errors import InputError
from pipeline.policy.known_names import DEFAULT_PURPOSE
from pipeline.policy.yaml_document import shown


@dataclass(frozen=True, slots=True)
class Asked:
    """For what a prompt is wanted."""

    places: tuple[str, ...]
    """Codes of ISO 3166, or ``*``."""
    language: str
    company: str = ""
    """Empty: its placeholder stays."""
    purpose: str = ""
    """Name of a phrase, and of what the call is recorded for; empty: ``default``."""
    notice: str = ""
    """The id that it has to be; empty: what fits best."""
    basis: str = ""
    """The lawful basis that the policy names for the purpose."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt to play, and why."""

    notice: Notice
    need: Need
    places: tuple[str, ...]
    values: Mapping[str, str] = field(repr=False)
    """What stands in the placeholders."""

    @property
    def text(self) -> str:
        """What is said."""
        return filled(self.notice.text, self.values)

    @property
    def ssml(self) -> str:
        """The same as SSML 1.1."""
        written = self.notice.ssml or ssml_of(self.notice.text, self.notice.language)
        return filled(written, self.values, escaped=True)

    @property
    def open(self) -> list[str]:
        """Placeholders for which nothing was given."""
        return sorted(placeholders(self.notice.text) - set(self.values))


def prompt_for(asked: Asked, notices: Notices, rules: RuleSet, day: date) -> Prompt:
    """The prompt that is played.

    Of those that are for all places and do what the strictest rule asks for, the one that names
    the places most closely; then the one that asks no more than it has to; then an own one.

    Args:
        asked: for what.
        notices: all prompts.
        rules: all rules.
        day: on which it is played.

    Raises:
        InputError: no prompt fits.
    """
    need = need_of(rules.holding(asked.places, day), asked.basis)
    notice = _fitting(asked, notices, need, day)
    values = {COMPANY: asked.company} if asked.company else {}
    if PURPOSE in placeholders(notice.text):
        phrase = _phrase(asked, notices)
        values |= {PURPOSE: phrase} if phrase else {}
    return Prompt(notice, need, asked.places, values)


def _fitting(asked: Asked, notices: Notices, need: Need, day: date) -> Notice:
    spoken = notices.in_force(asked.language, day)
    if not spoken:
        there = ", ".join(notices.languages)
        raise InputError(
            f"there is no notice in {shown(asked.language)}; there are {there}; add one to a file "
            "that the setting `notices` names"
        )
    wanted = [one for one in spoken if not asked.notice or one.id == asked.notice]
    if not wanted:
        raise InputError(f"there is no notice {shown(asked.notice)} in {shown(asked.language)}")
    near = [one for one in wanted if all(map(one.covers, asked.places))]
    enough = [one for one in near if one.strength >= need.strength]
    if not enough:
        which = f"the notice {wanted[0].ref}" if asked.notice else "no notice"
        does = "is not for" if asked.notice and not near else "does not do enough for"
        does = does if asked.notice else "is enough for"
        raise InputError(
            f"{which} in {asked.language} {does} {', '.join(asked.places)}, where rules ask for "
            f"{need.strength.told}; add one to a file that the setting `notices` names"
        )
    return min(enough, key=lambda one: _order(one, asked.places, notices))


def _order(notice: Notice, places: Sequence[str], notices: Notices) -> tuple[int, int, bool, str]:
    closeness = min(notice.covers(place) for place in places)
    own = (notice.id, notice.language) in notices.own
    return (-closeness, notice.strength, not own, notice.id)


def _phrase(asked: Asked, notices: Notices) -> str:
    """What stands for the purpose; empty where none is named and there is no default."""
    known = notices.purposes.get(asked.language, {})
    name = asked.purpose or DEFAULT_PURPOSE
    if asked.purpose and name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise InputError(
            f"no phrase in {asked.language} says what calls of purpose {shown(name)} are recorded "
            f"for; there are {there}; add it under purposes in a file that the setting `notices` "
            "names"
        )
    return known.get(name, "")
