"""Real calls with real models: the card numbers are in no byte that anything wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from tests.broker.harness import Installation

pytestmark = [pytest.mark.broker, pytest.mark.models, pytest.mark.slow]

SAMPLES = Path(__file__).parents[2] / "benchmarks" / "samples"
CALLS = ("order", "card-replacement")
SENSITIVE = frozenset({"pan", "cvv", "ssn"})


@dataclass(frozen=True)
class Needle:
    name: str
    content: bytes


def needles() -> Iterator[Needle]:
    """Card numbers as digits and as spoken, and the audio in which they were spoken."""
    lines = (SAMPLES / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    for entry in map(json.loads, lines):
        stem = Path(entry["file"]).stem
        if stem not in CALLS:
            continue
        pcm, rate = soundfile.read(SAMPLES / f"{stem}.flac", dtype="int16", always_2d=True)
        for entity in entry["entities"]:
            if entity["type"] not in SENSITIVE:
                continue
            channel = entry["channels"].index(entity["channel"])
            if entity["type"] == "pan":
                yield Needle(f"{stem} digits", entity["full_value"].encode())
                if len(entity["text"].split()) > 3:
                    yield Needle(f"{stem} spoken", entity["text"].encode())
            for word in entity["words"]:
                start = int((word["start_ms"] + word["end_ms"]) / 2_000 * rate)
                part = pcm[start : start + 64]
                if abs(part[:, channel].astype(int)).max() > 500:
                    yield Needle(f"{stem} stereo", part.tobytes())
                    yield Needle(f"{stem} mono", part[:, channel].tobytes())


def scan(content: bytes, wanted: list[Needle]) -> set[str]:
    return {one.name for one in wanted if one.content in content}


def scan_folder(folder: Path, wanted: list[Needle]) -> set[str]:
    """Needles in any file below a folder, with the file's name."""
    return {
        f"{name} in {path.relative_to(folder)}"
        for path in folder.rglob("*")
        if path.is_file()
        for name in scan(path.read_bytes(), wanted)
    }


def test_a_planted_needle_is_found(tmp_path: Path) -> None:
    wanted = list(needles())
    assert len(wanted) > 40
    planted = wanted[:1] + wanted[-1:]
    for place, needle in enumerate(planted):
        (tmp_path / f"{place}.log").write_bytes(b"\x00" * 5_000 + needle.content + b"tail")
    assert len(scan_folder(tmp_path, planted)) == 2


def test_no_card_number_in_any_written_byte(
    bootstrap: str, installation: Installation, tmp_path: Path
) -> None:
    source, work = tmp_path / "in", tmp_path / "work"
    source.mkdir()
    (work / "tmp").mkdir(parents=True)
    for name in CALLS:
        for suffix in (".flac", ".json"):
            (source / (name + suffix)).symlink_to(SAMPLES / (name + suffix))
    command = [sys.executable, "-m", "agents", "run", "--from", source, "--to", work / "vault"]
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
            command, cwd=work, env=environment, stdout=log, stderr=log, check=True, timeout=280
        )

    wanted = list(needles())
    assert len(list((work / "vault" / "calls").iterdir())) == len(CALLS)
    assert scan_folder(work, wanted) == set()
    for topic in installation.topics.all():
        for message in installation.read(topic):
            parts = [message.key() or b"", message.value() or b""]
            parts += [value or b"" for _, value in message.headers() or []]
            assert scan(b"\x00".join(parts), wanted) == set(), topic
