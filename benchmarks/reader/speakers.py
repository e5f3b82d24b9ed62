"""Learns what each side of a call would say, and measures how well sides are told apart.

    python -m benchmarks.reader.speakers learn
    python -m benchmarks.reader.speakers measure FOLDER … [--out DIR]

``learn`` writes ``models/speakers/weights/roles.json`` from the labelled texts to tune on (seconds
on one core; the same texts give the same file) and prints how often it is right in texts that
nothing has learnt from. ``measure`` mixes labelled two-channel calls to one channel, redacts them
with all stages in memory and compares the transcript with who spoke: with voices, with words and
course of the talk alone, and with one role for all, as it was before. A word is wrong where it is
told as the other side's; the diarisation error is that of the NIST: missed, false and confused
speech over all speech, 250 ms around the turns' ends left out, what is silenced counted too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from agents.app.evaluation.run_calls import Engines, run_recording
from agents.app.wiring import transcriber_settings
from agents.runtime.engine_pool import engine_pool
from agents.settings.detectors import detector_settings
from agents.settings.model import load_settings
from agents.settings.policies import read_policy
from agents.system.engine_sizing import window_settings
from benchmarks.reader.learn import held, tune
from benchmarks.reader.role_words import learnt, pieces, write
from benchmarks.results import finish, stamp
from models.detection.detector import Detector
from models.speakers.separation import Diarizer
from models.speakers.voice_encoder import MODEL, VoiceEncoder
from models.store.loader import find
from pipeline.audio.levels import FRAMES_PER_SECOND, Levels
from pipeline.evidence.redacted_transcript import read_transcript
from pipeline.evidence.stored_call import Heard, heard_parts
from pipeline.evidence.turns import Token, in_time
from pipeline.records.model import FULL_SCALE, Role

COLLAR_S: Final = 0.25
SIDES: Final = (Role.AGENT, Role.CUSTOMER)
WAYS: Final = ("voices and words", "words and course alone", "one role for all")
Frames = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A call whose truth is known, mixed to one channel."""

    name: str
    rate: int
    pcm: NDArray[np.int16] = field(repr=False)
    sounding: Frames = field(repr=False)
    """Where each side speaks: sides by frames of 10 ms."""
    near: Frames = field(repr=False)
    """Frames beside a turn's end."""
    values: tuple[tuple[float, float, Role], ...] = field(default=(), repr=False)
    """Where sensitive values are spoken, in ms, and by whom."""


@dataclass(slots=True)
class Sums:
    """What one way of telling sides apart brought."""

    words: int = 0
    wrong: int = 0
    values: int = 0
    misplaced: int = 0
    """Values whose placeholder is told as the other side's."""
    speech: float = 0.0
    missed: float = 0.0
    false: float = 0.0
    confused: float = 0.0
    cpu_s: float = 0.0

    @property
    def error(self) -> float:
        """The diarisation error."""
        return (self.missed + self.false + self.confused) / max(1.0, self.speech)


def calls_in(folder: Path) -> Iterator[Spoken]:
    """The two-channel calls of a folder's ``manifest.jsonl``, mixed."""
    for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines():
        told = json.loads(line)
        if sorted(told["channels"]) != sorted(SIDES):
            continue
        samples, rate = soundfile.read(folder / told["file"], dtype="float32", always_2d=True)
        mixed = samples.sum(axis=1)
        mixed /= max(1.0, float(np.abs(mixed).max()))
        pcm = np.rint(mixed * (FULL_SCALE - 1)).astype(np.int16)
        frames = len(pcm) * FRAMES_PER_SECOND // rate
        sounding, near = np.zeros((2, frames), np.bool_), np.zeros(frames, np.bool_)
        order = [told["channels"].index(side) for side in SIDES]
        loud = []
        for channel in order:
            own = np.rint(samples[:, channel] * (FULL_SCALE - 1)).astype(np.int16)
            loud.append(~Levels.measure(own, 0, rate).quiet()[:frames])
        for turn in told["turns"]:
            side = SIDES.index(Role(turn["channel"]))
            first, last = (round(turn[end] / 10) for end in ("start_ms", "end_ms"))
            sounding[side, first:last] |= loud[side][first:last]
            for edge in (first, last):
                collar = round(COLLAR_S * FRAMES_PER_SECOND)
                near[max(0, edge - collar) : edge + collar] = True
        values = tuple(
            (one["start_ms"], one["end_ms"], Role(one["channel"]))
            for one in told["entities"]
            if not one.get("optional")
        )
        yield Spoken(Path(told["file"]).stem, rate, pcm[:, None], sounding, near, values)


