"""Where the parties of a call are, as far as is known: from metadata, the policy, and numbers.

A number is no proof of a place: people keep theirs when they move. Its place is only added to the
others, so it may make a rule stricter and never laxer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import phonenumbers
from phonenumbers import NumberParseException

from pipeline.consent.loading import is_place, subdivisions_of
from pipeline.policy.model import ConsentRule
from pipeline.records.consent import UNKNOWN, Consent


def with_company(consent: Consent, stated: ConsentRule) -> Consent:
    """A call's places with those that the policy states."""
    theirs = consent.places or (UNKNOWN,)
    if UNKNOWN in theirs and stated.their_places:
        theirs = (*(place for place in theirs if place != UNKNOWN), *stated.their_places)
    return replace(consent, places=tuple(sorted({*theirs, *stated.our_places})))


def with_hints(places: Sequence[str], numbers: Iterable[str]) -> tuple[str, ...]:
    """Places that metadata names, and those that the parties' numbers hint at.

    Args:
        places: as they are named; none: the place stays unknown, whatever the numbers say.
        numbers: in international form; others hint at nothing.
    """
    named = tuple(places) or (UNKNOWN,)
    countries = {place.partition("-")[0] for place in named}
    hints = [place for number in numbers for place in _hints(number)]
    return tuple(sorted({*named, *(one for one in hints if "-" in one or one not in countries)}))


def _hints(number: str) -> Iterator[str]:
    """The country or subdivision of a number's prefix."""
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        return
    country = phonenumbers.region_code_for_number(parsed) or ""
    if country not in {"US", "CA"}:
        if is_place(country):
            yield country
        return
    from phonenumbers import geocoder  # noqa: PLC0415 - a second and 20 MB, for this alone

    told = geocoder.description_for_number(parsed, "en").rpartition(", ")[2]
    found = subdivisions_of(country).get(told.casefold())
    yield found or country
