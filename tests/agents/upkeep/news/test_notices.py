"""What a webhook tells of a call, and what it never does."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.database.webhook_queue import LogEntry, WebhookQueue
from agents.system.logging import configure_logging
from agents.system.metrics import Metrics
from agents.upkeep.news import notices
from agents.upkeep.news.posting import NotTakenError
from agents.upkeep.news.webhooks import Webhooks
from tests.agents.storing import new_ledger
from tests.agents.upkeep.news.calls import SECRET, Ended
from tests.agents.upkeep.news.posts import NOW, Clock, Posts, an_endpoint, until_quiet

pytestmark = pytest.mark.unit


async def test_what_a_body_tells_without_content(
    ended: Ended, webhooks: Webhooks, posts: Posts
) -> None:
    ended.stored("one")
    await until_quiet(webhooks)
    ((headers, body),) = posts.came
    facts = ended.vault.catalogue.get("one")
    data = body.pop("data")
    assert body == {"type": "call.stored", "timestamp": "2026-03-01T10:00:00.000+00:00"}
    assert data == {
        "call_id": "one",
        "outcome": "stored",
        "certificate": facts.certificate,
        "stored_at": "2026-03-01T10:00:00.000+00:00",
        "started_at": None,
        "duration_ms": 10_000,
        "retain_until": "2026-05-30T10:00:00.000+00:00",
        "policy": "default",
        "policy_version": facts.policy_version,
        "purpose": None,
        "marks": [],
        "silenced": {"CARD_NUMBER": 1, "PERSON": 2},
        "silenced_ms": 300,
        "checks_failed": [],
    }
    assert SECRET not in json.dumps(data)
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))


async def test_refused_and_quarantined_and_erased_say_why(
    ended: Ended, webhooks: Webhooks, posts: Posts
) -> None:
    ended.refused("one", "consent")
    ended.stored("two", passed=False)
    await until_quiet(webhooks)
    ended.erased("two")
    await until_quiet(webhooks)
    told = {body["type"]: body["data"] for _, body in posts.came}
    assert told["call.refused"] == {
        "call_id": "one",
        "outcome": "refused",
        "stage": "transcribe",
        "code": "consent",
    }
    assert told["call.quarantined"]["checks_failed"] == ["leaks"]
    assert told["call.erased"] == {"call_id": "two", "outcome": "erased", "why": "request"}


async def test_the_transcript_only_where_it_is_asked_for(
    ended: Ended, secrets: Path, posts: Posts
) -> None:
    asked = Webhooks(
        an_endpoint(secrets, "transcript", "recorder_id"), ended.vault, Metrics(), posts
    )
    await asked.look()
    ended.stored("one")
    ended.stored("two", passed=False)
    await until_quiet(asked)
    told = {body["data"]["call_id"]: body["data"] for _, body in posts.came}
    turns = told["one"]["transcript"]["turns"]
    assert [turn["text"] for turn in turns] == [
        "What's your number?",
        "It is [CARD_NUMBER] thanks.",
    ]
    assert told["one"]["recorder_id"] == ""
    assert "transcript" not in told["two"]


async def test_a_transcript_that_is_asked_for_is_never_in_the_database(
    ended: Ended, secrets: Path, posts: Posts, tmp_path: Path
) -> None:
    posts.always = NotTakenError("http_503")
    asked = Webhooks(an_endpoint(secrets, "transcript"), ended.vault, Metrics(), posts)
    await asked.look()
    ended.stored("one")
    await asked.look()
    assert WebhookQueue(ended.ledger.database).counts() == (1, 0)
    for file in (tmp_path / "state").iterdir():
        assert b"thanks" not in file.read_bytes()


async def test_a_damaged_certificate_is_told_as_such(
    ended: Ended, webhooks: Webhooks, posts: Posts, tmp_path: Path
) -> None:
    ended.stored("one")
    path = tmp_path / "vault" / "calls" / "one" / "one.certificate.json"
    path.write_bytes(path.read_bytes() + b" ")
    await until_quiet(webhooks)
    ((_, body),) = posts.came
    assert body["data"]["unreadable"] is True
    assert body["data"]["duration_ms"] == 10_000
    assert "silenced" not in body["data"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    problems=st.lists(
        st.sampled_from(["http_500", "timeout", "address", "boom", ""]), min_size=1, max_size=6
    ),
    included=st.sets(st.sampled_from(["transcript", "recorder_id"])),
)
async def test_nothing_of_a_body_is_logged(
    problems: list[str],
    included: set[str],
    tmp_path_factory: pytest.TempPathFactory,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure_logging("debug")
    folder = tmp_path_factory.mktemp("logged")
    ledger = new_ledger(folder / "state")
    clock = Clock()
    ledger.database.now = clock
    secrets = folder / "secrets"
    secrets.write_text("whsec_" + "QUJD" * 11)
    secrets.chmod(0o600)
    posts = Posts()
    posts.problems = [
        RuntimeError(f"body was {SECRET} thanks") if one == "boom" else NotTakenError(one)
        for one in problems
        if one
    ]
    ended = Ended(ledger, folder / "vault")
    made = Webhooks(an_endpoint(secrets, *included), ended.vault, Metrics(), posts)
    caplog.set_level(logging.DEBUG)
    await made.look()
    ended.stored("one")
    for _ in problems:
        await until_quiet(made)
        clock.now += timedelta(hours=2)
    ledger.dispose()
    out, err = capfd.readouterr()
    for text in (out, err, caplog.text):
        for word in (SECRET, "thanks", "CARD_NUMBER", "QUJD", "hooks.example.com", "silenced"):
            assert word not in text
    if posts.problems != [] or any(problems):
        assert "webhook not taken" in err


@pytest.mark.parametrize(
    ("kind", "facts", "told"),
    [
        ("call-closed", {"state": "stored"}, "call.stored"),
        ("call-closed", {"state": "quarantined"}, "call.quarantined"),
        ("call-closed", {"state": "other"}, None),
        ("call-refused", {"state": "refused", "code": "x"}, "call.refused"),
        ("call-expired", {"owner": "host/7"}, "call.refused"),
        ("call-erased", {"why": "request"}, "call.erased"),
        ("call-exported", {"by": "somebody"}, None),
    ],
)
def test_of_which_entries_is_told(kind: str, facts: dict[str, str], told: str | None) -> None:
    entry = LogEntry(7, "2026", "one/x", "one", f"hushwire.audit.{kind}.v1", facts)
    notice = notices.notice_of(entry)
    assert (notice.kind if notice else None) == told
    if notice is not None:
        assert "owner" not in notice.facts
        assert "." not in notice.message_id
        assert notice.message_id == notices.message_id("one/x") != notices.message_id("one/y")
