"""Words are found by the blind index, confirmed where they are in quotes, and shown in place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from agents.database.analytics_tables import CALL_PAIRS, SEARCH_TERMS
from agents.database.call_ledger import Ledger
from agents.vault.analytics import search_index
from agents.vault.analytics.call_filter import FilterError, ListingFilter
from agents.vault.analytics.call_listing import CallListing
from agents.vault.analytics.call_search import READ_MOST, CallSearch
from agents.vault.analytics.search_index import SearchIndex
from agents.vault.reader import VaultReader
from agents.vault.vault import Vault
from tests.agents.vault.analytics.said_calls import SECRET, keep_call, keeper, said_call

pytestmark = pytest.mark.unit

CALLS = {
    "call-a": ("I want to cancel my order", "my card is 4111 1111", "ok thanks"),
    "call-b": ("my order came", "please cancel nothing", "ok bye"),
    "call-c": ("cancel my order now", "it is late", "a refund then"),
    "call-d": ("hello", "wrong number", "bye"),
}


@pytest.fixture
def vault(ledger: Ledger, tmp_path: Path) -> Vault:
    made = Vault.opened(tmp_path / "vault", ledger)
    for call_id, sentences in CALLS.items():
        mutes = {} if call_id == "call-a" else {"mutes": ()}
        keep_call(made, ledger, said_call(call_id, sentences, **mutes))  # type: ignore[arg-type]
        keeper(made).keep(call_id, {})
    return made


def search(ledger: Ledger, vault: Vault, secret: bytes = SECRET) -> CallSearch:
    listing = CallListing(ledger.database, secret)
    reader = VaultReader(vault)
    return CallSearch(ledger.database, listing, SearchIndex(secret), reader.transcript)


def found(made: CallSearch, words: str, limit: int = 50) -> list[str]:
    """Calls on all pages, and back again."""
    wanted = ListingFilter(words=words)
    page = made.page(wanted, limit=limit)
    ids = [one.call.stored.call_id for one in page.calls]
    while page.following:
        page = made.page(wanted, limit=limit, cursor=page.following)
        ids += [one.call.stored.call_id for one in page.calls]
        assert len(page.calls) <= limit
    assert len(ids) == len(set(ids))
    back = [one.call.stored.call_id for one in page.calls]
    while page.preceding:
        page = made.page(wanted, limit=limit, cursor=page.preceding)
        back = [one.call.stored.call_id for one in page.calls] + back
    assert back == ids
    return sorted(ids)


WORDS = {
    "order": "abc",
    "ORDER cancel": "abc",
    '"cancel my order"': "ac",
    '"my order" cancel': "abc",
    "[card_number]": "a",
    "4111": "",
    "refund": "c",
    "orde": "",
    '"thanks cancel"': "",
}


@pytest.mark.parametrize("rare", [0, 5_000])
def test_words_are_found(
    rare: int, ledger: Ledger, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many calls have a word, and whatever a page takes."""
    monkeypatch.setattr(search_index, "RARE", rare)
    made = search(ledger, vault)
    for words, calls in WORDS.items():
        for limit in (1, 2, 50):
            assert found(made, words, limit) == [f"call-{one}" for one in calls], words


def forget_pairs(ledger: Ledger) -> None:
    """As calls are that an earlier version counted."""
    with ledger.database.writing() as connection:
        connection.execute(delete(CALL_PAIRS))


