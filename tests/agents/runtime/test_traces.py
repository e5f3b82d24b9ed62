"""What stages tell of calls while tracing is on: refusals, strangers at the door, log lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.kafka.topics import Topics
from agents.runtime.broker_port import Delivery
from agents.system.logging import configure_logging
from agents.system.tracing import tracer
from agents.system.tracing.trace_context import HEADER, Context, context_of, read, trace_of, written
from agents.system.tracing.tracer import Span
from pipeline.errors import ModelError
from tests.agents.runtime.test_record_runtime import Rig, run
from tests.agents.runtime.test_stage_runtime import EchoCore, _rig, running
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

TOPICS = Topics.named()
THEIRS = Context(0xABC, 0xDEF, sampled=False)


class Told:
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def sampled(self, _trace: int, parent: Context | None) -> bool:
        return parent is None or parent.sampled

    def tell(self, span: Span) -> None:
        self.spans.append(span)


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    with tracer.start(made):
        yield made


def at_the_door(folder: Path, header: bytes | None, value: bytes = b"") -> Rig:
    async def work(rig: Rig) -> None:
        headers = {} if header is None else {HEADER: header}
        await rig.runtime.arrive(Delivery(TOPICS.audio_in, 0, 0, b"a", headers, value))
        await rig.until(lambda: len(rig.port.acknowledged) == 1)

    return run(folder, work)


@pytest.mark.parametrize(
    ("header", "parent", "link"),
    [
        (None, None, None),
        (written(THEIRS), None, THEIRS),
        (b"00-not-a-context", None, None),
        (b"\xff\xfe" * 40, None, None),
        (written(context_of("a", "gateway", sampled=True)),
         context_of("a", "gateway", sampled=True), None),
        (written(context_of("a", "vault", sampled=True)), None, None),
        (written(context_of("other", "gateway", sampled=True)), None,
         context_of("other", "gateway", sampled=True)),
    ],
)  # fmt: skip
def test_a_stranger_at_the_door_is_linked_and_no_parent(
    header: bytes | None, parent: Context | None, link: Context | None, tmp_path: Path, told: Told
) -> None:
    rig = at_the_door(tmp_path, header)
    (span,) = told.spans
    assert (span.trace, span.parent, span.link) == (trace_of("a"), parent, link)
    ((_, _, _, sent),) = [one for one in rig.port.sent if one[0] == TOPICS.audio_raw]
    assert read(sent) == context_of("a", "admit", sampled=True)


def test_a_refusal_at_the_door_is_told_with_its_code(tmp_path: Path, told: Told) -> None:
    at_the_door(tmp_path, None, b"refused")
    (span,) = told.spans
    assert (span.failed, span.attributes["hushwire.outcome"]) == ("seal", "refused")


async def test_a_call_that_a_stage_refuses_is_told_with_its_code(
    tmp_path: Path, told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging("debug")
    async with running(_rig(tmp_path, lambda _: EchoCore(fail=ModelError))) as rig:
        await rig.bring("a", 1, 13)
        async with asyncio.timeout(HANG_S):
            while not told.spans:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    (span,) = told.spans
    assert (span.failed, span.attributes["hushwire.outcome"]) == ("model", "refused")
    assert span.attributes["hushwire.records"] == 2
    lines = [json.loads(one) for one in capfd.readouterr().err.splitlines()]
    assert {one["event"] for one in lines} >= {"call begun", "record taken", "call refused"}
    assert {one["call_id"] for one in lines} == {"a"}
    assert {one["trace_id"] for one in lines} == {f"{trace_of('a'):032x}"}
    configure_logging("info")
    assert all("traceparent" in headers for *_, headers in rig.port.sent)
