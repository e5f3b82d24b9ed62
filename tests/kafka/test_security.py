"""Both clients against a real Apache Kafka that asks for TLS, a client certificate and SCRAM."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.app.faust_app import attach, make_app, port_of
from agents.database.call_ledger import Ledger
from agents.kafka.admin import cluster_state
from agents.kafka.producer import CallProducer
from agents.kafka.security import KafkaSecurity
from agents.kafka.topics import Topics, create_topics, reach_broker
from agents.runtime.stage_runtime import StageRuntime
from agents.runtime.steps import Late, Stage, Step
from agents.system.child_processes import without_core_dumps
from agents.system.logging import silence_libraries
from agents.system.metrics import Metrics
from pipeline.errors import BrokerError
from pipeline.policy.loading import load_policy
from pipeline.records.model import CallEnd, Record
from tests.certificates import Authority
from tests.kafka.broker import ApacheKafka, available
from tests.waiting import HANG_S

pytestmark = [pytest.mark.broker, pytest.mark.slow]

PASSWORD = "a-made-up-password"  # noqa: S105 - of the test's own broker
TOPICS = Topics.named("secured")
SECURED = """
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,FAR:SASL_SSL,CONTROLLER:PLAINTEXT
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},FAR://127.0.0.1:{{far}}
listener.name.far.ssl.keystore.type=PEM
listener.name.far.ssl.keystore.location={keystore}
listener.name.far.ssl.truststore.type=PEM
listener.name.far.ssl.truststore.location={truststore}
listener.name.far.ssl.client.auth=required
listener.name.far.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.far.scram-sha-512.sasl.jaas.config=\\
  org.apache.kafka.common.security.scram.ScramLoginModule required;
"""


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, KafkaSecurity]]:
    """The address of a broker, and what its clients have to know."""
    problem = available()
    if problem is not None:
        pytest.skip(f"NOT TESTED ON APACHE KAFKA: {problem}")
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder / "tls")
    server, client = authority.issue("server"), authority.issue("client", password=PASSWORD)
    keystore = folder / "keystore.pem"
    keystore.write_bytes(server.key.read_bytes() + server.certificate.read_bytes())
    secret = folder / "password"
    secret.write_text(PASSWORD, "utf-8")
    secret.chmod(0o600)
    broker = ApacheKafka(
        folder / "kafka",
        properties=SECURED.format(keystore=keystore, truststore=authority.ca),
        scram=(f"SCRAM-SHA-512=[name=hushwire,password={PASSWORD}]",),
    )
    with contextlib.ExitStack() as stack:
        stack.callback(broker.stop)
        broker.start()
        yield (
            f"127.0.0.1:{broker.far}",
            KafkaSecurity(
                protocol="SASL_SSL",
                ca=authority.ca,
                certificate=client.certificate,
                key=client.key,
                key_password_file=secret,
                username="hushwire",
                password_file=secret,
            ),
        )


class FirstRecord:
    """A call's core that tells when a record came."""

    held, done, wait_s = 0, False, None

    def __init__(self) -> None:
        self.came = asyncio.Event()

    def take(self, topic: str, record: Record) -> list[Step]:
        assert isinstance(record, CallEnd)
        self.came.set()
        return []

    def quiet(self) -> list[Step]:
        return []

    @property
    def late(self) -> Late:
        return Late()


async def test_a_record_goes_through_both_clients(
    secured: tuple[str, KafkaSecurity], tmp_path: Path
) -> None:
    silence_libraries()
    without_core_dumps()
    address, security = secured
    client = security.librdkafka()
    reach_broker(address, client=client)
    create_topics(address, TOPICS, partitions=2, client=client)
    assert set(cluster_state(address, TOPICS, client=client).topics) == set(TOPICS.all())
    ledger = Ledger.embedded(tmp_path)
    with CallProducer(address, TOPICS.audio_raw, client=client) as producer:
        producer.send(CallEnd("c1", 0, 0), ledger.open_call("c1").seal)

    core = FirstRecord()
    stage = Stage("mute", (TOPICS.audio_raw,), lambda *_: core)
    app = make_app(
        "secured-mute", address, partitions=2, longest_job_s=1.0, client_id="t", security=security
    )
    runtime = StageRuntime(
        stage,
        port_of(app),
        ledger=ledger,
        policies=lambda *_: load_policy("default"),
        pool=None,
        topics=TOPICS,
        metrics=Metrics(),
    )
    attach(app, runtime)
    watch = asyncio.create_task(runtime.watch())
    try:
        await app.start()
        async with asyncio.timeout(HANG_S):
            await core.came.wait()
        # Faust's own producer, too.
        sent = await port_of(app).send(TOPICS.audit, b"c1", b"{}", {})
        async with asyncio.timeout(HANG_S):
            await sent
    finally:
        watch.cancel()
        await runtime.stop()
        await asyncio.wait([asyncio.create_task(app.stop())], timeout=8)
        ledger.dispose()


def test_who_lacks_password_certificate_or_authority_is_turned_away(
    secured: tuple[str, KafkaSecurity], tmp_path: Path
) -> None:
    address, security = secured
    wrong = tmp_path / "wrong"
    wrong.write_text("another", "utf-8")
    wrong.chmod(0o600)
    stranger = Authority(tmp_path / "stranger")
    pair = stranger.issue("client")
    weaker = {
        "another password": replace(security, password_file=wrong),
        "no certificate": replace(security, certificate=None, key=None, key_password_file=None),
        "another's certificate": replace(
            security, certificate=pair.certificate, key=pair.key, key_password_file=None
        ),
        "another authority": replace(security, ca=stranger.ca),
        "in clear": KafkaSecurity(),
    }
    let_in = []
    for name, attempt in weaker.items():
        with contextlib.suppress(BrokerError):
            reach_broker(address, timeout_s=2.0, client=attempt.librdkafka())
            let_in.append(name)
    assert let_in == []
