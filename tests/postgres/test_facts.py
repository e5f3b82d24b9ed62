"""Facts of calls on both databases: entered, replaced, made anew, and gone with their call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from agents.access.audit_log import AuditLog
from agents.database.analytics_tables import ANALYTICS_TABLES, CALL_FACTS, SEARCH_TERMS
from agents.database.call_ledger import Ledger
from agents.upkeep import retention
from agents.upkeep.erasure import CONSENT, REQUEST, SUBJECT, erase, erase_party
from agents.vault.analytics.fact_store import FactStore
from agents.vault.analytics.search_index import IndexedWords, SearchIndex
from agents.vault.vault import Vault
from pipeline.analytics.facts import CallFacts, Redacted
from pipeline.analytics.terms import parse_query
from pipeline.analytics.topics import parse_topics
from pipeline.errors import HeldError, RecordError, UnknownCallError
from tests.agents.storing import stored_call, sweeps
from tests.agents.vault.analytics.said_calls import SECRET, keep_call, keeper, said_call

ONE_WORD = IndexedWords([1], b"12345678")
ANN = f"pn-{'a' * 32}"
FACTS = CallFacts(
    "one",
    "2026-03-01T10:00:00.000+00:00",
    10_000,
    direction="inbound",
    campaign="spring",
    line="web",
    agent="Ann",
    outcome="answered",
    policy="default",
    jurisdiction="US-CA",
    caller=ANN,
    muted_share=0.000917,
    marks=("gap", "idle"),
    redactions=(Redacted("CARD_NUMBER", 2, 900), Redacted("CVV", 1, 100)),
    topics=(("billing", 1), ("refund", 3)),
)


@pytest.fixture
def vault(ledger: Ledger, tmp_path: Path) -> Vault:
    vault = Vault.opened(tmp_path / "vault", ledger)
    for call_id in ("one", "two"):
        keep_call(vault, ledger, said_call(call_id, parties=(ANN,)))
    return vault


@pytest.fixture
def log(ledger: Ledger) -> AuditLog:
    return AuditLog(ledger.database)


def rows(ledger: Ledger) -> list[int]:
    """How many rows each of the tables has."""
    with ledger.database.reading() as connection:
        return [
            int(connection.scalar(select(func.count()).select_from(table)) or 0)
            for table in ANALYTICS_TABLES
        ]


def test_facts_are_found_as_they_were_entered(vault: Vault, ledger: Ledger) -> None:
    store = FactStore(ledger.database)
    store.enter(FACTS, IndexedWords([3, 1, 2, 2**63 - 1]))
    assert store.find("one") == FACTS
    assert rows(ledger) == [1, 2, 2, 4, 0]
    with ledger.database.reading() as connection:
        assert sorted(connection.scalars(select(SEARCH_TERMS.c.term))) == [1, 2, 3, 2**63 - 1]
    assert store.find("two") is None


def test_entering_again_replaces_and_keeps_the_number(vault: Vault, ledger: Ledger) -> None:
    store = FactStore(ledger.database)
    store.enter(FACTS, IndexedWords([1, 2], b"12345678"))
    with ledger.database.reading() as connection:
        before = set(connection.scalars(select(SEARCH_TERMS.c.call)))
    changed = replace(FACTS, agent="Bob", redactions=(), topics=(("refund", 1),), marks=())
    store.enter(changed, IndexedWords([2, 3], b"87654321"))
    assert store.find("one") == changed
    assert rows(ledger) == [1, 0, 1, 2, 1]
    with ledger.database.reading() as connection:
        assert set(connection.scalars(select(SEARCH_TERMS.c.call))) == before


def test_of_a_call_that_is_not_there_nothing_is_kept(vault: Vault, ledger: Ledger) -> None:
    store = FactStore(ledger.database)
    ledger.open_call("failed")
    vault.store(stored_call("failed", passed=False), keep_days=30)
    vault.catalogue.begin_erasing("two", REQUEST)
    for call_id in ("never", "failed", "two"):
        with pytest.raises(UnknownCallError):
            store.enter(replace(FACTS, call_id=call_id), ONE_WORD)
    others = [replace(FACTS, call_id=call_id) for call_id in ("never", "one", "two")]
    assert store.enter_all([(one, ONE_WORD) for one in others]) == 1
    assert rows(ledger) == [1, 2, 2, 1, 1]


def test_facts_of_a_call_that_is_being_erased_are_shown_to_nobody(
    vault: Vault, ledger: Ledger
) -> None:
    store = FactStore(ledger.database)
    store.enter(FACTS, ONE_WORD)
    vault.catalogue.begin_erasing("one", REQUEST)
    assert store.find("one") is None


@pytest.mark.parametrize("why", [REQUEST, SUBJECT, CONSENT])
def test_erasure_takes_the_facts_with_it(
    vault: Vault, ledger: Ledger, log: AuditLog, why: str
) -> None:
    facts = keeper(vault)
    for call_id in ("one", "two"):
        facts.keep(call_id, {"agent": "Ann"})
    assert all(rows(ledger))
    assert erase(vault, ledger, log, "one", why)
    assert (facts.store.find("one"), facts.store.find("two")) != (None, None)
    assert facts.store.find("two") is not None
    assert erase_party(vault, ledger, log, ANN)[0] == ["two"]
    assert rows(ledger) == [0, 0, 0, 0, 0]


def test_retention_takes_the_facts_with_it_and_a_hold_keeps_them(
    vault: Vault, ledger: Ledger, log: AuditLog
) -> None:
    facts = keeper(vault)
    facts.keep("one", {})
    facts.keep("two", {})
    vault.catalogue.hold("two", datetime.now(UTC))
    with pytest.raises(HeldError):
        erase(vault, ledger, log, "two", REQUEST)
    later = sweeps(ledger, datetime.now(UTC) + timedelta(days=31))
    assert retention.sweep(vault, ledger, log, later) == ["one"]
    assert facts.store.find("one") is None
    assert facts.store.find("two") is not None
    assert rows(ledger)[0] == 1


def test_an_erasure_that_was_interrupted_leaves_facts_only_with_the_row(
    vault: Vault, ledger: Ledger, log: AuditLog
) -> None:
    facts = keeper(vault)
    facts.keep("one", {})
    vault.catalogue.begin_erasing("one", REQUEST)
    assert rows(ledger)[0] == 1  # as the catalogue's own row is, until all else is gone
    assert retention.sweep(vault, ledger, log, sweeps(ledger)) == ["one"]
    assert rows(ledger) == [0, 0, 0, 0, 0]


def test_what_is_kept_is_made_of_the_stored_files(vault: Vault, ledger: Ledger) -> None:
    facts = keeper(vault)
    facts.keep("one", {"direction": "inbound", "agent": "Ann", "campaign": "spring"})
    made = facts.store.find("one")
    assert made is not None
    assert (made.direction, made.agent, made.campaign, made.line) == (
        "inbound",
        "Ann",
        "spring",
        "",
    )
    assert (made.duration_ms, made.words, made.topics) == (10_000, 9, (("refund", 1),))
    assert made.entities == ("CARD_NUMBER",)
    facts.keep("one", {"direction": "inbound", "agent": "Ann", "campaign": "spring"})
    assert facts.store.find("one") == made


def found(ledger: Ledger, words: str, secret: bytes = SECRET) -> int:
    with ledger.database.reading() as connection:
        matching = SearchIndex(secret).matching(connection, parse_query(words))
        return connection.scalar(select(func.count()).where(matching).select_from(CALL_FACTS)) or 0


def test_words_are_found_by_the_secret_alone(vault: Vault, ledger: Ledger) -> None:
    keeper(vault).keep("one", {})
    for words, calls in (
        ("refund", 1),
        ("REFUND Thanks", 1),
        ("[CARD_NUMBER]", 1),
        ("refund cancel", 0),
        ("4111", 0),
        ("refun", 0),
    ):
        assert found(ledger, words) == calls, words
    assert found(ledger, "refund", b"t" * 32) == 0


def rebuilt(facts_keeper: object) -> dict[str, bool]:
    told: dict[str, bool] = {}

    def report(call_id: str, problem: RecordError | None) -> None:
        told[call_id] = problem is None

    facts_keeper.rebuild(report)  # type: ignore[attr-defined]
    return told


def test_a_rebuild_counts_what_is_not_counted_and_goes_on_where_it_was(
    vault: Vault, ledger: Ledger, tmp_path: Path
) -> None:
    first = keeper(vault)
    keep_call(vault, ledger, said_call("three"))
    keep_call(vault, ledger, stored_call("old"))  # its transcript is none that can be read
    first.keep("one", {"agent": "Ann", "caller": ANN})
    assert first.store.count_outdated(first.made) == 3
    assert rebuilt(first) == {"old": False, "three": True, "two": True}
    assert rebuilt(first) == {"old": False}
    two, three = first.store.find("two"), first.store.find("three")
    assert two is not None
    assert three is not None
    assert (two.caller, three.caller) == (ANN, "")  # who took part, where it is one alone
    # Another list: everything is counted anew, and what the recorder said stays.
    other = keeper(vault, parse_topics("topics:\n  cards: [card]\n", origin="t"))
    assert rebuilt(other) == {"old": False, "one": True, "two": True, "three": True}
    one = other.store.find("one")
    assert one is not None
    assert (one.agent, one.caller, one.topics) == ("Ann", ANN, (("cards", 1),))
    # Another secret: words are found by it alone.
    assert set(rebuilt(keeper(vault, secret=b"t" * 32))) == {"old", "one", "two", "three"}
    assert (found(ledger, "refund"), found(ledger, "refund", b"t" * 32)) == (0, 3)


def test_a_rebuild_leaves_what_the_stage_says_meanwhile(
    vault: Vault, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        "direction": "inbound",
        "campaign": "spring",
        "agent": "Ann",
        "caller": "pn-" + "0" * 32,
    }
    stage, late = keeper(vault), keeper(vault)
    enter = late.store.enter_all

    def between(calls: list[tuple[CallFacts, frozenset[int]]], **given: object) -> int:
        stage.keep("one", said)
        return enter(calls, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(late.store, "enter_all", between)
    assert rebuilt(late) == {"one": True, "two": True}
    one = stage.store.find("one")
    assert one is not None
    assert {name: getattr(one, name) for name in said} == said
    # The other way round, and where a repeat knows less.
    stage.keep("two", said)
    stage.keep("two", {"agent": "Bob"})
    two = stage.store.find("two")
    assert two is not None
    assert (two.agent, two.campaign, two.caller) == ("Bob", "spring", said["caller"])
