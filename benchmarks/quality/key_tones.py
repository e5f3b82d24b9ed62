"""How many typed digits stay audible after muting and verification, and what that costs of speech.

    python -m benchmarks.quality.key_tones [FOLDER …] [--out build/bench-key-tones]

Keys are made: 16 in a row, at random frequencies within the 1.8 % of ITU-T Q.24, on one channel of
a call that goes through the muter and the verifier under the policy ``pci``, without anything that
detection would find. A key is *left* where 30 ms of it are not silent, and *read* where the
loudest of the keypad's frequencies in what is left are its own. A voice is somebody's active
speech: frames without sound are left out of it, so that every key lies under the voice. Its level
is told against that of a key, both frequencies together.

Speech is that of the sample calls, and of every recording in the folders; what is silenced in it
as a key is a false alarm. Each is played at several speeds as well, so that a few hours hold more
voices: above 1.1 they are higher than people's.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from benchmarks.calls.corpus import SAMPLES
from benchmarks.results import finish, stamp
from benchmarks.speech.channel import mu_law_round_trip
from benchmarks.speech.keypad import key, pcm16
from pipeline.audio.files import SUFFIXES, read_recording
from pipeline.audio.keypad.spectrum import HIGH_HZ, LOW_HZ
from pipeline.errors import AudioError
from pipeline.evaluation.figures.statistics import wilson
from pipeline.muting.keys import Keys
from pipeline.muting.muter import CallMuter
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.intervals import merge_intervals
from pipeline.records.model import (
    AudioChunk,
    CallEnd,
    CallInfo,
    Findings,
    Interval,
    RedactedChunk,
    Role,
    Span,
    Verdict,
    Watermark,
    Window,
)
from pipeline.transcription.segmenter import unheard
from pipeline.verification.left_keys import LeftKeys
from pipeline.verification.verifier import CallVerifier

Audio: TypeAlias = npt.NDArray[np.float64]
Pcm: TypeAlias = npt.NDArray[np.int16]
SPEEDS: Final = (0.75, 0.82, 0.9, 1.0, 1.1, 1.2, 1.35)
ROUNDS, KEYS = 12, 16
RATE: Final = 8_000
_LEFT_S: Final = 0.03
_BEFORE_S: Final = 3.0
_DBFS: Final = -18.0
"""Level (RMS) of one frequency."""
_ACTIVE: Final = 0.02
"""RMS of a frame of 100 ms that counts as speech, full scale 1."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the keys are typed over."""

    hold_ms: int = 100
    rest_ms: int = 400
    voice_db: float | None = None
    """How much louder than the keys somebody talks meanwhile."""
    twist_db: float = 0.0
    """How much louder the high frequency is."""
    codec: str = ""
    noise_db: float = -30.0
    """White noise against the keys."""
    rate: int = RATE

    def __str__(self) -> str:
        """As a row of the page begins."""
        parts = [f"{self.hold_ms} ms, rest {self.rest_ms} ms"]
        if self.voice_db is not None:
            parts.append(f"voice {self.voice_db:+.0f} dB")
        if self.twist_db:
            parts.append(f"twist {self.twist_db:+.0f} dB")
        if self.noise_db > -30.0:
            parts.append(f"noise {self.noise_db:+.0f} dB")
        if self.codec:
            parts.append(self.codec)
        if self.rate != RATE:
            parts.append(f"{self.rate} Hz")
        return ", ".join(parts)


RESTS: Final = (0, 80, 400, 1_000, 2_200)
LINES: Final = (
    *(Line(rest_ms=rest, voice_db=db) for db in (None, -6.0, 0.0, 6.0) for rest in RESTS),
    *(
        Line(hold, rest, db, codec="GSM 06.10")
        for db in (None, 0.0)
        for hold, rest in ((50, 50), (80, 80), (100, 400), (150, 2_200))
    ),
    *(Line(hold, hold, db) for db in (None, 0.0) for hold in (40, 50)),
    *(Line(80, 80, db, twist) for db in (None, 0.0) for twist in (-12.0, -8.0, 8.0, 12.0)),
    Line(80, 80, noise_db=-10.0),
    Line(80, 80, noise_db=-15.0, codec="G.711"),
    Line(40, 40, rate=16_000),
    Line(80, 80, 0.0, rate=16_000),
)


