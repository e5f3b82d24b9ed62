"""How surely keys are heard in a call, how often speech is taken for one, and what it costs.

    python -m benchmarks.quality.key_tones [FOLDER …] [--out build/bench-key-tones]

Keys are made: 16 in a row, at random frequencies within the 1.8 % of ITU-T Q.24, at 8 and 16 kHz.
One counts as heard where all of it is inside what would be muted at least. Speech is that of the
sample calls, and of every recording in the folders; what is heard in it as a key is a false alarm.
Each is played at several speeds as well, so that a few hours hold more voices: above 1.1 they are
higher than people's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import soxr

from benchmarks.calls.corpus import SAMPLES
from benchmarks.results import finish, stamp
from benchmarks.speech.channel import mu_law_round_trip
from benchmarks.speech.keypad import key, pcm16
from pipeline.audio.files import SUFFIXES, read_recording
from pipeline.audio.key_tones import KEY_EDGE_MS, KeyTones
from pipeline.errors import AudioError

Audio: TypeAlias = npt.NDArray[np.float64]
SPEEDS: Final = (0.75, 0.82, 0.9, 1.0, 1.1, 1.2, 1.35)
ROUNDS, KEYS = 12, 16
RATE: Final = 8_000


def alarms(pcm: npt.NDArray[np.int16], rate: int) -> int:
    """How many keys are heard on one channel, shape ``(n,)``."""
    tones = KeyTones(rate)
    return len([*tones.take(pcm), *tones.finish()])


def heard(
    line: Callable[[Audio, np.random.Generator], Audio],
    *,
    rate: int,
    milliseconds: int,
    dbfs: float,
    seed: int = 1,
) -> float:
    """Share of the keys that are heard whole over a line.

    Args:
        line: what it makes of the keys.
        rate: Hz.
        milliseconds: how long each is held, and the rest after it.
        dbfs: level (RMS) of one frequency.
        seed: draws the keys.
    """
    rng, found = np.random.default_rng(seed), 0
    edge = KEY_EDGE_MS * rate // 1_000
    for _ in range(ROUNDS):
        parts, places, at = [np.zeros(rate)], list[tuple[int, int]](), rate
        for _ in range(KEYS):
            row, column = rng.integers(0, 4, 2).tolist()
            off = float(rng.uniform(-0.018, 0.018))
            tone = key(row, column, milliseconds / 1_000, rate, dbfs=dbfs, off=off)
            rest = np.zeros(round(rate * (milliseconds / 1_000 + rng.uniform(0, 0.01))))
            parts += [tone, rest]
            places.append((at, at + len(tone)))
            at += len(tone) + len(rest)
        pcm = pcm16(line(np.concatenate([*parts, np.zeros(rate)]), rng))
        tones = KeyTones(rate)
        muted = np.zeros(len(pcm), np.bool_)
        for one in [*tones.take(pcm), *tones.finish()]:
            muted[max(0, one.start - edge) : one.end + edge] = True
        found += sum(bool(muted[low:high].all()) for low, high in places)
    return found / (ROUNDS * KEYS)


def noisy(below_db: float) -> Callable[[Audio, np.random.Generator], Audio]:
    """A line with white noise so far below the keys."""

    def line(audio: Audio, rng: np.random.Generator) -> Audio:
        level = float(np.sqrt(np.mean(np.square(audio[audio != 0.0]))))
        return audio + rng.normal(0.0, level * 10.0 ** (-below_db / 20.0), len(audio))

    return line


def under(speech: Audio, below_db: float) -> Callable[[Audio, np.random.Generator], Audio]:
    """A line on which somebody talks, so far below the keys."""

    def line(audio: Audio, rng: np.random.Generator) -> Audio:
        at = int(rng.integers(0, max(1, len(speech) - len(audio))))
        part = np.resize(speech[at:], len(audio))
        level = np.sqrt(np.mean(np.square(audio[audio != 0.0])))
        own = np.sqrt(np.mean(np.square(part))) + 1e-9
        return np.asarray(audio + part * (level / own * 10.0 ** (-below_db / 20.0)))

    return line


def _plain(audio: Audio, _: np.random.Generator) -> Audio:
    return audio


def _clipped(audio: Audio, _: np.random.Generator) -> Audio:
    return np.clip(4.0 * audio, -0.2, 0.2)


def _coded(audio: Audio, rng: np.random.Generator) -> Audio:
    return mu_law_round_trip(noisy(15.0)(audio, rng)).astype(np.float64) / 32_768


def speech_of(folders: Sequence[Path]) -> Iterator[npt.NDArray[np.int16]]:
    """Every channel of the recordings below some folders, at 8 kHz, shape ``(n,)``."""
    for folder in folders:
        for path in sorted(one for one in folder.rglob("*") if one.suffix.lower() in SUFFIXES):
            try:
                recording = read_recording(path)
            except AudioError:
                continue
            rate = recording.info.sample_rate
            for channel in np.asarray(recording.pcm, np.int16).T:
                audio = channel.astype(np.float32)
                yield _narrow(audio, rate, RATE)


def _narrow(audio: npt.NDArray[np.float32], rate: float, to: float) -> npt.NDArray[np.int16]:
    made = audio if rate == to else soxr.resample(audio, rate, to)
    return np.clip(np.rint(made), -32_768, 32_767).astype(np.int16)


def measure(folders: Sequence[Path]) -> dict[str, Any]:
    """All figures; see the module's text."""
    speech = list(speech_of(folders))
    talk = np.concatenate(speech).astype(np.float64) / 32_768
    lines = {
        "clear": _plain,
        "noise 15 dB below": noisy(15.0),
        "noise 10 dB below": noisy(10.0),
        "noise 15 dB below, G.711": _coded,
        "clipped": _clipped,
        "a voice 10 dB below": under(talk, 10.0),
        "a voice as loud": under(talk, 0.0),
    }
    rates = {
        f"{name}, {rate} Hz, {milliseconds} ms": heard(
            line, rate=rate, milliseconds=milliseconds, dbfs=-15.0
        )
        for name, line in lines.items()
        for rate in ((8_000,) if "G.711" in name or "voice" in name else (8_000, 16_000))
        for milliseconds in (40, 80)
    }
    for dbfs in (-33.0, -45.0):
        rates[f"clear, 8000 Hz, 40 ms, {dbfs:.0f} dBFS"] = heard(
            _plain, rate=RATE, milliseconds=40, dbfs=dbfs
        )
    false: dict[str, int] = {}
    hours: dict[str, float] = {}
    for speed in SPEEDS:
        played = [_narrow(one.astype(np.float32), RATE * speed, RATE) for one in speech]
        false[str(speed)] = sum(alarms(one, RATE) for one in played)
        hours[str(speed)] = sum(map(len, played)) / RATE / 3_600
    cost = _cost(np.concatenate(speech))
    return {**stamp(), "heard": rates, "false": false, "hours": hours, "cpu_s_an_hour": cost}


