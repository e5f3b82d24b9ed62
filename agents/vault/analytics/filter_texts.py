"""Which calls are wanted, as somebody says it in texts: the same for the API, pages and commands.

Outcomes: a ``ListingFilter``, or ``FilterError`` that names the parameter.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from agents.vault.analytics.call_filter import (
    FilterError,
    ListingFilter,
    ago,
    length_ms,
    moment,
    place_of,
)
from agents.vault.analytics.warehouse.period import Period, hours_of
from pipeline.errors import InputError
from pipeline.records.call_names import holds_number
from pipeline.records.pseudonyms import PSEUDONYM

_TICK: Final = timedelta(microseconds=1)
_NUMBER: Final = (
    "a pseudonym is needed (pn-…): numbers are stored nowhere. `hushwire calls list --subject` "
    "looks for a number where the token key is"
)


def filter_of(
    now: datetime,
    *,
    within: str = "",
    since: str = "",
    until: str = "",
    zone: str = "",
    stored_since: str = "",
    stored_until: str = "",
    shortest: str = "",
    longest: str = "",
    weekday: int | None = None,
    hour: int | None = None,
    **plain: Any,  # noqa: ANN401 - each of its own type
) -> ListingFilter:
    """Which calls are meant; what is empty says nothing.

    Args:
        now: that ``within`` is counted from.
        within: begun so long ago at most, such as ``7d``.
        since: begun then or later: a day, or a time (ISO 8601).
        until: begun before; a day is meant to its end.
        zone: of days and times without an offset, and of ``weekday`` and ``hour``; else UTC.
        stored_since: as ``since``.
        stored_until: as ``until``.
        shortest: a length: seconds, 1:30 or 1:00:00.
        longest: as ``shortest``.
        weekday: 1 is Monday; with ``hour``, and days from which and to which.
        hour: 0 to 23.
        **plain: all else that a ``ListingFilter`` has, as it is.

    Raises:
        FilterError: a time or a length is none, nothing can lie between two, or a number stands
            where a pseudonym should.
    """
    for name in ("caller", "party"):
        who = plain.get(name, "")
        if holds_number(who) and not PSEUDONYM.fullmatch(who):
            raise FilterError(name, _NUMBER)

    place = place_of(zone)

    def at(name: str, text: str, *, end: bool = False) -> datetime | None:
        return moment(name, text, zone, end=end) if text else None

    first, last = at("since", since), at("until", until, end=True)
    if within:
        earliest = ago("within", within, now)
        first = max(first, earliest) if first else earliest
    return ListingFilter(
        since=first,
        until=last,
        slots=_slots(first, last, place, weekday, hour),
        stored_since=at("stored_since", stored_since),
        stored_until=at("stored_until", stored_until, end=True),
        shortest_ms=length_ms("shortest", shortest) if shortest else None,
        longest_ms=length_ms("longest", longest) if longest else None,
        **plain,
    )


def _slots(
    since: datetime | None,
    until: datetime | None,
    place: ZoneInfo,
    weekday: int | None,
    hour: int | None,
) -> tuple[tuple[datetime, datetime], ...] | None:
    """The hours that ``weekday`` and ``hour`` name, of a time."""
    if weekday is None and hour is None:
        return None
    if weekday is None or hour is None:
        raise FilterError("hour" if hour is None else "weekday", "say day and hour")
    told = "say from which day to which, ten years at most, between 1990 and 2199"
    if since is None or until is None:
        raise FilterError("hour", told)
    if since >= until:
        return ()  # which is told of the end
    try:
        Period(since.astimezone(place).date(), (until - _TICK).astimezone(place).date())
    except (InputError, OverflowError):
        raise FilterError("hour", told) from None
    return tuple(hours_of(since, until, place, weekday, hour))
