"""The queue of webhooks on both databases, several workers at once."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import Ledger
from agents.database.webhook_queue import Follower, WebhookQueue
from agents.runtime.events import audit, audit_event
from agents.upkeep.news import notices

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LEASE = timedelta(minutes=5)


def told(log: AuditLog, call_id: str, what: str = "call-closed", **facts: str) -> None:
    facts = {"state": "stored", **facts} if what == "call-closed" else facts
    log.append(audit_event(audit("", call_id, what, facts, at=log.stamp())))


def fill(queue: WebhookQueue) -> int:
    return queue.follow(notices.KINDS, notices.notice_of, LONG_AGO)


@pytest.fixture
def log(ledger: Ledger) -> AuditLog:
    return AuditLog(ledger.database)


@pytest.fixture
def queue(ledger: Ledger, log: AuditLog) -> WebhookQueue:
    made = WebhookQueue(ledger.database)
    told(log, "before")
    assert made.behind()
    assert fill(made) == 0
    assert not made.behind()
    return made


def test_each_entry_is_queued_once_by_whoever_comes_first(
    ledger: Ledger, log: AuditLog, queue: WebhookQueue
) -> None:
    for number in range(40):
        told(log, f"c-{number}")
    counts: list[int] = []
    start = threading.Barrier(4)

    def work() -> None:
        mine = WebhookQueue(ledger.database)
        start.wait()
        counts.append(sum(fill(mine) for _ in range(5)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(counts) == 40
    assert queue.counts() == (40, 0)


def test_each_row_is_one_worker_s(ledger: Ledger, log: AuditLog, queue: WebhookQueue) -> None:
    for number in range(40):
        told(log, f"c-{number}")
    fill(queue)
    taken: Counter[str] = Counter()
    start = threading.Barrier(4)

    def work() -> None:
        mine = WebhookQueue(ledger.database)
        start.wait()
        while rows := mine.claim(3, LEASE):
            taken.update(one.notice.message_id for one in rows)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert set(taken.values()) == {1}
    # On PostgreSQL two that look at the same moment may both leave a row to the other: it is due
    # again at the next look.
    left = [one for one in queue.waiting() if one.notice.message_id not in taken]
    assert len(taken) + len(left) == 40


def test_first_things_first(log: AuditLog, queue: WebhookQueue) -> None:
    told(log, "one")
    told(log, "two")
    told(log, "one", "call-erased", why="request")
    fill(queue)
    first = queue.claim(9, LEASE)
    assert [(one.notice.call_id, one.notice.kind) for one in first] == [
        ("one", "call.stored"),
        ("two", "call.stored"),
    ]
    assert queue.claim(9, LEASE) == []
    queue.delivered(first[0].notice.message_id)
    assert [one.notice.kind for one in queue.claim(9, LEASE)] == ["call.erased"]


def test_a_repeat_of_an_entry_is_no_second_row(log: AuditLog, queue: WebhookQueue) -> None:
    told(log, "one", certificate="a" * 64)
    told(log, "one", certificate="b" * 64)
    fill(queue)
    (row,) = queue.waiting()
    assert row.notice.facts["certificate"] == "a" * 64


def test_what_is_dead_stays_dead_for_a_late_answer(log: AuditLog, queue: WebhookQueue) -> None:
    told(log, "one")
    fill(queue)
    (row,) = queue.claim(1, LEASE)
    name = row.notice.message_id
    queue.failed(name, "http_500", None)
    queue.failed(name, "timeout", datetime.now(UTC))  # of a worker whose lease was over
    queue.release([name])
    (dead,) = queue.waiting(dead=True)
    assert (dead.problem, dead.attempts) == ("http_500", 1)
    assert queue.claim(9, LEASE) == []
    assert (queue.counts(), queue.drop(), queue.counts()) == ((0, 1), 1, (0, 0))


def test_a_follower_moves_only_when_it_is_told_to(ledger: Ledger, log: AuditLog) -> None:
    follower = Follower(ledger.database, "somebody")
    told(log, "before", "call-erased", why="request")
    entries, place = follower.new([notices.ERASED])
    assert (entries, place) == ([], 1)
    told(log, "one", "call-erased", why="request")
    told(log, "two")
    for _ in range(2):
        entries, place = follower.new([notices.ERASED])
        assert [one.call_id for one in entries] == ["one"]
        assert place == 3
    follower.move(place)
    follower.move(1)
    assert follower.new([notices.ERASED]) == ([], 3)
