"""A call's page, and the marks on it: stored calls for analysts, quarantined ones for security.

A stored call shows its redacted transcript beside its redacted audio. Of a quarantined call there
is nothing to show but its certificate: which checks failed, and where it would be silent. On both a
place can be marked by whoever may; the form is taken from this server's own page only. All marks
stand on a page for security.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from agents.access.api_tokens import Tokens
from agents.access.roles import Permission
from agents.reports.entity_groups import KINDS, kind_of, label_of
from agents.vault.analytics.fact_store import FactStore
from agents.vault.mark_store import PAGE, Marks
from agents.vault.reader import StoredCallFacts, VaultReader
from console.api.calls import facts_of
from console.api.mutes import muted_spans
from console.auth.looks import Looks, Principal
from console.auth.names import Names
from console.auth.routing import Routes
from console.http.errors import NOT_FOUND, refusal_of
from console.http.forms import SEE_OTHER, MarkForm
from console.http.metrics import ApiMetrics
from console.http.parameters import CallId, Id, MarkId
from console.pages.call_view import (
    LISTED_OPEN,
    legend,
    mutes_by_type,
    told_consent,
    told_facts,
)
from console.pages.checks import shown_checks
from console.pages.rendering import page
from console.pages.turns import turns_of
from pipeline.errors import InputError, UnknownCallError
from pipeline.evaluation.corpora.review_marks import Kind, Mark
from pipeline.evidence.certificate import parse_certificate
from pipeline.records.entities import Entity

_INPUT: Final = 400
TYPES: Final = tuple(
    (kind.title, tuple(one.value for one in Entity if kind_of(one) is kind))
    for kind in KINDS
    if any(kind_of(one) is kind for one in Entity)
)
"""Types that can be marked as missed, as the form groups them."""


@dataclass(frozen=True, slots=True)
class CallPages:
    """Answers with the pages of calls and marks."""

    reader: VaultReader
    marks: Marks
    facts: FactStore
    tokens: Tokens
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may = Permission
        for side, read, mark, show, add, take_back in (
            ("calls", may.READ_TRANSCRIPT, may.MARK_CALL, self.call, self.mark, self.take_back),
            (
                "quarantine",
                may.READ_QUARANTINE,
                may.MARK_QUARANTINE,
                self.quarantined,
                self.mark_quarantined,
                self.take_back_quarantined,
            ),
        ):
            one = f"/{side}/{{call_id}}"
            routes.add("GET", one, read, show, include_in_schema=False)
            routes.add_form(f"{one}/marks", mark, add)
            routes.add_form(f"{one}/marks/{{mark_id}}/remove", mark, take_back)
        hidden = {"include_in_schema": False}
        routes.add("GET", "/marks", may.READ_MARKS, self.every_mark, **hidden)

    def call(self, request: Request, call_id: CallId) -> Response:
        """A stored call: transcript, player, where it is silent, what was marked."""
        return self._stored(request, facts_of(self.reader, call_id, passed=True))

    def quarantined(self, request: Request, call_id: CallId) -> Response:
        """A quarantined call: what its certificate says, and what was marked."""
        return self._held_back(request, facts_of(self.reader, call_id, passed=False))

    async def mark(self, request: Request, call_id: CallId) -> Response:
        """Mark a place in a stored call; nothing of it is changed."""
        return await self._in_thread(request, call_id, passed=True)

    async def mark_quarantined(self, request: Request, call_id: CallId) -> Response:
        """Mark a place in a quarantined call whose key lives."""
        return await self._in_thread(request, call_id, passed=False)

    def take_back(self, request: Request, call_id: CallId, mark_id: Id) -> Response:
        """Take a mark of one's own back."""
        return self._take_back(request, facts_of(self.reader, call_id, passed=True), mark_id)

    def take_back_quarantined(self, request: Request, call_id: CallId, mark_id: Id) -> Response:
        """Take a mark of one's own in a quarantined call back."""
        return self._take_back(request, facts_of(self.reader, call_id, passed=False), mark_id)

    def every_mark(self, request: Request, after: MarkId = "") -> Response:
        """All marks, the oldest first."""
        found = self.marks.known(after=after, limit=_MARKS)
        self._look(request, "marks", marks=len(found))
        following = found[-1].mark_id if len(found) == _MARKS else ""
        me = request.state.principal
        return page(
            "marks.html",
            me=me,
            marks=found,
            named=Names.of(self.tokens),
            found_there=found_there,
            following=following,
            first=not after,
        )

    async def _in_thread(self, request: Request, call_id: str, *, passed: bool) -> Response:
        body = await request.body()
        return await run_in_threadpool(self._mark, request, call_id, body, passed=passed)

    def _mark(self, request: Request, call_id: str, body: bytes, *, passed: bool) -> Response:
        facts = facts_of(self.reader, call_id, passed=passed)
        form = MarkForm.of(body)
        try:
            who = request.state.principal.who
            self.marks.add(facts, self._certificate, form.place, by=who)
        except UnknownCallError as error:
            if passed:
                raise
            return self._held_back(request, facts, form, str(error), NOT_FOUND)
        except InputError as error:
            show = self._stored if passed else self._held_back
            return show(request, facts, form, refusal_of(error).message, _INPUT)
        return RedirectResponse(f"{_address(facts)}#marks", SEE_OTHER)

    def _take_back(self, request: Request, facts: StoredCallFacts, mark_id: str) -> Response:
        self.marks.remove(mark_id, by=request.state.principal.who, own_of=facts.call_id)
        return RedirectResponse(f"{_address(facts)}#marks", SEE_OTHER)

    def _stored(
        self,
        request: Request,
        facts: StoredCallFacts,
        form: MarkForm | None = None,
        problem: str = "",
        status: int = 200,
    ) -> Response:
        call_id = facts.call_id
        certificate = self.reader.certificate(call_id)
        stated, muted = parse_certificate(certificate), muted_spans(certificate)
        me: Principal = request.state.principal
        counted = self.facts.find(call_id)
        may_mark = Permission.MARK_CALL in me.permissions
        marks = self.marks.known(call_id) if may_mark else []
        turns = turns_of(self.reader.transcript(call_id), stated.roles)
        self._look(request, "page", call_id, marks=len(marks))
        has_audio = f"{call_id}.flac" in facts.files
        return page(
            "call/call.html",
            status,
            me=me,
            call=facts,
            roles=stated.roles,
            turns=turns,
            muted=muted,
            has_audio=has_audio,
            may_listen=has_audio and Permission.READ_AUDIO in me.permissions,
            may_certify=Permission.READ_CERTIFICATE in me.permissions,
            counted=counted is not None,
            told=told_facts(facts, counted),
            by_type=mutes_by_type(muted),
            legend=legend,
            consent=told_consent(stated, me.permissions),
            most_open=LISTED_OPEN,
            **self._marking(facts, marks, form, problem, may_mark=may_mark),
        )

    def _held_back(
        self,
        request: Request,
        facts: StoredCallFacts,
        form: MarkForm | None = None,
        problem: str = "",
        status: int = 200,
    ) -> Response:
        certificate = self.reader.certificate(facts.call_id)
        stated, muted = parse_certificate(certificate), muted_spans(certificate)
        me: Principal = request.state.principal
        may_mark = Permission.MARK_QUARANTINE in me.permissions
        marks = self.marks.known(facts.call_id) if may_mark else []
        self._look(request, "quarantine-page", facts.call_id, marks=len(marks))
        return page(
            "quarantined.html",
            status,
            me=me,
            call=facts,
            roles=stated.roles,
            failed=[one for one in shown_checks(stated) if not one.passed],
            may_end=Permission.END_QUARANTINE in me.permissions,
            muted=muted,
            by_type=mutes_by_type(muted),
            legend=legend,
            most_open=LISTED_OPEN,
            **self._marking(
                facts, marks, form or MarkForm(kind=Kind.WRONG.value), problem, may_mark=may_mark
            ),
        )

    def _marking(
        self,
        facts: StoredCallFacts,
        marks: Sequence[Mark],
        form: MarkForm | None,
        problem: str,
        *,
        may_mark: bool,
    ) -> dict[str, object]:
        """What the part of a page with the marks shows."""
        return {
            "address": _address(facts),
            "may_mark": may_mark,
            "marks": marks,
            "named": Names.of(self.tokens) if marks else str,
            "found_there": found_there,
            "more_marks": len(marks) == PAGE,
            "form": form or MarkForm(),
            "problem": problem,
            "types": TYPES,
        }

    def _certificate(self, facts: StoredCallFacts) -> bytes:
        return self.reader.certificate(facts.call_id)

    def _look(self, request: Request, what: str, call_id: str = "", **facts: int) -> None:
        self.looks.write(request.state.principal, what, call_id, **facts)
        self.metrics.looks.labels(what).inc()


_MARKS: Final = 200


def found_there(mark: Mark) -> str:
    """Types that were found at a mark's place, each once by its best score."""
    best: dict[str, float] = {}
    for span in mark.spans:
        best[span.entity] = max(span.score, best.get(span.entity, 0.0))
    return ", ".join(f"{label_of(entity)} {score:.2f}" for entity, score in best.items())


def _address(facts: StoredCallFacts) -> str:
    return f"/{'calls' if facts.passed else 'quarantine'}/{facts.call_id}"
