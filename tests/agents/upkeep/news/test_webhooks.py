"""Webhooks from the audit log to their receiver: what, when, again, in order, and no content."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from agents.database.webhook_queue import FOLLOWER, Notice, Waiting, WebhookQueue
from agents.system.metrics import Metrics
from agents.upkeep.news import notices
from agents.upkeep.news.addresses import Target
from agents.upkeep.news.posting import NotTakenError
from agents.upkeep.news.signing import read_secrets, signed
from agents.upkeep.news.webhooks import (
    GIVE_UP,
    LEAST_ATTEMPTS,
    LONGEST_WAIT_S,
    Endpoint,
    Webhooks,
    endpoint,
    next_try,
    send_test,
)
from agents.vault.vault import Vault
from pipeline.errors import SettingsError, StoreError
from tests.agents.upkeep.news.calls import Ended
from tests.agents.upkeep.news.posts import NOW, Clock, Posts, an_endpoint, until_quiet
from tests.agents.upkeep.news.receiver import receiving

pytestmark = pytest.mark.unit


async def test_every_end_of_a_call_is_told_once(
    ended: Ended, webhooks: Webhooks, posts: Posts
) -> None:
    ended.stored("one")
    ended.stored("two", passed=False)
    ended.refused("three")
    await until_quiet(webhooks)
    ended.erased("one")
    await until_quiet(webhooks)
    assert sorted(posts.told()) == [
        ("call.erased", "one"),
        ("call.quarantined", "two"),
        ("call.refused", "three"),
        ("call.stored", "one"),
    ]
    assert await webhooks.look() is False
    assert len({headers["webhook-id"] for headers, _ in posts.came}) == 4


async def test_what_was_erased_meanwhile_is_told_without_its_facts_and_in_order(
    ended: Ended, webhooks: Webhooks, posts: Posts, clock: Clock
) -> None:
    posts.problems = [NotTakenError("http_503")]
    ended.stored("one")
    await webhooks.look()
    ended.erased("one")
    await until_quiet(webhooks)
    assert posts.came == []  # the end waits for the beginning
    clock.now += timedelta(minutes=1)
    await until_quiet(webhooks)
    assert posts.told() == [("call.stored", "one"), ("call.erased", "one")]
    stored = posts.came[0][1]["data"]
    assert stored["erased"] is True
    assert "duration_ms" not in stored


async def test_a_call_that_is_not_taken_holds_no_other_up(
    ended: Ended, webhooks: Webhooks, posts: Posts
) -> None:
    ended.stored("one")
    posts.problems = [NotTakenError("timeout")]
    await webhooks.look()
    ended.stored("two")
    await until_quiet(webhooks)
    assert posts.told() == [("call.stored", "two")]


async def test_it_is_tried_for_a_day_under_one_id_then_given_up_then_tried_by_command(
    ended: Ended, webhooks: Webhooks, posts: Posts, clock: Clock
) -> None:
    queue = WebhookQueue(ended.ledger.database)
    ended.stored("one")
    posts.always = NotTakenError("http_500")
    tries = []
    while queue.counts() != (0, 1):
        await webhooks.look()
        tries.append(clock.now)
        rows = queue.waiting()
        clock.now = max(clock.now + timedelta(seconds=1), rows[0].due) if rows else clock.now
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(tries)]
    assert 2 <= waits[0] <= 10
    assert max(waits) <= 1.5 * LONGEST_WAIT_S + 1
    assert all(later > earlier / 2 for earlier, later in pairwise(waits[:7]))
    assert timedelta(days=1) <= tries[-1] - tries[0] <= timedelta(days=1, hours=2)
    assert 20 < len(tries) < 60
    (dead,) = queue.waiting(dead=True)
    assert (dead.problem, dead.attempts) == ("http_500", len(tries))

    clock.now += timedelta(days=9)
    assert await webhooks.look() is False  # a dead one stays where it is
    assert queue.revive(call_id="other") == 0
    assert queue.revive(call_id="one") == 1
    posts.always = None
    await until_quiet(webhooks)
    assert posts.told() == [("call.stored", "one")]
    assert queue.counts() == (0, 0)


async def test_one_that_is_given_up_lets_the_call_s_end_be_told(
    ended: Ended, webhooks: Webhooks, posts: Posts, clock: Clock
) -> None:
    queue = WebhookQueue(ended.ledger.database)
    ended.stored("one")
    posts.always = NotTakenError("http_500")
    while queue.counts() != (0, 1):
        await webhooks.look()
        clock.now += timedelta(hours=2)
    posts.always = None
    ended.erased("one")
    await until_quiet(webhooks)
    assert posts.told() == [("call.erased", "one")]
    assert queue.drop(call_id="one") == 1


async def test_a_restart_goes_on(
    ended: Ended, webhooks: Webhooks, posts: Posts, clock: Clock, secrets: Path
) -> None:
    posts.always = NotTakenError("connection")
    ended.stored("one")
    await webhooks.look()
    ended.stored("two")  # and the process ends before it is even queued
    clock.now += timedelta(minutes=5)
    again = Posts()
    await until_quiet(Webhooks(an_endpoint(secrets), ended.vault, Metrics(), again))
    assert sorted(again.told()) == [("call.stored", "one"), ("call.stored", "two")]


async def test_two_workers_share_a_queue(
    ended: Ended, webhooks: Webhooks, posts: Posts, secrets: Path
) -> None:
    other = Webhooks(an_endpoint(secrets), ended.vault, Metrics(), posts)
    for number in range(20):
        ended.stored(f"c-{number}")
    await asyncio.gather(until_quiet(webhooks), until_quiet(other))
    assert sorted(posts.told()) == sorted(("call.stored", f"c-{n}") for n in range(20))


async def test_one_that_stopped_in_the_middle_is_tried_again_after_its_lease(
    ended: Ended, webhooks: Webhooks, posts: Posts, clock: Clock, secrets: Path
) -> None:
    ended.stored("one")
    queue = WebhookQueue(ended.ledger.database)
    webhooks._fill()
    assert len(queue.claim(8, an_endpoint(secrets).lease)) == 1  # and the process is killed
    await webhooks.look()
    assert posts.came == []
    clock.now += an_endpoint(secrets).lease
    await until_quiet(webhooks)
    assert posts.told() == [("call.stored", "one")]


async def test_one_that_is_stopped_in_order_hands_back_what_it_held(
    ended: Ended, webhooks: Webhooks, posts: Posts
) -> None:
    ended.stored("one")

    async def hang(*_: object) -> None:
        await asyncio.sleep(60)

    posts.post = hang  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(webhooks.look())
    while not WebhookQueue(ended.ledger.database).waiting():  # noqa: ASYNC110 - another thread's work
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    again = Posts()
    webhooks._posts = again
    await webhooks.close()
    assert again.told() == [("call.stored", "one")]
    assert again.closed


async def test_what_happened_before_is_told_to_nobody_and_what_is_old_neither(
    ended: Ended, secrets: Path, posts: Posts, clock: Clock
) -> None:
    ended.stored("before")
    made = Webhooks(an_endpoint(secrets), ended.vault, Metrics(), posts)
    await until_quiet(made)
    ended.stored("old")
    clock.now += timedelta(days=8)
    ended.stored("new")
    await until_quiet(made)
    assert posts.told() == [("call.stored", "new")]


async def test_a_retry_after_is_obeyed(
    ended: Ended, webhooks: Webhooks, posts: Posts, clock: Clock
) -> None:
    posts.problems = [NotTakenError("http_429", 600)]
    ended.stored("one")
    await webhooks.look()
    clock.now += timedelta(seconds=599)
    await webhooks.look()
    assert posts.came == []
    clock.now += timedelta(seconds=2)
    await webhooks.look()
    assert posts.told() == [("call.stored", "one")]


async def test_secrets_are_replaced_without_a_restart_and_missing_ones_lose_nothing(
    ended: Ended, webhooks: Webhooks, posts: Posts, secrets: Path
) -> None:
    new = "whsec_" + "QUJD" * 11
    ended.stored("one")
    text = secrets.read_text()  # noqa: ASYNC240 - a test
    secrets.write_text("")  # noqa: ASYNC240 - as above
    with pytest.raises(SettingsError):
        await webhooks.look()
    secrets.write_text(f"{new}\n{text}")  # noqa: ASYNC240 - as above
    await until_quiet(webhooks)
    ((headers, body),) = posts.came
    told = headers["webhook-signature"].split(" ")
    assert len(told) == 2
    raw = notices.as_json(body)
    expected = signed(headers["webhook-id"], int(NOW.timestamp()), raw, read_secrets(secrets))
    assert headers == expected


async def test_a_store_that_is_away_is_no_attempt(
    ended: Ended, webhooks: Webhooks, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended.stored("one")

    def away(*_: object) -> bytes:
        raise StoreError("away")

    with monkeypatch.context() as patched:
        patched.setattr(notices, "body", away)
        with pytest.raises(StoreError):
            await webhooks.look()
    await until_quiet(webhooks)
    assert posts.told() == [("call.stored", "one")]


async def test_a_fault_of_ours_is_counted_and_tried_again(
    ended: Ended, secrets: Path, posts: Posts, clock: Clock
) -> None:
    metrics = Metrics()
    made = Webhooks(an_endpoint(secrets), ended.vault, metrics, posts)
    await made.look()
    posts.problems = [RuntimeError("bug")]
    ended.stored("one")
    await made.look()
    assert metrics.webhooks_failed.labels("internal")._value.get() == 1
    assert metrics.webhooks_waiting._value.get() == 1
    clock.now += timedelta(minutes=1)
    await until_quiet(made)
    assert metrics.webhooks_sent.labels("call.stored")._value.get() == 1
    assert metrics.webhooks_waiting._value.get() == 0


async def test_a_body_that_can_t_be_made_holds_no_other_call_up(
    ended: Ended, webhooks: Webhooks, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = notices.body

    def made(notice: Notice, vault: Vault, included: tuple[str, ...]) -> bytes:
        if notice.call_id == "one":
            raise RuntimeError("bug")
        return make(notice, vault, included)

    monkeypatch.setattr(notices, "body", made)
    ended.stored("one")
    ended.stored("two")
    await until_quiet(webhooks)
    assert posts.told() == [("call.stored", "two")]
    assert [one.attempts for one in webhooks._queue.waiting()] == [1]


def test_it_is_given_up_only_after_time_and_tries() -> None:
    notice = Notice("msg_1", 1, "one", "call.stored", "", {})
    fresh = Waiting(notice, NOW, NOW, 0, None, None)
    assert next_try(fresh, NOW + 400 * GIVE_UP) is not None  # a clock that jumped
    tried = replace(fresh, attempts=LEAST_ATTEMPTS - 1)
    assert next_try(tried, NOW + GIVE_UP) is None
    assert next_try(tried, NOW + GIVE_UP / 2) is not None
    assert next_try(replace(fresh, attempts=10**6), NOW) is not None


def test_settings_that_are_no_endpoint(secrets: Path) -> None:
    assert endpoint(None, None) is None
    assert endpoint("", secrets) is None
    with pytest.raises(SettingsError, match="webhook_secrets"):
        endpoint("https://example.com/", None)
    with pytest.raises(SettingsError, match="private"):
        endpoint("https://10.0.0.1/", secrets)
    made = endpoint("https://10.0.0.1/", secrets, networks="10.0.0.0/8", included=("transcript",))
    assert made is not None
    assert made.included == ("transcript",)


async def test_a_test_message_comes_by_the_same_way(secrets: Path) -> None:
    async with receiving() as receiver:
        await send_test(Endpoint(Target.of(receiver.url), secrets), "test-1")
        ((headers, body),) = receiver.came
    told = json.loads(body)
    assert (told["type"], told["data"]) == ("webhook.test", {})
    at = int(headers["webhook-timestamp"])
    made = signed(headers["webhook-id"], at, body, read_secrets(secrets))
    assert headers["webhook-signature"] == made["webhook-signature"]


def test_the_follower_s_name_fits_its_column() -> None:
    assert len(FOLLOWER) <= 16
