"""Learns the consent reader's weights, and measures what it finds of what is said about recording.

    python -m benchmarks.consent train
    python -m benchmarks.consent measure [--record before.json]

``train`` writes the weights beside the catalogue and pins their hashes there. ``measure`` reads the
openings that nothing has learnt from as calls, and prints sums, beside those that were recorded of
the weights before. Sets are never added up: openings that were written to be hard, ordinary ones in
two halves, of which one is looked at, and withdrawals in such halves.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.consent.figures import (
    ASKED_FOR,
    LAID,
    Sums,
    alarms,
    cost,
    cost_of_deciding,
    measured,
    plainly,
)
from benchmarks.consent.learning import Learning, is_about_recording
from benchmarks.consent.texts import Opening, Turn, half, openings
from benchmarks.reader.learn import held, is_left, tune
from models.consent.reader import GRAPH, MODEL, TOKENIZER, ConsentReader, load_consent_reader
from pipeline.consent.spoken import Said
from pipeline.evaluation.corpora.labelled_texts import LabelledCase
from pipeline.evaluation.figures.statistics import wilson

WEIGHTS: Final = Path("models/consent/weights")
BEFORE: Final = Path("benchmarks/baselines/consent_before.json")
"""What the weights before found in the same openings."""
_CATALOGUE: Final = Path("models/store/catalogue.yaml")
_TRADES, _CALLS, _NEAR = "*trades*", "*calls*", "*near*"
"""Texts that came later, each after another round; their word pieces are those of the first ones:
openings of many trades, ordinary ones, and near misses."""
_ROUNDS: Final[Sequence[tuple[dict[str, Any], float, Sequence[str]]]] = (
    ({"epochs": 4, "rate": 6e-5, "fresh_rate": 1e-3}, 1.0, (_TRADES, _CALLS, _NEAR)),
    ({"epochs": 3, "rate": 5e-5, "fresh_rate": 3e-4}, 0.35, (_TRADES, _CALLS, _NEAR)),
    ({"epochs": 3, "rate": 5e-5, "fresh_rate": 2e-4}, 0.5, (_CALLS, _NEAR)),
    ({"epochs": 3, "rate": 5e-5, "fresh_rate": 2e-4}, 0.5, (_NEAR,)),
    ({"epochs": 3, "rate": 4e-5, "fresh_rate": 1e-4}, 0.5, ()),
)
"""How long and how fast is learnt, one round after the other, with which share of the ordinary
turns, and which texts are left out: the rate falls to nothing and begins anew (Loshchilov & Hutter
2017)."""
_ORDINARY: Final = 1_500
"""Ordinary calls of each set that are measured on, at most."""
_ASKED_FOR: Final = {
    "ordinary": ("notice", "notice or ask", "told", "ask", "yes", "no", "withdraw", "pause"),
    "withdrawals": ("withdraw", "no or withdraw", "notice", "pause"),
}


def train(seed: int, threads: int, learnt: Path | None) -> None:
    """Learn the weights and pin them."""
    import numpy as np  # noqa: PLC0415 - what follows needs the extra ``train``
    from safetensors.numpy import load_file  # noqa: PLC0415

    from benchmarks.consent.thresholds import chosen  # noqa: PLC0415
    from models.consent.graph import graph  # noqa: PLC0415
    from models.consent.inputs import Pieces  # noqa: PLC0415
    from models.consent.training import Settings, learn, own_tokenizer  # noqa: PLC0415
    from models.encoder.layers import start_folder  # noqa: PLC0415
    from models.encoder.session import parting  # noqa: PLC0415

    def tell(line: str) -> None:
        print(line, flush=True)

    start = start_folder()
    cases = [case for each in tune() for case in each]
    ordinary = [case for case in cases if not is_left(case)]
    before = _ROUNDS[0][2]
    learning = Learning(openings("tune", without=before), ordinary, seed)
    whole = (start / TOKENIZER).read_bytes()
    tokenizer, kept = own_tokenizer(whole, learning.pieces(parting(whole)))
    if learnt is not None and learnt.exists():
        with np.load(learnt) as file:
            weights = dict(file)
    else:
        weights = load_file(start / "model.safetensors")
        for how, share, left_out in _ROUNDS:
            settings = Settings(**how, seed=seed, threads=threads)
            if left_out != before:
                before = left_out
                learning = Learning(openings("tune", without=left_out), ordinary, seed)
            rows = learning.rows(Pieces(tokenizer), share)
            weights = learn(rows, weights, kept, settings, tell)
        if learnt is not None:
            np.savez(learnt, **weights)
    reader = ConsentReader(graph(weights), tokenizer)
    seen = {part: half(openings(part), seen=True) for part in _ASKED_FOR}
    usual = {
        Said.NOTICE: seen["ordinary"],
        Said.WITHDRAW: [*seen["ordinary"], *seen["withdrawals"]],
    }
    plain = _ordinary(filter(is_left, cases))
    least = chosen(reader, openings("dev"), usual, plain, tell)
    pin(graph(weights, least), tokenizer)


def pin(graph: bytes, tokenizer: bytes) -> None:
    """Ship the weights: write them, and their hashes into the catalogue."""
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    files = {GRAPH: graph, TOKENIZER: tokenizer}
    before, mark, entry = _CATALOGUE.read_text("utf-8").partition(f"  - id: {MODEL}\n")
    entry = re.sub(r"bytes: \d+", f"bytes: {sum(map(len, files.values()))}", entry, count=1)
    for name, data in files.items():
        (WEIGHTS / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        entry = re.sub(rf'{name}: "[0-9a-f]*"', f'{name}: "{digest}"', entry, count=1)
        print(f"{name}: {len(data)} bytes, sha256 {digest}")
    _CATALOGUE.write_text(before + mark + entry, "utf-8")


def _ordinary(cases: Iterable[LabelledCase]) -> list[Opening]:
    """Calls in which recording is not spoken of."""
    found = [
        Opening(tuple(Turn(turn.role, turn.text) for turn in case.turns), case.language)
        for case in cases
    ]
    return [one for one in found if not any(is_about_recording(turn.text) for turn in one.turns)]


def _shares(sums: Sums, language: str, asked_for: str) -> list[tuple[int, int]]:
    """Found and all: of the openings where it is, and of those where it isn't."""
    shares = []
    for told in (True, False):
        by = {
            found: sum(
                count
                for (one, other, is_told, is_found), count in sums.items()
                if other == asked_for and (is_told, is_found) == (told, found)
                and language in {one, "both"}
            )
            for found in (True, False)
        }  # fmt: skip
        shares.append((by[True], by[True] + by[False]))
    return shares


