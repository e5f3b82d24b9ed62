"""One trace a call through all stages, without content; off, dead and resumed."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agents.crypto.transit_hybrid import TransitPrivate, write_public
from agents.database.call_ledger import CallState
from agents.kafka.call_sender import CallSender, new_call_id
from agents.system.tracing import otlp
from agents.system.tracing.otlp import exporting
from agents.system.tracing.trace_context import HEADER, read, span_of, trace_of
from agents.system.tracing.tracer import ATTRIBUTES
from benchmarks.gateways import audiosocket_client
from pipeline.gateways.door.model import CallHeader
from pipeline.gateways.events import Codec
from pipeline.records.model import Role
from pipeline.records.stages import STAGES
from tests.broker import fakes
from tests.broker.canaries import WORDS
from tests.broker.forked import Started
from tests.broker.harness import ALL, WITH_DOOR, Installation, Script, script
from tests.broker.test_log_level import running
from tests.broker.test_outputs import receiver
from tests.broker.test_stopping import figure, logged
from tests.collector import Collector, Seen, collecting
from tests.ports import free_port
from tests.waiting import HANG_S, until

pytestmark = [pytest.mark.broker]

NUMBER, RECORDER = "+4915112345678", "Mrs Example 20260101.wav"
BELOW = dict(zip(STAGES[1:], STAGES, strict=False))


@contextmanager
def sending(installation: Installation) -> Iterator[CallSender]:
    private = TransitPrivate.load_or_create(installation.folder / "state" / "transit-private.json")
    topic = installation.topics.audio_in
    with CallSender(installation.bootstrap, topic, private.public) as made:
        yield made


def send(sender: CallSender, one: Script, call_id: str) -> None:
    roles = (Role.AGENT, Role.CUSTOMER)
    header = CallHeader(
        call_id, fakes.RATE, roles, Codec.L16, recorder_id=RECORDER, numbers=(NUMBER,)
    )  # fmt: skip
    call = sender.open(header)
    for chunk in one.chunks:
        call.send_waiting(chunk.pcm.astype("<i2").tobytes(), len(chunk.pcm))
    call.end()
    call.wait()


def until_told(collector: Collector, calls: list[str], name: str = "vault") -> None:
    """The last stage of every call was told."""
    wanted = {f"{trace_of(one):032x}" for one in calls}
    until(
        lambda: {one.trace for one in collector.spans if one.name == name} >= wanted,
        lambda: Counter(one.name for one in collector.spans),
        every_s=0.1,
    )


def by_name(spans: list[Seen], call_id: str) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = defaultdict(list)
    for one in spans:
        if one.trace == f"{trace_of(call_id):032x}":
            found[one.name].append(one)
    return found


def test_a_call_is_one_trace_from_the_gateway_to_the_webhook(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = installation.folder / "webhook.secrets"
    secrets.write_text("whsec_" + "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" + "\n")
    secrets.chmod(0o600)
    port = free_port()
    with collecting() as collector, receiver() as hook:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        told = {
            "TRACING_OF_TEST": "otlp",
            "WEBHOOK_OF_TEST": hook.url,
            "METRICS_OF_TEST": str(port),
            "SCRIPTED_WORDS": " ".join(WORDS),
        }
        worker = installation.start(WITH_DOOR, told=told)
        calls = [new_call_id(), new_call_id()]
        tracing = exporting("otlp", "hushwire-gateway", sender="gateway")
        with tracing, sending(installation) as sender:
            for place, call_id in enumerate(calls):
                send(sender, script(call_id, first=place), call_id)
        states = installation.until_closed(calls)
        assert set(states.values()) == {CallState.STORED}, installation.log()
        until_told(collector, calls, "webhook")
        assert figure(port, 'hushwire_trace_spans_total{what="sent"}') > 0
        installation.stop(worker)
        spans = collector.spans
        written = collector.written

    for call_id in calls:
        found = by_name(spans, call_id)
        names = {name: len(each) for name, each in found.items()}
        assert names.pop("listen") >= 4
        assert names == dict.fromkeys(["gateway", *STAGES, "webhook"], 1)
        stages = {name: found[name][0] for name in names}
        assert stages["gateway"].parent == ""
        assert stages["admit"].parent == stages["gateway"].span
        for stage, before in BELOW.items():
            assert stages[stage].parent == stages[before].span, stage
        assert stages["webhook"].parent == stages["vault"].span
        listened = {stages["transcribe"].span, stages["verify"].span}
        assert {one.parent for one in found["listen"]} == listened
        told_ids = {one.attributes["hushwire.call_id"] for each in found.values() for one in each}
        assert told_ids == {call_id}
        assert stages["vault"].attributes["hushwire.outcome"] == "stored"
        assert stages["gateway"].attributes["hushwire.outcome"] == "sent"
        assert stages["detect"].attributes["hushwire.policy"].startswith("default ")
        assert stages["transcribe"].attributes["hushwire.windows"] == sum(
            one.parent == stages["transcribe"].span for one in found["listen"]
        )
        assert not any(one.failed for one in stages.values())
        assert all(0 <= one.took < 60 for one in stages.values())
        _assert_headers(installation, call_id)
        lines = [one for one in _lines(installation) if one.get("call_id") == call_id]
        assert {one["trace_id"] for one in lines} == {f"{trace_of(call_id):032x}"}
        assert {one["stage"] for one in lines} >= set(STAGES)
    _assert_no_content(spans, written)


def _lines(installation: Installation) -> list[dict[str, object]]:
    return [json.loads(one) for one in installation.log().splitlines() if one.startswith("{")]


def _assert_headers(installation: Installation, call_id: str) -> None:
    """Every record of a call names the stage that sent it."""
    topics = installation.topics
    by = {
        topics.audio_in: "gateway",
        topics.audio_raw: "admit",
        topics.words: "transcribe",
        topics.spans: "detect",
        topics.audio_redacted: "mute",
        topics.audio_verified: "verify",
        topics.calls_redacted: "vault",
    }
    for topic, records in installation.read_every(by).items():
        mine = [dict(one.headers()) for one in records if one.key() == call_id.encode()]
        assert mine, topic
        for headers in mine:
            context = read(headers)
            assert context is not None, topic
            assert (context.trace, context.span) == (trace_of(call_id), span_of(call_id, by[topic]))


def _assert_no_content(spans: list[Seen], written: bytes) -> None:
    """Nothing that was spoken, no number, no name; the search finds what is there."""
    assert b"hushwire.call_id" in written
    for word in (*WORDS, NUMBER, NUMBER[1:], RECORDER, "Mrs Example", "[CARD_NUMBER]"):
        assert word.encode() not in written, word
        assert word.encode().hex().encode() not in written, word
    said = {name for one in spans for name in one.attributes}
    assert said <= ATTRIBUTES
    assert said >= {"hushwire.records", "hushwire.policy", "hushwire.kind"}


def test_a_gateway_begins_the_trace(installation: Installation, tmp_path: Path) -> None:
    public = tmp_path / "public.json"
    private = TransitPrivate.load_or_create(tmp_path / "transit-private.json")
    write_public(public, private.public)
    port = free_port()
    one = script("heard", seconds=4)
    with collecting() as collector:
        told = {
            "HUSHWIRE_TRACING": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "HUSHWIRE_BOOTSTRAP": installation.bootstrap,
            "HUSHWIRE_TOPIC_PREFIX": installation.prefix,
            "HUSHWIRE_TRANSIT_PUBLIC_KEY": str(public),
            "HUSHWIRE_GATEWAY_PORT": "0",
            "HUSHWIRE_GATEWAY_AUDIOSOCKET_PORT": str(port),
            "HUSHWIRE_GATEWAY_HEALTH_PORT": str(free_port()),
        }
        with running(["gateway"], tmp_path, told) as gateway:
            gateway.until("serving")
            work = audiosocket_client.replay(
                "127.0.0.1", port, one.pcm[:, 0], pace=1.0, rate=fakes.RATE, name=uuid.uuid4()
            )
            asyncio.run(work)
            ended = gateway.until("call ended")
        (span,) = collector.spans
    call_id = str(ended["call_id"])
    assert ended["trace_id"] == span.trace == f"{trace_of(call_id):032x}"
    assert (span.name, span.service, span.parent) == ("gateway", "hushwire-gateway", "")
    assert span.attributes["hushwire.outcome"] == "sent"
    assert 3 < float(span.attributes["hushwire.audio_seconds"]) <= 5
    contexts = [
        read(dict(each.headers())) for each in installation.read(installation.topics.audio_in)
    ]
    assert {(each.trace, each.span) for each in contexts if each} == {
        (trace_of(call_id), span_of(call_id, "gateway"))
    }
    assert None not in contexts


@pytest.mark.slow
def test_a_call_that_another_worker_takes_up_stays_in_its_trace(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        told = {"TRACING_OF_TEST": "otlp"}
        one = script("taken-up")
        with exporting("otlp", "hushwire-ingest"):
            # Killed before its first acknowledgement: what it read is read again.
            first = installation.start(told={**told, "KILLED_OF_TEST": "1"})
            installation.send("taken-up", [*one.chunks, one.end])
            installation.producer.flush()
            first.wait(HANG_S)
        again = installation.start(told=told)
        installation.until_closed(["taken-up"])
        until_told(collector, ["taken-up"])
        installation.stop(again)
    found = by_name(collector.spans, "taken-up")
    assert {one.trace for one in collector.spans} == {f"{trace_of('taken-up'):032x}"}
    assert found["ingest"][0].parent == ""
    before = "ingest"
    for stage in STAGES[1:]:
        # One that was killed with the worker is not told, and those behind it name it all the same.
        assert {one.span for one in found[stage]} <= {f"{span_of('taken-up', stage):016x}"}
        assert {one.parent for one in found[stage]} <= {f"{span_of('taken-up', before):016x}"}
        before = stage
    assert all(found[stage] for stage in ("mute", "verify", "vault"))


def test_off_no_header_is_written_and_nothing_imported(installation: Installation) -> None:
    modules = installation.folder / "modules"
    told = {"MODULES_OF_TEST": str(modules)}
    worker = installation.start(WITH_DOOR, told=told, kind=Started)
    call_id = new_call_id()
    with sending(installation) as sender:
        send(sender, script(call_id), call_id)
    installation.until_closed([call_id])
    installation.stop(worker)
    loaded = modules.read_text(encoding="utf-8").split()
    assert "agents.system.tracing.otlp" in loaded
    assert not [one for one in loaded if one.startswith(("opentelemetry", "requests"))]
    for topic, records in installation.read_every().items():
        assert not [one for one in records if HEADER in dict(one.headers() or ())], topic
    assert all("trace_id" not in one for one in _lines(installation))


@pytest.mark.parametrize("behaviour", ["away", "hangs"])
def test_a_dead_collector_changes_nothing(behaviour: str, installation: Installation) -> None:
    port = free_port()
    with collecting(behaviour) as collector:
        gone = free_port() if behaviour == "away" else collector.port
        told = {
            "TRACING_OF_TEST": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{gone}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BSP_MAX_QUEUE_SIZE": "4",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2",
            "METRICS_OF_TEST": str(port),
        }
        worker = installation.start(told=told)
        calls = [script(f"untold-{number}", seconds=4) for number in range(4)]
        installation.interleave(calls)
        names = [one.info.call_id for one in calls]
        states = installation.until_closed(names)
        assert set(states.values()) == {CallState.STORED}
        dropped = f'hushwire_trace_spans_total{{what="{otlp.DROPPED}"}}'
        until(
            lambda: figure(port, dropped) >= len(calls) * len(ALL.split(",")) - 6, installation.log
        )
        installation.stop(worker)
    assert logged(installation, "trace collector away: spans are dropped")
    assert len(installation.stored()) >= 4 * len(calls)