@dataclass(slots=True)
class Left:
    """What came through."""

    keys: int = 0
    muting: int = 0
    """Keys that are left after muting alone,"""
    left: int = 0
    """and after verification too;"""
    read: int = 0
    """of which so many can be read."""
    passed: int = 0
    """Calls with a key left that verification let through."""


def left(line: Line, talk: Audio, policy: Policy, *, rounds: int = ROUNDS, seed: int = 1) -> Left:
    """What is left of typed keys.

    Args:
        line: what they are typed over.
        talk: active speech at 8 kHz, RMS 1.
        policy: of the call.
        rounds: calls of ``KEYS`` keys.
        seed: draws keys and speech.
    """
    rng, told = np.random.default_rng(seed), Left()
    for _ in range(rounds):
        pcm, places = typed(line, talk, rng)
        # A second channel on which nothing is said.
        call = CallInfo("call-1", line.rate, (Role.AGENT, Role.CUSTOMER))
        both = np.stack([np.zeros_like(pcm), pcm], axis=1)
        muted, _, _ = way(policy, call, both, verify=False)
        done, passed, _ = way(policy, call, both)
        stays = [_sounds(done[low:high, 1], line.rate) for low, high, _ in places]
        told.keys += len(places)
        told.muting += sum(_sounds(muted[low:high, 1], line.rate) for low, high, _ in places)
        told.left += sum(stays)
        told.read += sum(
            stay and read(done[low:high, 1], line.rate) == pair
            for stay, (low, high, pair) in zip(stays, places, strict=True)
        )
        told.passed += passed and any(stays)
    return told


