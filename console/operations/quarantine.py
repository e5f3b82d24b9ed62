"""Quarantined calls: why each was not stored, and the end of its quarantine after a question.

The page of one call, with its marks, is in ``pages.call_page``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from agents.access.audit_log import AuditLog
from agents.access.roles import Permission
from agents.database.call_ledger import Ledger
from agents.upkeep import quarantine
from agents.vault.reader import CallFilter, StoredCallFacts, VaultReader
from console.api.calls import facts_of
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.forms import SEE_OTHER
from console.http.metrics import ApiMetrics
from console.http.parameters import After, CallId
from console.pages.checks import ShownCheck, shown_checks
from console.pages.rendering import page
from pipeline.errors import HeldError, HushwireError
from pipeline.evidence.certificate import parse_certificate

CALLS: Final = 25
"""Calls on a page: the certificate of each is read."""
_CONFLICT: Final = 409


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A quarantined call as the list shows it."""

    facts: StoredCallFacts
    failed: list[ShownCheck]
    problem: str
    """Why its certificate can't be shown; empty where it can."""
    until: datetime | None
    """When its key is destroyed; None: there is none any more, or its time is not known."""
    key: bool
    """Whether its key lives."""
    over: bool
    """Whether its time is up."""


@dataclass(frozen=True, slots=True)
class QuarantineRoutes:
    """Answers with quarantined calls, and ends a quarantine."""

    reader: VaultReader
    ledger: Ledger
    log: AuditLog
    hours: int
    """How long a quarantine lasts."""
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may, hidden = Permission, {"include_in_schema": False}
        one = "/quarantine/{call_id}/end"
        routes.add("GET", "/quarantine", may.READ_QUARANTINE, self.listed, **hidden)
        routes.add("GET", one, may.END_QUARANTINE, self.question, **hidden)
        routes.add_form(one, may.END_QUARANTINE, self.end)
        routes.add(
            "DELETE", "/api/quarantine/{call_id}/key", may.END_QUARANTINE, self.end_by_program
        )

    def listed(self, request: Request, after: After = None, ended: bool = False) -> Response:  # noqa: FBT001, FBT002 - a parameter of the address
        """Quarantined calls, the newest first, with the checks that they failed."""
        found = self.reader.list_calls(CallFilter(passed=False), limit=CALLS, after=after or None)
        self._look(request, "list-quarantine", calls=len(found.calls))
        held = {one.call_id: one for one in quarantine.held(self.ledger, self.hours)}
        me = request.state.principal
        return page(
            "operations/quarantine.html",
            me=me,
            calls=[self._held_back(one, held) for one in found.calls],
            following=found.following,
            first=not after,
            ended=ended,
            hours=self.hours,
            may_end=Permission.END_QUARANTINE in me.permissions,
            may_mark=Permission.MARK_QUARANTINE in me.permissions,
        )

    def question(self, request: Request, call_id: CallId) -> Response:
        """Whether the key of a quarantined call shall be destroyed."""
        facts = facts_of(self.reader, call_id, passed=False)
        self._look(request, "quarantine-page", call_id)
        return self._asked(request, facts)

    def end(self, request: Request, call_id: CallId) -> Response:
        """Destroy the key of a quarantined call; its certificate stays."""
        facts = facts_of(self.reader, call_id, passed=False)
        try:
            self._end(request, call_id)
        except HeldError as error:
            return self._asked(request, facts, str(error), _CONFLICT)
        return RedirectResponse("/quarantine?ended=true", SEE_OTHER)

    def end_by_program(self, request: Request, call_id: CallId) -> dict[str, bool]:
        """Destroy the key of a quarantined call; its certificate stays.

        False: there was none any more.
        """
        facts_of(self.reader, call_id, passed=False)
        return {"destroyed": self._end(request, call_id)}

    def _end(self, request: Request, call_id: str) -> bool:
        who = request.state.principal.who
        return quarantine.end(self.ledger, self.log, call_id, "dropped", by=who)

    def _asked(
        self, request: Request, facts: StoredCallFacts, problem: str = "", status: int = 200
    ) -> Response:
        held = {one.call_id: one for one in quarantine.held(self.ledger, self.hours)}
        return page(
            "operations/end_quarantine.html",
            status,
            me=request.state.principal,
            call=self._held_back(facts, held),
            problem=problem,
        )

    def _held_back(self, facts: StoredCallFacts, held: dict[str, quarantine.Held]) -> HeldBack:
        failed: list[ShownCheck] = []
        problem = ""
        try:
            stated = parse_certificate(self.reader.certificate(facts.call_id))
            failed = [one for one in shown_checks(stated) if not one.passed]
        except HushwireError as error:
            problem = f"its certificate can't be shown ({error.code})"
        known = held.get(facts.call_id)
        until = known.until if known else None
        over = until is not None and until <= self.ledger.database.now()
        return HeldBack(facts, failed, problem, until, key=known is not None, over=over)

    def _look(self, request: Request, what: str, call_id: str = "", **facts: int) -> None:
        self.looks.write(request.state.principal, what, call_id, **facts)
        self.metrics.looks.labels(what).inc()
