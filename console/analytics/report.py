"""What a page of analytics shows: figures, charts, and the table of each chart."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from agents.reports.entity_groups import label_of
from agents.vault.analytics.warehouse.figures import Figures, figures_of
from agents.vault.analytics.warehouse.loading import Warehouse
from agents.vault.analytics.warehouse.series import Series, series_of
from console.analytics import charts
from console.analytics.figures import NOTHING
from console.analytics.links import CallLinks
from console.analytics.query import Asked

HEADS: Final = {
    "day": "Day",
    "calls": "Calls",
    "answered": "Answered",
    "missed": "Missed",
    "voicemail": "Voicemail",
    "unknown": "Outcome not known",
    "campaign": "Campaign",
    "tracking_number": "Tracking number",
    "agent": "Agent",
    "median_ms": "Median length",
    "talk_share_thousandths": "Agents' talk",
    "silence_share_thousandths": "Silence",
    "type": "Type",
    "redactions": "Redactions",
    "ms": "Muted",
    "topic": "Topic",
    "mentions": "Mentions",
    "weekday": "Day",
    "hour": "Hour",
}
_AT_ONCE: Final = 2
_WEEKDAYS: Final = ("", *calendar.day_name)


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, and the table that says the same."""

    name: str
    """Of its series."""
    title: str
    svg: str
    """Empty: there is nothing to draw."""
    heads: tuple[tuple[str, bool], ...]
    """Of the table: text, and whether it is of numbers."""
    rows: tuple[tuple[str, ...], ...]
    addresses: tuple[str, ...]
    """Where the calls of each row are; empty: nowhere."""
    wide: bool


@dataclass(frozen=True, slots=True)
class Report:
    """Everything of a page but its form."""

    now: Figures | None
    """None: a filter leaves too few calls to be told."""
    then: Figures | None
    charts: tuple[Chart, ...]


def report_of(warehouse: Warehouse, asked: Asked, links: CallLinks) -> Report:
    """The report of what an address asks for.

    One chart is drawn at a time, by a library of its own; meanwhile the next ones are counted.
    """
    with ThreadPoolExecutor(_AT_ONCE, "hushwire-analytics") as threads:
        charts = threads.map(lambda one: _chart(warehouse, asked, links, *one), _CHARTS)
        then = figures_of(warehouse, asked.others) if asked.others else None
        now = figures_of(warehouse, asked.wanted)
        return Report(now=now, then=then, charts=tuple(charts))


Draw = Callable[[Series, Series | None, Series, CallLinks, str], str]


def _chart(
    warehouse: Warehouse,
    asked: Asked,
    links: CallLinks,
    name: str,
    title: str,
    draw: Draw,
    wide: bool,  # noqa: FBT001 - of a table
) -> Chart:
    series = series_of(warehouse, name, asked.wanted)
    second = series_of(warehouse, name, asked.others) if asked.others else None
    days = series_of(warehouse, "days", asked.wanted)
    drawable = any(any(isinstance(one, int) and one > 0 for one in row[1:]) for row in series.rows)
    period = asked.wanted.period
    label = (
        f"{title}, {period.first} to {period.last}, {asked.wanted.zone}; "
        "the table below has the numbers and leads to the calls"
    )
    return Chart(
        name=name,
        title=title,
        svg=draw(series, second, days, links, label) if drawable else "",
        heads=tuple(
            (HEADS[one], kind == "BIGINT" and one != "weekday")
            for one, kind in zip(series.names, series.types, strict=True)
        ),
        rows=tuple(_row(series.names, row, warehouse.least) for row in series.rows),
        addresses=tuple(
            links.row(dict(zip(series.names, row, strict=True))) for row in series.rows
        ),
        wide=wide,
    )


def _row(names: Sequence[str], row: Sequence[Any], least: int) -> tuple[str, ...]:
    cells = enumerate(zip(names, row, strict=True))
    return tuple(_cell(name, value, place, least) for place, (name, value) in cells)


def _cell(name: str, value: Any, place: int, least: int) -> str:  # noqa: ANN401 - of any column
    if value is None:
        hidden = f"fewer than {least}" if name == "calls" else NOTHING
        return hidden if place else "Not known"
    return _SAID.get(name, str)(value)


_SAID: Final[Mapping[str, Callable[[Any], str]]] = {
    "type": label_of,
    "weekday": _WEEKDAYS.__getitem__,
    "hour": "{:02}:00".format,
    **dict.fromkeys(("median_ms", "ms"), lambda ms: f"{ms / 1_000:.1f} s"),
    **dict.fromkeys(
        ("talk_share_thousandths", "silence_share_thousandths"), lambda part: f"{part / 10:.1f} %"
    ),
}


def _bars(
    series: Series, second: Series | None, _days: Series, links: CallLinks, label: str
) -> str:
    return charts.bars(series, label, links, second)


def _days(
    series: Series, second: Series | None, _days: Series, links: CallLinks, label: str
) -> str:
    return charts.by_day(series, links.wanted.period, second, label, links)


def _trend(
    series: Series, _second: Series | None, days: Series, links: CallLinks, label: str
) -> str:
    return charts.trend(series, days, label, links)


def _week(
    series: Series, _second: Series | None, _days: Series, links: CallLinks, label: str
) -> str:
    return charts.week(series, label, links)


_CHARTS: Final[tuple[tuple[str, str, Draw, bool], ...]] = (
    ("days", "Calls by day", _days, True),
    ("hours", "Calls by hour of the week", _week, False),
    ("campaigns", "Calls by campaign", _bars, False),
    ("lines", "Calls by tracking number", _bars, False),
    ("agents", "Calls by agent", _bars, False),
    ("redaction-days", "Redactions over time", _trend, True),
    ("redactions", "Redactions by type", _bars, False),
    ("topics", "Topics", _bars, False),
)
