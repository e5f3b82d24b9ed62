"""Measures how far the recognisers misplace spoken digits, and the padding that makes up for it.

    python -m benchmarks.quality.word_times [MANIFEST ...] [--digits FOLDER] [--out DIR]

The digits' true borders are known: of the sample calls, of any manifest that is written like
theirs, and of calls made here from recordings of single human digits
(``benchmarks.quality.single_digits``). Digits and recognised digits are matched per window by edit
distance; what was not recognised says nothing of times. "As aligned" are the times by
cross-attention alone, "corrected" those that are stated
(``pipeline.transcription.word_timing``, ``pipeline.transcription.word_beginnings``). The padding is
the least that covers 99.9 % of the milliseconds of recognised digits, for a number's first and last
edge apart; "snapped" with the muting stage's own edges, which move on to a quiet moment and end at
a pause: what lies behind the pause no padding covers, and the other hearings have to (None).
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import patch

import numpy as np
from rapidfuzz.distance import Levenshtein

from benchmarks.calls.corpus import SAMPLES
from benchmarks.calls.planting import Labelled, read_calls
from benchmarks.quality.hearing import DIGIT_TYPES
from benchmarks.quality.single_digits import human_calls
from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import Transcriber, TranscriberSettings
from pipeline.audio.levels import Levels
from pipeline.detection.numbers.runs import NumberRun, read
from pipeline.muting.padding import Padding, widen
from pipeline.policy.loading import load_policy
from pipeline.policy.model import EntityRule, Policy
from pipeline.records.entities import Entity
from pipeline.records.model import AudioChunk, CallEnd, Hearing, Interval, Window, Word
from pipeline.transcription.segmenter import Segmenter

COVER = 0.999
PADS_MS = range(0, 1_001, 25)
_APART_S = 1.0
"""A recognised digit further from a true one is another digit."""
_NAMES = {Hearing.MAIN: "main", Hearing.SECOND: "second"}

Edges: TypeAlias = tuple[int, int]


@dataclass(slots=True)
class Times:
    """What was measured of one model under one way of timing."""

    starts_ms: list[float] = field(default_factory=list)
    """Error of each number's first digit: negative is too early."""
    ends_ms: list[float] = field(default_factory=list)
    """Error of each number's last digit: negative is too early."""
    missed: dict[tuple[str, int], float] = field(default_factory=dict)
    """Milliseconds of recognised digits outside, by side (``plain before`` …) and padding."""
    left_ms: float = 0.0
    """The same under the policy's own padding and edges."""
    digit_ms: float = 0.0
    digits: int = 0

    def summary(self) -> dict[str, Any]:
        """Quantiles in milliseconds, and the least padding that covers."""
        pads = {
            side: next(
                (pad for pad in PADS_MS if self.missed[side, pad] <= (1 - COVER) * self.digit_ms),
                None,
            )
            for side in ("plain before", "plain after", "snapped before", "snapped after")
            if (side, 0) in self.missed
        }
        return {
            "digits": self.digits,
            "start": _quantiles(self.starts_ms),
            "end": _quantiles(self.ends_ms),
            "padding_ms": pads,
            "left_percent": round(100 * self.left_ms / max(self.digit_ms, 1e-9), 3),
        }


def measure(
    calls: Iterable[Labelled], settings: TranscriberSettings, policy: Policy
) -> dict[str, Times]:
    """Listen to every call both ways.

    Args:
        calls: with their truth.
        settings: which models.
        policy: whose edges are snapped to.

    Returns:
        By ``model, way of timing``.
    """
    transcriber, voice = Transcriber(settings), SileroVoice()
    models = dict(zip(_NAMES, transcriber.models, strict=False))
    found: dict[str, Times] = {}
    for call in calls:
        windows = _windows(call, voice)
        for way in ("as aligned", "corrected"):
            with _as_aligned() if way == "as aligned" else nullcontext():
                heard = transcriber.transcribe_all(windows)
            for one in heard:
                for hearing, model in models.items():
                    words = [word for word in one.words if word.hearing is hearing]
                    times = found.setdefault(f"{model.split('@')[0]}, {way}", Times())
                    add_window(
                        times, call, one.channel, Interval(one.start, one.end), words, policy
                    )
        print(f"{call.info.call_id}: {len(windows)} windows", flush=True)
    return found


