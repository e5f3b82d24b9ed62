"""Measures the whole pipeline on calls whose truth is known: leaks, and speed against a peer.

    python -m benchmarks [--calls DIR] [--repeats 3] [--out build/bench]

The peer is what hears the same files without redacting them: faster-whisper base, int8, beam 5,
word times, its own voice-activity filter. Both run in turns in the same session, because only
their ratio survives a change of machine; medians of the repeats are reported.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import leakcheck
from benchmarks.corpus import SAMPLES

_PEER = """
import sys, soundfile, soxr
from faster_whisper import WhisperModel
from models.loader import find
model = WhisperModel(str(find("whisper-base", allow_hub=False)), device="cpu", compute_type="int8")
for path in sys.argv[1:]:
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    for channel in range(audio.shape[1]):
        pcm = soxr.resample(audio[:, channel], rate, 16_000)
        segments, _ = model.transcribe(
            pcm, language="en", beam_size=5, word_timestamps=True, vad_filter=True
        )
        sum(len(segment.words or ()) for segment in segments)
"""


def measure(calls: Path, repeats: int) -> dict[str, Any]:
    """Run pipeline and peer in turns, and check the last vault for leaks.

    Raises:
        subprocess.CalledProcessError: a run failed.
    """
    manifest = calls / "manifest.jsonl"
    entries = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    recordings = [str(calls / entry["file"]) for entry in entries]
    command = str(Path(sys.executable).with_name("hushwire"))
    ours, peer = [], []
    with tempfile.TemporaryDirectory() as folder:
        vault = Path(folder)
        for repeat in range(repeats):
            vault = Path(folder) / str(repeat)
            ours.append(_seconds([command, "run", "--from", str(calls), "--to", str(vault)]))
            peer.append(_seconds([sys.executable, "-c", _PEER, *recordings]))
        report = leakcheck.check(manifest, vault)
    audio = sum(entry["duration_ms"] for entry in entries) / 1_000
    return {
        "machine": f"{os.cpu_count()} cores, {_processor()}, {platform.platform()}",
        "calls": len(entries),
        "audio_seconds": audio,
        "repeats": repeats,
        "hushwire_seconds": statistics.median(ours),
        "peer_seconds": statistics.median(peer),
        "hushwire_over_peer": statistics.median(a / b for a, b in zip(ours, peer, strict=True)),
        "times_real_time": audio / statistics.median(ours),
        "leaks": json.loads(leakcheck.as_json(report)),
    }


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    leaks = result["leaks"]
    lines = [
        "# Measured",
        "",
        f"{result['calls']} calls, {result['audio_seconds']:.0f} s of audio, two channels; median",
        f"of {result['repeats']} runs, set-up of broker and models included. {result['machine']}.",
        "",
        "| | wall seconds | times real time |",
        "|---|---|---|",
        _row("hushwire, whole pipeline", result["hushwire_seconds"], result["audio_seconds"]),
        _row("faster-whisper base, words only", result["peer_seconds"], result["audio_seconds"]),
        "",
        f"Ratio of the two: {result['hushwire_over_peer']:.2f}.",
        "",
        "| digits | spoken | audible |",
        "|---|---|---|",
        *(f"| {d['kind']} | {d['digits']} | {d['audible']} |" for d in leaks["digits"]),
        "",
        "| type | entities | sensitive s | silenced % |",
        "|---|---|---|---|",
        *(
            f"| {t['type']} | {t['entities']} | {t['sensitive_ms'] / 1_000:.1f} | "
            f"{100 * t['silenced_ms'] / max(t['sensitive_ms'], 1e-9):.1f} |"
            for t in leaks["types"]
        ),
        "",
        f"Harmless speech muted: {100 * leaks['harmless_muted_share']:.1f} %.",
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, seconds: float, audio: float) -> str:
    return f"| {name} | {seconds:.1f} | {audio / seconds:.1f} |"


def _seconds(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _processor() -> str:
    """The processor's own name where Linux tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure leaks and speed on labelled calls.")
    parser.add_argument("--calls", type=Path, default=SAMPLES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args(arguments)
    result = measure(options.calls, options.repeats)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (options.out / "result.md").write_text(page(result), encoding="utf-8")
    print(page(result))
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
