"""A candidate policy beside the live one on a broker: its figures, and that it can't do harm."""

from __future__ import annotations

import json
import subprocess
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.database.call_ledger import CallState
from agents.vault.shadow_results import ShadowReport, ShadowResults
from tests.broker import fakes
from tests.broker.forked import hushwire
from tests.broker.harness import Installation, Script, script
from tests.ports import free_port
from tests.waiting import HANG_S, until

pytestmark = [pytest.mark.broker, pytest.mark.slow]

TRIED = frozenset({"one", "two", "three", "four", "hello"})
"""What the candidate silences: not "zero", but "hello"."""
WORD_MS = fakes.BURST * 1_000 // fakes.RATE
ENDED = tuple(f"ended-{number}" for number in range(6))
"""Detected before the worker is killed, with their audio still open."""
CUT = tuple(f"cut-{number}" for number in range(6))
"""In the middle when the worker is killed."""
BEFORE = 34
"""Chunks of half a second that were sent of them: enough for words."""
Figures = dict[str, float]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Figures]:
    """Reads the metrics page of the worker that runs: the shadow's figures by name and labels."""
    port = free_port()
    monkeypatch.setenv("METRICS_OF_TEST", str(port))

    def read() -> Figures:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=HANG_S) as answer:
            text = answer.read().decode()
        found = {
            " ".join([sample.name, *(sample.labels[one] for one in sorted(sample.labels))]): (
                sample.value
            )
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.startswith("hushwire_shadow") and sample.name.endswith("_total")
        }
        # Types and sides only: nothing that was said, no call.
        assert not {*fakes.WORDS, *ENDED, *CUT} & {part for name in found for part in name.split()}
        return found

    return read


def spoken(scripts: Sequence[Script]) -> tuple[int, int, int]:
    """How many words both silence, only the live policy, and only the candidate."""
    words = [word for one in scripts for word in words_in(one)]
    return (
        sum(word in fakes.DIGITS & TRIED for word in words),
        sum(word in fakes.DIGITS - TRIED for word in words),
        sum(word in TRIED - fakes.DIGITS for word in words),
    )


def words_in(one: Script) -> list[str]:
    """What is said in a call, as the harness scripts it: one word in each place."""
    places = len(one.pcm) // (fakes.BURST + fakes.GAP)
    first = int(one.info.call_id[-1])
    return [fakes.WORDS[(place + first) % len(fakes.WORDS)] for place in range(places)]


def figures(report: ShadowReport) -> tuple[int, ...]:
    (whole, card) = report.entities
    assert (whole.entity, card.entity) == ("ALL", "CARD_NUMBER")
    found = (card.both_ms, card.live_ms, card.candidate_ms)
    assert found == (whole.both_ms, whole.live_ms, whole.candidate_ms)
    assert (card.both_spans, card.live_spans, card.candidate_spans) == tuple(
        ms // WORD_MS for ms in found
    )
    return found


