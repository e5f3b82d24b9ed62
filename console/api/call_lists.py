"""The routes of lists of stored calls: a page as JSON, all that a filter lets through as a file.

A file holds facts, one row per call, and no word; it goes out while it is read.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from agents.access.roles import Permission
from agents.vault.analytics.call_files import csv_of_calls, parquet_of_calls
from agents.vault.analytics.warehouse.files import CSV, PARQUET
from console.api.call_finder import CallFinder, Found
from console.api.listing_query import ApiListingQuery, ListingQuery
from console.api.schemas import Call
from console.auth.routing import Routes
from pipeline.analytics.facts import CallFacts
from pipeline.analytics.snippets import Snippet


class SnippetShown(BaseModel):
    """The place of a redacted transcript where what was searched for stands."""

    role: str
    start_ms: int
    """Where the first word that was found begins."""
    text: str = Field(repr=False)
    """Words of one turn, with placeholders."""

    @classmethod
    def of(cls, snippet: Snippet) -> Self:
        """From a transcript."""
        text = " ".join(piece.text for piece in snippet.pieces)
        return cls(role=snippet.role, start_ms=snippet.start_ms, text=text)


class FoundCall(Call):
    """A call of a list."""

    facts: CallFacts | None
    """What is counted of it; null: it was stored before this was counted."""
    snippet: SnippetShown | None = None
    """Where words were searched for and its transcript opens."""


class FoundCalls(BaseModel):
    """A page of calls by filter and order."""

    calls: tuple[FoundCall, ...]
    following: str | None
    """``after`` of the next page; null: this is the last one."""
    preceding: str | None
    """``after`` of the page before; null: this is the first one."""
    count: int
    """Of all pages, up to 1,000."""
    more: bool
    """Whether there are more than that."""
    exact: bool
    """Whether all these calls are on the pages: what is in quotes is confirmed on each page."""

    @classmethod
    def of(cls, found: Found) -> Self:
        """From the finder."""
        return cls(
            calls=tuple(
                FoundCall(
                    **Call.of(one.call.stored).model_dump(),
                    facts=one.call.facts,
                    snippet=SnippetShown.of(one.snippet) if one.snippet else None,
                )
                for one in found.page.calls
            ),
            following=found.page.following,
            preceding=found.page.preceding,
            count=found.count,
            more=found.more,
            exact=found.exact,
        )


@dataclass(frozen=True, slots=True)
class CallListRoutes:
    """Answers with lists of calls."""

    finder: CallFinder

    def add_to(self, routes: Routes) -> None:
        """Add the routes; before those of single calls."""
        may = Permission.LIST_CALLS
        routes.add("GET", "/api/calls", may, self.calls)
        routes.add("GET", "/api/calls.csv", may, self.as_csv, response_class=Response)
        routes.add("GET", "/api/calls.parquet", may, self.as_parquet, response_class=Response)

    def calls(self, request: Request, query: Annotated[ApiListingQuery, Query()]) -> FoundCalls:
        """Stored calls by filter and order, page by page; words only where some were searched."""
        me = request.state.principal
        found = self.finder.find(me, query, cursor=query.after, limit=query.limit)
        return FoundCalls.of(found)

    def as_csv(self, request: Request, query: Annotated[ListingQuery, Query()]) -> Response:
        """Facts of the calls as CSV, at most 100,000."""
        pieces = csv_of_calls(self.finder.export(request.state.principal, query))
        first = next(pieces, b"")  # what can't be read is told before the answer begins
        return StreamingResponse(
            itertools.chain((first,), pieces), headers=_named("calls.csv"), media_type=CSV
        )

    def as_parquet(self, request: Request, query: Annotated[ListingQuery, Query()]) -> Response:
        """Facts of the calls as Parquet, at most 100,000."""
        whole = parquet_of_calls(self.finder.export(request.state.principal, query))
        return Response(whole, headers=_named("calls.parquet"), media_type=PARQUET)


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
