"""Labelled texts as the speech models hear them: spoken, heard, the labels carried over.

    python -m benchmarks.labels.heard_texts [held] --calls N --seed 0 --processes 1
        --out benchmarks/texts/heard/tune.jsonl.gz [--also FOLDER]

Hand-written dialogues to train on, or such as nothing learns from (``held``), are spoken by
synthetic voices over a telephone channel and heard by both models as in production. What the better
one writes becomes one case (``heard/ID-main``), what the other writes a second one where it differs
(``heard/ID-second``). A heard word takes the label of the written words that it stands opposite
(``benchmarks.labels.carrying``). Only about the first 40 s of a long call are spoken.

Half of the calls hold something sensitive. The same texts, seed and models give the same file, byte
for byte. Each call's cases are added to ``OUT.part`` at once; a run that was interrupted goes on
from there.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import multiprocessing
import random
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from agents.system.engine_sizing import batching, window_settings
from benchmarks.labels.carrying import SpokenTurn, carried
from benchmarks.labels.labelled import FRESH, TEXTS, talk
from benchmarks.speech.channel import Line, at_level, telephone
from benchmarks.speech.voices import SAMPLE_RATE, Audio, voice
from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import Transcriber, TranscriberSettings
from pipeline.evaluation.corpora.labelled_texts import LabelledCase, LabelledTurn, parse_cases
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Hearing, Role, Window, Word
from pipeline.transcription.segmenter import Segmenter
from pipeline.transcription.voice_activity import VoiceDetector

SOURCES: Final = {"tune": ("plain_tune", "fresh_tune", "calls_tune"), "held": (FRESH,)}
VOICES: Final = (
    "flite:rms",
    "flite:slt",
    "flite:awb",
    "flite:rms@0.94",
    "flite:slt@1.05",
    "flite:awb@1.05",
    "flite:rms@1.06",
    "festival:cmu_us_slt_arctic_hts",
)
"""All that speak much faster than anyone listens."""
_SIDES: Final = {Role.AGENT: 0, Role.CUSTOMER: 1}
"""Channel of a role."""
_MOST_S: Final = 40.0
_PER_WORD_S: Final = 0.38
_PER_TURN_S: Final = 0.5
_MS: Final = SAMPLE_RATE // 1_000
_DIGITS: Final = re.compile(r"(?<![\d.,$£€])\d{4,}(?![\d]|[.,]\d)")
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_BETWEEN_DIGITS: Final = re.compile(r"(?<=\d)[-/](?=\d)")
_CODE: Final = re.compile(r"\b(?=[A-Z\d-]*[A-Z])(?=[A-Z\d-]*\d)[A-Z\d-]{3,}\b")
_ADDRESS: Final = re.compile(r"\S*(?:@|\.(?:com|net|org|co|uk|ca)\b)\S*")

_ASIDE: Final = re.compile(r"\[[^\]]*\]")
"""Such as "[laughs]"."""

Chosen: TypeAlias = tuple[str, str, Line, Line]
"""Voices of agent and customer, and how their lines sound."""


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A call as it was recorded."""

    pcm: np.ndarray[tuple[int, int], np.dtype[np.int16]]
    """Shape ``(samples, 2)`` at ``SAMPLE_RATE``."""
    turns: tuple[SpokenTurn, ...]
    """In the order in which they were spoken."""


class Hall:
    """Speaks calls and hears them, with the models of one process."""

    def __init__(self) -> None:
        # What is listened to again never changes what the two first passes state.
        settings = TranscriberSettings(again=False, batch=batching("throughput", "cpu").most)
        self._transcriber: Transcriber = Transcriber(settings)
        self._voice: VoiceDetector = SileroVoice()

    def heard(self, case: LabelledCase, seed: int) -> list[LabelledCase]:
        """One case per model whose words differ; none where nothing was heard.

        Args:
            case: agent and customer apart.
            seed: chooses voices, lines, pauses and noise.
        """
        spoken = _speak(case, random.Random(f"heard {seed} {case.id}"))
        words = self._listen(spoken)
        found: list[LabelledCase] = []
        for hearing in (Hearing.MAIN, Hearing.SECOND):
            said = [word for word in words if word.hearing is hearing]
            turns = carried(spoken.turns, said)
            if turns and not any(turns == one.turns for one in found):
                name = f"heard/{case.id}-{hearing.value}"
                found.append(case.model_copy(update={"id": name, "turns": turns}))
        return found

    def _listen(self, spoken: _Spoken) -> list[Word]:
        """Words of both models in time order, each stated once."""
        info = CallInfo("heard", SAMPLE_RATE, tuple(_SIDES))
        segmenter = Segmenter(info, self._voice, window_settings("throughput"))
        windows = segmenter.take(AudioChunk(info, 0, 0, spoken.pcm))
        windows += segmenter.finish(CallEnd(info.call_id, 1, len(spoken.pcm)))
        windows = [window for window in windows if len(window.pcm)]
        words = [
            word
            for window, heard in zip(
                windows, self._transcriber.transcribe_all(windows), strict=True
            )
            for word in heard.words
            if _owns(window, word)
        ]
        return sorted(words, key=lambda word: (word.start, word.channel))


