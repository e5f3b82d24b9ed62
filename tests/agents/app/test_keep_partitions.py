"""The number of partitions is watched, whatever the broker is at meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from structlog.testing import capture_logs

from agents.app.consumers import Serving
from agents.kafka import topics
from agents.kafka.topics import Topics, keep_partitions
from agents.runtime.pulse import Pulse
from pipeline.errors import BrokerError
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

NAMES = Topics.named()


class Broker:
    """Stands in for librdkafka's client: one answer after another, then the last for ever."""

    def __init__(self, *answers: dict[str, int] | None) -> None:
        self._answers: Iterator[dict[str, int] | None] = iter(answers)
        self._last: dict[str, int] | None = None
        self.asked = 0

    def __call__(self, *_config: object) -> Broker:
        return self

    def list_topics(self, timeout: float) -> Any:  # noqa: ANN401 - as the library has it
        assert timeout
        self.asked += 1
        self._last = next(self._answers, self._last)
        if self._last is None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        shown = {
            name: SimpleNamespace(partitions=dict.fromkeys(range(count)))
            for name, count in self._last.items()
        }
        return SimpleNamespace(topics=shown)


def counts(**changed: int) -> dict[str, int]:
    return dict.fromkeys(NAMES.transit(), 4) | {
        getattr(NAMES, name): count for name, count in changed.items()
    }


async def kept(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "BrokerAdmin", broker)
    await asyncio.wait_for(keep_partitions("127.0.0.1:1", NAMES, 4, look_s=0.001), HANG_S)


@pytest.mark.parametrize("changed", [{"audio_raw": 8}, {"spans": 2}])
async def test_another_number_is_an_error(
    changed: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BrokerError, match="partitions, not 4"):
        await kept(Broker(counts(), counts(**changed)), monkeypatch)


async def test_a_broker_that_is_away_or_shows_nothing_yet_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = Broker(None, {}, counts(words=0), counts(), counts(words=5))
    with pytest.raises(BrokerError, match=r"hushwire\.words"):
        await kept(broker, monkeypatch)
    assert broker.asked == 5


async def test_an_outage_is_logged_once_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_logs() as logged, pytest.raises(BrokerError):
        await kept(Broker(counts(), None, None, counts(), counts(words=5)), monkeypatch)
    assert [(one["event"], one["log_level"]) for one in logged] == [
        ("broker away since its last answer", "warning"),
        ("broker is back", "warning"),
    ]


async def test_a_client_that_ends_before_it_has_partitions_is_not_waited_for() -> None:
    """Before, the worker waited for ever: nobody looked at a client that never became ready."""

    class Ended:
        started = False
        rebalancing = False
        rebalancing_count = 0
        conf = SimpleNamespace(id="h-mute")

        async def wait_until_stopped(self) -> None:
            await asyncio.sleep(0.01)

    serving = Serving()
    app: Any = Ended()
    reader: Any = SimpleNamespace(pulse=Pulse())
    serving._apps.append(app)
    serving._runtimes.append(reader)
    async with asyncio.timeout(HANG_S):
        assert await serving.until_assigned() is False
