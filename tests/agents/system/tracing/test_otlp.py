"""Spans to a collector: one that is away, slow or hostile costs spans, and nothing else."""

from __future__ import annotations

import time

import pytest
from prometheus_client import CollectorRegistry, Counter

from agents.system.tracing import otlp, tracer
from agents.system.tracing.otlp import exporting
from agents.system.tracing.trace_context import HEADER, Context, span_of, trace_of, written
from pipeline.errors import SettingsError
from tests.collector import collecting
from tests.ports import free_port
from tests.waiting import HANG_S


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")


@pytest.fixture
def counter() -> Counter:
    return Counter("spans", "Spans.", ["what"], registry=CollectorRegistry())


def counted(counter: Counter, what: str) -> float:
    return counter.labels(what)._value.get()


def test_spans_come_with_their_ids_and_are_counted(
    monkeypatch: pytest.MonkeyPatch, counter: Counter
) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with exporting("otlp", "hushwire-mute", sender="watch", counter=counter):
            call = tracer.trace_call("c", "admit")
            call.came({HEADER: written(Context(1, 2, sampled=True))})
            call.end({"hushwire.records": 3}, "seal")
            tracer.trace_sent_call("c").end({})
            with tracer.traced("GET", tracer.Kind.SERVER) as work:
                work.name = "GET /calls"
        admit, sent, served = collector.spans
    assert (admit.trace, admit.span) == (f"{trace_of('c'):032x}", f"{span_of('c', 'admit'):016x}")
    assert (admit.parent, admit.links) == ("", ((f"{1:032x}", f"{2:016x}"),))
    assert admit.failed
    assert admit.attributes["error.type"] == "seal"
    assert (sent.name, sent.trace) == ("watch", admit.trace)
    assert served.name == "GET /calls"
    assert served.trace not in {"0" * 32, admit.trace}
    assert {one.service for one in collector.spans} == {"hushwire-mute"}
    assert counted(counter, otlp.SENT) == 3
    assert counted(counter, otlp.DROPPED) == 0


def test_a_sampler_and_a_name_of_the_standard_s_variables_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.url}/own/path")
        said = {}
        with exporting("otlp", "x"):
            for number in range(200):
                call = tracer.trace_call(f"c{number}", "admit")
                said[f"c{number}"] = call.header.endswith(b"01")
                call.end({})
        came = {str(one.attributes["hushwire.call_id"]) for one in collector.spans}
    assert came == {name for name, sampled in said.items() if sampled}
    assert 60 < len(came) < 140
    assert {one.service for one in collector.spans} == {"ours"}
    assert collector.heads[0].startswith(b"/own/path\n")


@pytest.mark.parametrize("behaviour", ["away", "hangs", "endless", "busy", "redirects"])
def test_whatever_the_collector_does_nobody_waits(
    behaviour: str, monkeypatch: pytest.MonkeyPatch, counter: Counter
) -> None:
    monkeypatch.setattr(otlp, "CLOSE_S", 1.0)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "600")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", str(round(HANG_S)))
    with collecting(behaviour) as collector:
        port = free_port() if behaviour == "away" else collector.port
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        began = time.monotonic()
        with exporting("otlp", "x", counter=counter):
            for number in range(2_000):
                tracer.trace_call(f"c{number}", "mute").end({})
            time.sleep(0.5)
        # One that was waited for would take all its time for a batch: far more than a busy machine.
        assert time.monotonic() - began < HANG_S / 4
        paths = {one.split(b"\n")[0] for one in collector.heads}
    if behaviour in {"away", "hangs", "busy"}:
        assert counted(counter, otlp.DROPPED) >= 1_400 - 512
        assert counted(counter, otlp.SENT) == 0
    assert collector.answered < 32 << 20, "an answer is read as long as it goes on"
    assert paths <= {b"/v1/traces"}


def test_a_fault_of_the_library_fails_no_call(
    monkeypatch: pytest.MonkeyPatch, counter: Counter
) -> None:
    with exporting("otlp", "x", counter=counter):
        out = tracer._on[-1].out
        monkeypatch.setattr(out, "_tracer", None)
        tracer.trace_call("c", "mute").end({})
        assert counted(counter, otlp.DROPPED) == 1


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL: http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "OTLP_TRACES_PROTOCOL"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "OTLP_ENDPOINT: no URL"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:port", "OTLP_ENDPOINT: no URL"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "file:///etc/x", "TRACES_ENDPOINT: no URL"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file", "/no/such/file can't be read"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", "one of gzip, deflate, none"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "MAX_QUEUE_SIZE: a whole number"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "-1", "LINK_COUNT_LIMIT: a whole number"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "TIMEOUT: seconds, more than 0"),
        ("OTEL_TRACES_SAMPLER", "alwayson", "one of always_on,.*; did you mean always_on\\?"),
        ("OTEL_TRACES_SAMPLER", "parentbased-traceidratio", "mean parentbased_traceidratio\\?"),
        ("OTEL_TRACES_SAMPLER", "traceidratio", "SAMPLER_ARG: a share from 0 to 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.1", "SAMPLER_ARG: is read where OTEL_TRACES_SAMPLER is"),
        ("OTEL_TRACES_EXPORTER", "jaeger", "EXPORTER: one of otlp"),
        ("OTEL_SDK_DISABLED", "ture", "did you mean true\\?"),
        (
            "OTEL_TRACES_SAMPLR",
            "always_on",
            "SAMPLR: .*; did you mean OTEL_TRACES_SAMPLER\\?",
        ),
        ("OTEL_EXPORTER_OTLP_ENDPONT", "http://c:4318", "did you mean OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("OTEL_QUITE_ANOTHER_MATTER", "x", "knows no such variable: unset it"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment", "ATTRIBUTES: pairs such as a=b"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret", "HEADERS: pairs such as a=b"),
    ],
)
def test_a_variable_that_can_t_be_used_is_named(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=told) as refused, exporting("otlp", "x"):
        pytest.fail("it began")
    assert "secret" not in str(refused.value)
    assert not tracer.is_on()


@pytest.mark.parametrize("share", ["2", "-0.1", "ten", "nan"])
def test_a_share_that_is_none_is_refused(share: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry would warn, and sample all."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "TraceIdRatio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", share)
    with pytest.raises(SettingsError, match="a share from 0 to 1"), exporting("otlp", "x"):
        pytest.fail("it began")


def test_what_others_set_in_every_container_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OTEL_RESOURCE_ATTRIBUTES_POD_NAME": "pod",
        "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=pod, a=b=c",
        "OTEL_POD_IP": "10.0.0.1",
        "OTEL_JAVAAGENT_DEBUG": "true",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_TRACES_SAMPLER": "",
        "OTEL_COLLECTOR_SERVICE_HOST": "10.0.0.2",
        "OTEL_COLLECTOR_SERVICE_PORT_OTLP_HTTP": "4318",
        "OTEL_COLLECTOR_PORT_4318_TCP_ADDR": "10.0.0.2",
        "OTEL_COLLECTOR_PORT": "tcp://10.0.0.2:4318",
    }.items():
        monkeypatch.setenv(name, value)
    with exporting("otlp", "x"):
        assert tracer.is_on()


def test_off_looks_at_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "alwayson")
    with exporting("off", "x"):
        assert not tracer.is_on()


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(SettingsError, match=r"hushwire\[tracing\]"), exporting("otlp", "x"):
        pytest.fail("it began")


def test_an_answer_without_an_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting("endless") as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with exporting("otlp", "x"):
            for number in range(10):
                tracer.trace_call(f"c{number}", "mute").end({})
                time.sleep(0.15)
        assert len(collector.spans) == 10
