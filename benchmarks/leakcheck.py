"""Checks redacted audio against the truth: what can still be heard, and what was muted for nothing.

    python -m benchmarks.leakcheck MANIFEST DIR [--json]

Both recordings are cut into 10 ms frames, channel by channel; inside a sensitive word the frames
begin with the word. A frame is silenced when its RMS is below -60 dBFS, or when the original is
gone from it: the frame correlates weakly with the original (|r| < 0.6) and, in a 50 ms window at
it, what remains after the loudest sinusoid (a beep) is taken out is below the floor or does not
correlate (|r| < 0.1). Frames in which the original
itself is below -57 dBFS hold nothing to hear and are left out. A digit word is audible when less
than 80 % of it is silenced. Harmless speech within 200 ms of an entity is not counted.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile

FLOOR = 10 ** (-60 / 20)
AUDIBLE_FLOOR = 10 ** (-57 / 20)
FRAME_MS = 10
COLLAR_MS = 200
SILENCED_SHARE = 0.8
_CORRELATION = 0.1
_FRAME_CORRELATION = 0.6  # 10 ms are too short for the lower limit: a beep correlates by chance
DIGIT_KINDS = {"pan": "CARD", "cvv": "CVV", "ssn": "SSN", "ssn_last4": "SSN"}
SUFFIXES = (".flac", ".wav", ".ogg")

Samples: TypeAlias = npt.NDArray[np.float64]
Entry: TypeAlias = dict[str, Any]


class LeakCheckError(ValueError):
    """A redacted recording that can't be compared with its original."""


@dataclass(frozen=True, slots=True)
class TypeResult:
    """One entity type of a call."""

    type: str
    entities: int
    sensitive_ms: float
    silenced_ms: float


@dataclass(frozen=True, slots=True)
class DigitResult:
    """Digits of one kind (CARD, CVV, SSN) in a call."""

    kind: str
    digits: int
    audible: int


@dataclass(frozen=True, slots=True)
class CallResult:
    """One call; ``missing`` when there is no redacted file, so nothing of it can be heard."""

    file: str
    types: tuple[TypeResult, ...] = ()
    digits: tuple[DigitResult, ...] = ()
    harmless_ms: float = 0.0
    harmless_muted_ms: float = 0.0
    missing: bool = False

    @property
    def call_id(self) -> str:
        """The file's name without its ending."""
        return Path(self.file).stem

    @property
    def audible_digits(self) -> int:
        """Card, CVV and SSN digits that can still be heard."""
        return sum(each.audible for each in self.digits)


@dataclass(frozen=True, slots=True)
class LeakReport:
    """All calls of a manifest."""

    calls: tuple[CallResult, ...]

    @property
    def passed(self) -> bool:
        """Every call is there and no digit can be heard."""
        return not any(call.missing or call.audible_digits for call in self.calls)

    def types(self) -> tuple[TypeResult, ...]:
        """The types over all calls, by name."""
        sums: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
        for result in (each for call in self.calls for each in call.types):
            row = sums[result.type]
            row[0] += result.entities
            row[1] += result.sensitive_ms
            row[2] += result.silenced_ms
        return tuple(
            TypeResult(kind, int(n), ms, hit) for kind, (n, ms, hit) in sorted(sums.items())
        )

    def digits(self) -> tuple[DigitResult, ...]:
        """The digits over all calls, by kind."""
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for result in (each for call in self.calls for each in call.digits):
            sums[result.kind][0] += result.digits
            sums[result.kind][1] += result.audible
        return tuple(DigitResult(kind, n, audible) for kind, (n, audible) in sorted(sums.items()))

    @property
    def harmless_muted_share(self) -> float:
        """Share of the harmless speech that was muted, 0 to 1."""
        whole = sum(call.harmless_ms for call in self.calls)
        return sum(call.harmless_muted_ms for call in self.calls) / whole if whole else 0.0


def check(manifest: Path, redacted: Path) -> LeakReport:
    """Compare every call of a manifest with the redacted file of the same name under a folder.

    Raises:
        LeakCheckError: a redacted file has another sample rate, channel count or length.
        OSError: the manifest or an original can't be read.
    """
    lines = manifest.read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line.strip()]
    return LeakReport(tuple(_call(entry, manifest.parent, redacted) for entry in entries))


