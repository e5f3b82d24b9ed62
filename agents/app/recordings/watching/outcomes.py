"""What became of calls, as the topic of ended calls tells: read from its beginning, by one thread.

Needs the right to read that topic and nothing else; no offset is stored. What it tells decides that
an original may go, so only workers may write to it (docs/connect/folder.md).
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from agents.runtime.events import KNOWN, REFUSED
from agents.stages.vault import REDACTED
from pipeline.records.call_names import valid_call_id

STORED: Final = "stored"
_FINAL: Final = frozenset({STORED, "quarantined", "refused", "erased"})
"""States after which nothing more comes."""
_KINDS: Final = frozenset({REDACTED, REFUSED, KNOWN})
MOST: Final = 100_000
"""Calls that are remembered. An older one is sent again, and then told again."""
_LARGEST: Final = 65_536
"""Bytes of an event; ours have some hundred."""
_LOOK_S: Final = 60.0
"""How often is looked for new partitions."""
_AGAIN_S: Final = 2.0
_WAIT_S: Final = 0.5
_BATCH: Final = 500
_TIMEOUT_S: Final = 10.0
"""A broker that answers nothing for that time is away."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended."""

    state: str
    """``stored``, ``quarantined``, ``refused`` or ``erased``."""
    code: str = ""
    """Why it was refused, in a word."""
    whole: bool = False
    """Of a stored one: whether it is told that nothing of the call is missing."""


class Outcomes(Protocol):
    """Knows how calls ended."""

    def of(self, call_id: str) -> Ended | None:
        """How a call ended; None: not yet, or nobody told."""
        ...


class OutcomeTopic:
    """See ``Outcomes``; a context manager.

    Args:
        bootstrap: ``host:port[,…]``.
        topic: of ended calls.
        client: further librdkafka settings.
        most: calls that are remembered.
        tell: takes a line for people: the broker is away, or is back; from the thread.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        *,
        client: dict[str, str] | None = None,
        most: int = MOST,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._topic, self._most, self._tell = topic, most, tell
        self._look = 0.0
        """When the broker is asked next."""
        self._away = False
        self._settings: dict[str, Any] = {
            **(client or {}),
            "bootstrap.servers": bootstrap,
            "group.id": f"hushwire-watch-{secrets.token_hex(8)}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            # It would write lines of its own on stderr, many a second while the broker is away.
            "log_level": 0,
            "reconnect.backoff.max.ms": 5_000,
            "error_cb": self._failed,
        }
        self._known: OrderedDict[str, Ended] = OrderedDict()
        self._lock = threading.Lock()
        self._over, self._read = threading.Event(), threading.Event()
        self._places: dict[int, int] = {}
        self._unread: set[int] = set()
        self._thread = threading.Thread(target=self._follow, name="outcomes", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def caught_up(self, timeout_s: float) -> bool:
        """Wait until all that was on the topic was read; whether it was, in that time."""
        return self._read.wait(timeout_s)

    def of(self, call_id: str) -> Ended | None:
        """See ``Outcomes``."""
        with self._lock:
            return self._known.get(call_id)

    def _follow(self) -> None:
        consumer = Consumer(self._settings)
        try:
            while not self._over.is_set():
                try:
                    if time.monotonic() >= self._look:
                        found = self._assign(consumer)
                        self._look = time.monotonic() + (_LOOK_S if found else _AGAIN_S)
                        self._answers(yes=True)
                    for message in consumer.consume(_BATCH, _WAIT_S):
                        self._hear(message)
                except KafkaException:
                    # The client comes back by itself.
                    self._answers(yes=False)
                    self._over.wait(_AGAIN_S)
        finally:
            consumer.close()

    def _failed(self, error: KafkaError) -> None:
        """Hear from the client, in the thread: where no broker is left, ask at once."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - its public name
            self._look = 0.0

    def _answers(self, *, yes: bool) -> None:
        """Tell when the broker goes away, and when it comes back."""
        if yes is self._away:
            self._away = not yes
            self._tell("the broker is back" if yes else "waits: the broker is away")

    def _assign(self, consumer: Consumer) -> bool:
        """Read all partitions, also those that were added; whether there are any."""
        topic = consumer.list_topics(self._topic, _TIMEOUT_S).topics[self._topic]
        there = set(topic.partitions) if topic.error is None else set[int]()
        new = there - self._places.keys()
        if new:
            self._places |= dict.fromkeys(new, OFFSET_BEGINNING)
            self._unread |= new
            consumer.assign([TopicPartition(self._topic, *place) for place in self._places.items()])
        return bool(there)

    def _hear(self, message: Message) -> None:
        partition, error = message.partition(), message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF and partition is not None:  # noqa: SLF001 - its public name
                self._unread.discard(partition)
                if not self._unread:
                    self._read.set()
            return
        if partition is not None:
            self._places[partition] = (message.offset() or 0) + 1
        told = parsed(message.key(), dict(message.headers() or ()), message.value())
        if told is None:
            return
        call_id, ended = told
        with self._lock:
            self._known[call_id] = ended
            self._known.move_to_end(call_id)
            while len(self._known) > self._most:
                self._known.popitem(last=False)


def parsed(
    key: str | bytes | None, headers: dict[str, bytes | str | None], value: str | bytes | None
) -> tuple[str, Ended] | None:
    """The call of an event and how it ended; None where it tells of no end."""
    kind = headers.get("ce_type")
    kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else kind
    call_id = key.decode("ascii", "replace") if isinstance(key, bytes) else key or ""
    if kind not in _KINDS or not valid_call_id(call_id) or not value or len(value) > _LARGEST:
        return None
    try:
        facts = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(facts, dict) or facts.get("call_id") != call_id:
        return None
    state, code = facts.get("state"), facts.get("code", "")
    if not (isinstance(state, str) and state in _FINAL and isinstance(code, str)):
        return None
    whole = facts.get("whole") is True
    return call_id, Ended(state, code if code.isascii() and code.isidentifier() else "", whole)
