"""In which time zone a page tells times: the one that its reader chose, else their browser's.

Both come as cookies that hold the name of a zone and nothing else. What is no zone counts as
nothing said; then it is the installation's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final
from zoneinfo import available_timezones

from agents.settings.analytics import zone_of

CHOSEN: Final = "hushwire_zone"
"""Cookie of the zone that somebody chose on their account's page."""
BROWSERS: Final = "hushwire_browser_zone"
"""Cookie that the pages' script keeps at the browser's zone."""
KEPT_S: Final = 365 * 86_400


def zone_told(cookies: Mapping[str, str]) -> str:
    """The zone that a request's cookies name; empty: none."""
    named = (known_zone(cookies.get(name, "")) for name in (CHOSEN, BROWSERS))
    return next((one for one in named if one), "")


def known_zone(text: str) -> str:
    """The text, where it names a zone (IANA); empty where it does not."""
    try:
        return zone_of(text).key
    except ValueError:
        return ""


@cache
def zone_names() -> tuple[str, ...]:
    """Zones that can be chosen, as places: old names of a few letters are known, not offered."""
    return ("UTC", *sorted(one for one in available_timezones() if _is_place(one)))


def _is_place(name: str) -> bool:
    return "/" in name and not name.startswith(("Etc/", "SystemV/", "US/", "posix/", "right/"))
