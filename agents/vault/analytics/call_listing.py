"""Stored calls by filter and order, page by page, with what is counted of each; no content.

Pages are found by where the last one ended, not by counting off, so that the hundredth is as quick
as the first and a call that is stored meanwhile moves none. A cursor says where that is; it is
signed with a key of the installation and bound to filter and order. Calls with facts come from
``call_facts`` in the order of an index, or sorted where they are few and the index would be gone
through in vain; those without from the catalogue. Both lists are merged by the database, which
alone knows how it compares texts.

Outcomes: a ``ListedPage``; ``FilterError`` for a cursor from elsewhere and a campaign, number or
agent that no call has; ``StoreError`` where the database is away.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    func,
    literal,
    select,
    tuple_,
    union_all,
)

from agents.database.analytics_tables import CALL_FACTS, CALL_PAIRS, CALL_REDACTIONS, CALL_TOPICS
from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from agents.vault.analytics.call_filter import (
    KNOWN,
    FilterError,
    ListingFilter,
    Order,
    of_facts,
    without_facts,
)
from agents.vault.analytics.fact_store import facts_of, lists_of
from agents.vault.analytics.pair_filter import Sift
from agents.vault.call_catalogue import StoredCallFacts, catalogued
from pipeline.analytics.facts import CallFacts
from pipeline.records.entities import Entity

PAGE: Final = 50
"""Calls on a page where nothing else is asked for."""
COUNTED_MOST: Final = 1_000
"""Calls are counted up to here; then there are "more"."""
SIFTED_MOST: Final = 20_000
"""Calls that are gone through for a page, where the database alone can't tell which are meant."""
SOON: Final = 5_000
"""Calls of an order in which a page is looked for before all that are meant are found."""
_BATCH: Final = 500
CHOICES_MOST: Final = 200
"""Values of a column that are offered."""
_MAC: Final = 16
_ALTERED: Final = "not from this list as it is filtered and sorted now: begin at its first page"
_TYPES: Final = frozenset(Entity)
_UNKNOWN: Final = -1
"""Where calls stand whose muted share nobody knows."""
_COLUMNS: Final = {
    Order.STARTED: "started",
    Order.DURATION: "duration_ms",
    Order.MUTED: "muted_share",
}
"""By what calls with facts are listed."""
_OTHERS: Final[dict[Order, ColumnElement[Any]]] = {
    Order.STARTED: CATALOGUE.c.stored,
    Order.DURATION: CATALOGUE.c.duration_ms,
    Order.MUTED: literal(_UNKNOWN),
}
"""By what calls without are."""


@dataclass(frozen=True, slots=True)
class Sorting:
    """In which order; equal ones in the order in which they were entered."""

    by: Order = Order.STARTED
    descending: bool = True

    def __str__(self) -> str:
        """As an address says it."""
        return f"{'-' if self.descending else ''}{self.by.value}"


def sorting_of(text: str) -> Sorting:
    """The order of ``-started`` or ``duration``.

    Raises:
        FilterError: it is none.
    """
    try:
        return Sorting(Order(text.removeprefix("-")), text.startswith("-"))
    except ValueError:
        known = ", ".join(Order)
        raise FilterError("sort", f"one of {known}; with a minus the greatest first") from None


NEWEST: Final = Sorting()
"""The newest first."""


@dataclass(frozen=True, slots=True)
class ListedCall:
    """A call on a page."""

    stored: StoredCallFacts
    facts: CallFacts | None
    """None: it was stored before facts were counted, or is quarantined."""


