"""Learns how like a key a sound is: ``pipeline/audio/keypad/likeness.json``.

    python -m benchmarks.quality.key_learning [FOLDER …] [--out likeness.json]

Keys are those of ``benchmarks.quality.key_tones``, typed under half of the speech each time; what
is no key is all that ``KeySounds`` takes for frames of one in the speech itself, played at several
speeds. Learnt on one half of the recordings and judged on the other, and the other way round; what
is written is learnt on both.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from benchmarks.calls.corpus import SAMPLES
from benchmarks.quality.key_tones import RATE, SPEEDS, Line, Pcm, active, narrow, speech_of, typed
from pipeline.audio.keypad import likeness, sounds
from pipeline.records.model import Interval

ROUNDS: Final = 8
RIDGE: Final = 1.0
FALSE_AN_HOUR: Final = (0.1, 0.5, 2.0, 10.0, 60.0)
LINES: Final = (
    *(
        Line(hold, 200, db, codec=codec)
        for hold in (50, 80, 100, 150)
        for db in (0.0, 6.0, 9.0)
        for codec in ("", "G.711")
    ),
    *(Line(hold, 200, db, codec="GSM 06.10") for hold, db in ((100, None), (100, 0.0), (150, 0.0))),
    *(
        Line(hold, 200, db, twist)
        for hold in (50, 100)
        for db in (None, 0.0, 6.0)
        for twist in (-10.0, -5.0, 5.0, 10.0)
    ),
    *(Line(hold, 200) for hold in (50, 80)),
    Line(80, 200, noise_db=-8.0),
)


def heard(pcm: Pcm) -> list[tuple[Interval, npt.NDArray[np.float64]]]:
    """All sounds of a channel that are judged at all, with their features."""
    told: list[npt.NDArray[np.float64]] = []

    def kept(features: npt.NDArray[np.float64]) -> float:
        told.append(features)
        return 0.0

    with patch.object(sounds, "likeness", kept), patch.object(sounds, "_MEDIAN_OFF_PERCENT", 99.0):
        ear = sounds.KeySounds(RATE)
        places = [one.place for one in (*ear.take(pcm), *ear.finish())]
    return list(zip(places, told, strict=True))


def keys(talk: npt.NDArray[np.float64], half: int) -> Iterator[npt.NDArray[np.float64]]:
    """Features of typed keys that are judged at all."""
    for number, line in enumerate(LINES):
        for again in range(half, ROUNDS, 2):
            pcm, places = typed(line, talk, np.random.default_rng(1_000 * number + again))
            found = heard(pcm)
            for low, high, _ in places:
                over = [
                    (min(high, place.end) - max(low, place.start), features)
                    for place, features in found
                ]
                most, features = max(over, key=lambda one: one[0], default=(0, None))
                if features is not None and most > 0.4 * (high - low):
                    yield features


def learnt(rows: npt.NDArray[np.float64], truth: npt.NDArray[np.float64]) -> likeness.Weights:
    """Logistic regression with a ridge, by Newton's steps."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    told = np.clip((rows - mean) / scale, -likeness.CLIPPED, likeness.CLIPPED)
    inputs = np.hstack([told, np.square(told), np.ones((len(told), 1))])
    weights = np.zeros(inputs.shape[1])
    ridge = np.full(len(weights), RIDGE)
    ridge[-1] = 0.0
    for _ in range(30):
        odds = 1.0 / (1.0 + np.exp(-np.clip(inputs @ weights, -40.0, 40.0)))
        slope = inputs.T @ (odds - truth) + ridge * weights
        curve = (inputs.T * np.maximum(odds * (1.0 - odds), 1e-9)) @ inputs + np.diag(ridge)
        weights -= np.linalg.solve(curve, slope)
    count = rows.shape[1]
    return likeness.Weights(
        mean, scale, weights[:count], weights[count : 2 * count], float(weights[-1])
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Learn how like a key a sound is.")
    parser.add_argument("folders", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path("pipeline/audio/keypad/likeness.json"))
    options = parser.parse_args(arguments)
    speech = list(speech_of([SAMPLES, *options.folders]))
    no_key: list[list[npt.NDArray[np.float64]]] = [[], []]
    hours = [0.0, 0.0]
    for speed in SPEEDS:
        for number, one in enumerate(speech):
            played = narrow(one.astype(np.float32), RATE * speed, RATE)
            no_key[number % 2] += [features for _, features in heard(played)]
            hours[number % 2] += len(played) / RATE / 3_600
    key = [list(keys(active(np.concatenate(speech[half::2])), half)) for half in (0, 1)]
    for half in (0, 1):
        by = _by(no_key[half], key[half])
        other = sorted((likeness.likeness(one, by) for one in no_key[1 - half]), reverse=True)
        those = np.array([likeness.likeness(one, by) for one in key[1 - half]])
        for false in FALSE_AN_HOUR:
            limit = other[max(0, round(false * hours[1 - half]) - 1)]
            share = np.mean(those > limit)
            print(f"half {half}: {false} an hour from {limit:.1f} on, {100 * share:.1f} % of keys")
    by = _by([*no_key[0], *no_key[1]], [*key[0], *key[1]])
    told = {
        name: np.round(getattr(by, name), 4).tolist()
        for name in ("mean", "scale", "weights", "squares")
    }
    options.out.write_text(json.dumps({**told, "bias": round(by.bias, 4)}, indent=1) + "\n")


def _by(
    no_key: Sequence[npt.NDArray[np.float64]], key: Sequence[npt.NDArray[np.float64]]
) -> likeness.Weights:
    truth = np.repeat([0.0, 1.0], [len(no_key), len(key)])
    return learnt(np.array([*no_key, *key]), truth)


if __name__ == "__main__":
    main()
