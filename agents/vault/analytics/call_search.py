"""Searches stored calls for words: by the blind index, with the place where they stand.

Only transcripts of the calls on a page are opened, in memory. What is in quotes is looked for in
the calls' filters of pairs, and confirmed in the transcripts: at most ``SIFTED_MOST`` filters and
``READ_MOST`` transcripts are read for a page, which may then have fewer calls than asked for and
more pages behind it.

Outcomes: a ``SearchedPage``; ``FilterError`` where the words are none; the errors of
``agents.vault.analytics.call_listing``, and ``StoreError`` where the vault is away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement

from agents.database.engine import Database
from agents.vault.analytics.call_filter import FilterError, ListingFilter
from agents.vault.analytics.call_listing import (
    NEWEST,
    PAGE,
    CallListing,
    ListedCall,
    ListedPage,
    Sorting,
)
from agents.vault.analytics.search_index import SearchIndex
from pipeline.analytics.snippets import Snippet, snippet_of
from pipeline.analytics.terms import WordQuery, parse_query
from pipeline.errors import InputError, RecordError, UnknownCallError
from pipeline.evidence.redacted_transcript import read_transcript

READ_MOST: Final = 50
_OTHER_KEY: Final = (
    "calls are indexed under another token key than this server's: give it the one of the servers "
    "that store calls, or run `hushwire analytics rebuild` where this one is right"
)
STEP: Final = 25
"""Transcripts at least that are gone through before the database is asked again."""


@dataclass(frozen=True, slots=True)
class SearchedCall:
    """A call on a page, and where in it the words stand."""

    call: ListedCall
    snippet: Snippet | None = None
    """None: no words were searched for, or its transcript does not open."""


@dataclass(frozen=True, slots=True)
class SearchedPage:
    """See ``agents.vault.analytics.call_listing.ListedPage``."""

    calls: tuple[SearchedCall, ...]
    following: str | None
    preceding: str | None
    count: int
    exact: bool
    """Whether ``count`` is exact: what is in quotes is looked for page by page."""


class CallSearch:
    """Searches the stored calls of one installation.

    Args:
        database: the ledger's, with its schema up to date.
        listing: lists them.
        index: of their words; None where the installation's token key is not at hand.
        transcript: reads the redacted transcript of a call.
    """

    def __init__(
        self,
        database: Database,
        listing: CallListing,
        index: SearchIndex | None,
        transcript: Callable[[str], bytes],
    ) -> None:
        self._database, self._listing = database, listing
        self._index, self._transcript = index, transcript

    @property
    def finds_words(self) -> bool:
        """Whether words can be searched for."""
        return self._index is not None

    def page(
        self,
        wanted: ListingFilter,
        sorting: Sorting = NEWEST,
        *,
        limit: int = PAGE,
        cursor: str = "",
        said: str = "",
    ) -> SearchedPage:
        """A page; see ``CallListing.page``."""
        query, matching = self._query(wanted)
        sift = self._index.sift(query) if query is not None and self._index is not None else None
        count: int | None = None

        def listed(cursor: str, most: int) -> ListedPage:
            return self._listing.page(
                wanted,
                sorting,
                limit=most,
                cursor=cursor,
                said=said,
                matching=matching,
                sift=sift,
                count=count,
            )

        page = listed(cursor, limit)
        back, following, preceding, count = page.back, page.following, page.preceding, page.count
        if query is None:
            calls = tuple(SearchedCall(one) for one in page.calls)
            return SearchedPage(calls, following, preceding, count, exact=True)
        read, found = len(page.calls), self._found(page, query)
        while len(found) < limit and read < READ_MOST and (at := preceding if back else following):
            if page.sifted_out:
                break
            page = listed(at, min(max(limit - len(found), STEP), READ_MOST - read))
            read += len(page.calls)
            some = self._found(page, query)
            found = some + found if back else found + some
            if back:
                preceding = page.preceding
            else:
                following = page.following
        if len(found) > limit:  # the rest is the next page's
            found = found[-limit:] if back else found[:limit]
            if back:
                preceding = found[0][1]
            else:
                following = found[-1][1]
        exact = sift is None
        if not following and not preceding:
            count, exact = len(found), True
        return SearchedPage(tuple(one for one, _ in found), following, preceding, count, exact)

    def every(self, wanted: ListingFilter, sorting: Sorting = NEWEST, *, most: int) -> list[str]:
        """Ids of calls in order, without the places of words.

        Raises:
            FilterError: something is in quotes, so that every transcript would have to be opened.
        """
        query, matching = self._query(wanted)
        if query is not None and query.has_phrases:
            raise FilterError("q", "what is in quotes can't be exported: leave the quotes out")
        return self._listing.every(wanted, sorting, most=most, matching=matching)

    def _query(self, wanted: ListingFilter) -> tuple[WordQuery | None, ColumnElement[bool] | None]:
        if not wanted.words:
            return None, None
        if self._index is None:
            raise FilterError("q", "words can't be searched here: the token key is not at hand")
        try:
            query = parse_query(wanted.words)
        except InputError as error:
            raise FilterError("q", str(error)) from None
        with self._database.reading() as connection:
            if not self._index.is_of(connection):
                raise FilterError("q", _OTHER_KEY)
            return query, self._index.matching(connection, query)

    def _found(self, page: ListedPage, query: WordQuery) -> list[tuple[SearchedCall, str]]:
        """Calls of a page that have the words, with their places in the list."""
        found = []
        for call, place in zip(page.calls, page.places, strict=True):
            try:
                told = read_transcript(self._transcript(call.stored.call_id))
            except (RecordError, UnknownCallError):
                # It was erased meanwhile, or its file was changed: the index alone knows of it.
                found += [] if query.has_phrases else [(SearchedCall(call), place)]
                continue
            snippet = snippet_of(told, query)
            if snippet is not None:
                found.append((SearchedCall(call, snippet), place))
        return found
