"""Codes of places as people type them, and the nearest ones to what is none.

Outcome of ``places_named``: codes of ISO 3166, or ``InputError`` that names the codes which were
probably meant.
"""

from __future__ import annotations

import difflib
from functools import cache
from typing import Final

from pipeline.consent.loading import is_place
from pipeline.errors import InputError
from pipeline.policy.yaml_document import shown
from pipeline.records.consent import MOST_PLACES, UNKNOWN

_MOST: Final = 3
"""Codes that are offered."""
_LIKE: Final = 0.75
"""Similarity of a name from which it was probably meant."""
_LONGEST: Final = 60
_USED: Final = {"UK": "GB", "EL": "GR"}
"""Codes that people use and ISO 3166-1 reserves."""


def places_named(text: str) -> tuple[str, ...]:
    """The places of a text such as ``US-CA,de``; each once, sorted.

    Raises:
        InputError: none, too many, or one that is no code of ISO 3166 and not ``*``.
    """
    named = [one.strip() for one in text.split(",") if one.strip()]
    if not named or len(named) > MOST_PLACES:
        raise InputError(f"name 1 to {MOST_PLACES} places, such as US-CA,DE")
    return tuple(sorted({_place(one) for one in named}))


def nearest_places(text: str) -> tuple[str, ...]:
    """Codes that were probably meant, by code or by English name; the likeliest first."""
    plain = text[:_LONGEST].strip().casefold().replace("_", "-")
    code = plain.upper()
    bare = code.replace("-", "").replace(" ", "")
    names = _names()
    sure = [_USED.get(code, ""), f"{bare[:2]}-{bare[2:]}", *names.get(plain, ())]
    found = [one for one in sure if is_place(one)]
    if not found:
        country = code.partition("-")[0]
        likely = difflib.get_close_matches(plain, sorted(names), n=_MOST, cutoff=_LIKE)
        found = [one for name in likely for one in names[name]]
        found += difflib.get_close_matches(code, _codes_of(country), n=_MOST)
        found += [country] if is_place(country) else []
    return tuple(dict.fromkeys(found))[:_MOST]


def _place(text: str) -> str:
    code = text.upper()
    if is_place(code):
        return code
    nearest = nearest_places(text)
    meant = f"; did you mean {' or '.join(nearest)}?" if nearest else "."
    raise InputError(
        f"{shown(text)} is no code of ISO 3166-1 or 3166-2{meant} "
        f"Write US-CA or DE, or {UNKNOWN} where nobody knows"
    )


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """The codes of English names of countries and subdivisions, in lower case."""
    from pycountry import countries, subdivisions  # noqa: PLC0415 - only what is misspelt needs it

    found: dict[str, tuple[str, ...]] = {}
    of_countries = [(one.name, one.alpha_2) for one in countries]
    of_countries += [(one.alpha_3, one.alpha_2) for one in countries]
    for name, code in (*of_countries, *((one.name, one.code) for one in subdivisions)):
        found[name.casefold()] = (*found.get(name.casefold(), ()), code)
    return found


def _codes_of(country: str) -> list[str]:
    """The codes of a country's subdivisions; of none, those of all countries."""
    codes = {code for group in _names().values() for code in group}
    if is_place(country):
        return sorted(code for code in codes if code.startswith(f"{country}-"))
    return sorted(code for code in codes if "-" not in code)
