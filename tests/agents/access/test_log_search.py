"""The audit log searched by pages, and handed out; on both databases in ``tests/postgres``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from agents.access import log_search
from agents.access.audit_log import AuditLog, Event
from agents.access.hash_chain import read_export, verify_chain
from agents.access.log_search import LogQuery, export, search
from agents.crypto.ed25519 import SigningKey
from agents.database.engine import Database
from agents.database.tables import ENTRIES
from pipeline.errors import TamperError

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = ("looked", "call-erased", "hold-added")


def fill(log: AuditLog, rows: list[tuple[int, int, int]]) -> None:
    """Entries an hour apart: kind, person, call."""
    for number, (kind, who, call) in enumerate(rows):
        log.database.now = lambda at=NOW + timedelta(hours=number): at  # type: ignore[misc]
        name = f"hushwire.audit.{KINDS[kind]}.v1"
        fact = "who" if kind == 0 else "by"
        facts = {fact: f"token:{who}", "at": log.stamp()}
        log.append(Event(f"event/{number}", f"call-{call}" if call else "", name, facts))


def pages(database: Database, query: LogQuery, *, limit: int, most: int) -> list[int]:
    """Numbers of all entries that a search gives, page after page."""
    found: list[int] = []
    before: int | None = None
    for _ in range(200):
        page = search(database, query, before=before, limit=limit, most=most)
        found += [one.seq for one in page.entries]
        if page.following is None:
            return found
        before = page.following
    raise AssertionError("no end")


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(  # none at all is a log that was cut
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=25
    ),
    kind=st.sampled_from(["", *KINDS]),
    who=st.sampled_from([(), ("token:1",), ("token:1", "token:2")]),
    call=st.sampled_from(["", "call-1"]),
    since=st.one_of(st.none(), st.integers(-1, 26)),
    until=st.one_of(st.none(), st.integers(-1, 26)),
    limit=st.integers(1, 7),
    most=st.integers(1, 9),
)
def test_pages_give_exactly_what_fits_once_and_the_newest_first(
    rows: list[tuple[int, int, int]],
    kind: str,
    who: tuple[str, ...],
    call: str,
    since: int | None,
    until: int | None,
    limit: int,
    most: int,
    log: AuditLog,
) -> None:
    with log.database.writing() as connection:
        connection.execute(delete(ENTRIES))
    start = log.head().seq
    fill(log, rows)
    begin, end = (None if one is None else NOW + timedelta(hours=one) for one in (since, until))
    query = LogQuery(begin, end, kind, who, call)
    wanted = [
        start + number + 1
        for number, (a_kind, a_who, a_call) in enumerate(rows)
        if (since is None or number >= since)
        and (until is None or number < until)
        and kind in {"", KINDS[a_kind]}
        and (not who or f"token:{a_who}" in who)
        and (not call or a_call == 1)
    ]
    assert pages(log.database, query, limit=limit, most=most) == wanted[::-1]
    lines = b"".join(export(log.database, query)).splitlines()
    entries, _ = read_export(iter(lines))
    assert [one.seq for one in entries] == wanted


def test_names_are_no_patterns(log: AuditLog) -> None:
    fill(log, [(0, 1, 0)])
    for text in ("token:%", "token:_", "TOKEN:1", 'token:1","x":"', "oken:1"):
        assert search(log.database, LogQuery(who=(text,))).entries == ()
    assert len(search(log.database, LogQuery(who=("token:1",))).entries) == 1


def test_looks_are_left_out_but_not_logins_and_exports(log: AuditLog) -> None:
    whats = ("login", "page", 'page","what":"login', "export", "audit-log", "login")
    start = log.head().seq
    for number, what in enumerate(whats):
        facts = {"at": log.stamp(), "who": f"token:{number % 2}", "what": what}
        log.append(Event(f"look/{number}", "", "hushwire.audit.looked.v1", facts))
    log.append(Event("denied/1", "", "hushwire.audit.denied.v1", {"at": log.stamp()}))
    page = search(log.database, LogQuery(looks=False), limit=4)
    assert [one.seq - start for one in page.entries] == [7, 6, 4, 1]
    assert page.left_out == 3
    page = search(log.database, LogQuery(who=("token:0",), looks=False))
    assert ([one.seq - start for one in page.entries], page.left_out) == ([1], 2)
    assert search(log.database, LogQuery()).left_out == 0


def test_the_whole_log_is_handed_out_as_verify_takes_it(
    log: AuditLog, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_search, "BATCH", 3)
    fill(log, [(0, 1, 0)] * 4)
    log.checkpoint(key)
    fill_more = [(1, 2, 1)] * 5
    for number, (kind, who, call) in enumerate(fill_more):
        name = f"hushwire.audit.{KINDS[kind]}.v1"
        log.append(Event(f"more/{number}", f"call-{call}", name, {"by": f"token:{who}"}))
    log.checkpoint(key)
    assert b"".join(export(log.database, LogQuery())) == b"".join(log.export())
    entries, stated = read_export(b"".join(export(log.database, LogQuery())).splitlines())
    found = verify_chain(entries, stated, {key.public.key_id: key.public})
    assert found.problems == ()
    assert (found.first, found.last, found.signed) == (1, 9, 9)


def test_entries_that_go_meanwhile_end_it(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "BATCH", 2)
    fill(log, [(0, 1, 0)] * 6)
    lines = export(log.database, LogQuery())
    assert next(lines)
    with log.database.writing() as connection:
        connection.execute(delete(ENTRIES).where(ENTRIES.c.seq <= 4))
    with pytest.raises(TamperError, match="export it again"):
        list(lines)


def test_entries_come_by_batches(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece costs a server the change of a thread."""
    monkeypatch.setattr(log_search, "BATCH", 4)
    fill(log, [(0, 1, 0)] * 10)
    pieces = list(export(log.database, LogQuery()))
    assert [piece.count(b"\n") for piece in pieces] == [4, 4, 2]


def test_a_user_of_a_host_is_found_by_name_and_by_number(log: AuditLog) -> None:
    by = ("alice (uid 1000)", "uid:1000", "alice", "alicent (uid 10001)", "bob (uid 1000)")
    for number, who in enumerate(by):
        kind = "hushwire.audit.hold-added.v1"
        log.append(Event(f"e/{number}", "", kind, {"at": log.stamp(), "by": who}))

    def found(*who: str) -> set[object]:
        return {one.facts["by"] for one in search(log.database, LogQuery(who=who)).entries}

    assert found("alice") == {"alice (uid 1000)", "alice"}
    assert found("uid:1000") == {"alice (uid 1000)", "uid:1000", "bob (uid 1000)"}
    assert found("alice (uid 1000)") == {"alice (uid 1000)"}
    assert found("alice (uid ") == found('alice (uid 1000)",') == set()
