"""Measures what of a damaged call can still be heard: one damage at a time, real models.

    python -m benchmarks.quality.damage [MANIFEST ...] [--calls N] [--only TEXT] [--out DIR]

Two figures for each damage: card, CVV and SSN digits that are audible *in calls that were released*
(goal: none), and calls that were quarantined or refused. A digit is audible when less than 80 % of
its 10 ms frames are silent, where silent means no sound at all: a voice at -80 dBFS can be made
louder. Calls without damage stand in the first line, for comparison.
"""

from __future__ import annotations

import argparse
import io
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from agents.app.evaluation.run_calls import read_manifest
from agents.app.in_memory_pipeline import Line
from agents.app.recordings.recording_folder import read_drop
from agents.app.wiring import transcriber_settings
from agents.runtime.engine_pool import engine_pool
from agents.settings.detectors import detector_settings
from agents.settings.model import Settings, load_settings
from agents.system.engine_sizing import window_settings
from benchmarks.calls.corpus import SAMPLES
from benchmarks.results import finish, stamp
from benchmarks.speech.damages import INTERLUDE_S, Damage, damages, interludes
from models.detection.detector import Detector
from models.speech.silero_vad import SileroVoice
from pipeline.audio.files import Recording, read_recording
from pipeline.audio.narrowing import analysed
from pipeline.errors import AudioError
from pipeline.evaluation.corpora.call_manifest import TruthCall, TruthEntity
from pipeline.evidence.stored_call import StoredCall
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.model import CallInfo

BABBLE = SAMPLES / "support.flac"
"""Nobody says a number in it."""
_KINDS = frozenset({"pan", "cvv", "ssn", "ssn_last4"})
_FRAME_MS = 10
_SILENT_SHARE = 0.8


@dataclass(slots=True)
class Cell:
    """What one damage did."""

    damage: str
    calls: int = 0
    digits: int = 0
    audible: int = 0
    """Digits in calls that were released."""
    quarantined: int = 0
    refused: int = 0
    silenced_s: float = 0.0
    length_s: float = 0.0
    leaks: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    """What quarantined a call."""


class Bench:
    """The stages of one call in memory, with real models."""

    def __init__(self, policy: Policy, settings: Settings, pool: Executor) -> None:
        self._policy, self._settings, self._pool = policy, settings, pool
        self._detector = Detector(policy, settings=detector_settings(settings))
        self._voice = SileroVoice()

    def run(self, truth: TruthCall, folder: Path, damage: Damage, cell: Cell) -> None:
        """Redact one damaged call and add it to its cell."""
        drop = read_drop(folder / truth.file)
        audio, rate = soundfile.read(drop.path, dtype="float64", always_2d=True)
        channels = list(truth.channels)
        if damage.name == "channels swapped":
            channels.reverse()
        cell.calls += 1
        late = INTERLUDE_S if damage.name.startswith("a minute") else 0
        wanted = list(_digits(truth, channels, late))
        cell.digits += sum(count for *_, count in wanted)
        seed = zlib.crc32(f"{truth.call_id}/{damage.name}".encode())
        try:
            recording = analysed(read_recording(damage.file(audio, rate, seed)))
        except AudioError:
            cell.refused += 1
            return
        stored = self.redact(drop.info(recording.sample_rate, recording.channels), recording)
        flac = next((data for name, data in stored.files.items() if name.endswith(".flac")), None)
        if flac is None:
            cell.quarantined += 1
            cell.checks += [one.name for one in stored.certificate.checks if not one.passed]
            return
        after, _ = soundfile.read(io.BytesIO(flac), dtype="int16", always_2d=True)
        cell.length_s += after.size / rate
        cell.silenced_s += float(np.count_nonzero(after == 0)) / rate
        for entity, channel, start, end, count in wanted:
            before, left = recording.pcm[start:end, channel], after[start:end, channel]
            if _audible(before, left, rate):
                cell.audible += count
                cell.leaks.append(f"{truth.call_id}/{entity.type}@{start / rate:.2f}")

    def redact(self, call: CallInfo, recording: Recording) -> StoredCall:
        """One call through all stages."""
        line = Line(
            call.call_id,
            self._policy,
            self._detector.open,
            self._detector,
            voice=self._voice,
            pool=self._pool,
            listening=window_settings(self._settings.pace),
        )
        line.send(call, recording.pcm)
        return line.finish()


def _digits(
    truth: TruthCall, channels: Sequence[str], late_s: int = 0
) -> Iterator[tuple[TruthEntity, int, int, int, int]]:
    """Every word of digits: entity, channel, first and last sample, how many digits."""
    rate = 8_000
    for entity in truth.entities:
        if entity.type not in _KINDS or entity.optional:
            continue
        for word in entity.words:
            if word.digits:
                start, end = (
                    round((late_s + ms / 1_000) * rate) for ms in (word.start_ms, word.end_ms)
                )
                yield entity, channels.index(entity.channel), start, end, len(word.digits)


def _audible(before: npt.NDArray[np.int16], after: npt.NDArray[np.int16], rate: int) -> bool:
    """Whether a word is still there: frames without any sound, over those that had some."""
    size = rate * _FRAME_MS // 1_000
    count = len(before) // size
    had = np.ptp(before[: count * size].astype(np.int32).reshape(count, size), axis=1) > 0
    has = np.ptp(after[: count * size].astype(np.int32).reshape(count, size), axis=1) > 0
    sounding = int(had.sum())
    return sounding > 0 and int((had & ~has).sum()) < _SILENT_SHARE * sounding


def measure(manifests: Sequence[Path], only: str, most: int, settings: Settings) -> Iterator[Cell]:
    """All cells, one after the other."""
    calls = [
        (truth, manifest.parent)
        for manifest in manifests
        for truth in [
            one for one in read_manifest(manifest) if any(e.type == "pan" for e in one.entities)
        ][:most]
    ]
    with engine_pool(transcriber_settings(settings), settings.engine_processes) as pool:
        bench = Bench(load_policy(settings.policy), settings, pool)
        for damage in (*damages(BABBLE), *interludes()):
            if only not in damage.name:
                continue
            cell = Cell(damage.name)
            for truth, folder in calls:
                bench.run(truth, folder, damage, cell)
            yield cell


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifests", type=Path, nargs="*", default=[SAMPLES / "manifest.jsonl"])
    parser.add_argument("--calls", type=int, default=2, help="with a card number, per manifest")
    parser.add_argument("--only", default="", help="damages whose name holds this text")
    parser.add_argument("--out", type=Path, default=Path("build/damage"))
    options = parser.parse_args()
    cells = []
    for cell in measure(options.manifests, options.only, options.calls, load_settings()):
        cells.append(cell)
        print(
            f"{cell.damage:32} audible {cell.audible:3} of {cell.digits:3}  quarantined "
            f"{cell.quarantined + cell.refused} of {cell.calls}  {cell.checks} {cell.leaks[:4]}",
            flush=True,
        )
    page = "\n".join(_page(cells))
    finish(options.out, "damage", {**stamp(), "cells": [asdict(cell) for cell in cells]}, page)


def _page(cells: Sequence[Cell]) -> Iterator[str]:
    yield "| damage | digits audible in released calls | calls quarantined or refused | silent |"
    yield "|---|---|---|---|"
    for cell in cells:
        silent = cell.silenced_s / cell.length_s if cell.length_s else 1.0
        yield (
            f"| {cell.damage} | {cell.audible} of {cell.digits} "
            f"| {cell.quarantined + cell.refused} of {cell.calls} | {silent:.0%} |"
        )
    yield ""


if __name__ == "__main__":
    main()
