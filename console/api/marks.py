"""The routes of marks: who listens says what was missed, or silenced for nothing.

An analyst marks stored calls, security quarantined ones while their key lives, and reads all marks
to tune with. Making a mark is an audit event of its own, reading marks is a look.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field

from agents.access.roles import Permission
from agents.vault.mark_store import PAGE, Marks
from agents.vault.reader import StoredCallFacts, VaultReader
from console.api.calls import facts_of
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.parameters import CallId, MarkId
from pipeline.evaluation.corpora.review_marks import Mark, Place


class MarkWanted(BaseModel):
    """A place to be marked."""

    model_config = ConfigDict(extra="forbid")

    channel: int = Field(ge=0, le=255, description="From 0, as in the certificate.")
    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=1)
    missed: str | None = Field(
        default=None,
        min_length=1,
        max_length=80,
        description="Type of what can be heard; without it, what is silent there is harmless.",
    )


class MarkPage(BaseModel):
    """Marks, the oldest first."""

    marks: tuple[Mark, ...]
    following: str | None
    """``after`` of the next page; null: this was the end."""


class MarkRoutes:
    """Answers what is asked about marks.

    Args:
        reader: the stored calls.
        marks: where marks are kept.
        looks: where looks are written.
    """

    def __init__(self, reader: VaultReader, marks: Marks, looks: Looks) -> None:
        self._reader, self._marks, self._looks = reader, marks, looks

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may = Permission
        stored, held_back = "/api/calls/{call_id}/marks", "/api/quarantine/{call_id}/marks"
        routes.add("GET", stored, may.MARK_CALL, self.of_call)
        routes.add("POST", stored, may.MARK_CALL, self.mark, status_code=201)
        routes.add("POST", held_back, may.MARK_QUARANTINE, self.mark_quarantined, status_code=201)
        routes.add("GET", "/api/marks", may.READ_MARKS, self.every)

    def mark(self, request: Request, call_id: CallId, wanted: MarkWanted) -> Mark:
        """Mark a place in a stored call; nothing of it is changed."""
        return self._add(request, facts_of(self._reader, call_id, passed=True), wanted)

    def mark_quarantined(self, request: Request, call_id: CallId, wanted: MarkWanted) -> Mark:
        """Mark a place in a quarantined call whose key lives."""
        return self._add(request, facts_of(self._reader, call_id, passed=False), wanted)

    def of_call(self, request: Request, call_id: CallId) -> MarkPage:
        """The marks of a stored call: its first thousand."""
        facts_of(self._reader, call_id, passed=True)
        self._looks.write(request.state.principal, "marks", call_id)
        return MarkPage(marks=tuple(self._marks.known(call_id)), following=None)

    def every(
        self,
        request: Request,
        after: MarkId = "",
        limit: Annotated[int, Query(ge=1, le=PAGE, description="Marks on a page.")] = 200,
    ) -> MarkPage:
        """All marks by pages, as `hushwire marks list --json` prints them."""
        found = self._marks.known(after=after, limit=limit)
        self._looks.write(request.state.principal, "marks", marks=len(found))
        return MarkPage(
            marks=tuple(found), following=found[-1].mark_id if len(found) == limit else None
        )

    def _add(self, request: Request, facts: StoredCallFacts, wanted: MarkWanted) -> Mark:
        place = Place(wanted.channel, wanted.start_ms, wanted.end_ms, wanted.missed or "")
        return self._marks.add(
            facts,
            lambda one: self._reader.certificate(one.call_id),
            place,
            by=request.state.principal.who,
        )
