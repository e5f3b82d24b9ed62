"""The report of a month, as a page for auditors and as JSON for programs.

One report is made at a time: whoever asks meanwhile is told to try again. The look is written down
before anything is read. Outcomes: the report; ``Refusal`` 503 while another one is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from agents.access.roles import Permission
from agents.database.engine import Database
from agents.reports.compliance.model import Month
from agents.reports.compliance.page import body
from agents.reports.compliance.report import Report
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.errors import UNAVAILABLE, Refusal
from console.http.metrics import ApiMetrics
from console.http.parameters import MonthName
from console.pages.rendering import page


@dataclass(frozen=True, slots=True)
class ComplianceRoutes:
    """Answers with the report."""

    database: Database
    report: Callable[[Month], Report]
    looks: Looks
    metrics: ApiMetrics
    _alone: Lock = field(default_factory=Lock)

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may = Permission.READ_COMPLIANCE
        routes.add("GET", "/api/compliance", may, self.as_json)
        routes.add("GET", "/compliance", may, self.as_page, include_in_schema=False)

    def as_json(self, request: Request, month: MonthName = "") -> dict[str, Any]:
        """The report of a month, as `hushwire compliance report --json` writes it.

        The audit log is compared with the signing key's memory, not with the vault.
        """
        return self._made(request, month).as_json()

    def as_page(self, request: Request, month: MonthName = "") -> Response:
        """The report of a month as a page."""
        made = self._made(request, month)
        return page(
            "compliance.html",
            me=request.state.principal,
            body=body(made),
            month=made.month,
            latest=Month.parse("", made.made),
        )

    def _made(self, request: Request, asked: str) -> Report:
        month = Month.parse(asked, self.database.now())
        if not self._alone.acquire(blocking=False):
            raise Refusal(
                UNAVAILABLE, "busy", "a report is being made: try again", {"Retry-After": "5"}
            )
        try:
            self.looks.write(request.state.principal, "compliance", month=month.name)
            self.metrics.looks.labels("compliance").inc()
            return self.report(month)
        finally:
            self._alone.release()
