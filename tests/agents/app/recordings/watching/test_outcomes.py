"""What the topic of ended calls tells; anything else on it tells nothing."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from agents.app.recordings.watching import outcomes
from agents.app.recordings.watching.outcomes import Ended, OutcomeTopic, parsed
from agents.kafka.topics import Topics
from agents.runtime.events import KNOWN, event, refusal
from agents.runtime.steps import EmitEvent
from agents.stages.vault import REDACTED
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

TOPICS = Topics.named()
FACTS = {"call_id": "c", "state": "stored"}


def told(tell: EmitEvent) -> tuple[str, Ended] | None:
    message = event(tell)
    return parsed(message.key, dict(message.headers), message.value)


@pytest.mark.parametrize("state", ["stored", "quarantined"])
def test_the_vaults_events_are_understood(state: str) -> None:
    facts = {"call_id": "c", "state": state, "files": 4, "certificate": "ab"}
    assert told(EmitEvent(TOPICS.calls_redacted, "c", REDACTED, facts)) == ("c", Ended(state))


@pytest.mark.parametrize(
    ("more", "whole"),
    [
        ({"whole": True, "marks": []}, True),
        ({"whole": False, "marks": ["idle"]}, False),
        ({"whole": "true"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("kind", [REDACTED, KNOWN])
def test_a_stored_call_is_whole_where_that_is_told(
    kind: str, more: dict[str, object], *, whole: bool
) -> None:
    tell = EmitEvent(TOPICS.calls_redacted, "c", kind, {"call_id": "c", "state": "stored", **more})
    assert told(tell) == ("c", Ended("stored", whole=whole))


def test_a_refusal_is_understood() -> None:
    _, tell = refusal(TOPICS, "c", "admit", "clear_transit", {}, at="2026-01-01")
    assert told(tell) == ("c", Ended("refused", "clear_transit"))


def test_an_open_call_has_not_ended() -> None:
    tell = EmitEvent(TOPICS.calls_redacted, "c", KNOWN, {"call_id": "c", "state": "open"})
    assert told(tell) is None
    tell = EmitEvent(TOPICS.calls_redacted, "c", KNOWN, {"call_id": "c", "state": "erased"})
    assert told(tell) == ("c", Ended("erased"))


@pytest.mark.parametrize(
    ("key", "kind", "value"),
    [
        (b"other", REDACTED, FACTS),
        (b"c", "hushwire.call.loud.v1", FACTS),
        (b"c", None, FACTS),
        (b"../c", REDACTED, {**FACTS, "call_id": "../c"}),
        (None, REDACTED, FACTS),
        (b"c", REDACTED, ["stored"]),
        (b"c", REDACTED, {**FACTS, "state": ["stored"]}),
        (b"c", REDACTED, {**FACTS, "state": "Stored"}),
        (b"c", REDACTED, {**FACTS, "pad": "x" * 70_000}),
    ],
)
def test_what_is_no_event_of_ours_tells_nothing(
    key: bytes | None, kind: str | None, value: object
) -> None:
    headers: dict[str, bytes | str | None] = {"ce_type": kind.encode() if kind else None}
    assert parsed(key, headers, json.dumps(value).encode()) is None


@given(st.binary(max_size=60), st.binary(max_size=200))
def test_any_bytes_have_an_answer(key: bytes, value: bytes) -> None:
    assert parsed(key, {"ce_type": REDACTED.encode()}, value) is None
    deep = b"[" * 30_000
    assert parsed(b"c", {"ce_type": REDACTED}, deep) is None


def test_a_code_is_a_word_or_nothing() -> None:
    value = json.dumps({**FACTS, "state": "refused", "code": "4111 1111"}).encode()
    assert parsed(b"c", {"ce_type": REDACTED}, value) == ("c", Ended("refused", ""))


def test_a_broker_that_goes_away_and_comes_back_is_told_once_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also while nothing is sent; the client itself writes nothing."""
    lines: list[str] = []
    back = threading.Event()
    answers = iter([True, False, False, True])

    class Client:
        def __init__(self, settings: dict[str, Any]) -> None:
            assert settings["log_level"] == 0
            self.failed = settings["error_cb"]

        def list_topics(self, topic: str, _timeout: float) -> Any:  # noqa: ANN401 - as the library has it
            if not next(answers, True):
                raise KafkaException(KafkaError(KafkaError._TRANSPORT))
            return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions={0: 0})})

        def assign(self, _: object) -> None:
            pass

        def consume(self, *_: object) -> list[object]:
            self.failed(KafkaError(KafkaError._ALL_BROKERS_DOWN))
            return []

        def close(self) -> None:
            pass

    def tell(line: str) -> None:
        lines.append(line)
        if "back" in line:
            back.set()

    monkeypatch.setattr(outcomes, "Consumer", Client)
    monkeypatch.setattr(outcomes, "_AGAIN_S", 0.001)
    with OutcomeTopic("k:9092", "t", tell=tell):
        assert back.wait(HANG_S)
    assert lines == ["waits: the broker is away", "the broker is back"]