@contextmanager
def _as_aligned() -> Iterator[None]:
    """Nothing moves a word."""
    with (
        patch("models.speech.transcriber.placed", _untouched),
        patch("models.speech.transcriber.drawn_in", lambda words, _: list(words)),
    ):
        yield


def _untouched(_texts: Sequence[str], spoken: Sequence[Interval], *_: object) -> list[Interval]:
    return list(spoken)


def _windows(call: Labelled, voice: SileroVoice) -> list[Window]:
    segmenter = Segmenter(call.info, voice)
    windows = segmenter.take(AudioChunk(call.info, 0, 0, call.pcm))
    windows += segmenter.finish(CallEnd(call.info.call_id, 1, len(call.pcm)))
    return [window for window in windows if len(window.pcm)]


def add_window(
    times: Times,
    call: Labelled,
    channel: int,
    window: Interval,
    words: Sequence[Word],
    policy: Policy,
) -> None:
    """Match the digits of a window and note what their numbers' edges miss.

    Args:
        times: what it is added to.
        call: with its truth.
        channel: of the window.
        window: its samples.
        words: of one model, in time order.
        policy: whose edges are snapped to.
    """
    rate = call.info.sample_rate
    truth = [
        (digit, where)
        for digit, where in _true_digits(call, channel)
        if window.start <= where.start and where.end <= window.end
    ]
    runs = read(words)
    said = [(digit, run, part.word) for run in runs for part in run.parts for digit in part.digits]
    pairs: dict[int, list[tuple[Interval, Word]]] = {}
    owner = {id(run): index for index, run in enumerate(runs)}
    blocks = Levenshtein.opcodes([d for d, _ in truth], [d for d, _, _ in said])
    for block in blocks:
        if block.tag != "equal":
            continue
        for offset in range(block.src_end - block.src_start):
            where = truth[block.src_start + offset][1]
            _, run, word = said[block.dest_start + offset]
            middle = (word.start + word.end) / 2
            if abs(middle - (where.start + where.end) / 2) <= _APART_S * rate + len(
                Interval(word.start, word.end)
            ):
                pairs.setdefault(owner[id(run)], []).append((where, word))
    for index, matched in pairs.items():
        _note(times, call, channel, runs[index], matched, policy)


