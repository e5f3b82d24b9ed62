"""A candidate policy beside the live one: no influence, honest counts, results that survive."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from agents.access.audit_log import AuditLog
from agents.cli import main
from agents.database.call_ledger import CallState, Ledger
from agents.kafka.topics import Topics
from agents.runtime.steps import Act, Later, Send, Step
from agents.stages.detect import DetectCall, detect_stage
from agents.stages.shadow import Candidate, Shadow, candidate
from agents.system.metrics import Metrics
from agents.upkeep import retention
from agents.upkeep.erasure import REQUEST, erase
from agents.vault.shadow_results import Pair, ShadowResults
from agents.vault.vault import Vault
from pipeline.errors import StoreError
from pipeline.evaluation.figures.span_agreement import ALL, Agreement, agreements
from pipeline.policy.disclosure import Show
from pipeline.policy.model import Policy
from pipeline.records.cloudevents import encode
from pipeline.records.model import (
    Action,
    CallEnd,
    CallInfo,
    Findings,
    Role,
    Span,
    Watermark,
    WindowTranscript,
    Word,
)
from tests.agents.storing import new_ledger, stored_call, sweeps

pytestmark = pytest.mark.unit

TOPICS = Topics.named()
CALL = CallInfo("call-1", 8_000, (Role.AGENT, Role.CUSTOMER))
LIVE = Policy(name="live", version="1")
TRIED = Policy(name="tried", version="2")
END = CallEnd("call-1", 2, 16_000)
HEARD = [
    WindowTranscript(
        "call-1", seq, seq, 0, 8_000, (Word(seq, 100, 900, "spoken-secret"),), heard_until=8_000,
        call=CALL,
    )
    for seq in (0, 1)
]  # fmt: skip


def span(start: int, end: int, entity: str = "PERSON", **changed: object) -> Span:
    return Span(entity, **{"channel": 1, "start": start, "end": end, "score": 0.5,
                           "recognizer": "x", **changed})  # type: ignore[arg-type]  # fmt: skip


class Scripted:
    """A detector that finds what it is told, in its last findings."""

    def __init__(self, *spans: Span, breaks: str = "") -> None:
        self.spans, self.breaks, self.took = spans, breaks, list[WindowTranscript]()

    def __call__(self, *_: object, **__: object) -> Scripted:
        if self.breaks == "open":
            raise RuntimeError("spoken-secret")
        return self

    def take(self, transcript: WindowTranscript) -> list[Findings]:
        self.took.append(transcript)
        if self.breaks == "take":
            raise RuntimeError("spoken-secret")
        return [Findings("call-1", transcript.seq, watermark=Watermark(transcript.seq))]

    def finish(self, end: CallEnd) -> list[Findings]:
        if self.breaks == "finish":
            raise MemoryError
        return [Findings("call-1", 2, spans=self.spans, watermark=Watermark(16_000), end=end)]


def walk(core: DetectCall) -> tuple[list[bytes], list[str]]:
    """Drive a call as the runtime does; what is sent, and the order of all steps."""
    sent: list[bytes] = []
    order: list[str] = []

    def carry_out(steps: list[Step]) -> None:
        for step in steps:
            order.append(type(step).__name__)
            match step:
                case Send():
                    sent.append(encode(step.record).value)
                case Later():
                    carry_out(step.then())
                case Act():
                    step.what()

    records: list[WindowTranscript | CallEnd] = [*HEARD, END, END]
    for record in records:
        carry_out(core.take(TOPICS.words, record))
    return sent, order


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path / "state")


def core(live: Scripted, shadow: Shadow | None) -> DetectCall:
    made = detect_stage(TOPICS, live, shadow.open if shadow else None).open("call-1", LIVE)
    assert isinstance(made, DetectCall)
    return made


FOUND = (span(0, 4_000), span(8_000, 9_000, "CARD_NUMBER"), span(0, 9_000, action=Action.COUNT))


@pytest.mark.parametrize("breaks", ["", "open", "take", "finish"])
def test_what_is_sent_is_the_same_byte_for_byte(ledger: Ledger, breaks: str) -> None:
    alone, _ = walk(core(Scripted(*FOUND), None))
    tried = Candidate(TRIED, lambda: Scripted(span(0, 16_000, "MADE_UP"), breaks=breaks))
    metrics = Metrics()
    beside, order = walk(core(Scripted(*FOUND), Shadow(tried, ledger.database, metrics)))
    assert beside == alone
    assert len(alone) == 3
    assert order[:2] == ["Send", "Later"]  # the candidate begins behind the live findings
    page = generate_latest(metrics.registry).decode()
    assert "spoken-secret" not in page
    assert ("hushwire_shadow_failed_total{" in page) == bool(breaks)
    assert len(ShadowResults(ledger.database).reports()) == (not breaks)


def test_a_shadow_that_broke_is_left_alone(ledger: Ledger) -> None:
    tried = Scripted(breaks="take")
    metrics = Metrics()
    walk(core(Scripted(), Shadow(Candidate(TRIED, lambda: tried), ledger.database, metrics)))
    assert len(tried.took) == 1
    assert metrics.registry.get_sample_value(
        "hushwire_shadow_failed_total", {"code": "internal"}
    ) == 1  # fmt: skip


def test_a_ledger_that_is_away_costs_the_comparison_only(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bool:
        raise StoreError("away")

    monkeypatch.setattr(ShadowResults, "write", away)
    metrics = Metrics()
    tried = Candidate(TRIED, Scripted)
    sent, _ = walk(core(Scripted(*FOUND), Shadow(tried, ledger.database, metrics)))
    assert len(sent) == 3
    assert metrics.registry.get_sample_value(
        "hushwire_shadow_failed_total", {"code": "store"}
    ) == 1  # fmt: skip


def test_results_are_counted_written_and_replaced_by_a_repeat(ledger: Ledger) -> None:
    tried = Candidate(TRIED, lambda: Scripted(span(0, 2_000), span(12_000, 16_000)))
    metrics = Metrics()
    shadow = Shadow(tried, ledger.database, metrics)
    for _ in range(2):  # as after a crash
        walk(core(Scripted(*FOUND), shadow))
    (report,) = ShadowResults(ledger.database).reports()
    assert report.pair == Pair(LIVE.digest, "live 1", TRIED.digest, "tried 2")
    assert report.calls == 1
    figures = {
        one.entity: (one.both_ms, one.live_ms, one.candidate_ms, one.both_spans, one.live_spans,
                     one.candidate_spans)
        for one in report.entities
    }  # fmt: skip
    assert list(figures) == [ALL, "CARD_NUMBER", "PERSON"]
    assert figures["PERSON"] == (250, 250, 500, 1, 0, 1)
    assert figures["CARD_NUMBER"] == (0, 125, 0, 0, 1, 0)
    assert figures[ALL] == (250, 375, 500, 1, 1, 1)
    value = metrics.registry.get_sample_value
    side = {"entity": "PERSON", "side": "candidate"}
    assert value("hushwire_shadow_seconds_total", side) == 0.5
    assert value("hushwire_shadow_calls_total") == 1
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert ShadowResults(ledger.database).reports(later) == []
    assert ShadowResults(ledger.database).forget(TRIED.digest[:8]) == 1
    assert ShadowResults(ledger.database).reports() == []


def test_results_go_with_the_call(ledger: Ledger, tmp_path: Path) -> None:
    results = ShadowResults(ledger.database)
    vault = Vault.opened(tmp_path / "vault", ledger)
    for call_id in ("call-1", "call-2"):
        ledger.open_call(call_id)
        results.write(call_id, Pair.of(LIVE, TRIED), agreements(FOUND, (), 8_000))
        vault.store(stored_call(call_id), keep_days=3)
        ledger.close_call(call_id, CallState.STORED)
    erase(vault, ledger, AuditLog(ledger.database), "call-1", REQUEST)
    assert [one.calls for one in results.reports()] == [1]
    soon = datetime.now(UTC)
    retention.sweep(
        vault, ledger, AuditLog(ledger.database), sweeps(ledger, soon + timedelta(days=1))
    )
    assert [one.calls for one in results.reports()] == [1]
    # A call that was refused is in no vault, so its rows end by their age.
    sweeps(ledger, soon)
    results.write("refused", Pair.of(LIVE, TRIED), agreements(FOUND, (), 8_000))
    retention.sweep(
        vault, ledger, AuditLog(ledger.database), sweeps(ledger, soon + timedelta(days=92))
    )
    assert results.reports() == []


def test_the_report_is_printed(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    ShadowResults(ledger.database).write(
        "call-1", Pair.of(LIVE, TRIED), agreements(FOUND, (), 8_000)
    )
    ledger.dispose()

    def run(*arguments: str) -> tuple[int, str]:
        state = ["--state-dir", str(tmp_path / "state")]
        monkeypatch.setattr(sys, "argv", ["hushwire", "shadow", *arguments, *state])
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    code, text = run("report")
    assert (code, "candidate tried 2" in text, "CARD_NUMBER" in text) == (0, True, True)
    code, text = run("report", "--json", "--since", "2026-01-01")
    assert json.loads(text)["calls"] == 1
    assert "call-1" not in text
    assert run("forget", "%")[0] == 2
    assert run("forget", TRIED.digest)[0] == 0
    assert "nothing was compared" in run("report")[1]


def test_nothing_at_all_is_a_compared_call() -> None:
    assert agreements((), (), 8_000) == (Agreement(ALL, 0, 0, 0, 0, 0, 0),)


_SPANS = st.lists(
    st.builds(
        lambda entity, channel, start, length: span(
            start, start + length, entity, channel=channel
        ),
        st.sampled_from(["A", "B"]), st.integers(0, 1), st.integers(0, 40), st.integers(0, 9),
    ),
    max_size=8,
)  # fmt: skip


@given(_SPANS, _SPANS)
def test_agreement_is_what_counting_samples_gives(first: list[Span], second: list[Span]) -> None:
    def samples(spans: list[Span], entity: str) -> set[tuple[int, int]]:
        return {
            (one.channel, at)
            for one in spans
            if entity in {one.entity, ALL}
            for at in range(one.start, one.end)
        }

    for one in agreements(first, second, 1_000):
        a, b = samples(first, one.entity), samples(second, one.entity)
        assert (one.both_ms, one.only_first_ms, one.only_second_ms) == (
            len(a & b), len(a - b), len(b - a),
        )  # fmt: skip
        assert one.differs == (a != b)
        assert bool(one.both) == bool(a & b)
    swapped = {one.entity: one for one in agreements(second, first, 1_000)}
    for one in agreements(first, second, 1_000):
        other = swapped[one.entity]
        assert (one.only_first_ms, one.only_first) == (other.only_second_ms, other.only_second)


def test_what_a_candidate_would_show_is_never_made() -> None:
    policy = Policy.model_validate(
        {"name": "x", "version": "1", "entities": {"PERSON": {"transcript": Show.TOKEN}}}
    )
    assert policy.needs_token_key
    tried = candidate(policy, None)
    assert tried.policy.digest == policy.digest


def test_where_the_reader_alone_is_another_a_call_is_tried_under_its_own_policy(
    ledger: Ledger,
) -> None:
    under = list[Policy]()

    def opened(_call: CallInfo, policy: Policy) -> Scripted:
        under.append(policy)
        return Scripted()

    for follows in (False, True):
        tried = Candidate(TRIED, lambda: opened, follows)
        walk(core(Scripted(), Shadow(tried, ledger.database, Metrics())))
    assert under == [TRIED, LIVE]