@dataclass(frozen=True, slots=True)
class ListedPage:
    """Some calls, and how to get at those beside them."""

    calls: tuple[ListedCall, ...]
    following: str | None
    """What ``page`` takes as ``cursor`` for the next page; None: this is the last."""
    preceding: str | None
    """The same for the page before; None: this is the first."""
    count: int
    """Calls of all pages, up to ``COUNTED_MOST``; one more where there are more."""
    places: tuple[str, ...]
    """What ``page`` takes to go on behind each of its calls in the direction that led here."""
    back: bool = False
    """Whether a ``preceding`` led here."""
    sifted_out: bool = False
    """Whether it may be short because ``SIFTED_MOST`` calls were gone through."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A call's place in an order."""

    value: str | int
    number: int
    """``call_facts.id``; 0 without facts."""
    call_id: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a page is asked for, see ``CallListing.page``."""

    wanted: ListingFilter
    sorting: Sorting
    place: _Place | None
    limit: int
    matching: ColumnElement[bool] | None
    back: bool
    count: int

    def query(self, connection: Connection, limit: int, *, filters: bool = False) -> Select[Any]:
        """Places in order; with the calls' filters of pairs, where these are wanted."""
        few = self.count <= COUNTED_MOST or (
            self.wanted.lies_together and not self._begins_soon(connection)
        )
        given = self.wanted, self.sorting, self.place, limit, self.matching
        return _ordered(*given, back=self.back, few=few, filters=filters)

    def _begins_soon(self, connection: Connection) -> bool:
        """Whether the order's first calls fill the page.

        Calls that lie together may all be far from its beginning, or be nearly all that there are:
        nobody knows before whether going along the order or sorting what is found is faster.
        """
        facts = CALL_FACTS.alias()
        value, falling = (
            facts.c[_COLUMNS[self.sorting.by]],
            self.sorting.descending is not self.back,
        )
        first = select(facts.c.id)
        if self.place is not None:
            first = first.where(_behind(value, facts.c.id, self.place, facts=True, falling=falling))
        order = (value.desc(), facts.c.id.desc()) if falling else (value, facts.c.id)
        within = CALL_FACTS.c.id.in_(first.order_by(*order).limit(SOON))
        _, query = next(_branches(self.wanted, self.matching))
        some = query.where(within).limit(self.limit + 1).subquery()
        return (connection.scalar(select(func.count()).select_from(some)) or 0) > self.limit


@dataclass(slots=True)
class _Seen:
    """What was found in an order, and how far it was gone through."""

    found: list[_Place] = field(default_factory=list)
    first: _Place | None = None
    last: _Place | None = None
    more: bool = False


