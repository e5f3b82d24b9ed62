"""Finds stored calls for the page and for the API alike, and writes down that somebody looked.

Words can be searched for by whoever may read transcripts; a part of what was said that is shown
with a call is a look at that call. What was searched for is written down nowhere. Outcomes: a
``Found``; ``Refusal`` 403 for words and 422 for what can't be asked, nothing half shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agents.access.roles import MAY, Permission
from agents.database.engine import Database
from agents.vault.analytics.call_files import rows_of
from agents.vault.analytics.call_filter import ListingFilter
from agents.vault.analytics.call_listing import COUNTED_MOST, CallListing
from agents.vault.analytics.call_search import CallSearch, SearchedPage
from console.api.listing_query import ListingQuery
from console.auth.looks import Looks, Principal
from console.http.errors import FORBIDDEN, INVALID, Refusal
from console.http.metrics import ApiMetrics

EXPORT_MOST: Final = 100_000
"""Calls of one export."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of calls."""

    page: SearchedPage
    count: int
    """Of all pages together, up to ``COUNTED_MOST``."""
    more: bool
    """Whether there are more than that."""
    exact: bool
    """Whether there are as many; what is in quotes is confirmed on each page alone."""


@dataclass(frozen=True, slots=True)
class CallFinder:
    """See the module's text."""

    database: Database
    listing: CallListing
    search: CallSearch
    looks: Looks
    metrics: ApiMetrics

    def find(self, me: Principal, query: ListingQuery, *, cursor: str, limit: int) -> Found:
        """A page of the calls that somebody asks for."""
        wanted = self._wanted(me, query)
        said = query.address()
        page = self.search.page(wanted, query.sorting, limit=limit, cursor=cursor, said=said)
        shown = sum(one.snippet is not None for one in page.calls)
        if wanted.words:
            self._look(me, "search", calls=len(page.calls), snippets=shown)
        else:
            self._look(me, "list", calls=len(page.calls))
        most, count = COUNTED_MOST, page.count
        return Found(page, min(count, most), count > most, page.exact)

    def export(self, me: Principal, query: ListingQuery) -> Iterator[Sequence[object]]:
        """Rows of all that somebody asks for, once it is written down how many calls these are."""
        wanted = self._wanted(me, query)
        calls = self.search.every(wanted, query.sorting, most=EXPORT_MOST + 1)
        if len(calls) > EXPORT_MOST:
            told = f"these are more than {EXPORT_MOST:,} calls: export a shorter time at once"
            raise Refusal(INVALID, "too_many", told)
        self._look(me, "export", calls=len(calls))
        return rows_of(self.database, calls)

    def _wanted(self, me: Principal, query: ListingQuery) -> ListingFilter:
        if query.q and Permission.READ_TRANSCRIPT not in me.permissions:
            self.looks.denied(me, Permission.READ_TRANSCRIPT)
            able = " or ".join(r for r, may in MAY.items() if Permission.READ_TRANSCRIPT in may)
            told = f"to search for words needs the role {able}"
            raise Refusal(FORBIDDEN, "forbidden", told, field="q")
        return query.wanted(self.database.now())

    def _look(self, me: Principal, what: str, **facts: int) -> None:
        self.looks.write(me, what, "", **facts)
        self.metrics.looks.labels(what).inc()
