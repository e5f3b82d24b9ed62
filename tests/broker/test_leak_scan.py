"""Real calls with real models: the card numbers are in no byte that anything wrote."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Collection
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from agents.app.checks.canaries import Canary, needles
from agents.app.checks.leak_scan import Searcher, scan, told
from agents.app.checks.leak_scan_selftest import self_test
from tests.broker.forked import hushwire
from tests.broker.harness import Installation
from tests.waiting import HANG_S

pytestmark = [pytest.mark.broker, pytest.mark.models, pytest.mark.slow]

SAMPLES = Path(__file__).parents[2] / "benchmarks" / "samples"
CALLS = ("order", "card-replacement")
FEW = ("order",)
SENSITIVE = frozenset({"pan", "cvv", "ssn"})


def canaries(calls: Collection[str] = CALLS) -> list[Canary]:
    """Card numbers as digits and as spoken, and the audio of all sensitive words."""
    found = []
    lines = (SAMPLES / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    for entry in map(json.loads, lines):
        stem = Path(entry["file"]).stem
        if stem not in calls:
            continue
        pcm, rate = soundfile.read(SAMPLES / f"{stem}.flac", dtype="int16", always_2d=True)
        spoken = []
        for entity in entry["entities"]:
            if entity["type"] not in SENSITIVE:
                continue
            if entity["type"] == "pan":
                found.append(Canary(f"{stem} digits", entity["full_value"]))
                if len(entity["text"].split()) > 3:
                    found.append(Canary(f"{stem} spoken", entity["text"]))
            for word in entity["words"]:
                first, last = (int(word[name] * rate / 1000) for name in ("start_ms", "end_ms"))
                spoken.append(pcm[first:last])
        found.append(Canary(f"{stem} audio", samples=np.concatenate(spoken), rate=rate))
    return found


def test_planted_canaries_are_found() -> None:
    known = canaries()
    assert {one.name.split()[-1] for one in known} == {"digits", "spoken", "audio"}
    assert [one for one in self_test(known) if not one.found] == []


@pytest.mark.parametrize(
    "calls", [FEW, pytest.param(CALLS, marks=pytest.mark.nightly)], ids=["one", "both"]
)
def test_no_card_number_in_any_written_byte(
    bootstrap: str,
    installation: Installation,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    calls: tuple[str, ...],
) -> None:
    source, work = tmp_path / "in", tmp_path / "work"
    source.mkdir()
    (work / "tmp").mkdir(parents=True)
    for name in calls:
        for suffix in (".flac", ".json"):
            (source / (name + suffix)).symlink_to(SAMPLES / (name + suffix))
    command = hushwire("run", "--from", source, "--to", work / "vault")
    environment = {
        **os.environ,
        "TMPDIR": str(work / "tmp"),
        "HUSHWIRE_BOOTSTRAP": bootstrap,
        "HUSHWIRE_TOPIC_PREFIX": installation.prefix,
        "HUSHWIRE_PARTITIONS": "4",
        "HUSHWIRE_LOG_LEVEL": "debug",
    }
    with (work / "output.log").open("wb") as log:
        subprocess.run(
            command, cwd=work, env=environment, stdout=log, stderr=log, check=True, timeout=HANG_S
        )

    search = Searcher(*needles(canaries(calls)))
    assert len(list((work / "vault" / "calls").iterdir())) == len(calls)
    # Apache Kafka's own folder, where one runs: log directory, broker log, properties.
    kafka = list(tmp_path_factory.getbasetemp().glob("kafka*"))
    assert told(scan([work, *kafka], search)) == []
    for topic, records in installation.read_every().items():
        for message in records:
            parts = [message.key() or b"", message.value() or b""]
            parts += [value or b"" for _, value in message.headers() or []]
            assert search.search(BytesIO(b"\x00".join(parts))) == [], topic
