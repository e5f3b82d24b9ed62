"""``hushwire webhooks`` as somebody runs it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.cli.main import app
from agents.database.webhook_queue import WebhookQueue
from agents.upkeep.news import notices
from pipeline.errors import InputError, SettingsError
from tests.agents.storing import new_ledger
from tests.agents.upkeep.news.calls import Ended
from tests.agents.upkeep.news.receiver import receiving


def webhooks(*arguments: str, error: type[Exception] | None = None) -> Result:
    result = CliRunner().invoke(app, ["webhooks", *arguments], catch_exceptions=True)
    if error is not None:
        assert isinstance(result.exception, error), result.exception
    return result


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WebhookQueue:
    """One that waits and one that was given up, in the working folder's installation."""
    monkeypatch.chdir(tmp_path)
    ledger = new_ledger(tmp_path / ".hushwire")
    ended, queue = Ended(ledger, tmp_path / "vault"), WebhookQueue(ledger.database)
    since = ledger.database.now() - timedelta(days=1)
    queue.follow(notices.KINDS, notices.notice_of, since)
    ended.refused("waits", "consent")
    ended.stored("dead")
    queue.follow(notices.KINDS, notices.notice_of, since)
    (given_up,) = queue.waiting(call_id="dead")
    queue.failed(given_up.notice.message_id, "http_500", None)
    return queue


@pytest.mark.unit
def test_what_is_not_delivered_is_listed_without_content(queue: WebhookQueue) -> None:
    rows = [json.loads(line) for line in webhooks("list", "--json").stdout.splitlines()]
    assert [(row["call"], row["tells"], row["tries"], row["problem"]) for row in rows] == [
        ("waits", "call.refused", 0, ""),
        ("dead", "call.stored", 1, "http_500"),
    ]
    assert rows[1]["next"] == "given up"
    (only,) = webhooks("list", "--json", "--given-up").stdout.splitlines()
    assert json.loads(only) == rows[1]
    assert "2 webhooks not delivered, 1 given up" in webhooks("list").stdout


@pytest.mark.unit
def test_retry_and_drop(queue: WebhookQueue) -> None:
    for command in ("retry", "drop"):
        webhooks(command, error=SettingsError)
        webhooks(command, "--all", "--call", "dead", error=SettingsError)
    assert "0 webhooks" in webhooks("drop", "--call", "waits").stdout
    assert "1 webhooks are tried again" in webhooks("retry", "--call", "dead").stdout
    assert queue.counts() == (2, 0)
    (again,) = queue.waiting(call_id="dead")
    queue.failed(again.notice.message_id, "timeout", None)
    assert "1 webhooks forgotten" in webhooks("drop", "--all").stdout
    assert queue.counts() == (1, 0)


@pytest.mark.unit
def test_without_an_installation_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    webhooks("list", error=InputError)
    assert list(tmp_path.iterdir()) == []
    webhooks("test", error=SettingsError)


async def test_a_first_try_needs_no_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    secrets = tmp_path / "secrets"
    secrets.write_text("whsec_" + "QUJD" * 11)
    secrets.chmod(0o600)
    async with receiving() as told:
        monkeypatch.setenv("HUSHWIRE_WEBHOOK_URL", told.url)
        monkeypatch.setenv("HUSHWIRE_WEBHOOK_SECRETS", str(secrets))
        told.answers = [200, 302]
        good = await asyncio.to_thread(webhooks, "test")
        bad = await asyncio.to_thread(webhooks, "test")
    assert (good.exit_code, bad.exit_code) == (0, 1), (good.output, bad.output)
    assert "taken" in good.stdout
    assert "http_302" in bad.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["secrets"]  # noqa: ASYNC240 - as above
