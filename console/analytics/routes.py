"""The page of analytics, the same for programs, and its tables as files; every look is audited.

Counts only: no word, no call, no caller. Outcomes: as asked; ``Refusal`` 404 for a series that is
none, 422 for a period, zone or filter that is none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from agents.access.roles import Permission
from agents.database.engine import Database
from agents.settings.analytics import zone_of
from agents.vault.analytics.warehouse.figures import figures_of
from agents.vault.analytics.warehouse.files import CSV, PARQUET, csv_of, parquet_of
from agents.vault.analytics.warehouse.loading import Warehouse
from agents.vault.analytics.warehouse.period import Period
from agents.vault.analytics.warehouse.series import KINDS, Series, choices_of, latest_day, series_of
from console.analytics.figures import shown
from console.analytics.links import CallLinks
from console.analytics.query import DAYS, AnalyticsQuery, Asked, presets
from console.analytics.report import report_of
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.errors import NOT_FOUND, Refusal
from console.http.metrics import ApiMetrics
from console.pages.rendering import page

_SERIES: Final = "/api/analytics/series/{name}"
SeriesName = Annotated[
    str, Path(max_length=32, description=f"One of {', '.join(KINDS)}.", pattern=r"^[a-z-]*$")
]
Asking = Annotated[AnalyticsQuery, Query()]


class Days(BaseModel):
    """A period; both ends are in it."""

    first: date
    last: date

    @classmethod
    def of(cls, period: Period | None) -> Days | None:
        """From a period."""
        return cls(first=period.first, last=period.last) if period else None


class Summary(BaseModel):
    """Figures of a period, and of a second one; shares are of 1, what nothing says is null."""

    period: Days
    second: Days | None
    zone: str
    least: int
    """Groups of fewer callers are null, as are their counts."""
    figures: dict[str, float | int | None] | None
    """Null: a filter leaves fewer than `least` calls."""
    second_figures: dict[str, float | int | None] | None


class SeriesTold(BaseModel):
    """The rows of a chart, and those of a second period; what is too few to be told is null."""

    name: str
    period: Days
    second: Days | None
    zone: str
    bucket: str
    """What `day` is the first day of: a day, week or month."""
    least: int
    rows: list[dict[str, date | int | str | None]]
    second_rows: list[dict[str, date | int | str | None]] | None


@dataclass(frozen=True, slots=True)
class AnalyticsRoutes:
    """Answers what is asked about many calls."""

    warehouse: Warehouse
    database: Database
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may = Permission.READ_ANALYTICS
        routes.add("GET", "/analytics", may, self.as_page, include_in_schema=False)
        routes.add("GET", "/api/analytics/summary", may, self.summary)
        routes.add("GET", _SERIES, may, self.series)
        routes.add("GET", f"{_SERIES}/csv", may, self.as_csv, response_class=Response)
        routes.add("GET", f"{_SERIES}/parquet", may, self.as_parquet, response_class=Response)

    def summary(self, request: Request, query: Asking) -> Summary:
        """Figures of a period beside those of a second one."""
        asked = self._asked(query)
        figures = figures_of(self.warehouse, asked.wanted)
        then = figures_of(self.warehouse, asked.others) if asked.others else None
        self._look(request, "analytics", asked)
        return Summary(
            period=_days(asked.wanted.period),
            second=Days.of(asked.second),
            zone=asked.wanted.zone.key,
            least=self.warehouse.least,
            figures=asdict(figures) if figures else None,
            second_figures=asdict(then) if then else None,
        )

    def series(self, request: Request, name: SeriesName, query: Asking) -> SeriesTold:
        """Calls, redactions or topics by day, group or hour."""
        asked = self._asked(query)
        found = self._series(name, asked)
        second = series_of(self.warehouse, name, asked.others) if asked.others else None
        self._look(request, "analytics", asked, series=name)
        return SeriesTold(
            name=name,
            period=_days(asked.wanted.period),
            second=Days.of(asked.second),
            zone=asked.wanted.zone.key,
            bucket=asked.wanted.period.bucket,
            least=self.warehouse.least,
            rows=_objects(found),
            second_rows=_objects(second) if second else None,
        )

    def as_csv(self, request: Request, name: SeriesName, query: Asking) -> Response:
        """The rows of a series as CSV, for spreadsheets."""
        found = self._exported(request, name, query)
        body = b"".join(csv_of(found.names, found.rows))
        return _file(name, self._asked(query), "csv", body, CSV)

    def as_parquet(self, request: Request, name: SeriesName, query: Asking) -> Response:
        """The rows of a series as Parquet."""
        found = self._exported(request, name, query)
        body = parquet_of(found.names, found.types, found.rows)
        return _file(name, self._asked(query), "parquet", body, PARQUET)

    def as_page(self, request: Request, query: Asking) -> Response:
        """Figures and charts of a period, as a page."""
        me = request.state.principal
        asked = query.asked(self.database.now(), ZoneInfo(me.zone))
        may = Permission.LIST_CALLS in me.permissions
        links = CallLinks(asked.wanted, self.warehouse.least, may, asked.second)
        report = report_of(self.warehouse, asked, links)
        self._look(request, "analytics", asked)
        zone = asked.wanted.zone
        today = self.database.now().astimezone(zone).date()
        latest = latest_day(self.warehouse, zone, today)
        return page(
            "analytics/analytics.html",
            zone=zone.key,
            me=me,
            query=query,
            asked=asked,
            links=may,
            report=report,
            figures=report.now and shown(report.now, report.then, links),
            choices=choices_of(self.warehouse),
            presets=[
                (label, period, self._preset(query, period)) for label, period in presets(today)
            ],
            latest=latest and self._preset(query, _until(latest)),
            latest_day=latest,
            least=self.warehouse.least,
        )

    @staticmethod
    def _preset(query: AnalyticsQuery, period: Period) -> str:
        days = {"from": str(period.first), "to": str(period.last)}
        own = (
            {"compare": "", "compare_from": "", "compare_to": ""} if query.compare == "own" else {}
        )
        return query.address("/analytics", **days, **own)

    def _asked(self, query: AnalyticsQuery) -> Asked:
        return query.asked(self.database.now(), self.warehouse.zone)

    def _series(self, name: str, asked: Asked) -> Series:
        if name not in KINDS:
            raise Refusal(NOT_FOUND, "not_found", f"there is no such series: {', '.join(KINDS)}")
        return series_of(self.warehouse, name, asked.wanted)

    def _exported(self, request: Request, name: str, query: AnalyticsQuery) -> Series:
        asked = self._asked(query)
        found = self._series(name, asked)
        self._look(request, "analytics-export", asked, series=name, rows=len(found.rows))
        return found

    def _look(self, request: Request, what: str, asked: Asked, **facts: str | int) -> None:
        period = asked.wanted.period
        facts |= {"first": str(period.first), "last": str(period.last)}
        self.looks.write(request.state.principal, what, "", **facts)
        self.metrics.looks.labels(what).inc()


def analytics_routes(
    database: Database, looks: Looks, metrics: ApiMetrics, zone: str = "UTC", least: int = 5
) -> AnalyticsRoutes:
    """The routes over a ledger.

    Args:
        database: the ledger's.
        looks: where looks are written.
        metrics: where they are counted.
        zone: of days, where an address names none.
        least: what is fewer is not told.
    """
    held: ZoneInfo = zone_of(zone)
    return AnalyticsRoutes(Warehouse(database, held, least), database, looks, metrics)


def _until(day: date) -> Period:
    return Period(day - timedelta(days=DAYS - 1), day)


def _days(period: Period) -> Days:
    return Days(first=period.first, last=period.last)


def _objects(series: Series) -> list[dict[str, Any]]:
    return [dict(zip(series.names, row, strict=True)) for row in series.rows]


def _file(name: str, asked: Asked, ending: str, data: bytes, media: str) -> Response:
    """A file whose name says of which days it is, and in which zone these are days."""
    period, zone = asked.wanted.period, asked.wanted.zone.key.replace("/", "-")
    named = f"hushwire-{name}-{period.first}-to-{period.last}-{zone}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{named}"'}
    return Response(data, headers=headers, media_type=media)
