"""A broker that does not answer is told with cause and address, whichever client asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException

from agents.kafka.admin import cluster_state
from agents.kafka.lag import LagReader
from agents.kafka.reaching import BrokerAdmin, Told, away
from agents.kafka.topics import Topics, reach_broker
from pipeline.errors import BrokerError

pytestmark = pytest.mark.unit


@pytest.fixture
def closed() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_every_client_names_cause_and_address(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.kafka.admin.ANSWER_S", 0.5)
    for ask in (
        lambda: reach_broker(closed, timeout_s=0.5),
        lambda: cluster_state(closed, Topics.named()),
        lambda: LagReader(closed, answer_s=0.5).read({"g": ("t",)}, ()),
    ):
        with pytest.raises(BrokerError) as caught:
            ask()
        told = f"can't reach Kafka at {closed}: connection refused; check the address"
        assert str(caught.value).startswith(told)


def test_a_name_that_nobody_has_is_told() -> None:
    with pytest.raises(BrokerError, match=r"at nowhere\.invalid:9092: no such host name;"):
        reach_broker("nowhere.invalid:9092", timeout_s=0.5)


def test_a_server_that_speaks_no_tls_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"

        def answer() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(BrokerError) as caught:
            reach_broker(where, timeout_s=1.0, client={"security.protocol": "SSL"})
        assert f"{where}: TLS is not spoken as the settings say" in str(caught.value)
        server.shutdown(socket.SHUT_RDWR)


def test_a_refusal_is_no_broker_that_is_away(closed: str) -> None:
    refused = KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    told = str(away(closed, refused, "connection refused"))
    assert told.startswith(f"Kafka at {closed} refuses: topic authorization failed;")
    assert "connection refused" not in told


def test_a_time_out_alone_says_so(closed: str) -> None:
    assert f"at {closed}: no answer;" in str(away(closed, TimeoutError()))


def test_what_says_nothing_leaves_the_cause_that_is_known() -> None:
    told = Told()
    told(KafkaError(KafkaError._RESOLVE, "Failed to resolve 'x': Name or service not known"))
    told(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    assert told.why == "no such host name"


def test_the_settings_of_a_client_are_its_own(closed: str) -> None:
    given = {"client.id": "mine"}
    BrokerAdmin(closed, given)
    assert given == {"client.id": "mine"}


def test_what_a_client_is_told_does_not_pile_up(closed: str) -> None:
    """A worker asks for as long as its broker is away."""
    admin = BrokerAdmin(closed)
    for _ in range(3):
        with pytest.raises(KafkaException):
            admin.list_topics(timeout=0.3)
    assert admin._told.why == "connection refused"  # heard without anybody asking why
