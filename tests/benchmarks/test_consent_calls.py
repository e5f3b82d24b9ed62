"""The calls of the consent demo are what their script says, and small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from agents.app.recordings.recording_folder import read_drop
from benchmarks.consent.calls import CALLS, Shown, shown_calls, sidecar_of, silent_part, truth_of
from pipeline.consent.loading import load_rules
from pipeline.policy.known_names import Known
from pipeline.policy.loading import load_policy
from pipeline.records.consent import Outcome

pytestmark = pytest.mark.unit

LARGEST, ALL = 1_000_000, 1_572_864
"""Bytes of a recording, and of all."""


@pytest.mark.parametrize("number", range(len(shown_calls())), ids=lambda n: shown_calls()[n].name)
def test_a_call_lies_as_its_script_says(number: int) -> None:
    call = shown_calls()[number]
    assert json.loads(call.sidecar.read_text(encoding="utf-8")) == sidecar_of(call, number)
    info, truth = soundfile.info(call.audio), truth_of(call)
    assert (info.frames, info.samplerate, info.channels) == (truth["samples"], 8_000, 2)
    assert 10 <= info.duration <= 37
    assert call.audio.stat().st_size <= LARGEST
    said = [turn["text"] for turn in truth["turns"]]
    for line in (call.silent.after, call.silent.until) if call.silent else ():
        assert not line or line in said
    if call.silent:
        start, end, sides = silent_part(call, call.silent)
        assert sides
        assert end - start > 2


def test_all_of_them_are_small() -> None:
    recordings = {call.audio for call in shown_calls()}
    assert recordings == set(CALLS.glob("*.flac"))
    assert sum(path.stat().st_size for path in recordings) <= ALL


def test_each_outcome_is_shown() -> None:
    calls = shown_calls()
    assert {call.outcome for call in calls} == set(Outcome) - {Outcome.PENDING}
    assert {call.stage for call in calls if call.outcome is Outcome.REFUSED} == {
        "ingest",
        "transcribe",
    }
    assert {call.language for call in calls} == {"en", "es"}


def test_its_sidecars_rules_and_policies_are_read(tmp_path: Path) -> None:
    def placed(call: Shown) -> Path:
        path = tmp_path / f"{call.name}.flac"
        path.symlink_to(call.audio)
        path.with_suffix(".json").symlink_to(call.sidecar)
        return path

    drops = [read_drop(placed(call)) for call in shown_calls()]
    assert [one.call_id for one in drops] == [call.name for call in shown_calls()]
    places = {place for one in drops if one.consent for place in one.consent.places}
    assert {"US-CA", "DE", "AQ", "BV"} <= places
    rules = load_rules([CALLS / "rules.yaml"])
    assert {"demo-transcript", "demo-agent-side"} <= {one.id for one in rules.rules}
    known = Known(purposes=frozenset({"default", "quality"}))
    policies = [load_policy(CALLS / name, known) for name in ("policy.yaml", "silence.yaml")]
    assert [one.consent.withdrawal for one in policies] == ["refuse", "silence"]
    assert all(one.consent.enforced and one.consent.agents_agreed for one in policies)
