"""Evaluation with the real models: texts by the detector, and one sample call by the whole line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from agents.app.checks.wanted import Wanted
from agents.app.evaluation.run_calls import evaluate_folder, evaluate_run
from agents.app.evaluation.run_texts import evaluate_text, read_cases
from agents.app.redact_file import redact_file
from agents.settings.model import load_settings
from pipeline.errors import InputError
from pipeline.evaluation.figures.summary import by_entity, totals
from pipeline.policy.loading import load_policy

pytestmark = pytest.mark.models

SAMPLES = Path(__file__).parents[3] / "benchmarks" / "samples"
CALL = "support"
SECONDS = 20
"""Of it."""
CARD = "four nine one six three three oh eight two two seven one nine four five oh"
TURNS = [
    {"role": "agent", "text": "Can I have the card number please?"},
    {
        "role": "customer",
        "text": f"Yes it's {CARD}",
        "labels": [{"entity": "CARD_NUMBER", "start": 9, "end": 9 + len(CARD)}],
    },
]
HARMLESS = [{"role": "agent", "text": "Thank you, is there anything else I can help with?"}]


def test_texts(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    cases = [{"id": "a", "turns": TURNS}, {"id": "b", "turns": HARMLESS}]
    file.write_text("\n".join(map(json.dumps, cases)), encoding="utf-8")
    result = evaluate_text(read_cases([file]), load_policy("default"), curves=True)
    whole = totals(result)
    assert (whole.amount, whole.audible, whole.leaked) == (16, 0, 0)
    assert (whole.negatives, whole.negatives_flagged.value) == (1, 0.0)
    assert by_entity(result)[0].precision.value == 1.0
    assert {point.recall for point in result.curve if point.threshold <= 0.4} == {1.0}
    with pytest.raises(InputError, match="twice"):
        read_cases([file, file])


def test_a_run_in_memory_and_a_folder_say_the_same(tmp_path: Path) -> None:
    line = next(
        line for line in (SAMPLES / "manifest.jsonl").read_text().splitlines()
        if json.loads(line)["file"] == f"{CALL}.flac"
    )  # fmt: skip
    # The call has no personal data; a word of it is called sensitive, to see that it is missed.
    truth = json.loads(line)
    start, end = truth["speech"]["agent"][0]
    word = {"text": "hello", "start_ms": start, "end_ms": start + 400}
    truth["entities"] = [{"id": "e1", "type": "name", "channel": "agent", "words": [word]}]
    truth["speech"]["agent"][0] = [start + 400, end]
    for side, stretches in truth["speech"].items():
        truth["speech"][side] = [one for one in stretches if one[1] < 1_000 * SECONDS]
    originals, redacted = tmp_path / "originals", tmp_path / "redacted"
    originals.mkdir()
    redacted.mkdir()
    pcm, rate = soundfile.read(SAMPLES / f"{CALL}.flac", dtype="int16")
    soundfile.write(originals / f"{CALL}.flac", pcm[: SECONDS * rate], rate)
    (originals / f"{CALL}.json").write_bytes((SAMPLES / f"{CALL}.json").read_bytes())
    manifest = originals / "manifest.jsonl"
    manifest.write_text(json.dumps(truth) + "\n", encoding="utf-8")

    settings = load_settings()
    live = evaluate_run(manifest, settings, curves=True)
    wanted = Wanted(originals / f"{CALL}.flac", redacted / f"{CALL}.flac")
    assert redact_file(wanted, settings).passed
    stored = evaluate_folder(manifest, redacted)
    assert stored.calls == live.calls
    assert set(stored.spans or ()) == set(live.spans or ())
    assert [point.entity for point in live.curve] == ["PERSON"] * 21
    assert [(i.id, i.amount, i.covered) for i in stored.items] == [
        (i.id, i.amount, i.covered) for i in live.items
    ]
    (item,) = live.items
    assert item.leaked
    assert item.cause in {"recogniser", "detector"}
    assert stored.items[0].cause == "recogniser or detector"

    with pytest.raises(InputError, match="no redacted recording"):
        evaluate_folder(manifest, tmp_path / "nowhere")