def count(call: Spoken, tokens: Sequence[Token], roles: Sequence[Role | None], to: Sums) -> None:
    """Compare who is told to speak with who does."""
    frames = call.sounding.shape[1]
    heard = np.zeros((2, frames), np.bool_)
    for token, role in zip(tokens, roles, strict=True):
        place = slice(token.start * 100 // call.rate, -(-token.end * 100 // call.rate))
        # Without a role, it is told as the first side's: one of the two, all of it.
        side = SIDES.index(role or SIDES[0])
        heard[side, place] = True
        truth = call.sounding[:, place].sum(axis=1)
        if not token.entity and truth.sum():
            to.words += 1
            to.wrong += role is not SIDES[int(truth.argmax())]
    for start, end, role in call.values:
        middle = (start + end) / 2 * call.rate / 1_000
        over = [
            told
            for token, told in zip(tokens, roles, strict=True)
            if token.entity and token.start <= middle < token.end
        ]
        to.values += bool(over)
        to.misplaced += bool(over) and role not in over
    counted = ~call.near
    truth, found = call.sounding[:, counted], heard[:, counted]
    many, told_many = truth.sum(axis=0), found.sum(axis=0)
    to.speech += many.sum()
    to.missed += np.maximum(0, many - told_many).sum()
    # What is told where nobody speaks is a word's margin or a pause within a value.
    to.false += (np.maximum(0, told_many - many) * (many > 0)).sum()
    to.confused += (np.minimum(many, told_many) - (truth & found).sum(axis=0)).sum()


def measure(folders: Sequence[Path], out: Path) -> None:
    """Print the table, by folder."""
    settings = load_settings()
    policy = read_policy(settings)
    detector = Detector(policy, settings=detector_settings(settings))
    ways: Mapping[str, Diarizer | None] = dict(
        zip(WAYS, (Diarizer(VoiceEncoder(find(MODEL))), Diarizer(), None), strict=True)
    )
    found: dict[str, dict[str, Sums]] = {}
    seconds = defaultdict[str, float](float)
    with engine_pool(transcriber_settings(settings), settings.engine_processes) as pool:
        engines = Engines(policy, detector, pool, window_settings(settings.pace))
        for folder in folders:
            sums = found.setdefault(folder.name, {way: Sums() for way in ways})
            for call in calls_in(folder):
                seconds[folder.name] += len(call.pcm) / call.rate
                tokens, audio = _redacted(call, engines)
                for way, speakers in ways.items():
                    began = time.process_time()
                    roles: Sequence[Role | None] = [None] * len(tokens)
                    if speakers is not None:
                        roles = speakers.roles(tokens, call.rate, audio)
                    sums[way].cpu_s += time.process_time() - began
                    count(call, tokens, roles, sums[way])
    _tell(found, seconds, out)


def _redacted(call: Spoken, engines: Engines) -> tuple[list[Token], Heard]:
    """The tokens of the redacted transcript, and what gives the redacted audio."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"{call.name}.flac"
        soundfile.write(path, call.pcm, call.rate, subtype="PCM_16")
        _, _, stored = run_recording(path, engines)
    told = read_transcript(stored.files[f"{call.name}.json"])
    words = [
        Token(
            0,
            word.start_ms * call.rate // 1_000,
            word.end_ms * call.rate // 1_000,
            word.text,
            entity=word.entity,
        )
        for turn in told.turns
        for word in turn.words
    ]
    flac = stored.files[f"{call.name}.flac"]
    return sorted(words, key=in_time), partial(heard_parts, flac, call.rate, 0)


def _tell(found: Mapping[str, Mapping[str, Sums]], seconds: Mapping[str, float], out: Path) -> None:
    rows = [
        "| calls | way | words | wrong % | error % | of it confused % | values wrong % | CPU ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    figures: dict[str, Any] = {}
    for folder, ways in found.items():
        for way, one in ways.items():
            shares = {
                "wrong": 100 * one.wrong / max(1, one.words),
                "error": 100 * one.error,
                "confused": 100 * one.confused / max(1.0, one.speech),
                "misplaced": 100 * one.misplaced / max(1, one.values),
                "cpu_ms": 1_000 * one.cpu_s / max(1.0, seconds[folder]),
            }
            figures[f"{folder}/{way}"] = shares | {"words": one.words, "values": one.values}
            told = " | ".join(f"{value:.1f}" for value in shares.values())
            rows.append(f"| {folder} | {way} | {one.words} | {told} |")
    said = (
        "Wrong: not told as their speaker's. Error: the diarisation error. CPU: a second of a call."
    )
    page = "\n".join(["# Who speaks on one channel", "", *rows, "", said, ""])
    finish(out, "speakers", {**stamp(), "figures": figures}, page)


def learn() -> None:
    """Learn the words of the roles, ship them, and print how often they are right."""
    older, younger = tune()
    weights = learnt([*pieces([*older, *younger, *younger])])
    write(weights)
    print(f"{len(weights)} features")
    for name, cases in held().items():
        truths = [*pieces(cases)]
        right = sum(
            (sum(weights.get(one, 0.0) for one in piece.features) > 0) == piece.agent
            for piece in truths
        )
        if truths:
            share = 100 * right / len(truths)
            print(f"{name:14s} {len(truths):6d} stretches, {share:5.1f} % right")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Who speaks on one channel: learn and measure.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("learn", help="learn what each side would say")
    measuring = commands.add_parser("measure", help="mix calls to one channel and tell them apart")
    measuring.add_argument("folders", nargs="+", type=Path)
    measuring.add_argument("--out", type=Path, default=Path("build/bench-speakers"))
    options = parser.parse_args(arguments)
    if options.command == "learn":
        learn()
    else:
        measure(options.folders, options.out)


if __name__ == "__main__":
    main()
