"""How SQLite goes through the calls: no index of the order, call by call, for a few of many."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text, update
from sqlalchemy.dialects import sqlite

from agents.database.call_ledger import Ledger
from agents.database.tables import CATALOGUE
from agents.vault.analytics import call_listing
from agents.vault.analytics.call_filter import FilterError, ListingFilter, Order, moment
from agents.vault.analytics.call_listing import CallListing, Sorting
from tests.agents.vault.analytics.listed_calls import BEGIN, enter_calls

pytestmark = pytest.mark.unit
RARE = {
    "purpose": ListingFilter(purpose="none"),
    "flagged": ListingFilter(flagged=True),
    "stored": ListingFilter(stored_since=BEGIN, stored_until=BEGIN + timedelta(days=1)),
    "type": ListingFilter(types=("IBAN",)),
    "mark": ListingFilter(mark="incomplete"),
    "policy": ListingFilter(policy="none"),
    "jurisdiction": ListingFilter(jurisdiction="FR"),
    "outcome": ListingFilter(outcome="voicemail"),
}


def plan(ledger: Ledger, wanted: ListingFilter, order: Order, *, few: bool) -> str:
    query = call_listing._ordered(wanted, Sorting(order), None, 51, None, back=False, few=few)
    told = str(query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
    with ledger.database.reading() as connection:
        rows = connection.execute(text(f"EXPLAIN QUERY PLAN {told}".replace(":", r"\:")))
        return "\n".join(row.detail for row in rows)


@pytest.mark.parametrize("name", RARE)
@pytest.mark.parametrize("order", [Order.STARTED, Order.DURATION])
def test_what_is_rare_is_found_first_and_sorted_then(
    name: str, order: Order, ledger: Ledger
) -> None:
    indexes = ("call_facts_started", "call_facts_duration", "call_facts_muted_share")
    found = plan(ledger, RARE[name], order, few=True)
    assert "call_facts" in found
    assert not any(index in found for index in indexes), found
    assert "CORRELATED" not in found
    everything = plan(ledger, ListingFilter(), order, few=True)
    assert any(index in everything for index in indexes), everything


def test_flagged_calls_are_listed(ledger: Ledger) -> None:
    known = [one for one in enter_calls(ledger.database) if one.row["passed"]]
    with ledger.database.writing() as connection:
        mine = CATALOGUE.c.call_id.in_([one.call_id for one in known[:7]])
        connection.execute(update(CATALOGUE).where(mine).values(flagged="{}"))
    listing = CallListing(ledger.database, b"k")
    for flagged, calls in ((True, known[:7]), (False, known[7:])):
        ids = listing.every(ListingFilter(flagged=flagged), most=100)
        assert sorted(ids) == sorted(one.call_id for one in calls)


@pytest.mark.parametrize("text", ["20260305", "2026-W10-4", "2026W104", "20260305T10", "10:00"])
def test_a_day_is_one_with_dashes(text: str) -> None:
    for end in (False, True):
        with pytest.raises(FilterError, match="not a day"):
            moment("until", text, end=end)
    assert moment("until", "2026-03-05", end=True) == moment("until", "2026-03-06")
    assert moment("until", "2026-03-05T10:00", end=True).hour == 10
