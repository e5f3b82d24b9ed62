"""Prompts to callers as the settings have them, and what a telephone number or place is played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from agents.settings.consent_rules import notices_of, rules_of
from agents.settings.model import Settings
from agents.system.clock import system_clock
from pipeline.consent.hints import with_company
from pipeline.consent.notices.model import LONGEST_PHRASE, Notices, TrackingNumber, plain_number
from pipeline.consent.notices.prompts import Asked, Prompt, prompt_for
from pipeline.consent.places import places_named
from pipeline.errors import InputError
from pipeline.policy.known_names import DEFAULT_PURPOSE
from pipeline.policy.model import Policy
from pipeline.records.consent import Consent


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants a prompt for; empty where they did not say."""

    places: str = ""
    """Codes, with commas."""
    number: str = field(default="", repr=False)
    """A number of the company's own."""
    language: str = ""
    company: str = ""
    purpose: str = ""


def line_names(settings: Settings) -> Mapping[str, str]:
    """What the company's own numbers are called in lists, by number in E.164.

    Raises:
        PolicyError: a file of notices or of rules is refused.
    """
    if not settings.notices:
        return {}
    numbers = notices_of(settings, rules_of(settings), system_clock().date()).numbers
    return {number: line.name for number, line in numbers.items() if line.name}


def wished_prompt(wish: Wish, settings: Settings, policy: Policy, day: date) -> Prompt:
    """The prompt to play.

    What is said outright goes before what the number's entry says, and that before the settings.
    Places are added: they can make the prompt ask more, never less.

    Args:
        wish: for what.
        settings: of the installation.
        policy: whose places and lawful basis hold.
        day: on which it is played.

    Raises:
        InputError: no place is named, one is none, the number is not ours, or no prompt fits.
        PolicyError: a file of notices or of rules is refused.
    """
    named = places_named(wish.places) if wish.places else ()
    rules = rules_of(settings)
    notices = notices_of(settings, rules, day)
    line = _line(wish.number, notices) if wish.number else None
    if line is None and not named:
        raise InputError("say where callers are, --jurisdiction US-CA, or which --number they call")
    theirs = (*named, *([line.place] if line else []))
    purpose = wish.purpose or (line.purpose if line else "") or ""
    asked = Asked(
        with_company(Consent(theirs), policy.consent).places,
        wish.language or (line.language if line else settings.language),
        _plain(wish.company or (line.company if line else settings.controller_name) or ""),
        purpose,
        (line.notice if line else "") or "",
        str(policy.consent.lawful_basis.get(purpose or DEFAULT_PURPOSE, "")),
    )
    return prompt_for(asked, notices, rules, day)


def _line(number: str, notices: Notices) -> TrackingNumber:
    plain = plain_number(number)
    if plain is None:
        raise InputError("--number: write it in international form, such as +1 and ten digits")
    if plain not in notices.numbers:
        raise InputError(
            "--number: it is none of ours; add it under numbers in a file that the setting "
            "`notices` names"
        )
    return notices.numbers[plain]


def _plain(company: str) -> str:
    if len(company) > LONGEST_PHRASE or not company.isprintable() or set(company) & set("{}<>"):
        raise InputError(
            f"--company: a name of at most {LONGEST_PHRASE} characters, without braces or < >"
        )
    return company