class CallListing:
    """The stored calls of one installation.

    Args:
        database: the ledger's, with its schema up to date.
        key: signs the cursors; the same on every server of the installation.
    """

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = hashlib.sha256(b"hushwire cursors of the list of calls\0" + key).digest()

    def page(
        self,
        wanted: ListingFilter,
        sorting: Sorting = NEWEST,
        *,
        limit: int = PAGE,
        cursor: str = "",
        said: str = "",
        matching: ColumnElement[bool] | None = None,
        sift: Sift | None = None,
        count: int | None = None,
    ) -> ListedPage:
        """A page.

        Args:
            wanted: which calls.
            sorting: in which order.
            limit: how many at most.
            cursor: ``following`` or ``preceding`` of another page; empty: the first page.
            said: filter and order as the caller was told them, to which cursors are bound.
            matching: the condition that a call has ``wanted.words``.
            sift: leaves out calls that can't have what is in quotes.
            count: as another page says it.

        Raises:
            FilterError: see the module's text.
        """
        bound = f"{sorting}\0{said}"
        place, back = self._read(cursor, bound) if cursor else (None, False)
        with self._database.reading() as connection:
            _refuse_unknown(connection, wanted)
            if count is None:
                count = _counted(connection, wanted, matching)
            asked = _Asked(wanted, sorting, place, limit, matching, back=back, count=count)
            seen = _sifted(connection, asked, sift) if sift else _seen(connection, asked)
            if back:
                seen.found.reverse()
            calls = _listed(connection, seen.found)
        ends = (seen.last, seen.first) if back else (seen.first, seen.last)
        following = ends[1] and (seen.more or back)
        preceding = ends[0] and (seen.more if back else place is not None)
        return ListedPage(
            tuple(calls.values()),
            self._cursor(ends[1], bound, back=False) if ends[1] and following else None,
            self._cursor(ends[0], bound, back=True) if ends[0] and preceding else None,
            count,
            tuple(self._cursor(one, bound, back=back) for one in calls),
            back,
            sifted_out=seen.more and len(seen.found) < limit,
        )

    def every(
        self,
        wanted: ListingFilter,
        sorting: Sorting = NEWEST,
        *,
        most: int,
        matching: ColumnElement[bool] | None = None,
    ) -> list[str]:
        """Ids of all calls in order, ``most`` at most; raises as ``page``."""
        query = _ordered(wanted, sorting, None, most, matching, back=False, few=True)
        with self._database.reading() as connection:
            _refuse_unknown(connection, wanted)
            return [row.call_id for row in connection.execute(query)]

    def without_facts(self) -> bool:
        """Whether a call that passed has no facts (yet): ``hushwire analytics rebuild`` helps."""
        query = select(literal(1)).select_from(CATALOGUE).where(*without_facts(ListingFilter()))
        with self._database.reading() as connection:
            return connection.scalar(query.limit(1)) is not None

    def choices(self, column: str) -> tuple[str, ...]:
        """Values of a column of ``call_facts`` that has an index, sorted; some of very many."""
        return self._values(CALL_FACTS.c[column])

    def types(self) -> tuple[str, ...]:
        """Types that were muted in some call, sorted."""
        return self._values(CALL_REDACTIONS.c.type)

    def topics(self) -> tuple[str, ...]:
        """Topics that came up in some call, sorted."""
        return self._values(CALL_TOPICS.c.topic)

    def _values(self, column: ColumnElement[str]) -> tuple[str, ...]:
        values: list[str] = []
        last: str | None = ""
        with self._database.reading() as connection:
            # One look into the index per value, not one per call.
            while len(values) < CHOICES_MOST:
                last = connection.scalar(select(func.min(column)).where(column > last))
                if last is None:
                    break
                values.append(last)
        return tuple(values)

    def _cursor(self, place: _Place, bound: str, *, back: bool) -> str:
        said = json.dumps([int(back), place.value, place.number, place.call_id]).encode()
        return base64.urlsafe_b64encode(self._mac(said, bound) + said).rstrip(b"=").decode()

    def _read(self, cursor: str, bound: str) -> tuple[_Place, bool]:
        try:
            data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise FilterError("after", _ALTERED) from None
        mac, said = data[:_MAC], data[_MAC:]
        if not hmac.compare_digest(mac, self._mac(said, bound)):
            raise FilterError("after", _ALTERED)
        back, value, number, call_id = json.loads(said)
        return _Place(value, number, call_id), bool(back)

    def _mac(self, said: bytes, bound: str) -> bytes:
        return hmac.digest(self._key, said + b"\0" + bound.encode(), "sha256")[:_MAC]


def _refuse_unknown(connection: Connection, wanted: ListingFilter) -> None:
    for name in KNOWN:
        value = getattr(wanted, name)
        query = select(CALL_FACTS.c.id).where(CALL_FACTS.c[name] == value).limit(1)
        if value and connection.scalar(query) is None:
            raise FilterError(name, "no stored call has it: choose another one or leave it out")
    for entity in wanted.types:  # a misspelt one would say that it was muted nowhere
        query = select(literal(1)).where(CALL_REDACTIONS.c.type == entity).limit(1)
        if entity not in _TYPES and connection.scalar(query) is None:
            raise FilterError("type", "there is no such type: one is CARD_NUMBER")


def _counted(
    connection: Connection, wanted: ListingFilter, matching: ColumnElement[bool] | None
) -> int:
    """How many calls there are, or one more than ``COUNTED_MOST`` where there are more."""
    total = 0
    for _, query in _branches(wanted, matching):
        some = query.with_only_columns(literal(1).label("one")).limit(COUNTED_MOST + 1 - total)
        total += connection.scalar(select(func.count()).select_from(some.subquery())) or 0
        if total > COUNTED_MOST:
            break
    return total


def _seen(connection: Connection, asked: _Asked) -> _Seen:
    """The first calls of an order."""
    rows = connection.execute(asked.query(connection, asked.limit + 1))
    found = [_Place(*row) for row in rows]
    more, found = len(found) > asked.limit, found[: asked.limit]
    return _Seen(found, found[0], found[-1], more) if found else _Seen()


