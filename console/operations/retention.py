"""What goes when, and what a legal hold keeps."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import Response

from agents.access.roles import Permission
from agents.app.operations.retention_plan import plan
from agents.database.engine import Database
from agents.settings.model import Settings
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.metrics import ApiMetrics
from console.pages.rendering import page


@dataclass(frozen=True, slots=True)
class RetentionRoutes:
    """Answers with the plan."""

    database: Database
    settings: Settings
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the route."""
        routes.add(
            "GET", "/retention", Permission.READ_RETENTION, self.as_page, include_in_schema=False
        )

    def as_page(self, request: Request) -> Response:
        """What goes when, as a page."""
        me = request.state.principal
        self.looks.write(me, "retention")
        self.metrics.looks.labels("retention").inc()
        made = plan(self.database, self.settings, self.database.now(), ZoneInfo(me.zone))
        most = max([one.calls for one in (*made.days, *made.months)], default=0)
        return page("operations/retention.html", me=me, plan=made, most=max(1, most))