def test_spans_are_compared_once_also_when_they_are_detected_twice(
    installation: Installation, page: Callable[[], Figures], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHADOW_OF_TEST", " ".join(sorted(TRIED)))
    scripts = {name: script(name, first=int(name[-1])) for name in ENDED}
    scripts |= {name: script(name, seconds=20, first=int(name[-1])) for name in CUT}
    results = ShadowResults(installation.ledger.database)

    def seen() -> int:
        return sum(one.calls for one in results.reports())

    def words() -> set[str]:
        return {one.key().decode() for one in installation.read(installation.topics.words)}

    first = installation.start("transcribe,detect")  # nobody closes the calls
    for call_id in CUT:
        installation.send(call_id, scripts[call_id].chunks[:BEFORE])
    installation.producer.flush()
    # What is detected of a call that is open holds back the acknowledgement of what comes after.
    until(words, installation.log, holds=lambda calls: calls == set(CUT), every_s=0.2)
    installation.interleave([scripts[call_id] for call_id in ENDED])
    until(seen, installation.log, holds=lambda calls: calls == len(ENDED), every_s=0.2)
    before = until(
        page,
        installation.log,
        holds=lambda one: one.get("hushwire_shadow_calls_total") == len(ENDED),
        every_s=0.2,
    )
    first.kill()
    first.wait()

    again = installation.start()
    for call_id in CUT:
        installation.send(call_id, [*scripts[call_id].chunks[BEFORE:], scripts[call_id].end])
    installation.producer.flush()
    assert set(installation.until_closed(scripts).values()) == {CallState.STORED}
    until(seen, installation.log, holds=lambda calls: calls == len(scripts), every_s=0.2)
    after = page()
    installation.stop(again)
    # Calls of the first round were detected twice: their findings are on the topic twice.
    findings = ids(installation)
    assert len(findings) > len(set(findings))

    (report,) = results.reports()
    expected = spoken(list(scripts.values()))
    assert min(expected) > 0
    assert figures(report) == tuple(WORD_MS * count for count in expected)
    assert report.calls == len(scripts)
    for side, count in zip(("both", "live", "candidate"), expected, strict=True):
        for entity in ("ALL", "CARD_NUMBER"):
            name = f"hushwire_shadow_spans_total {entity} {side}"
            assert before[name] + after[name] == count, name
            name = f"hushwire_shadow_seconds_total {entity} {side}"
            assert before[name] + after[name] == pytest.approx(count * WORD_MS / 1_000), name
    assert after["hushwire_shadow_calls_total"] == len(CUT)
    assert not [name for name in (*before, *after) if "failed" in name]

    command = hushwire("shadow", "report", "--json")
    state = ["--state-dir", str(installation.folder / "state")]
    told = subprocess.run([*command, *state], check=True, capture_output=True, text=True).stdout
    shown = json.loads(told)
    assert (shown["calls"], shown["pair"]["candidate_name"]) == (len(scripts), "tried 2")
    assert [one["both_ms"] for one in shown["entities"]] == [WORD_MS * expected[0]] * 2
    assert not [word for word in (*fakes.WORDS, *scripts) if f'"{word}"' in told]


def ids(installation: Installation) -> list[str]:
    """Ids of the findings on the topic."""
    found = installation.read(installation.topics.spans)
    return [dict(one.headers())["ce_id"].decode() for one in found]


# The failure is ours, not the broker's: one of them is enough.
@pytest.mark.parametrize("bootstrap", ["embedded"], indirect=True, scope="session")
def test_a_candidate_that_fails_changes_nothing(
    installation: Installation,
    bootstrap: str,
    page: Callable[[], Figures],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripts = [script(f"call-{number}", seconds=4, first=number) for number in range(3)]
    calls = [one.info.call_id for one in scripts]
    (tmp_path / "alone").mkdir()
    alone = Installation(bootstrap, tmp_path / "alone", f"a{uuid.uuid4().hex[:8]}")
    try:
        alone.start()
        alone.interleave(scripts)
        assert set(alone.until_closed(calls).values()) == {CallState.STORED}
        undisturbed = alone.stored()
    finally:
        alone.close()

    monkeypatch.setenv("SHADOW_OF_TEST", "failing")
    worker = installation.start()
    installation.interleave(scripts)
    assert set(installation.until_closed(calls).values()) == {CallState.STORED}
    found = until(
        page,
        installation.log,
        holds=lambda one: one.get("hushwire_shadow_failed_total internal") == 3,
        every_s=0.2,
    )
    installation.stop(worker)
    assert found["hushwire_shadow_calls_total"] == 0
    assert installation.stored() == undisturbed
    assert not installation.read(installation.topics.deadletter)
    assert ShadowResults(installation.ledger.database).reports() == []
    assert "shadow dropped" in installation.log()
    assert " ".join(fakes.WORDS) not in installation.log()