def _owns(window: Window, word: Word) -> bool:
    """Whether no neighbouring window states a word as well."""
    owned = window.owned
    return not owned or owned.start <= (word.start + word.end) // 2 < max(owned.end, 1)


# What is spoken


def _speak(case: LabelledCase, rng: random.Random) -> _Spoken:
    """Speak a case's turns one after the other, 200 to 900 ms apart."""
    agent, customer, *lines = _chosen(rng)
    sides = (agent, customer)
    texts: tuple[dict[str, Audio], ...] = ({}, {})
    for channel, name in enumerate(sides):
        wanted = [_aloud(turn) for turn in case.turns if _SIDES[turn.role] == channel]
        wanted = list(dict.fromkeys(wanted))
        if wanted:
            texts[channel].update(zip(wanted, voice(name).say(wanted), strict=True))
    at = rng.randint(600, 1_200) * _MS
    placed: list[SpokenTurn] = []
    for turn in case.turns:
        channel = _SIDES[turn.role]
        end = at + len(texts[channel][_aloud(turn)])
        placed.append(SpokenTurn(turn, channel, at, end))
        at = end + rng.randint(200, 900) * _MS
    length = placed[-1].end + 800 * _MS
    length = -(-length // SAMPLE_RATE) * SAMPLE_RATE  # whole seconds: lengths that FFTs like
    speech = (np.zeros(length), np.zeros(length))
    for one in placed:
        speech[one.channel][one.start : one.end] = texts[one.channel][_aloud(one.turn)]
    clean = [at_level(side, line.level_dbfs) for side, line in zip(speech, lines, strict=True)]
    noise = np.random.default_rng(rng.getrandbits(63))
    recorded = [
        telephone(clean[0], clean[1], lines[0], noise),
        telephone(clean[1], clean[0], lines[1], noise),
    ]
    return _Spoken(np.stack(recorded, axis=1), tuple(placed))


def _chosen(rng: random.Random) -> Chosen:
    agent, customer = rng.sample(VOICES, 2)
    return agent, customer, _line(rng), _line(rng)


def _line(rng: random.Random) -> Line:
    """A line without echo: what leaks over from the other side belongs to no turn."""
    return Line(
        level_dbfs=rng.uniform(-31, -21),
        snr_db=rng.uniform(14, 32),
        noise=rng.choice(("white", "pink", "brown")),
    )


def _aloud(turn: LabelledTurn) -> str:
    """A turn as people read it out: long numbers digit by digit, addresses with "at" and "dot".

    A marked number of three figures is read by its digits too.
    """
    text = turn.text
    for label in sorted(turn.labels, key=lambda one: -one.start):
        value = text[label.start : label.end]
        if re.fullmatch(r"\d{3}", value) and label.entity != "STREET_ADDRESS":
            text = f"{text[: label.start]}{' '.join(value)}{text[label.end :]}"
    text = _ADDRESS.sub(lambda found: _address(found[0]), text)
    text = _CODE.sub(lambda found: " ".join(found[0].replace("-", "")), text)
    text = _BETWEEN_DIGITS.sub(" ", text)
    text = _DIGITS.sub(lambda found: _figures(found[0]), text)
    text = _ASIDE.sub(" ", text)
    return re.sub(r"[\"\\_*#<>()]", " ", text)


def _address(text: str) -> str:
    bare = text.rstrip(".,?!;:")
    said = bare.replace("@", " at ").replace(".", " dot ").replace("_", " underscore ")
    return said.replace("-", " dash ") + text[len(bare) :]


def _figures(text: str) -> str:
    return text if _YEAR.fullmatch(text) else " ".join(text)


# The run


def chosen(half: str, calls: int, seed: int, also: Sequence[Path] = ()) -> list[LabelledCase]:
    """The calls that are spoken: one with something sensitive, one without, in turns.

    Args:
        half: ``tune`` or ``held``.
        calls: how many at most.
        seed: of the choice.
        also: folders with more dialogues, written by hand.
    """
    every = [case for name in SOURCES[half] for case in talk(name)]
    for file in (file for folder in also for file in sorted(folder.glob("*.txt"))):
        text = file.read_text(encoding="utf-8")
        every += parse_cases(text, origin=f"{file.parent.name}/{file.name}")
    ready: tuple[list[LabelledCase], list[LabelledCase]] = ([], [])
    for case in every:
        if case.language == "en" and all(turn.role in _SIDES for turn in case.turns):
            begun = _beginning(case)
            if begun is not None:
                ready[begun.negative].append(begun)
    for kind in ready:
        # Not shuffled: which calls are drawn hardly changes when a file is added.
        kind.sort(key=lambda case: hashlib.sha256(f"{seed} {case.id}".encode()).digest())
    return [case for both in zip(*ready, strict=False) for case in both][:calls]


def _beginning(case: LabelledCase) -> LabelledCase | None:
    """The turns of about the first 40 s; None where nothing can be spoken."""
    turns: list[LabelledTurn] = []
    took = 0.0
    for turn in case.turns:
        if not re.search(r"\w", _aloud(turn)):
            continue
        took += _PER_TURN_S + _PER_WORD_S * len(_aloud(turn).split())
        if turns and took > _MOST_S:
            break
        turns.append(turn)
    return case.model_copy(update={"turns": tuple(turns)}) if turns else None


def run(cases: Sequence[LabelledCase], seed: int, processes: int, out: Path) -> None:
    """Speak and hear every call and write what was heard.

    Args:
        cases: to be spoken.
        seed: of voices and lines.
        processes: that do it.
        out: gzip of a case a line, in the order of ``cases``.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    known = _kept(part)
    left = [case for case in cases if case.id not in known]
    print(f"{len(cases)} calls, {len(cases) - len(left)} of them done before", flush=True)
    began = time.monotonic()
    with part.open("a", encoding="utf-8") as stream:
        for number, (case, lines) in enumerate(_all_heard(left, seed, processes), 1):
            known[case.id] = lines
            stream.write("".join(f"{line}\n" for line in lines))
            stream.flush()
            each = (time.monotonic() - began) / number
            print(f"{number} of {len(left)}: {each:.1f} s a call", flush=True)
    text = "".join(f"{line}\n" for case in cases for line in known.get(case.id, ()))
    out.write_bytes(gzip.compress(text.encode(), mtime=0))
    part.unlink()


def _kept(part: Path) -> dict[str, list[str]]:
    """Lines of an interrupted run by the call's id; a line that was not finished is cut off."""
    kept: dict[str, list[str]] = {}
    if not part.exists():
        return kept
    whole = part.read_bytes()
    whole = whole[: whole.rfind(b"\n") + 1]
    part.write_bytes(whole)
    for line in whole.decode("utf-8").splitlines():
        name = json.loads(line)["id"].removeprefix("heard/").rpartition("-")[0]
        kept.setdefault(name, []).append(line)
    return kept


_HALLS: Final[list[Hall]] = []
"""This process's own, once it is there."""


def _all_heard(
    cases: Sequence[LabelledCase], seed: int, processes: int
) -> Iterator[tuple[LabelledCase, list[str]]]:
    transcribe = partial(_heard, seed=seed)
    if processes == 1:
        yield from zip(cases, map(transcribe, cases), strict=True)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from zip(cases, pool.imap(transcribe, cases), strict=True)


def _heard(case: LabelledCase, seed: int) -> list[str]:
    if not _HALLS:
        _HALLS.append(Hall())
    return [one.as_line() for one in _HALLS[0].heard(case, seed)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Speak labelled texts and write what is heard.")
    parser.add_argument("half", nargs="?", choices=list(SOURCES), default="tune")
    parser.add_argument("--calls", type=int, default=2_800, help="so many dialogues at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, help="without it benchmarks/texts/heard/HALF.jsonl.gz")
    parser.add_argument(
        "--also", type=Path, action="append", default=[], help="a folder with more dialogues"
    )
    options = parser.parse_args(arguments)
    cases = chosen(options.half, options.calls, options.seed, options.also)
    out = options.out or TEXTS / "heard" / f"{options.half}.jsonl.gz"
    run(cases, options.seed, options.processes, out)


if __name__ == "__main__":
    main()