def _cost(pcm: npt.NDArray[np.int16]) -> float:
    """Processor seconds for an hour of one channel, in chunks of a second."""
    tones, begun = KeyTones(RATE), time.process_time()
    for at in range(0, len(pcm), RATE):
        tones.take(pcm[at : at + RATE])
    tones.finish()
    return (time.process_time() - begun) / (len(pcm) / RATE / 3_600)


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    false, hours = result["false"], result["hours"]
    return "\n".join(
        [
            f"{ROUNDS * KEYS} keys a row. {result['machine']}; {result['when']}.",
            "",
            "| line | heard |",
            "|---|---|",
            *(f"| {name} | {100 * share:.1f} % |" for name, share in result["heard"].items()),
            "",
            "| speed of the speech | hours | taken for keys |",
            "|---|---|---|",
            *(f"| {speed} | {hours[speed]:.2f} | {count} |" for speed, count in false.items()),
            "",
            f"{result['cpu_s_an_hour']:.1f} s of processor time for an hour of one channel.",
            "",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure how surely keys are heard.")
    parser.add_argument("folders", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path("build/bench-key-tones"))
    options = parser.parse_args(arguments)
    result = measure([SAMPLES, *options.folders])
    finish(options.out, "result", result, page(result))


if __name__ == "__main__":
    main()
