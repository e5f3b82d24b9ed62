"""What names of rules, reasons and places are called in a report."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from pipeline.records.consent import UNKNOWN, Why

REASONS: Final = {
    Why.NO_NOTICE: "nobody was told of the recording",
    Why.LATE_NOTICE: "told later than the rule allows",
    Why.NO_CONSENT: "the consent that the rule asks for is missing",
    Why.AGENTS_NOT_AGREED: "the policy does not state that agents agreed",
    Why.SAID_NO: "the customer said no",
    Why.WITHDRAWN: "the customer withdrew",
    Why.NO_BASIS: "the policy names no lawful basis for the purpose",
    Why.BASIS_NOT_ALLOWED: "its lawful basis does not count there",
    Why.PROFILE_NOT_MET: "the policy silences less than the rule demands",
    Why.ONE_CHANNEL: "the agent's side can't be told apart on one channel",
}
"""Why a call may be refused."""


@lru_cache(maxsize=4_096)
def place_name(code: str) -> str:
    """The name of a place; an empty code is a call that states none."""
    from pycountry import countries, subdivisions  # noqa: PLC0415 - the list takes its time

    if not code:
        return "none stated"
    if code == UNKNOWN:
        return "place not known"
    country, _, part = code.partition("-")
    known: Any = subdivisions if part else countries
    found = known.get(code=code) if part else known.get(alpha_2=country)
    return str(found.name) if found is not None else code