def _sifted(connection: Connection, asked: _Asked, sift: Sift) -> _Seen:
    """The first calls of an order that pass a sift, of ``SIFTED_MOST``."""
    seen = _Seen()
    query = asked.query(connection, SIFTED_MOST + 1, filters=True)
    rows = connection.execute(query.execution_options(yield_per=_BATCH))
    for number, (*place, kept) in enumerate(rows):
        if len(seen.found) == asked.limit or number == SIFTED_MOST:
            seen.more = True
            break
        seen.last = _Place(*place)
        seen.first = seen.first or seen.last
        if sift(seen.last.call_id, kept):
            seen.found.append(seen.last)
    rows.close()
    return seen


def _branches(
    wanted: ListingFilter, matching: ColumnElement[bool] | None
) -> Iterator[tuple[bool, Select[Any]]]:
    """Calls with facts (true), and calls without, where such can be meant."""
    query = select(CALL_FACTS.c.id).where(*of_facts(wanted))
    yield True, query if matching is None else query.where(matching)
    if not wanted.needs_facts:
        yield False, select(CATALOGUE.c.call_id).where(*without_facts(wanted))


def _ordered(
    wanted: ListingFilter,
    sorting: Sorting,
    place: _Place | None,
    limit: int,
    matching: ColumnElement[bool] | None,
    *,
    back: bool,
    few: bool,
    filters: bool = False,
) -> Select[Any]:
    """Places of calls behind ``place``, or before it: value, number, id, and ``filters`` of pairs.

    Of equal values, those with facts are the greater ones. Where there are ``few``, all are found
    first, and then sorted.
    """
    falling = sorting.descending is not back
    parts = []
    for facts, query in _branches(wanted, matching):
        by = sorting.by
        value: ColumnElement[Any] = CALL_FACTS.c[_COLUMNS[by]] if facts else _OTHERS[by]
        if few and facts and not wanted.is_everything:
            # An expression, so that no index of the order is gone through, call by call.
            value = value.concat("") if sorting.by is Order.STARTED else value + 0
        tie: ColumnElement[Any] = CALL_FACTS.c.id if facts else CATALOGUE.c.call_id
        number, call_id = (tie, CALL_FACTS.c.call_id) if facts else (literal(0), tie)
        part = query.with_only_columns(
            value.label("value"), number.label("number"), call_id.label("call_id")
        )
        if place is not None:
            part = part.where(_behind(value, tie, place, facts=facts, falling=falling))
        part = part.order_by(*((value.desc(), tie.desc()) if falling else (value, tie)))
        if filters:  # of words, which only calls with facts have: rows come as they are found
            kept = select(CALL_PAIRS.c.filter).where(CALL_PAIRS.c.call == CALL_FACTS.c.id)
            return part.add_columns(kept.scalar_subquery()).limit(limit)
        some = part.limit(limit).subquery()
        parts.append(select(some.c.value, some.c.number, some.c.call_id))
    every = (parts[0] if len(parts) == 1 else union_all(*parts)).subquery()
    columns = every.c.value, every.c.number, every.c.call_id
    order = [column.desc() if falling else column for column in columns]
    return select(*columns).order_by(*order).limit(limit)


def _behind(
    value: ColumnElement[Any],
    tie: ColumnElement[Any],
    place: _Place,
    *,
    facts: bool,
    falling: bool,
) -> ColumnElement[bool]:
    """What comes after a place in an order."""
    if facts is bool(place.number):
        both = tuple_(value, tie)
        there = tuple_(literal(place.value), literal(place.number if facts else place.call_id))
        return both < there if falling else both > there
    # At the same value stands the other list: before this one or behind it as a whole.
    if facts is falling:
        return value < place.value if falling else value > place.value
    return value <= place.value if falling else value >= place.value


def _listed(connection: Connection, found: Sequence[_Place]) -> dict[_Place, ListedCall]:
    """The calls at some places, in order; one that went meanwhile is left out."""
    stored = catalogued(connection, [one.call_id for one in found])
    numbers = [one.number for one in found if one.number]
    redactions, topics = lists_of(connection, numbers)
    query = select(CALL_FACTS).where(CALL_FACTS.c.id.in_(numbers))
    facts = {
        row["id"]: facts_of(row, redactions[row["id"]], topics[row["id"]])
        for row in connection.execute(query).mappings()
    }
    return {
        one: ListedCall(stored[one.call_id], facts.get(one.number))
        for one in found
        if one.call_id in stored
    }
