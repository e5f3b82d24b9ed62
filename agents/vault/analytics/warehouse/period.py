"""Which calls are counted: days and hours of a zone, and what is filtered by.

Where days, weeks and hours begin is known here alone: DuckDB gets these moments and asks no list of
zones of its own, which may be of another year.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.errors import InputError

DAYS_MOST: Final = 3_700
"""Of a period: ten years."""
_BY_DAY, _BY_WEEK = 93, 750
"""Most days that are shown one by one, and by weeks."""
_YEAR: Final = timedelta(days=364)
"""As many weeks: weekdays stay what they are."""
_LOOK: Final = timedelta(days=1)
"""No zone changes its clocks and changes them back within it."""
_TICK: Final = timedelta(microseconds=1)
_FIRST, _LAST = date(1990, 1, 1), date(2200, 1, 1)


class Bucket(StrEnum):
    """What a point of a trend stands for."""

    DAY = "day"
    WEEK = "week"
    """Begins on Monday."""
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both ends included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if not _FIRST <= self.first <= self.last < _LAST:
            raise InputError("a period begins before it ends, between 1990 and 2199")
        if self.days > DAYS_MOST:
            raise InputError(f"a period has at most {DAYS_MOST} days")

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """The one of the same length that ends where this one begins."""
        return self._moved(timedelta(days=self.days))

    @property
    def year_before(self) -> Period:
        """The same weekdays 52 weeks earlier."""
        return self._moved(_YEAR)

    @property
    def bucket(self) -> Bucket:
        """What the points of its trends stand for: there are never too many to be read."""
        if self.days <= _BY_DAY:
            return Bucket.DAY
        return Bucket.WEEK if self.days <= _BY_WEEK else Bucket.MONTH

    def buckets(self) -> Iterator[date]:
        """The first day of each bucket, in order; that of the first one may be before ``first``."""
        at = begin_of(self.first, self.bucket)
        while at <= self.last:
            yield at
            match self.bucket:
                case Bucket.DAY:
                    at += timedelta(days=1)
                case Bucket.WEEK:
                    at += timedelta(days=7)
                case Bucket.MONTH:
                    at = (at + timedelta(days=31)).replace(day=1)

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Its first moment and the first one after it, in UTC."""
        return _midnight(self.first, zone), _midnight(self.last + timedelta(days=1), zone)

    def edges(self, zone: ZoneInfo) -> tuple[tuple[datetime, date], ...]:
        """When each of ``buckets`` begins, in UTC, and its first day; no two at once."""
        # A zone that left a day out began two at once: the later one is the one that there was.
        return tuple({_midnight(day, zone): day for day in self.buckets()}.items())

    def _moved(self, back: timedelta) -> Period:
        return Period(self.first - back, self.last - back)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls; a filter of None takes all, "" those of which nobody knows."""

    period: Period
    zone: ZoneInfo
    campaign: str | None = None
    line: str | None = None
    agent: str | None = None
    direction: str | None = None

    def of(self, period: Period) -> Wanted:
        """The same of another period."""
        return replace(self, period=period)

    @property
    def where(self) -> str:
        """The condition on ``facts``."""
        return " AND ".join(
            [
                "started >= $since",
                "started < $until",
                *(f"{name} = ${name}" for name in self._named),
            ]
        )

    @property
    def values(self) -> Mapping[str, object]:
        """What its parameters are."""
        since, until = self.period.bounds(self.zone)
        return {"since": since, "until": until, **self._named}

    @property
    def is_filtered(self) -> bool:
        """Whether only some calls of the period are wanted."""
        return bool(self._named)

    @property
    def _named(self) -> dict[str, str]:
        given = {
            "campaign": self.campaign,
            "line": self.line,
            "agent": self.agent,
            "direction": self.direction,
        }
        return {name: value for name, value in given.items() if value is not None}


def begin_of(day: date, bucket: Bucket) -> date:
    """The first day of the bucket that a day is in."""
    match bucket:
        case Bucket.DAY:
            return day
        case Bucket.WEEK:
            return day - timedelta(days=day.weekday())
        case Bucket.MONTH:
            return day.replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day; where clocks go forward over midnight, the first that there is."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def spans_of(
    since: datetime, until: datetime, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Stretches of time in which a zone's clocks do not change, in order and without a gap.

    Args:
        since: the first one begins.
        until: the last one ends.
        zone: whose clocks.

    Yields:
        beginning and end in UTC, and how far clocks are before UTC.
    """
    begun = at = since.astimezone(UTC)
    ended = until.astimezone(UTC)
    offset = _offset(at, zone)
    while at < ended:
        following = min(at + _LOOK, ended)
        if _offset(following, zone) != offset:
            while following - at > _TICK:
                middle = at + (following - at) // 2
                if _offset(middle, zone) == offset:
                    at = middle
                else:
                    following = middle
            if following < ended:
                yield begun, following, offset
                begun, offset = following, _offset(following, zone)
        at = following
    if begun < ended:
        yield begun, ended, offset


def hours_of(
    since: datetime, until: datetime, zone: ZoneInfo, weekday: int, hour: int
) -> Iterator[tuple[datetime, datetime]]:
    """Where clocks show an hour of a weekday between two moments, in UTC.

    Args:
        since: nothing before.
        until: nothing from then on.
        zone: whose clocks.
        weekday: 1 is Monday.
        hour: 0 to 23; twice or in parts where clocks go back, in part or not where they go forward.
    """
    for begun, ended, offset in spans_of(since, until, zone):
        day = (begun + offset).replace(hour=0, minute=0, second=0, microsecond=0)
        at = day - timedelta(days=(day.isoweekday() - weekday) % 7) + timedelta(hours=hour) - offset
        while at < ended:
            low, high = max(at, begun), min(at + timedelta(hours=1), ended)
            if low < high:
                yield low, high
            at += timedelta(days=7)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
