"""What readers make of texts that none has learnt from, alone, without numbers and forms.

    python -m benchmarks.reader.scores NAME=reader.onnx … [--threshold 0.28]

For each reader, with 95 % intervals over calls: the sensitive words that reach the threshold, the
harmless ones that do, and the cases with nothing sensitive in which any does. Given the readers of
a quarter, a half and all of the texts, that is the learning curve. For the last one it also prints
how sure it is against how right: of the words that it holds for sensitive, or for one type, with
about so much probability, the share that is.

The shipped reader comes last, and alone where none is named.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.reader.learn import WEIGHTS, call_of, group_of, held, per_cent
from models.reader.encoder import GRAPH, TOKENIZER, Encoder
from models.reader.examples import said
from models.reader.inputs import LABELS
from models.reader.tuning import read_words
from pipeline.evaluation.corpora.labelled_texts import LabelledCase
from pipeline.evaluation.figures.statistics import Estimate, ratio
from pipeline.policy.model import READER_THRESHOLD

_BINS: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 1.0)
_FEW: Final = 200
"""Words with some probability of a type, below which its figures say nothing."""

Bin = tuple[int, float, float]
"""Words, their mean probability, and the share that is right."""
Words = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Labels, shape (words,), and probabilities, shape (words, labels), of one call."""


def words_of(encoder: Encoder, cases: Iterable[LabelledCase]) -> list[Words]:
    """What a reader holds of the words of each call, in all of its hearings."""
    calls: defaultdict[str, list[tuple[int, NDArray[np.float32]]]] = defaultdict(list)
    for case in cases:
        calls[call_of(case.id)] += read_words(encoder, said(case))
    return [
        (np.array([label for label, _ in read]), np.array([row for _, row in read]))
        for read in calls.values()
        if read
    ]


def shares(cases: Sequence[Words], threshold: float) -> tuple[Estimate, Estimate, Estimate]:
    """Sensitive words covered, harmless ones muted, and empty cases in which any is."""
    rows = []
    for labels, probabilities in cases:
        muted, secret = 1 - probabilities[:, 0] >= threshold, labels > 0
        empty = not secret.any()
        rows.append(
            (
                *(int((muted & secret).sum()), int(secret.sum())),
                *(int((muted & ~secret).sum()), int((~secret).sum())),
                *(int(empty and muted.any()), int(empty)),
            )
        )
    columns = list(zip(*rows, strict=True))
    return ratio(*columns[0:2]), ratio(*columns[2:4]), ratio(*columns[4:6])


def sureness(held_for: NDArray[np.float32], right: NDArray[np.bool_]) -> list[Bin]:
    """How sure against how right, for each bin of probability."""
    at = np.clip(np.searchsorted(_BINS, held_for, side="right") - 1, 0, len(_BINS) - 2)
    found = []
    for one in range(len(_BINS) - 1):
        inside = at == one
        count = int(inside.sum())
        mean, share = (float(v[inside].mean()) if count else 0.0 for v in (held_for, right))
        found.append((count, mean, share))
    return found


def off_by(bins: Sequence[Bin]) -> float:
    """The expected calibration error: how far probability and share lie apart, over all words."""
    words = sum(count for count, _, _ in bins)
    return sum(count * abs(mean - share) for count, mean, share in bins) / max(words, 1)


def _tell_sureness(cases: Sequence[Words]) -> None:
    labels = np.concatenate([one for one, _ in cases])
    rows = np.concatenate([one for _, one in cases])
    bins = sureness(1 - rows[:, 0], labels > 0)
    print("\nheld for sensitive with   words   mean   share that is")
    for low, high, (count, mean, share) in zip(_BINS[:-1], _BINS[1:], bins, strict=True):
        bar = "#" * round(40 * share)
        print(f"{low:8.2f} to {high:4.2f}    {count:9d}  {mean:5.3f}   {share:5.3f} {bar}")
    print(f"off by {100 * off_by(bins):.2f} points over all words")
    print("\nby type                   words   off by   (that it holds for it with 2 % or more)")
    for at, name in enumerate(LABELS):
        some = rows[:, at] >= _BINS[1]
        if at and int(some.sum()) >= _FEW:
            each = sureness(rows[some, at], labels[some] == at)
            print(f"  {name:22s} {int(some.sum()):6d}   {100 * off_by(each):5.1f} points")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="What readers make of held texts, alone.")
    parser.add_argument("readers", nargs="*", metavar="NAME=FILE", help="graphs to compare")
    parser.add_argument("--threshold", type=float, default=READER_THRESHOLD)
    options = parser.parse_args(arguments)
    named = [one.partition("=")[::2] for one in options.readers]
    groups: defaultdict[str, list[LabelledCase]] = defaultdict(list)
    for name, cases in held().items():
        groups[group_of(name)] += cases
    print(f"threshold {options.threshold}; per cent, with 95 % intervals")
    print(f"{'':20s} {'covered':>20s} {'harmless muted':>20s} {'empty cases flagged':>20s}")
    for name, file in [*named, ("shipped", str(WEIGHTS / GRAPH))]:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(file, Path(folder) / GRAPH)
            shutil.copy(WEIGHTS / TOKENIZER, folder)
            encoder = Encoder(Path(folder))
        found = {group: words_of(encoder, cases) for group, cases in groups.items()}
        for group, words in found.items():
            told = " ".join(map(per_cent, shares(words, options.threshold)))
            print(f"{name:13s} {group:6s} {told}", flush=True)
    _tell_sureness([one for words in found.values() for one in words])


if __name__ == "__main__":
    main()
