"""How the installation is doing: a page that renews itself, and the same for programs.

It names no call. The page is a look; what it fetches again every few seconds is counts and times
alone and, like ``/metrics``, no look of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from agents.access.roles import Permission
from agents.app.operations.findings import Grade
from agents.app.operations.health import Health, HealthWatch
from agents.app.operations.overview import Operations, Overview
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.metrics import ApiMetrics
from console.pages.rendering import page


@dataclass(frozen=True, slots=True)
class State:
    """How the installation is doing."""

    overview: Overview
    health: Health
    """What ``hushwire doctor`` found last; looked for in the background."""


@dataclass(frozen=True, slots=True)
class OverviewRoutes:
    """Answers with the overview."""

    operations: Operations
    health: HealthWatch
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may, hidden = Permission.READ_STATE, {"include_in_schema": False}
        routes.add("GET", "/api/operations", may, self.as_json)
        routes.add("GET", "/operations", may, self.as_page, **hidden)
        routes.add("GET", "/operations/live", may, self.live, live=True, **hidden)

    def as_json(self, request: Request) -> State:
        """Workers, lag, delay, what waits, keys, versions, and what `hushwire doctor` found."""
        self._look(request)
        return State(self.operations.look(), self.health.latest())

    def as_page(self, request: Request) -> Response:
        """The same as a page."""
        self._look(request)
        return page("operations/overview.html", me=request.state.principal, **self._shown())

    def live(self, request: Request) -> Response:
        """The part of the page that is renewed."""
        return page("operations/_overview.html", me=request.state.principal, **self._shown())

    def _shown(self) -> dict[str, Any]:
        seen, health = self.operations.look(), self.health.latest()
        weak = [one for one in health.findings if one.grade is Grade.WEAK]
        rest = [one for one in health.findings if one.grade is not Grade.WEAK]
        return {"seen": seen, "health": health, "weak": weak, "rest": rest}

    def _look(self, request: Request) -> None:
        self.looks.write(request.state.principal, "operations")
        self.metrics.looks.labels("operations").inc()