def silenced_frames(
    original: Samples, redacted: Samples, starts: npt.NDArray[np.int64], frame: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which frames are silenced, and which hold something to hear in the original.

    Args:
        original: one channel, shape ``(samples,)``, in ``[-1, 1]``.
        redacted: the same channel after redaction, same length.
        starts: first sample of each frame, shape ``(frames,)``.
        frame: samples in a frame.

    Returns:
        Two masks of shape ``(frames,)``: silenced, and audible in the original.
    """
    index = starts[:, None] + np.arange(frame)
    audible = _rms(original[index]) >= AUDIBLE_FLOOR
    silenced = _rms(redacted[index]) < FLOOR
    same = _correlation_of(original[index], redacted[index])
    for at in np.flatnonzero(audible & ~silenced & (same < _FRAME_CORRELATION)):
        first = int(starts[at])
        for before in (0, 2, 4):  # the window starts at, is centred on, ends with the frame
            low = max(0, first - before * frame)
            high = min(len(original), first + (5 - before) * frame)
            if _replaced(original[low:high], redacted[low:high]):
                silenced[at] = True
                break
    return silenced, audible


def _call(entry: Entry, folder: Path, redacted: Path) -> CallResult:
    name = Path(entry["file"]).name
    path = _redacted_file(redacted, Path(name).stem)
    if path is None:
        return CallResult(name, missing=True)
    before, rate = soundfile.read(folder / entry["file"], dtype="float64", always_2d=True)
    after, rate_after = soundfile.read(path, dtype="float64", always_2d=True)
    if rate_after != rate or after.shape != before.shape:
        raise LeakCheckError(
            f"{path}: {after.shape} at {rate_after} Hz; the original is {before.shape} at {rate}"
        )
    return _Scorer(entry, before, after, int(rate)).result(name)


class _Scorer:
    """Counts one call."""

    def __init__(self, entry: Entry, before: Samples, after: Samples, rate: int) -> None:
        self._entry = entry
        self._before = before
        self._after = after
        self._rate = rate
        self._frame = rate * FRAME_MS // 1_000
        self._channels = {side: index for index, side in enumerate(entry["channels"])}

    def result(self, name: str) -> CallResult:
        types: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
        digits: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for entity in self._entry["entities"]:
            if entity["optional"]:
                continue
            row = types[entity["type"]]
            row[0] += 1
            for word in entity["words"]:
                whole, hit = self._word(word, self._channels[entity["channel"]])
                row[1] += whole
                row[2] += hit
                count = len(word.get("digits", ""))
                if entity["type"] in DIGIT_KINDS and count:
                    kind = digits[DIGIT_KINDS[entity["type"]]]
                    kind[0] += count
                    kind[1] += count * (whole > 0 and hit / whole < SILENCED_SHARE)
        harmless = [self._harmless(side) for side in self._channels]
        return CallResult(
            name,
            tuple(
                TypeResult(kind, int(n), ms, hit) for kind, (n, ms, hit) in sorted(types.items())
            ),
            tuple(DigitResult(kind, n, audible) for kind, (n, audible) in sorted(digits.items())),
            sum(whole for whole, _ in harmless),
            sum(muted for _, muted in harmless),
        )

    def _word(self, word: Entry, channel: int) -> tuple[float, float]:
        """Milliseconds of a word that could be heard, and how many of them are silenced."""
        first, last = self._sample(word["start_ms"]), self._sample(word["end_ms"])
        starts = np.arange(first, max(first + 1, last - self._frame + 1), self._frame)
        # The last frame ends with the word; each stands for the samples that only it covers.
        ends = np.minimum(starts + self._frame, last)
        if ends[-1] < last:
            starts = np.append(starts, last - self._frame)
            ends = np.append(ends, last)
        weight = np.diff(np.concatenate([[first], ends])) * 1_000 / self._rate
        starts = np.clip(starts, 0, len(self._before) - self._frame)
        silenced, audible = silenced_frames(
            self._before[:, channel], self._after[:, channel], starts, self._frame
        )
        return float(weight[audible].sum()), float(weight[audible & silenced].sum())

    def _harmless(self, side: str) -> tuple[float, float]:
        """Milliseconds of harmless speech away from entities, and how many are silenced."""
        frames = len(self._before) // self._frame
        speech = np.zeros(frames, dtype=np.bool_)
        for start, end in self._entry["speech"].get(side, []):
            speech[int(start // FRAME_MS) : int(end // FRAME_MS)] = True
        for start, end in self._near_entities(side):
            speech[max(0, int(start // FRAME_MS)) : int(end // FRAME_MS) + 1] = False
        starts = np.flatnonzero(speech) * self._frame
        channel = self._channels[side]
        silenced, audible = silenced_frames(
            self._before[:, channel], self._after[:, channel], starts, self._frame
        )
        return float(audible.sum() * FRAME_MS), float((audible & silenced).sum() * FRAME_MS)

    def _near_entities(self, side: str) -> Iterator[tuple[float, float]]:
        for entity in self._entry["entities"]:
            if entity["channel"] == side:
                for word in entity["words"]:
                    yield word["start_ms"] - COLLAR_MS, word["end_ms"] + COLLAR_MS

    def _sample(self, milliseconds: float) -> int:
        return round(milliseconds * self._rate / 1_000)


def _replaced(original: Samples, redacted: Samples) -> bool:
    """Whether nothing of the original is left once the loudest sinusoid is taken out."""
    rest = _without_tone(redacted)
    if float(np.sqrt(np.mean(rest**2))) < FLOOR:
        return True
    return bool(_correlation_of(original[None], rest[None])[0] < _CORRELATION)


def _correlation_of(first: Samples, second: Samples) -> Samples:
    """Absolute correlation of each row; 0 where a row is constant."""
    first = first - first.mean(axis=1, keepdims=True)
    second = second - second.mean(axis=1, keepdims=True)
    norm = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.asarray(np.abs((first * second).sum(axis=1)) / np.maximum(norm, 1e-12))


def _without_tone(audio: Samples) -> Samples:
    """Subtract the sinusoid that explains most of a short stretch."""
    padded = 16 * len(audio)
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), padded))
    frequency = 2 * np.pi * int(np.argmax(spectrum)) / padded
    angle = frequency * np.arange(len(audio))
    basis = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    fitted, *_ = np.linalg.lstsq(basis, audio, rcond=None)
    return np.asarray(audio - basis @ fitted, dtype=np.float64)


def _rms(frames: Samples) -> Samples:
    return np.asarray(np.sqrt(np.mean(frames**2, axis=1)), dtype=np.float64)


def _redacted_file(folder: Path, stem: str) -> Path | None:
    hits = (path for suffix in SUFFIXES for path in folder.rglob(f"{stem}{suffix}"))
    return next(iter(sorted(hits)), None)


def as_json(report: LeakReport) -> str:
    """The report with its totals as JSON."""
    totals = {
        "passed": report.passed,
        "harmless_muted_share": report.harmless_muted_share,
        "types": [dataclasses.asdict(each) for each in report.types()],
        "digits": [dataclasses.asdict(each) for each in report.digits()],
    }
    return json.dumps(totals | dataclasses.asdict(report), indent=2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 when a digit can be heard or a call is missing."""
    parser = argparse.ArgumentParser(description="Check redacted audio against the truth.")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("redacted", type=Path, help="folder with the redacted recordings")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    report = check(options.manifest, options.redacted)
    if options.json:
        print(as_json(report))
        return 0 if report.passed else 1
    for each in report.types():
        share = 100 * each.silenced_ms / each.sensitive_ms if each.sensitive_ms else 100.0
        print(f"{each.type:<16} {each.entities:>4} entities  {share:6.2f} % of the time silenced")
    for digit in report.digits():
        print(f"{digit.kind:<16} {digit.audible} of {digit.digits} digits audible")
    print(f"harmless speech muted: {100 * report.harmless_muted_share:.2f} %")
    for call in report.calls:
        if call.missing:
            print(f"missing: {call.file}")
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
