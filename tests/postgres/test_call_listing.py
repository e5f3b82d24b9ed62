"""Lists of calls by filter and order, page by page, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.database.tables import SAVED_VIEWS
from agents.vault.analytics import call_listing, search_index
from agents.vault.analytics.call_filter import FilterError, ListingFilter, Order
from agents.vault.analytics.call_listing import CallListing, ListedPage, Sorting
from agents.vault.analytics.call_search import CallSearch
from agents.vault.analytics.saved_views import VIEWS_MOST, NameTakenError, SavedView, SavedViews
from agents.vault.analytics.search_index import SearchIndex
from agents.vault.reader import VaultReader
from agents.vault.vault import Vault
from pipeline.errors import InputError
from tests.agents.vault.analytics.listed_calls import BEGIN, Known, enter_calls
from tests.agents.vault.analytics.said_calls import SECRET, keep_call, keeper, said_call
from tests.waiting import HANG_S

KEY = b"k" * 32
DAY = timedelta(days=1)
FILTERS: dict[str, tuple[ListingFilter, Callable[[Known], object]]] = {
    "all that passed": (ListingFilter(), lambda one: True),
    "campaign": (
        ListingFilter(campaign="spring"),
        lambda one: one.facts and one.facts.campaign == "spring",
    ),
    "days": (
        ListingFilter(since=BEGIN + DAY, until=BEGIN + 3 * DAY),
        lambda one: (BEGIN + DAY).isoformat() <= one.row["started"] < (BEGIN + 3 * DAY).isoformat(),
    ),
    "length": (
        ListingFilter(shortest_ms=61_000, longest_ms=600_000),
        lambda one: one.row["duration_ms"] >= 61_000,
    ),
    "types": (
        ListingFilter(types=("CVV", "PIN")),
        lambda one: one.facts and "CVV" in one.facts.entities,
    ),
    "nothing muted": (
        ListingFilter(muted=False),
        lambda one: one.facts and not one.facts.entities,
    ),
    "anything muted": (ListingFilter(muted=True), lambda one: one.facts and one.facts.entities),
    "held": (ListingFilter(held=True), lambda one: one.row["held"]),
    "not held": (ListingFilter(held=False), lambda one: not one.row["held"]),
    "policy": (ListingFilter(policy="pci"), lambda one: one.row["policy"] == "pci"),
    "purpose": (ListingFilter(purpose="support"), lambda one: one.row["purpose"]),
    "mark": (ListingFilter(mark="incomplete"), lambda one: one.row["marks"]),
    "party": (ListingFilter(party=f"pn-{3:032x}"), lambda one: one.party == f"pn-{3:032x}"),
    "several": (
        ListingFilter(direction="inbound", outcome="answered", jurisdiction="DE", line="Sales"),
        lambda one: (
            one.facts
            and (one.facts.direction, one.facts.outcome) == ("inbound", "answered")
            and (one.facts.jurisdiction, one.facts.line) == ("DE", "Sales")
        ),
    ),
    "caller and agent": (
        ListingFilter(caller=f"pn-{2:032x}", agent="A. Novak"),
        lambda one: one.facts and one.facts.agent and one.facts.caller == f"pn-{2:032x}",
    ),
    "stored": (
        ListingFilter(stored_since=BEGIN + 2 * DAY),
        lambda one: one.row["stored"] >= (BEGIN + 2 * DAY).isoformat(timespec="milliseconds"),
    ),
    "of no such policy": (ListingFilter(policy="none"), lambda one: False),
}


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    made = Database(ledger_url)
    yield made
    made.dispose()


def walked(
    listing: CallListing, wanted: ListingFilter, by: Sorting, limit: int
) -> list[ListedPage]:
    pages = [listing.page(wanted, by, limit=limit, said="as it was told")]
    while pages[-1].following:
        cursor = pages[-1].following
        pages.append(listing.page(wanted, by, limit=limit, cursor=cursor, said="as it was told"))
        assert len(pages) < 100
    return pages


def ids(pages: list[ListedPage]) -> list[str]:
    return [one.stored.call_id for page in pages for one in page.calls]


def value(one: Known, by: Order) -> tuple[object, bool]:
    if by is Order.STARTED:
        return one.row["stored"], one.facts is not None
    if by is Order.DURATION:
        return one.row["duration_ms"], one.facts is not None
    return one.facts.muted_share if one.facts else -1, one.facts is not None


@pytest.mark.hypothesis  # which it does not see from without
def test_pages_give_every_call_once_in_order_and_back_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {one.call_id: one for one in enter_calls(database)}
    listing = CallListing(database, KEY)

    @given(
        name=st.sampled_from(sorted(FILTERS)),
        by=st.builds(Sorting, st.sampled_from(Order), st.booleans()),
        limit=st.integers(1, 70),
        passed=st.sampled_from([True, False, None]),
        most=st.sampled_from([3, 1_000]),
    )
    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    def check(name: str, by: Sorting, limit: int, passed: bool | None, most: int) -> None:  # noqa: FBT001
        # Sorted where there are few, by the index of the order where there are more.
        monkeypatch.setattr(call_listing, "COUNTED_MOST", most)
        plain, fits = FILTERS[name]
        wanted = ListingFilter(
            **{
                field: getattr(plain, field)
                for field in ListingFilter.__dataclass_fields__
                if field != "passed"
            },
            passed=passed,
        )
        expected = [
            one
            for one in known.values()
            if fits(one) and (passed is None or one.row["passed"] is passed)
        ]
        pages = walked(listing, wanted, by, limit)
        found = ids(pages)
        assert sorted(found) == sorted(one.call_id for one in expected)
        order = [value(known[one], by.by) for one in found]
        assert order == sorted(order, reverse=by.descending)
        assert all(len(page.calls) == limit for page in pages[:-1])
        assert {page.count for page in pages} == {min(len(expected), most + 1)}
        assert listing.every(wanted, by, most=1_000) == found
        # And back: the same pages from the last one.
        page, back = pages[-1], [pages[-1]]
        while page.preceding:
            cursor = page.preceding
            page = listing.page(wanted, by, limit=limit, cursor=cursor, said="as it was told")
            back.insert(0, page)
        assert ids(back) == found
        assert pages[0].preceding is None

    check()


def test_facts_come_with_the_calls_that_have_them(database: Database) -> None:
    known = {one.call_id: one for one in enter_calls(database)}
    page = CallListing(database, KEY).page(ListingFilter(passed=None), limit=1_000)
    assert {one.stored.call_id: one.facts for one in page.calls} == {
        call_id: one.facts for call_id, one in known.items()
    }
    assert all(one.stored.parties == (known[one.stored.call_id].party,) for one in page.calls)


def test_a_call_that_comes_meanwhile_moves_no_page(database: Database) -> None:
    enter_calls(database, 40)
    listing = CallListing(database, KEY)
    first = listing.page(ListingFilter(), limit=5)
    rest = ids(walked(listing, ListingFilter(), Sorting(), 100))[5:]
    known = {one.call_id for one in enter_calls(database, 40, seed=6)}
    found: list[str] = []
    cursor = first.following
    while cursor:
        page = listing.page(ListingFilter(), limit=5, cursor=cursor)
        found += [one.stored.call_id for one in page.calls]
        cursor = page.following
    assert [one for one in found if one not in known] == rest


def test_cursors_are_bound_to_list_order_and_installation(database: Database) -> None:
    enter_calls(database)
    listing = CallListing(database, KEY)
    cursor = listing.page(ListingFilter(), limit=2, said="campaign=a").following
    assert cursor
    assert listing.page(ListingFilter(), limit=2, cursor=cursor, said="campaign=a").calls
    changed = cursor[:-3] + ("A" if cursor[-3] != "A" else "B") + cursor[-2:]
    for other, by, said, key in (
        (cursor, Sorting(), "campaign=b", KEY),
        (cursor, Sorting(descending=False), "campaign=a", KEY),
        (cursor, Sorting(), "campaign=a", b"o" * 32),
        (changed, Sorting(), "campaign=a", KEY),
        (cursor[:20], Sorting(), "campaign=a", KEY),
        ("é", Sorting(), "campaign=a", KEY),
        ("x", Sorting(), "campaign=a", KEY),
        ("../..", Sorting(), "campaign=a", KEY),
    ):
        with pytest.raises(FilterError, match="after: not from this list"):
            CallListing(database, key).page(ListingFilter(), by, cursor=other, said=said)


@pytest.mark.parametrize("name", ["campaign", "line", "agent"])
def test_what_no_call_has_is_told(name: str, database: Database) -> None:
    enter_calls(database)
    with pytest.raises(FilterError, match=f"{name}: no stored call has it"):
        CallListing(database, KEY).page(ListingFilter(**{name: "misspelt"}))


def test_choices_and_calls_without_facts(database: Database) -> None:
    listing = CallListing(database, KEY)
    assert listing.choices("campaign") == listing.types() == ()
    assert not listing.without_facts()
    enter_calls(database)
    assert listing.choices("campaign") == ("brand", "spring")
    assert listing.types() == ("CARD_NUMBER", "CVV")
    assert listing.without_facts()


def test_words_are_found(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault.opened(tmp_path / "vault", ledger)
    for call_id, sentence in (("call-a", "cancel my order"), ("call-b", "my order came")):
        keep_call(vault, ledger, said_call(call_id, (sentence,), mutes=()))
        keeper(vault).keep(call_id, {})
    listing = CallListing(ledger.database, KEY)
    read = VaultReader(vault).transcript
    made = CallSearch(ledger.database, listing, SearchIndex(SECRET), read)
    for rare in (0, 5_000):
        monkeypatch.setattr(search_index, "RARE", rare)
        for words, found in (("my order", "ab"), ("order cancel", "a"), ('"order my"', "")):
            page = made.page(ListingFilter(words=words))
            ids = sorted(one.call.stored.call_id for one in page.calls)
            assert ids == [f"call-{one}" for one in found]
            if '"' not in words:
                assert (page.count, page.exact) == (len(found), True)


def test_views_are_somebodys_own(database: Database) -> None:
    views = SavedViews(database)
    views.keep("token:1", SavedView("Missed", "outcome=missed"))
    with pytest.raises(NameTakenError):
        views.keep("token:1", SavedView("Missed", "outcome=missed&sort=duration"))
    views.keep("token:1", SavedView("Missed", "outcome=missed&sort=duration"), replacing=True)
    views.keep("token:2", SavedView("Missed", ""))
    assert views.of("token:1") == (SavedView("Missed", "outcome=missed&sort=duration"),)
    assert views.remove("token:1", "Missed")
    assert not views.remove("token:1", "Missed")
    assert views.of("token:2") == (SavedView("Missed", ""),)
    for name in ("", "x" * 61, "a\nb"):
        with pytest.raises(InputError, match="a name of at most 60"):
            views.keep("token:1", SavedView(name, ""))
    for number in range(VIEWS_MOST):
        views.keep("token:1", SavedView(str(number), ""))
    with pytest.raises(InputError, match="50 views are the most"):
        views.keep("token:1", SavedView("one more", ""))
    views.keep("token:1", SavedView("7", "held=true"), replacing=True)


@pytest.mark.parametrize("first", ["outcome=missed", "held=true"])
def test_of_two_views_that_are_kept_at_once_the_first_stays(database: Database, first: str) -> None:
    views = SavedViews(database)
    row = {"owner": "token:1", "name": "Missed", "address": first, "created": "2026-03-01"}
    with ThreadPoolExecutor(1) as pool:
        with database.writing() as connection:
            connection.execute(insert(SAVED_VIEWS).values(row))
            second = pool.submit(views.keep, "token:1", SavedView("Missed", "outcome=missed"))
            with pytest.raises(TimeoutError):
                second.result(0.3)  # it waits for the first
        with nullcontext() if first == "outcome=missed" else pytest.raises(NameTakenError):
            second.result(HANG_S)
    assert views.of("token:1") == (SavedView("Missed", first),)
