"""Going through the whole audit log, on the page and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from agents.access.api_tokens import Tokens
from agents.access.roles import Permission
from console.audit.chain_watch import ChainRun, ChainWatch
from console.auth.looks import Looks
from console.auth.names import Names
from console.auth.routing import Routes
from console.http.forms import SEE_OTHER, fields
from console.http.metrics import ApiMetrics
from console.pages.rendering import page

WithVault = Annotated[bool, Query(description="Also with what lies in the vault.")]


@dataclass(frozen=True, slots=True)
class Verification:
    """How the last run stands, and how far it is."""

    run: ChainRun
    percent: int


@dataclass(frozen=True, slots=True)
class VerificationRoutes:
    """Begins runs, and answers how the last one stands."""

    watch: ChainWatch
    tokens: Tokens
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may, hidden = Permission.READ_AUDIT, {"include_in_schema": False}
        one = "/api/audit/verification"
        routes.add("GET", one, may, self.as_json)
        routes.add("POST", one, may, self.begin, status_code=202)
        routes.add("GET", "/audit/verification/live", may, self.live, live=True, **hidden)
        routes.add_form("/audit/verification", may, self.begin_by_form)

    def as_json(self) -> Verification:
        """How the last run through the log stands; it names no call and nobody but who began it."""
        run = self.watch.state()
        return Verification(run, run.percent)

    def begin(self, request: Request, vault: WithVault = False) -> Verification:  # noqa: FBT002 - a parameter of the address
        """Go through the whole log: links, hashes, signatures.

        With `vault` it is compared with checkpoints and certificates there. There is one run at a
        time: nothing is begun while one goes on.
        """
        self._begin(request, with_vault=vault)
        return self.as_json()

    def live(self, request: Request) -> Response:
        """The part of the page that is renewed while a run goes on."""
        run, me = self.watch.state(), request.state.principal
        return page("audit/_run.html", me=me, run=run, by=Names.of(self.tokens)(run.by))

    async def begin_by_form(self, request: Request) -> Response:
        """The same from the page."""
        said = fields(await request.body())
        await run_in_threadpool(self._begin, request, with_vault=said.get("vault") == "yes")
        return RedirectResponse("/audit#verification", SEE_OTHER)

    def _begin(self, request: Request, *, with_vault: bool) -> None:
        me = request.state.principal
        self.looks.write(me, "audit-verify", vault="yes" if with_vault else "no")
        self.metrics.looks.labels("audit-verify").inc()
        self.watch.start(me.who, with_vault=with_vault)