def _note(
    times: Times,
    call: Labelled,
    channel: int,
    run: NumberRun,
    matched: Sequence[tuple[Interval, Word]],
    policy: Policy,
) -> None:
    rate = call.info.sample_rate
    first, last = matched[0], matched[-1]
    if first[1] is run.words[0] and run.parts[0].digits[:1]:
        times.starts_ms.append((first[1].start - first[0].start) * 1_000 / rate)
    if last[1] is run.words[-1]:
        times.ends_ms.append((last[1].end - last[0].end) * 1_000 / rate)
    times.digits += len(matched)
    times.digit_ms += sum(len(where) for where, _ in matched) * 1_000 / rate
    start, end = run.start, max(word.end for word in run.words)
    rule = policy.rule(Entity.CARD_NUMBER)
    snap = _snapper(call, channel, (start, end), policy)
    low, high = snap(rule.pad_before_ms * rate // 1_000, rule.pad_after_ms * rate // 1_000)
    inside = sum(max(0, min(high, one.end) - max(low, one.start)) for one, _ in matched)
    times.left_ms += (sum(len(one) for one, _ in matched) - inside) * 1_000 / rate
    for kind, edges in (
        ("plain", lambda before, after: (start - before, end + after)),
        ("snapped", snap),
    ):
        for pad in PADS_MS:
            samples = pad * rate // 1_000
            low, _ = edges(samples, 0)
            _, high = edges(0, samples)
            before = sum(max(0, min(low, one.end) - one.start) for one, _ in matched)
            after = sum(max(0, one.end - max(high, one.start)) for one, _ in matched)
            for side, missed in (("before", before), ("after", after)):
                key = (f"{kind} {side}", pad)
                times.missed[key] = times.missed.get(key, 0.0) + missed * 1_000 / rate


def _snapper(
    call: Labelled, channel: int, edges: Edges, policy: Policy
) -> Callable[[int, int], Edges]:
    """The muting stage's edges for a padding in samples."""
    rate, (start, end) = call.info.sample_rate, edges
    padding = Padding.of(policy, rate)
    low = max(0, start - 2 * rate)
    levels = Levels.measure(call.pcm[low : end + 2 * rate, channel], low, rate)

    def snapped(before: int, after: int) -> Edges:
        rule = EntityRule(pad_before_ms=before * 1_000 // rate, pad_after_ms=after * 1_000 // rate)
        wide = widen(start, end, rule=rule, padding=padding, levels=levels, sample_rate=rate)
        return wide.start, wide.end

    return snapped


def _true_digits(call: Labelled, channel: int) -> list[tuple[str, Interval]]:
    """Tokens of one digit; of "twenty" and "double four" nobody knows where a digit ends."""
    side = call.entry["channels"][channel]
    return sorted(
        (
            (word["digits"], call.interval(word))
            for entity in call.entry["entities"]
            if entity["channel"] == side and entity["type"] in DIGIT_TYPES
            for word in entity["words"]
            if len(word.get("digits", "")) == 1
        ),
        key=lambda pair: pair[1].start,
    )


def _quantiles(errors: Sequence[float]) -> dict[str, float]:
    names = {"least": 0.1, "5 %": 5.0, "median": 50.0, "95 %": 95.0, "most": 99.9}
    return {
        name: round(float(np.percentile(errors, at)), 1) if errors else 0.0
        for name, at in names.items()
    }


def page(found: dict[str, Times]) -> str:
    """The result as Markdown."""
    lines = [
        (
            "Milliseconds; negative is too early. The outer values are the 0.1 % and 99.9 % "
            "quantiles."
        ),
        "",
        (
            "| model, times | digits | start: 0.1 % · 5 % · median · 95 % · 99.9 % | end "
            "| padding before, after | the same, snapped | left under the policy |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for name, times in sorted(found.items()):
        told = times.summary()
        start, end = (
            " · ".join(f"{value:.0f}" for value in told[edge].values()) for edge in ("start", "end")
        )
        pads = told["padding_ms"]
        plain, snapped = (
            f"{pads.get(f'{kind} before')}, {pads.get(f'{kind} after')}"
            for kind in ("plain", "snapped")
        )
        left = f"{told['left_percent']} %"
        row = (name, str(told["digits"]), start, end, plain, snapped, left)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure the recognisers' word times.")
    parser.add_argument("manifests", nargs="*", type=Path)
    parser.add_argument(
        "--digits", type=Path, help="folder of human digits, named DIGIT_SPEAKER_NUMBER.wav"
    )
    parser.add_argument("--calls", type=int, default=12, help="how many calls to make of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--policy", default="default")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    manifests = options.manifests or ([] if options.digits else [SAMPLES / "manifest.jsonl"])
    made = human_calls(options.digits, options.calls, options.seed) if options.digits else ()
    calls = chain(chain.from_iterable(read_calls(one) for one in manifests), made)
    found = measure(calls, TranscriberSettings(), load_policy(options.policy))
    options.out.mkdir(parents=True, exist_ok=True)
    text = page(found)
    report = {name: times.summary() for name, times in found.items()}
    (options.out / "word_times.md").write_text(text, encoding="utf-8")
    (options.out / "word_times.json").write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    print(f"\n{text}\nwritten to {options.out}")


if __name__ == "__main__":
    main()