def test_calls_of_an_earlier_version_are_found_too(ledger: Ledger, vault: Vault) -> None:
    forget_pairs(ledger)
    keep_call(vault, ledger, said_call("new", ("cancel my order",), mutes=()))
    keeper(vault).keep("new", {})
    made = search(ledger, vault)
    for limit in (1, 2, 50):
        assert found(made, '"cancel my order"', limit) == ["call-a", "call-c", "new"]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_few_calls_are_gone_through_for_a_page(
    most: int, ledger: Ledger, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page may be short then; the pages behind it have the rest, and lead back."""
    monkeypatch.setattr("agents.vault.analytics.call_listing.SIFTED_MOST", most)
    made = search(ledger, vault)
    for limit in (1, 2, 50):
        assert found(made, '"cancel my order"', limit) == ["call-a", "call-c"]
        assert found(made, '"my order" cancel', limit) == ["call-a", "call-b", "call-c"]
        assert found(made, '"order cancel"', limit) == []


def test_what_nobody_said_opens_no_transcript(ledger: Ledger, vault: Vault) -> None:
    def never(_: str) -> bytes:
        raise AssertionError("a transcript was opened")

    made = search(ledger, vault)
    made._transcript = never
    page = made.page(ListingFilter(words='"order cancel"'))
    assert (page.calls, page.following, page.count, page.exact) == ((), None, 0, True)


def test_counts_say_whether_they_are_exact(ledger: Ledger, vault: Vault) -> None:
    made = search(ledger, vault)
    for words, told in (("order", (3, True)), ('"cancel my order"', (3, False)), ("", (4, True))):
        page = made.page(ListingFilter(words=words), limit=1)
        assert (page.count, page.exact) == told
    page = made.page(ListingFilter(words='"cancel my order"'))
    assert (page.count, page.exact) == (2, True)  # all of them are on it


def test_a_place_is_shown_with_its_call(ledger: Ledger, vault: Vault) -> None:
    (one,) = search(ledger, vault).page(ListingFilter(words="[card_number]")).calls
    assert one.snippet
    last = one.snippet.pieces[-1]
    assert (one.snippet.role, last.entity, last.found) == ("customer", "CARD_NUMBER", True)


def test_another_secret_is_told(ledger: Ledger, vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(FilterError, match="another token key"):
        search(ledger, vault, b"o" * 32).page(ListingFilter(words="order"))
    empty = Ledger.embedded(tmp_path / "empty")
    made = search(empty, Vault.opened(tmp_path / "other", empty), b"o" * 32)
    assert made.page(ListingFilter(words="order")).calls == ()
    empty.dispose()


def test_the_database_holds_numbers_alone(ledger: Ledger, vault: Vault) -> None:
    with ledger.database.reading() as connection:
        terms = Counter(connection.scalars(select(SEARCH_TERMS.c.term)))
    assert all(0 <= term < 2**63 for term in terms)
    for file in Path(ledger.database.engine.url.database or "").parent.glob("ledger.db*"):
        assert b"cancel" not in file.read_bytes()


def test_few_transcripts_are_opened_for_a_page(
    ledger: Ledger, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.vault.analytics.call_search.READ_MOST", 2)
    forget_pairs(ledger)
    made = search(ledger, vault)
    opened: list[str] = []
    read = made._transcript
    made._transcript = lambda call_id: opened.append(call_id) or read(call_id)  # type: ignore[func-returns-value]
    page = made.page(ListingFilter(words='"order cancel"'), limit=1)
    assert (page.calls, len(opened)) == ((), 2)
    assert page.following
    assert READ_MOST > 2
    opened.clear()
    made.page(ListingFilter(muted=False))
    assert opened == []


def test_a_phrase_that_few_calls_have_costs_few_questions(
    ledger: Ledger, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Near a full page not each transcript is a step; what is too much stands on the next page."""
    for number in range(12):
        keep_call(vault, ledger, said_call(f"more-{number:02}", ("cancel my order",), mutes=()))
        keeper(vault).keep(f"more-{number:02}", {})
    forget_pairs(ledger)
    made = search(ledger, vault)
    steps = 0
    page = CallListing.page

    def counted(*given: object, **named: object) -> object:
        nonlocal steps
        steps += 1
        return page(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(CallListing, "page", counted)
    # Of the first three at least one has the words in another order only: a second step.
    assert len(made.page(ListingFilter(words='"my order cancel" order'), limit=3).calls) == 0
    assert steps == 2
    ids = found(made, '"cancel my order"', 3)
    assert len(ids) == 14


def test_a_transcript_that_was_changed_is_not_shown(ledger: Ledger, vault: Vault) -> None:
    made = search(ledger, vault)
    read = made._transcript
    made._transcript = lambda call_id: b"{}" if call_id == "call-c" else read(call_id)
    page = made.page(ListingFilter(words="order"))
    assert {one.call.stored.call_id: one.snippet is not None for one in page.calls} == {
        "call-a": True,
        "call-b": True,
        "call-c": False,
    }
    assert found(made, '"my order"') == ["call-a", "call-b"]


def test_what_can_not_be_searched_is_told(ledger: Ledger, vault: Vault) -> None:
    made = search(ledger, vault)
    for words in ("-", " ".join("abcdefghijklmnopq")):
        with pytest.raises(FilterError, match="q: type 1 to 16 words"):
            made.page(ListingFilter(words=words))
    with pytest.raises(FilterError, match="q: what is in quotes can't be exported"):
        made.every(ListingFilter(words='"my order"'), most=10)
    assert len([*made.every(ListingFilter(words="order"), most=10)]) == 3
    without = CallSearch(ledger.database, CallListing(ledger.database, SECRET), None, bytes)
    with pytest.raises(FilterError, match="the token key is not at hand"):
        without.page(ListingFilter(words="order"))
