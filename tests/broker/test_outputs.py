"""What goes out of a worker: transcripts, webhooks, and the end of an erased call."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import CallState
from agents.runtime.events import ERASED
from agents.stages.vault import TRANSCRIPT
from agents.upkeep.erasure import REQUEST, erase
from agents.upkeep.news.signing import read_secrets, signed
from pipeline.evidence.redacted_transcript import RedactedTranscript
from tests.agents.upkeep.news.receiver import Receiver, receiving
from tests.broker import fakes
from tests.broker.harness import Installation, script
from tests.waiting import HANG_S, until

pytestmark = [pytest.mark.broker]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver in a thread of its own."""
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()
    found: list[Receiver] = []

    async def serve() -> None:
        async with receiving() as made:
            found.append(made)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(HANG_S)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(HANG_S)
        loop.close()


def webhooks(told: Receiver, secrets: Path) -> list[dict[str, Any]]:
    """Bodies of what came, each of which is signed rightly."""
    bodies = []
    for headers, body in told.came:
        at, name = int(headers["webhook-timestamp"]), headers["webhook-id"]
        made = signed(name, at, body, read_secrets(secrets))
        assert headers["webhook-signature"] == made["webhook-signature"]
        bodies.append(json.loads(body))
    return bodies


def events(installation: Installation, topic: str) -> list[tuple[dict[str, str], Any]]:
    return [
        ({name: value.decode() for name, value in one.headers()}, json.loads(one.value()))
        for one in installation.read(topic)
    ]


def test_calls_are_told_erased_ones_too_and_a_restart_repeats_nothing_else(
    installation: Installation,
) -> None:
    secrets = installation.folder / "webhook.secrets"
    secrets.write_text(f"whsec_{base64.b64encode(bytes(range(40))).decode()}\n")
    secrets.chmod(0o600)
    with receiver() as told:
        told.answers = [503]
        worker = installation.start(told={"WEBHOOK_OF_TEST": told.url})
        calls = {name: script(name, first=n) for n, name in enumerate(("first", "second"))}
        installation.interleave(list(calls.values()))
        states = installation.until_closed(calls)
        assert set(states.values()) == {CallState.STORED}, installation.log()
        until(lambda: len(told.came) >= 3, installation.log)

        topic = installation.topics.transcripts_redacted
        transcripts = events(installation, topic)
        assert sorted(one["call_id"] for _, one in transcripts) == ["first", "second"]
        for headers, one in transcripts:
            RedactedTranscript.model_validate_json(json.dumps(one))
            call_id = one["call_id"]
            assert headers["ce_id"] == f"{call_id}/{TRANSCRIPT}/1"
            assert headers["ce_dataclassification"] == "confidential"
            assert one["certificate"] == installation.vault.catalogue.get(call_id).certificate
            stored = json.loads(installation.kept(call_id, f"{call_id}.json"))
            assert [turn["text"] for turn in one["turns"]] == [
                turn["Content"] for turn in stored["Transcript"]
            ]
            said = {word for turn in one["turns"] for word in turn["text"].split()}
            assert {"[CARD_NUMBER]", *fakes.WORDS[5:]} <= said
            assert not said & fakes.DIGITS

        bodies = webhooks(told, secrets)
        assert {one["type"] for one in bodies} == {"call.stored"}
        assert {one["data"]["call_id"] for one in bodies} == {"first", "second"}
        assert all(one["data"]["transcript"]["turns"] for one in bodies)
        assert bodies[0]["data"]["silenced"]["CARD_NUMBER"] > 0

        # Erased by another process, which knows neither broker nor receiver.
        log = AuditLog(installation.ledger.database)
        erase(installation.vault, installation.ledger, log, "first", REQUEST)
        until(lambda: webhooks(told, secrets)[-1]["type"] == "call.erased", installation.log)
        gone = webhooks(told, secrets)[-1]["data"]
        assert gone == {"call_id": "first", "outcome": "erased", "why": "request"}
        news = installation.topics.calls_redacted
        until(
            lambda: any(head["ce_type"] == ERASED for head, _ in events(installation, news)),
            installation.log,
        )
        (erased,) = [body for head, body in events(installation, news) if head["ce_type"] == ERASED]
        assert erased == {"call_id": "first", "why": "request"}

        installation.stop(worker)
        before = len(told.came), len(installation.read(topic)), len(installation.read(news))
        again = installation.start(told={"WEBHOOK_OF_TEST": told.url})
        time.sleep(1.5)  # three looks for what is due
        installation.stop(again)
        after = len(told.came), len(installation.read(topic)), len(installation.read(news))
        assert after == before
    for word in ("[CARD_NUMBER]", "whsec_", told.url):
        assert word not in installation.log()


def test_by_default_no_transcript_leaves(installation: Installation) -> None:
    worker = installation.start()
    one = script("one")
    installation.send("one", [*one.chunks, one.end])
    installation.producer.flush()
    installation.until_closed(["one"])
    installation.stop(worker)
    assert installation.read(installation.topics.transcripts_redacted) == []
