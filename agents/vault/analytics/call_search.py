"""Searches stored calls for words: by the blind index, with the place where they stand.

Only transcripts of the calls on a page are opened, in memory. What is in quotes is confirmed there,
since the index knows single words: at most ``READ_MOST`` transcripts are read for a page, which may
then have fewer calls than asked for and more pages behind it.

Outcomes: a ``SearchedPage``; ``FilterError`` where the words are none; the errors of
``agents.vault.analytics.call_listing``, and ``StoreError`` where the vault is away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from pipeline.evidence.told_transcript import read_transcript

READ_MOST: Final = 200


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

        def listed(cursor: str, most: int) -> tuple[list[SearchedCall], ListedPage]:
            page = self._listing.page(
                wanted, sorting, limit=most, cursor=cursor, said=said, matching=matching
            )
            return [SearchedCall(one) for one in page.calls], page

        calls, page = listed(cursor, limit)
        back, following, preceding = page.back, page.following, page.preceding
        if query is None:
            return SearchedPage(tuple(calls), following, preceding)
        read, found = len(calls), self._found(calls, query)
        while len(found) < limit and read < READ_MOST and (at := preceding if back else following):
            calls, page = listed(at, min(limit - len(found), READ_MOST - read))
            read += len(calls)
            some = self._found(calls, query)
            found = some + found if back else found + some
            if back:
                preceding = page.preceding
            else:
                following = page.following
        return SearchedPage(tuple(found), following, preceding)

    def count(self, wanted: ListingFilter, *, most: int) -> tuple[int, bool]:
        """How many calls at most, or ``most + 1`` where there are more; whether it is exact.

        What is in quotes is not confirmed.
        """
        query, matching = self._query(wanted)
        exact = query is None or not query.has_phrases
        return self._listing.count(wanted, most=most, matching=matching), exact

    def every(
        self, wanted: ListingFilter, sorting: Sorting = NEWEST, *, most: int
    ) -> Iterator[ListedCall]:
        """Calls in order, without the places of words.

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
            return query, self._index.matching(connection, query)

    def _found(self, calls: list[SearchedCall], query: WordQuery) -> list[SearchedCall]:
        found = []
        for one in calls:
            try:
                told = read_transcript(self._transcript(one.call.stored.call_id))
            except (RecordError, UnknownCallError):
                # It was erased meanwhile, or its file was changed: the index alone knows of it.
                found += [] if query.has_phrases else [one]
                continue
            snippet = snippet_of(told, query)
            if snippet is not None:
                found.append(SearchedCall(one.call, snippet))
        return found