def typed(
    line: Line, talk: Audio, rng: np.random.Generator
) -> tuple[Pcm, list[tuple[int, int, tuple[int, int]]]]:
    """A channel with 16 keys, a whole number of seconds, and where each is and which."""
    rate, hold, rest = line.rate, line.hold_ms / 1_000, line.rest_ms / 1_000
    length = int(np.ceil(2 * _BEFORE_S + KEYS * (hold + rest)) * rate)
    level = 10.0 ** (_DBFS / 20.0) * np.sqrt(2.0)
    audio = rng.normal(0.0, level * 10.0 ** (line.noise_db / 20.0), length)
    if line.voice_db is not None:
        at = int(rng.integers(0, max(1, len(talk) - length)))
        part = np.resize(talk[at : at + length], length * RATE // rate)
        voice = part if rate == RATE else np.resize(soxr.resample(part, RATE, rate), length)
        audio += voice * level * 10.0 ** (line.voice_db / 20.0)
    places, at = [], round(_BEFORE_S * rate)
    for _ in range(KEYS):
        row, column = rng.integers(0, 4, 2).tolist()
        off = float(rng.uniform(-0.018, 0.018))
        tone = key(row, column, hold, rate, dbfs=_DBFS, off=off, twist_db=line.twist_db)
        audio[at : at + len(tone)] += tone
        places.append((at, at + len(tone), (row, column)))
        at += len(tone) + round(rest * rate)
    return _coded(audio, line), places


def way(
    policy: Policy, call: CallInfo, pcm: Pcm, *, verify: bool = True
) -> tuple[Pcm, bool, list[Span]]:
    """What becomes of a call in which detection finds nothing.

    Args:
        policy: of the call.
        call: its facts.
        pcm: shape ``(n, channels)``.
        verify: whether it goes through verification too.

    Returns:
        The samples, whether verification passed them, and the spans of all mutes.
    """
    muter, verifier, rate = CallMuter(policy), CallVerifier(policy), call.sample_rate
    count = -(-len(pcm) // rate)
    end = CallEnd(call.call_id, count, len(pcm))
    found = Findings(call.call_id, 0, (), (), Watermark(len(pcm)), ("model@00",), end)
    records = muter.take_findings(found)
    for seq in range(count):
        part = pcm[seq * rate : (seq + 1) * rate]
        records += muter.take_audio(AudioChunk(call, seq, seq * rate, part))
    done, passed, spans = list[Pcm](), False, list[Span]()
    waiting = [out for one in records for out in verifier.take(one)] if verify else list(records)
    while waiting:
        out = waiting.pop(0)
        if isinstance(out, RedactedChunk):
            done.append(out.pcm)
            spans += [span for mute in out.mutes for span in mute.spans]
        elif isinstance(out, Verdict):
            passed = out.passed
        elif isinstance(out, Window):
            waiting = [*verifier.take_transcript(unheard(out), ()), *waiting]
    return np.concatenate(done), passed, list(dict.fromkeys(spans))


def read(pcm: Pcm, rate: int) -> tuple[int, int]:
    """Row and column of the loudest of the keypad's frequencies."""
    shaped = pcm * np.hanning(len(pcm))
    turn = -2j * np.pi * np.arange(len(pcm)) / rate
    low, high = (
        int(np.argmax([abs(np.sum(shaped * np.exp(turn * hertz))) for hertz in group]))
        for group in (LOW_HZ, HIGH_HZ)
    )
    return low, high


def _sounds(pcm: Pcm, rate: int) -> bool:
    return int(np.count_nonzero(pcm)) >= _LEFT_S * rate


def _coded(audio: Audio, line: Line) -> Pcm:
    if line.codec == "G.711":
        return mu_law_round_trip(audio)
    pcm = pcm16(audio)
    if not line.codec:
        return pcm
    file = io.BytesIO()
    soundfile.write(file, pcm, line.rate, format="WAV", subtype="GSM610")
    file.seek(0)
    return np.resize(soundfile.read(file, dtype="int16")[0], len(pcm))


def active(pcm: Pcm) -> Audio:
    """The frames of 100 ms in which somebody speaks, RMS 1."""
    frames = pcm[: len(pcm) // 800 * 800].reshape(-1, 800) / 32_768
    spoken = frames[np.sqrt(np.mean(np.square(frames), axis=1)) > _ACTIVE].ravel()
    return np.asarray(spoken / np.sqrt(np.mean(np.square(spoken))))


def alarms(pcm: Pcm, rate: int) -> dict[str, tuple[int, float]]:
    """How many stretches of one channel, shape ``(n,)``, are taken for keys, and milliseconds.

    By muting and by verification, each as if the other weren't there.
    """
    call = CallInfo("call-1", rate, (Role.CUSTOMER,))
    keys, verified = Keys(call), LeftKeys(call)
    spans = {"muting": list[Span](), "verification": list[Span]()}
    for part in _seconds(pcm, rate):
        spans["muting"] += keys.take(part)
        spans["verification"] += verified.take(part, ())
    spans["muting"] += keys.finish()
    spans["verification"] += verified.finish()
    return {name: _stretches(found, rate) for name, found in spans.items()}


def _stretches(spans: Iterable[Span], rate: int) -> tuple[int, float]:
    places = merge_intervals([Interval(span.start, span.end) for span in spans], rate // 4)
    return len(places), 1_000.0 * sum(map(len, places)) / rate


def _seconds(pcm: Pcm, rate: int) -> Iterator[Pcm]:
    """One channel second by second, shape ``(rate, 1)``."""
    return (pcm[at : at + rate, None] for at in range(0, len(pcm), rate))


def speech_of(folders: Sequence[Path]) -> Iterator[Pcm]:
    """Every channel of the recordings below some folders, at 8 kHz, shape ``(n,)``."""
    for folder in folders:
        for path in sorted(one for one in folder.rglob("*") if one.suffix.lower() in SUFFIXES):
            try:
                recording = read_recording(path)
            except AudioError:
                continue
            rate = recording.info.sample_rate
            for channel in np.asarray(recording.pcm, np.int16).T:
                yield narrow(channel.astype(np.float32), rate, RATE)


def narrow(audio: npt.NDArray[np.float32], rate: float, to: float) -> Pcm:
    """Audio of 16-bit values at another rate, shape ``(n,)``."""
    made = audio if rate == to else soxr.resample(audio, rate, to)
    return np.clip(np.rint(made), -32_768, 32_767).astype(np.int16)


def measure(folders: Sequence[Path], rounds: int = ROUNDS) -> dict[str, Any]:
    """All figures; see the module's text."""
    speech = list(speech_of(folders))
    talk, policy = active(np.concatenate(speech)), load_policy("pci")
    lines = [{"line": str(one), **asdict(left(one, talk, policy, rounds=rounds))} for one in LINES]
    false: dict[str, dict[str, Any]] = {}
    for speed in SPEEDS:
        # A second of nothing between recordings: what is said in two of them is no run.
        apart = [np.append(one, np.zeros(RATE * 5, np.int16)) for one in speech]
        played = narrow(np.concatenate(apart).astype(np.float32), RATE * speed, RATE)
        hours = sum(map(len, speech)) / speed / RATE / 3_600
        false[str(speed)] = {"hours": hours, **alarms(played, RATE)}
    cost = _cost(np.concatenate(speech))
    return {**stamp(), "lines": lines, "false": false, "cpu_s_an_hour": cost}


def _cost(pcm: Pcm) -> dict[str, float]:
    """Processor seconds for an hour of one channel, in chunks of a second; the best of three."""
    call, hours = CallInfo("call-1", RATE, (Role.CUSTOMER,)), len(pcm) / RATE / 3_600
    times: dict[str, list[float]] = {"muting": [], "verification": []}
    for _ in range(3):
        keys, verified = Keys(call), LeftKeys(call)
        begun = time.process_time()
        for part in _seconds(pcm, RATE):
            keys.take(part)
        half = time.process_time()
        for part in _seconds(pcm, RATE):
            verified.take(part, ())
        times["muting"].append(half - begun)
        times["verification"].append(time.process_time() - half)
    return {name: min(each) / hours for name, each in times.items()}


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    cost, table, by = result["cpu_s_an_hour"], [], ("muting", "verification")
    for one in result["lines"]:
        share = wilson(one["left"], one["keys"])
        table.append(
            f"| {one['line']} | {one['keys']} | {one['muting']} | {one['left']} | "
            f"{100 * share.low:.1f} to {100 * share.high:.1f} % | {one['read']} | {one['passed']} |"
        )
    return "\n".join(
        [
            f"{result['machine']}; {result['when']}.",
            "",
            "| keys | typed | left after muting | after verification | 95 % | read | passed |",
            "|---|---|---|---|---|---|---|",
            *table,
            "",
            "| speed | hours | taken for keys by muting | ms | by verification | ms |",
            "|---|---|---|---|---|---|",
            *(
                f"| {speed} | {one['hours']:.2f} | "
                + " | ".join(f"{one[name][0]} | {one[name][1]:.0f}" for name in by)
                + " |"
                for speed, one in result["false"].items()
            ),
            "",
            "Processor time for an hour of one channel: "
            + ", ".join(f"{name} {cost[name]:.1f} s" for name in by)
            + ".",
            "",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure what is left of typed keys.")
    parser.add_argument("folders", type=Path, nargs="*", default=[])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"calls of {KEYS} keys a line")
    parser.add_argument("--out", type=Path, default=Path("build/bench-key-tones"))
    options = parser.parse_args(arguments)
    result = measure([SAMPLES, *options.folders], options.rounds)
    finish(options.out, "result", result, page(result))


if __name__ == "__main__":
    main()
