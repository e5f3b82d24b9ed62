"""Parts of sample calls: what they show is shown by half of the listening."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import soundfile

from benchmarks.calls.corpus import SAMPLES

NUMBERS: Final = ("order", 12_400, 38_400)
"""A card number and its security code, 19 digits, and what is asked before."""
RATE: Final = 8_000


def write_part(folder: Path, call: str, first_ms: int, last_ms: int) -> Path:
    """Write a part of a sample call, what its recorder knows, and its truth.

    Args:
        folder: where.
        call: its name.
        first_ms: where the part begins; it is 0 ms of what is written.
        last_ms: where it ends.

    Returns:
        The manifest.
    """
    start, stop = (ms * RATE // 1_000 for ms in (first_ms, last_ms))
    pcm, rate = soundfile.read(SAMPLES / f"{call}.flac", start=start, stop=stop, dtype="int16")
    assert rate == RATE
    soundfile.write(folder / f"{call}.flac", pcm, rate)
    (folder / f"{call}.json").write_bytes((SAMPLES / f"{call}.json").read_bytes())
    lines = map(json.loads, (SAMPLES / "manifest.jsonl").read_text("utf-8").splitlines())
    truth = next(one for one in lines if one["file"] == f"{call}.flac")

    def inside(told: Any) -> bool:  # noqa: ANN401 - JSON
        begun, ended = (told["start_ms"], told["end_ms"]) if isinstance(told, dict) else told
        return bool(first_ms <= begun and ended <= last_ms)

    def moved(told: dict[str, Any]) -> dict[str, Any]:
        times = {name: told[name] - first_ms for name in ("start_ms", "end_ms")}
        words = [moved(one) for one in told.get("words", ())]
        return told | times | ({"words": words} if words else {})

    truth |= {"duration_ms": last_ms - first_ms, "samples": len(pcm)}
    for name in ("entities", "turns"):
        truth[name] = [moved(one) for one in truth[name] if inside(one)]
    truth["speech"] = {
        channel: [[ms - first_ms for ms in one] for one in stretches if inside(one)]
        for channel, stretches in truth["speech"].items()
    }
    manifest = folder / "manifest.jsonl"
    manifest.write_text(json.dumps(truth) + "\n", "utf-8")
    return manifest
