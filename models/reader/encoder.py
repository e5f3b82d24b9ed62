"""Runs the reader's weights: a turn in, how likely each of its words is part of what out.

What was read of earlier turns is kept as keys and values, so that nothing is computed twice. The
same words behind the same words give the same numbers, on any processor to the last digits.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.encoder.session import opened
from models.encoder.shape import HEADS, WIDTH
from models.reader.inputs import LABELS, LOOKED_BACK, Pieces
from models.reader.shape import LAYERS, fading
from models.store.loader import find
from models.text.turn import Turn
from pipeline.errors import ModelError
from pipeline.records.model import Role

MODEL: Final = "reader"
"""The shipped weights, by their id in the catalogue."""
GRAPH: Final = "reader.onnx"
TOKENIZER: Final = "tokenizer.json"
_NOTHING: Final = np.zeros((LAYERS, HEADS, 0, WIDTH // HEADS), np.float32)

Table = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Kept:
    """What of one reading later ones look back on; nothing in it can be read by people."""

    keys: NDArray[np.float16] = field(repr=False)
    """Layers, heads, pieces, depth."""
    values: NDArray[np.float16] = field(repr=False)

    def __len__(self) -> int:
        return int(self.keys.shape[2])


@dataclass(frozen=True, slots=True)
class Reading:
    """A turn as it was read."""

    probabilities: Table = field(repr=False)
    """Tokens of the turn by ``LABELS``; every row adds up to 1."""
    kept: tuple[Kept, ...] = ()


class Encoder:
    """The weights of a folder.

    Args:
        folder: holds ``reader.onnx`` and ``tokenizer.json``.
        digest: what ``digest_of`` has to say of these files; without it they were checked before.

    Raises:
        ModelError: the files are missing, others than ``digest`` says, no reader, or one of other
            labels.
    """

    def __init__(self, folder: Path, digest: str = "") -> None:
        graph, tokenizer = _files(folder)
        if digest and (found := _digest(graph, tokenizer)) != digest:
            raise ModelError(
                f"{folder}: this is not the reader of reader_digest (it is {found}); name its "
                "digest, or put the files back"
            )
        try:
            self._pieces = Pieces(tokenizer)
            self._session, told = opened(graph)
        except Exception as error:  # the libraries raise their own
            raise ModelError(
                f"{folder}: holds no reader ({type(error).__name__}); "
                "reinstall hushwire, or train one"
            ) from error
        if told != LABELS:
            raise ModelError(
                f"{folder}: the reader's labels are not those of this version; train it anew"
            )

    def read(self, turn: Turn, role: Role, before: tuple[Kept, ...] = ()) -> Reading:
        """Read a turn.

        Args:
            turn: the turn.
            role: who speaks.
            before: earlier readings, the oldest first; as many as there is room for count.
        """
        found = np.zeros((len(turn.tokens), len(LABELS)), np.float32)
        kept: list[Kept] = []
        for piece in self._pieces.read(turn, role):
            back = looked_back((*before, *kept))
            ids = np.array(piece.ids, np.int64)
            ages = [len(back) - at for at, one in enumerate(back) for _ in range(len(one))]
            bias = fading(np.array([*ages, *[0] * len(ids)], np.int64))
            probabilities, keys, values = self._session.run(
                None,
                {
                    "ids": ids,
                    "places": np.arange(len(ids), dtype=np.int64),
                    "past_keys": _joined([one.keys for one in back]),
                    "past_values": _joined([one.values for one in back]),
                    "bias": bias[:, None, :],
                },
            )
            words = np.array(piece.words)
            found[words[words >= 0]] = probabilities[words >= 0]
            one = Kept(keys.astype(np.float16), values.astype(np.float16))
            if not all(np.isfinite(table).all() for table in (probabilities, one.keys, one.values)):
                raise ModelError("the reader gave numbers that are none")
            kept.append(one)
        return Reading(found, tuple(kept))


def looked_back(before: tuple[Kept, ...]) -> tuple[Kept, ...]:
    """The last readings that there is room for."""
    room = LOOKED_BACK
    for at in range(len(before) - 1, -1, -1):
        room -= len(before[at])
        if room < 0:
            return before[at + 1 :]
    return before


def _joined(parts: list[NDArray[np.float16]]) -> Table:
    if not parts:
        return _NOTHING
    return np.concatenate(parts, axis=2).astype(np.float32)


@cache
def load_encoder(folder: Path | None = None, digest: str = "") -> Encoder:
    """A reader, checked; once per process.

    Args:
        folder: of a reader of somebody's own; without it the shipped one.
        digest: what ``digest_of`` has to say of it.

    Raises:
        ModelError: its files are missing or altered.
    """
    if folder is None:
        return Encoder(find(MODEL, allow_hub=False))
    return Encoder(folder, digest or "none")


def digest_of(folder: Path) -> str:
    """sha256 over both files of a reader.

    Raises:
        ModelError: one is missing.
    """
    return _digest(*_files(folder))


def _digest(graph: bytes, tokenizer: bytes) -> str:
    whole = hashlib.sha256()
    for data in (graph, tokenizer):
        whole.update(hashlib.sha256(data).digest())
    return whole.hexdigest()


def _files(folder: Path) -> tuple[bytes, bytes]:
    try:
        return (folder / GRAPH).read_bytes(), (folder / TOKENIZER).read_bytes()
    except OSError as error:
        name = Path(str(error.filename)).name
        raise ModelError(f"{folder}: has no {name} to be read; name a reader's folder") from error
