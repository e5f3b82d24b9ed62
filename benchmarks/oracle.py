"""Whether a change that should change nothing changed nothing: digests of what is found and kept.

    python -m benchmarks.oracle            1 where a digest is not the one in baselines/oracle.json
    python -m benchmarks.oracle --write    writes the file anew

Of a fixed share of all labelled texts, the spans that the detector states; of the fullest one of
each set, as a whole call, the transcript, the subtitles and the certificate, with the labelled
words in the place of what the recogniser would hear. What a build is called is left out, and scores
count in hundredths; still, another processor may decide a case otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final
from unittest import mock

import numpy as np

from agents.app.evaluation.run_texts import spans_of
from agents.app.in_memory_pipeline import Line
from benchmarks.labels.labelled import (
    FRESH,
    FRESH_TUNE,
    HALVES,
    HEARD,
    HEARD_TUNE,
    LINES,
    SPANISH_HELD,
    TALK,
    TEXTS,
    talk,
)
from models.detection.detector import Detector
from pipeline.evaluation.corpora.labelled_texts import LabelledCase, parse_cases
from pipeline.evaluation.scoring.text_scoring import Case, lay_out
from pipeline.evidence.certificate import certificate_json
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.model import Hearing, Pcm, Span, Window, WindowTranscript, Word
from pipeline.transcription.voice_activity import LoudnessVoice

STORED: Final = Path(__file__).parent / "baselines" / "oracle.json"
SPANISH: Final = "spanish"
POLICIES: Final = ("default", "pci", "hipaa", "gdpr")
"""Each whole call is redacted under one of them in turn."""
_EVERY: Final = 40
"""One text of so many is looked at."""
_TOKEN_KEY: Final = bytes(range(32))
_READER: Final = re.compile(r"reader@[0-9a-f]+")
"""Which reader it was, as certificates name it: a build of it, since another reads otherwise."""
_LEVEL: Final = 2_500
_AUDIBLE: Final = 500


def digests() -> dict[str, str]:
    """Every digest, by the set that it is of."""
    found: dict[str, str] = {}
    policy = load_policy("default")
    detector = Detector(policy, token_key=_TOKEN_KEY)
    sets = dict(_sets())
    for name, cases in sets.items():
        rows = [_row(case.id, spans_of(detector, lay_out(case))) for case in cases]
        found[name] = _digest(rows)
    for place, (name, cases) in enumerate(sets.items()):
        policy = load_policy(POLICIES[place % len(POLICIES)])
        found[f"call of {name}"] = _digest(_files(lay_out(max(cases, key=_labels)), policy))
    return found


def _sets() -> Iterator[tuple[str, list[LabelledCase]]]:
    """A share of every set, always the same one."""
    for name in (*TALK, *LINES, FRESH, *FRESH_TUNE, HEARD, HEARD_TUNE, SPANISH_HELD):
        yield name, _share(talk(name))
    for name in (*HALVES, SPANISH):
        file = TEXTS / f"{name}.jsonl"
        cases = parse_cases(file.read_text(encoding="utf-8"), origin=file.name)
        if name == SPANISH:
            cases = [case.model_copy(update={"language": "es"}) for case in cases]
        yield name, _share(cases)


def _share(cases: Iterable[LabelledCase]) -> list[LabelledCase]:
    return list(cases)[::_EVERY]


def _labels(case: LabelledCase) -> int:
    return sum(len(turn.labels) for turn in case.turns)


def _row(case: str, spans: Iterable[Span]) -> list[object]:
    return [case, sorted(_span(span) for span in spans)]


def _span(span: Span) -> list[object]:
    place = [span.channel, span.start, span.end]
    return [*place, span.entity, round(span.score, 2), span.recognizer, span.action, span.reason]


def _files(case: Case, policy: Policy) -> dict[str, str]:
    """What is stored of a call, by file; of the audio, what the certificate says of it."""
    detector = Detector(policy, token_key=_TOKEN_KEY)
    with ThreadPoolExecutor(1) as pool:
        transcribe = _replayed(case)
        line = Line(
            case.call.call_id,
            policy,
            detector.open,
            detector,
            voice=LoudnessVoice(),
            pool=pool,
            transcribed_by="replayed",
            transcribe=transcribe,
            check=transcribe,
        )
        line.send(case.call, _audio(case))
        stored = line.finish()
    texts = {name: data for name, data in stored.files.items() if not name.endswith(".flac")}
    texts[stored.certificate_name] = certificate_json(stored.certificate)
    return {name: _READER.sub("reader@", data.decode("utf-8")) for name, data in texts.items()}


def _words(case: Case) -> Iterator[Word]:
    return (placed.word for turn in case.words for placed in turn)


def _audio(case: Case) -> Pcm:
    """Noise where a word is, the same every time."""
    rng = np.random.default_rng(zlib.crc32(case.call.call_id.encode()))
    pcm = np.zeros((case.ends[-1] + case.call.sample_rate, case.call.channels), np.int16)
    for word in _words(case):
        noise = rng.normal(0, _LEVEL, word.end - word.start).clip(-20_000, 20_000)
        pcm[word.start : word.end, word.channel] = noise.astype(np.int16)
    return pcm


def _replayed(case: Case) -> Callable[[Window], WindowTranscript]:
    """A recogniser that hears every word of the case of which anything sounds."""

    def transcribe(window: Window) -> WindowTranscript:
        owned = window.owned
        start, end = (owned.start, owned.end) if owned else (window.start, window.end)
        words = tuple(
            word
            for word in _words(case)
            if word.channel == window.channel
            and start <= word.start < end
            and _sounds(window.pcm, word.start - window.start, word.end - window.start)
        )
        heard = WindowTranscript(
            window.call_id, window.seq, window.channel, window.start, window.end
        )
        return replace(
            heard,
            words=(*words, *(replace(word, hearing=Hearing.SECOND) for word in words)),
            speech=window.speech,
            heard_until=window.heard_until,
            models=("replayed@0",),
        )

    return transcribe


def _sounds(pcm: Pcm, start: int, end: int) -> bool:
    part = pcm[max(0, start) : max(0, end)].astype(int)
    return bool(len(part)) and float(np.abs(part).mean()) > _AUDIBLE


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Compare what is found with what was found.")
    parser.add_argument("--write", action="store_true", help="write the digests anew")
    options = parser.parse_args(arguments)
    with mock.patch("models.detection.detector.software", return_value="software"):
        found = digests()
    if options.write:
        STORED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"{len(found)} digests written")
        return 0
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    names = sorted({*stored, *found})
    other = [name for name in names if stored.get(name) != found.get(name)]
    print(f"{len(found) - len(other)} of {len(names)} digests as before")
    for name in other:
        print(f"  otherwise: {name}")
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main())
