"""What is counted of what a stage sends, and what is there to see before the first call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import Ledger
from agents.kafka.topics import Topics
from agents.runtime.outbox import Limits, Outbox
from agents.runtime.record_runtime import RecordStage
from agents.runtime.steps import Send
from agents.system import fatal_exit
from agents.system.metrics import Metrics
from pipeline.errors import KeyFileError
from pipeline.records.model import CallInfo, Check, Verdict
from tests.agents.runtime.test_stage_runtime import EchoCore, MemoryPort, _rig

pytestmark = pytest.mark.unit

TOPICS = Topics.named()


def test_a_quarantined_call_counts_once_whatever_it_failed(tmp_path: Path) -> None:
    ledger, metrics = Ledger.embedded(tmp_path), Metrics()
    stage = RecordStage("verify", (TOPICS.audio_redacted,), None)  # type: ignore[arg-type]
    out = Outbox(
        stage, MemoryPort(), topics=TOPICS, metrics=metrics, limits=Limits(),
        audit=AuditLog(ledger.database),
    )  # fmt: skip
    seal = ledger.open_call("a").seal

    async def say(*failed: int) -> None:
        checks = tuple(Check.none_of(f"question_{n}", n) for n in failed)
        passed = not any(failed)
        verdict = Verdict(call=CallInfo("a", 0, ()), passed=passed, checks=checks)
        await (await out.send(Send(TOPICS.audio_verified, verdict), seal))

    count = metrics.registry.get_sample_value
    assert count("hushwire_calls_quarantined_total") == 0.0  # an alarm sees the first one
    asyncio.run(say(0, 0))
    assert count("hushwire_calls_quarantined_total") == 0.0
    asyncio.run(say(0, 1, 2))
    assert count("hushwire_calls_quarantined_total") == 1.0
    asked = "hushwire_checks_failed_total"
    assert [count(asked, {"check": f"question_{n}"}) for n in (0, 1, 2)] == [None, 1.0, 1.0]


async def test_a_key_that_does_not_count_any_more_ends_the_process_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fatal(code: int, message: str) -> None:
        raise fatal_exit.FatalError(code, message)

    monkeypatch.setattr(fatal_exit, "_hook", [fatal])
    ledger, tried = Ledger.embedded(tmp_path), []
    stage = RecordStage("admit", (TOPICS.audio_in,), None)  # type: ignore[arg-type]
    out = Outbox(
        stage, MemoryPort(), topics=TOPICS, metrics=Metrics(), limits=Limits(first_wait_s=0.0),
        audit=AuditLog(ledger.database),
    )  # fmt: skip

    def work() -> None:
        tried.append(1)
        raise KeyFileError("token key tokens.key: is another one")

    with pytest.raises(fatal_exit.FatalError, match="is another one") as ended:
        await out.retry(work)
    assert (ended.value.code, len(tried)) == (fatal_exit.ExitCode.KEY, 1)


async def test_a_stage_shows_that_no_call_was_finished_yet(tmp_path: Path) -> None:
    registry = _rig(tmp_path, lambda _: EchoCore()).runtime._metrics.registry
    assert registry.get_sample_value("hushwire_calls_total", {"stage": "detect"}) == 0.0
