"""Addresses of the calls behind a figure, a bar or a cell: the list with the filters that it has.

They go where whoever looks may list calls, and never to a group that is too small to be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from agents.reports.entity_groups import kind_of
from agents.vault.analytics.warehouse.period import Bucket, Period, Wanted
from agents.vault.analytics.warehouse.series import OUTCOMES

_GROUPS: Final = {
    "campaign": "campaign",
    "tracking_number": "line",
    "agent": "agent",
    "type": "type",
    "topic": "topic",
}
"""Columns of groups, and the filters that mean one."""


@dataclass(frozen=True, slots=True)
class CallLinks:
    """Leads to the calls of what is asked for.

    Args:
        wanted: the calls of the page.
        least: groups with fewer calls are not led to.
        may: whether whoever looks may list calls; every address is empty where they may not.
    """

    wanted: Wanted
    least: int
    may: bool
    second: Period | None = None
    """The period that it is compared with."""

    def calls(self, period: Period | None = None, **filters: str | tuple[str, ...]) -> str:
        """The calls of the page's period, or of another, with further filters."""
        if not self.may:
            return ""
        wanted, of = self.wanted, period or self.wanted.period
        said: dict[str, str | tuple[str, ...]] = {
            "since": str(of.first),
            "until": str(of.last),
            "zone": wanted.zone.key,
            "campaign": wanted.campaign or "",
            "line": wanted.line or "",
            "agent": wanted.agent or "",
            "direction": wanted.direction or "",
            **filters,
        }
        return "/?" + urlencode({name: one for name, one in said.items() if one}, doseq=True)

    def bucket(self, day: date, **filters: str | tuple[str, ...]) -> str:
        """The calls of the day, week or month that begins on a day, within the period."""
        period = self.wanted.period
        match period.bucket:
            case Bucket.DAY:
                last = day
            case Bucket.WEEK:
                last = day + timedelta(days=6)
            case Bucket.MONTH:
                last = (day + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        within = Period(max(day, period.first), min(last, period.last))
        return self.calls(within, **filters)

    def group(self, column: str, name: str | None, period: Period | None = None) -> str:
        """The calls of a group, of another period too; ``None``: those of which nobody knows."""
        filter_name = _GROUPS[column]
        if name is None:
            return self.calls(period, lacks=filter_name)
        return self.calls(period, **{filter_name: name})

    def row(self, found: Mapping[str, Any]) -> str:
        """The calls of a row of a series; empty: it has none, or too few to be told."""
        calls = found.get("calls")
        if not calls:
            return ""
        if "weekday" in found:
            return self.calls(weekday=str(found["weekday"]), hour=str(found["hour"]))
        if "day" in found:
            return self.bucket(found["day"], type=found.get("type", ""))
        column = next(iter(found))
        return self.group(column, found[column]) if calls >= self.least else ""

    def outcome(self, day: date, outcome: str) -> str:
        """The calls of a day, week or month with an outcome, or with one that nobody knows."""
        if outcome == OUTCOMES[-1]:
            return self.bucket(day, lacks="outcome")
        return self.bucket(day, outcome=outcome)

    def kind(self, day: date, kind: str, types: tuple[str, ...]) -> str:
        """The calls of a day, week or month in which a type of a kind was muted."""
        return self.bucket(day, type=tuple(one for one in types if kind_of(one).name == kind))
