"""The report of a month: a page for auditors, files, and JSON for programs.

It is made in the background (``console.audit.kept_reports``): a page comes at once, with the report
that is kept or with how far it is. Each look is written down before anything is shown. Outcomes:
the report; ``Refusal`` 503 for a file or JSON where there is none, or one that is too old, and the
new one is not there in time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from agents.access.roles import Permission
from agents.database.engine import Database
from agents.reports.compliance.model import Month
from agents.reports.compliance.page import html_file
from agents.reports.compliance.report import Report
from console.audit.kept_reports import KeptReports, Standing
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.errors import UNAVAILABLE, Refusal
from console.http.forms import SEE_OTHER, fields
from console.http.metrics import ApiMetrics
from console.http.parameters import MonthName
from console.pages.rendering import page

PAGE_WAITS_S: Final = 0.1
"""How long a page waits for a new report: a small installation's is made by then."""
FILE_WAITS_S: Final = 5.0
"""The same for programs and files."""


@dataclass(frozen=True, slots=True)
class ComplianceRoutes:
    """Answers with the report."""

    database: Database
    reports: KeptReports
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may, hidden = Permission.READ_COMPLIANCE, {"include_in_schema": False}
        routes.add("GET", "/api/compliance", may, self.as_json)
        routes.add("GET", "/compliance", may, self.as_page, **hidden)
        routes.add("GET", "/compliance/live", may, self.live, live=True, **hidden)
        routes.add("GET", "/compliance/html", may, self.as_html_file, **hidden)
        routes.add("GET", "/compliance/json", may, self.as_json_file, **hidden)
        routes.add_form("/compliance", may, self.anew_by_form)

    def as_json(self, request: Request, month: MonthName = "") -> dict[str, Any]:
        """The report of a month, as `hushwire compliance report --json` writes it.

        `made` says when: one of up to an hour ago is given again, of ten minutes where anything
        happened since, of a minute where a part could not be read. While one is made for more than
        seconds, or where it can't be: 503, with how far it is, or why. The audit log is gone
        through as a whole and compared with the signing key's memory, not with the vault.
        """
        return self._made(request, month).as_json()

    def as_page(self, request: Request, month: MonthName = "") -> Response:
        """The report of a month as a page, or how far it is."""
        wanted = self._looked(request, month)
        found = self.reports.ask(wanted, within_s=PAGE_WAITS_S)
        return page(
            "compliance.html",
            me=request.state.principal,
            month=wanted,
            found=found,
            body=found.kept.body if found.kept else "",
            newer=False,
            latest=Month.parse("", self.database.now()),
            **_told(found, shown=found.kept is not None),
        )

    def live(self, request: Request, month: MonthName = "", after: str = "") -> Response:
        """How far it is: the part of the page that is renewed; no report.

        `after` is the time of the report that the page shows; empty where it shows none.
        """
        wanted = Month.parse(month, self.database.now())
        found, me = self.reports.look(wanted), request.state.principal
        newer = found.kept is not None and found.kept.report.made.isoformat() != after
        told = _told(found, shown=bool(after))
        return page("audit/_making.html", me=me, month=wanted, found=found, newer=newer, **told)

    def as_html_file(self, request: Request, month: MonthName = "") -> Response:
        """The report as one HTML file."""
        made = self._made(request, month)
        return _file(html_file(made), "text/html; charset=utf-8", f"{made.month.name}.html")

    def as_json_file(self, request: Request, month: MonthName = "") -> Response:
        """The report as JSON."""
        made = self._made(request, month)
        text = json.dumps(made.as_json(), indent=1, ensure_ascii=False) + "\n"
        return _file(text, "application/json", f"{made.month.name}.json")

    async def anew_by_form(self, request: Request) -> Response:
        """Make the report anew."""
        said = fields(await request.body())
        month = await run_in_threadpool(self._anew, request, said.get("month", ""))
        return RedirectResponse(f"/compliance?month={month.name}", SEE_OTHER)

    def _anew(self, request: Request, asked: str) -> Month:
        month = self._looked(request, asked)
        self.reports.ask(month, anew=True)
        return month

    def _looked(self, request: Request, asked: str) -> Month:
        month = Month.parse(asked, self.database.now())
        self.looks.write(request.state.principal, "compliance", month=month.name)
        self.metrics.looks.labels("compliance").inc()
        return month

    def _made(self, request: Request, asked: str) -> Report:
        found = self.reports.ask(self._looked(request, asked), within_s=FILE_WAITS_S)
        if found.kept is not None and found.fresh:
            return found.kept.report
        if found.problem:
            told = f"the report can't be made: {found.problem}"
            raise Refusal(UNAVAILABLE, "store", told, {"Retry-After": "5"})
        far = f" ({found.making.percent} %)" if found.making else ""
        told = f"the report is being made{far}: ask again"
        raise Refusal(UNAVAILABLE, "busy", told, {"Retry-After": "5"})


def _told(found: Standing, *, shown: bool) -> dict[str, Any]:
    going = found.making is not None
    return {"going": going, "shown": shown, "waits": not shown and not found.problem}


def _file(text: str, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="compliance-{name}"'}
    return Response(text, media_type=media_type, headers=headers)
