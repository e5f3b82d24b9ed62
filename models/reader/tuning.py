"""A team's own reader: the shipped weights, or others, learnt further from its labelled calls.

A tenth of the calls is left out, and both readers are tried on it, so that whoever decides sees
what the training brought. Needs the extra ``train``.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.reader.encoder import GRAPH, TOKENIZER, Encoder, Kept, digest_of, looked_back
from models.reader.examples import NO_LABEL, Said, said
from models.reader.inputs import Pieces
from models.text.turn import turn_of
from pipeline.errors import InputError, ModelError, StoreError
from pipeline.evaluation.corpora.labelled_texts import LabelledCase
from pipeline.policy.model import READER_THRESHOLD

_LEFT: Final = 10
LEAST: Final = 20
"""Calls that it takes at least: fewer teach nothing and tell nothing."""
_RATE: Final = 1.2e-4
"""As the shipped weights are learnt: smaller steps would be lost between the 7 bits of a weight."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A reader on the calls that were left out, at the shipped threshold."""

    covered: int
    sensitive: int
    """Words."""
    muted: int
    harmless: int


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of it."""

    digest: str
    calls: int
    left_out: int
    before: Tried
    after: Tried


def tune(
    cases: Sequence[LabelledCase],
    start: Path,
    target: Path,
    *,
    epochs: float,
    seed: int,
    tell: Callable[[str], None],
) -> Tuned:
    """Learn from cases and write a reader.

    Args:
        cases: labelled calls.
        start: folder of the reader to begin with.
        target: folder to write; must not be there yet.
        epochs: how often all calls are learnt from.
        seed: of what is drawn.
        tell: is told how it goes, a line at a time.

    Raises:
        InputError: too few calls.
        ModelError: PyTorch is not installed, or ``start`` is no reader.
        StoreError: the target is there already, or can't be written.
    """
    if len(cases) < LEAST:
        raise InputError(f"{len(cases)} labelled calls are too few; at least {LEAST} are needed")
    if target.exists():
        raise StoreError(f"{target}: is there already; name another folder")
    try:
        from models.reader.graph import graph, weights_in  # noqa: PLC0415 - only here needed
        from models.reader.training import Settings, learn  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ModelError(
            f"{error.name} is not installed; training needs it: pip install 'hushwire[train]', or "
            "pinned and offline by requirements-train.txt (docs/deploy/install.md)"
        ) from error
    left = [case for case in cases if zlib.crc32(case.id.encode()) % _LEFT == 0] or [cases[0]]
    names = {case.id for case in left}
    calls = [said(case) for case in cases if case.id not in names]
    tried = [said(case) for case in left]
    before = _tried(start, tried)
    weights = learn(
        calls,
        Pieces((start / TOKENIZER).read_bytes()),
        weights_in((start / GRAPH).read_bytes()),
        Settings(epochs=epochs, seed=seed, rate=_RATE),
        tell,
    )
    files = {GRAPH: graph(weights), TOKENIZER: (start / TOKENIZER).read_bytes()}
    _write(target, files)
    return Tuned(digest_of(target), len(calls), len(left), before, _tried(target, tried))


def _write(target: Path, files: dict[str, bytes]) -> None:
    """Write a folder that appears at once."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            made = Path(scratch) / "reader"
            made.mkdir()
            for name, data in files.items():
                with (made / name).open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            made.rename(target)
    except OSError as error:
        raise StoreError(f"{target}: can't be written ({error.strerror})") from error


def read_words(encoder: Encoder, call: Sequence[Said]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The label of each word of a call that counts, and how likely the reader holds each label."""
    before: tuple[Kept, ...] = ()
    for one in call:
        turn = turn_of("".join(one.words), language=one.language)
        reading = encoder.read(turn, one.role, before)
        before = looked_back((*before, *reading.kept))
        for row, label in zip(reading.probabilities, one.labels, strict=True):
            if label != NO_LABEL:
                yield label, row


def _tried(folder: Path, calls: Sequence[Sequence[Said]]) -> Tried:
    encoder = Encoder(folder)
    counts = {True: [0, 0], False: [0, 0]}
    for call in calls:
        for label, row in read_words(encoder, call):
            count = counts[label > 0]
            count[0] += 1 - float(row[0]) >= READER_THRESHOLD
            count[1] += 1
    (covered, sensitive), (muted, harmless) = counts[True], counts[False]
    return Tried(covered, sensitive, muted, harmless)