def _told(hits: int, all_: int) -> str:
    share = wilson(hits, all_)
    interval = f"({100 * share.low:.1f}-{100 * share.high:.1f})"
    return f"{hits:4d}/{all_:<4d} {100 * share.value:5.1f} {interval:12s}"


def _line(heads: tuple[str, str, str], now: Sums, before: Sums | None) -> str:
    name, language, asked_for = heads
    found, falsely = _shares(now, language, asked_for)
    line = f"{name:9s} {language:5s} {asked_for:14s} {_told(*found)}  {_told(*falsely)}"
    if before is None:
        return line
    was, was_falsely = _shares(before, language, asked_for)
    missed, was_missed = found[1] - found[0], was[1] - was[0]
    ratios = [f"{was[0]:4d} {_ratio(missed, was_missed)}", f"{was_falsely[0]:3d}"]
    return f"{line}  {ratios[0]} {ratios[1]} {_ratio(falsely[0], was_falsely[0])}"


def _ratio(now: int, before: int) -> str:
    return f"x{now / before:4.2f}" if before else "    -"


def sets() -> dict[str, tuple[list[Opening], Sequence[str]]]:
    """What is measured, and what is asked for in it."""
    found: dict[str, tuple[list[Opening], Sequence[str]]] = {"hard": (openings("held"), ASKED_FOR)}
    for part, asked_for in _ASKED_FOR.items():
        texts = openings(part)
        found[f"{part}, looked at"] = half(texts, seen=True), asked_for
        found[f"{part}, unseen"] = half(texts, seen=False), asked_for
    return found


def measure(record: Path | None) -> None:
    """Print what is found.

    Args:
        record: is written the sums, to compare later weights with.
    """
    reads = load_consent_reader()
    recorded = json.loads(BEFORE.read_text("utf-8")) if BEFORE.exists() else {}
    told: dict[str, Any] = {}
    print("found where it is, found where it isn't (95 % intervals), and both before, with what")
    print("became of missing it and of finding it falsely")
    for title, (texts, asked_for) in sets().items():
        print(f"\n{title}: {len(texts)} openings")
        for name, lay in LAID.items():
            sums = measured(texts, reads, lay)
            told[f"{title}, {name}"] = [[*one, count] for one, count in sorted(sums.items())]
            before = _read(recorded.get(f"{title}, {name}"))
            for asked in asked_for:
                for language in ("en", "es", "both") if lay is plainly else ("both",):
                    print(_line((name, language, asked), sums, before))
    calls = [
        case
        for cases in held().values()
        for case in random.Random(0).sample(cases, min(_ORDINARY, len(cases)))
    ]
    told["calls"] = dict(alarms(calls, reads))
    print("\nordinary calls of the held halves:", told["calls"])
    print("                           before:", recorded.get("calls", "not recorded"))
    if record is not None:
        record.write_text(json.dumps(told, separators=(",", ":")) + "\n", "utf-8")
    print(f"reading 5 minutes: {cost(reads):.1f} ms; deciding: {cost_of_deciding():.3f} ms")


def _read(rows: Sequence[Sequence[Any]] | None) -> Sums | None:
    """Sums as they were recorded."""
    if rows is None:
        return None
    return Counter({(one, name, told, found): n for one, name, told, found, n in rows})


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Learn and measure the consent reader.")
    commands = parser.add_subparsers(dest="command", required=True)
    learning = commands.add_parser("train", help="learn the weights and pin them")
    learning.add_argument("--seed", type=int, default=0)
    learning.add_argument("--threads", type=int, default=1)
    learning.add_argument(
        "--learnt", type=Path, help="weights without thresholds: written, or read where they are"
    )
    measuring = commands.add_parser("measure", help="print what is found, and what it costs")
    measuring.add_argument("--record", type=Path, help="file that the sums are written to")
    options = parser.parse_args(arguments)
    if options.command == "train":
        train(options.seed, options.threads, options.learnt)
    else:
        measure(options.record)


if __name__ == "__main__":
    main()
