"""A tagger learnt from labelled calls: how likely each word of a turn is part of something private.

It is a linear-chain conditional random field (Lafferty, McCallum and Pereira, 2001): every
attribute of a word (``models/attributes.py``) has a weight for each label, and so has each pair of
labels in a row. Rules know what they were told; weights carry over to what is said in other words.

The weights are learnt by ``python -m benchmarks.tagger`` (python-crfsuite); here they are applied.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from models.attributes import (
    KINDS,
    REACH,
    kind_of,
    masked,
    of_pairs,
    of_place,
    of_talk,
    of_word,
    places,
)
from models.spoken import Turn
from pipeline.errors import ModelError

Table = NDArray[np.float32]

NOTHING: Final = "O"
"""Label of a word that is part of nothing; the first of all labels."""
_REMEMBERED: Final = 4_096
"""Words that were not learnt, and places of words, of which the weights are remembered."""
_SCALED: Final = 16
"""After so many words forward and backward sums are brought back to a size that can't vanish."""
_LEAST: Final = -100.0
"""What a label scores at least beside the best one of its word: nothing may vanish."""
_FAR: Final = re.compile(r"(.+)@(-?\d)")
_WORD: Final = re.compile(r"w=.+@0")
_OF_KIND: Final = re.compile(rf"(.+)\|([{KINDS}])")
_TEXTS: Final = ("labels", "attributes")


@dataclass(frozen=True, slots=True)
class Weights:
    """A learnt tagger as data."""

    labels: tuple[str, ...]
    """``NOTHING``, and entity types."""
    attributes: tuple[str, ...] = field(repr=False)
    state: Table = field(repr=False)
    """Attributes by labels."""
    transitions: Table = field(repr=False)
    """Labels by labels: of the second one's following the first one."""

    @classmethod
    def load(cls, path: Path) -> Weights:
        """Read what ``save`` wrote.

        Raises:
            ModelError: it can't be read, or is something else.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                labels, told = (bytes(data[one]).decode().split("\n") for one in _TEXTS)
                state, transitions = data["state"], data["transitions"]
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise ModelError(f"{path.name}: is no tagger; reinstall the package") from error
        size = len(labels)
        if state.shape != (len(told), size) or transitions.shape != (size, size):
            raise ModelError(
                f"{path.name}: its tables do not fit each other; reinstall the package"
            )
        tables = (np.asarray(each, np.float32) for each in (state, transitions))
        return cls(tuple(labels), tuple(told), *tables)

    def save(self, path: Path) -> None:
        """Write it; the same weights give the same bytes."""
        texts = zip(_TEXTS, (self.labels, self.attributes), strict=True)
        arrays: dict[str, Any] = {
            name: np.frombuffer("\n".join(each).encode(), np.uint8) for name, each in texts
        }
        state = self.state.astype(np.float16)
        np.savez_compressed(path, state=state, transitions=self.transitions, **arrays)


class Tagger:
    """Applies weights to turns.

    Args:
        weights: as learnt.
    """

    def __init__(self, weights: Weights) -> None:
        self.labels = weights.labels
        self._follows = _both_ways(weights.transitions)
        self._plain: dict[str, Table] = {}
        self._far: dict[str, Table] = {}
        """What comes from a word at some distance: by the word that it tells of."""
        self._talk: dict[str, Table] = {}
        """What is told of words of one kind."""
        for name, row in zip(weights.attributes, weights.state, strict=True):
            if (far := _FAR.fullmatch(name)) is not None:
                self._put(self._far, far[1], REACH - int(far[2]), row)
                continue
            if (talk := _OF_KIND.fullmatch(name)) is not None:
                self._put(self._talk, talk[1], KINDS.index(talk[2]), row)
            self._plain[name] = row
        self._learnt = {one[2:-2] for one in weights.attributes if _WORD.fullmatch(one)}
        self._of_learnt = cache(self._of_word)  # as many as were learnt at most
        self._of_other = lru_cache(maxsize=_REMEMBERED)(self._of_word)
        self._place = lru_cache(maxsize=_REMEMBERED)(
            lambda place: self._sum(self._plain, of_place(place), (len(self.labels),))
        )

    def probabilities(self, turn: Turn) -> NDArray[np.float64]:
        """How likely each label of each token is.

        Returns:
            Tokens by labels; every row adds up to 1.
        """
        return _marginals(self._scores(turn), self._follows)

    def _put(self, tables: dict[str, Table], name: str, at: int, row: Table) -> None:
        """Keep the weights of an attribute with those that are looked up together with it."""
        size = (2 * REACH + 1, len(self.labels))
        tables.setdefault(name, np.zeros(size, np.float32))[at] = row

    def _sum(self, tables: dict[str, Table], told: Iterable[str], shape: tuple[int, ...]) -> Table:
        found = np.zeros(shape, np.float32)
        for one in told:
            if (table := tables.get(one)) is not None:
                found += table
        return found

    def _of_word(self, key: str) -> tuple[str, Table]:
        """The kind of a word, and what it tells of the words round it, from the third before on."""
        told = (one for one, _ in of_word(key))
        return kind_of(key), self._sum(self._far, told, (2 * REACH + 1, len(self.labels)))

    def _scores(self, turn: Turn) -> Table:
        """The sum of the weights of each token, by label."""
        keys = [masked(key) for key in turn.all_keys]
        words = [
            self._of_learnt(key) if key in self._learnt else self._of_other(key) for key in keys
        ]
        # A margin on both sides takes what is told of words that there are not.
        scores = np.zeros((len(keys) + 2 * REACH, len(self.labels)), np.float32)
        for at, (_, table) in enumerate(words):
            scores[at : at + 2 * REACH + 1] += table
        for at, pair in enumerate(of_pairs(keys)):
            if (found := self._far.get(pair)) is not None:
                scores[at : at + 2 * REACH + 1] += found
        scores = scores[REACH:-REACH]
        kinds = [kind for kind, _ in words]
        talk = self._sum(self._talk, of_talk(turn), (2 * REACH + 1, len(self.labels)))
        scores += talk[[KINDS.index(kind) for kind in kinds]]
        scores += np.array([self._place(place) for place in places(turn, kinds)])
        return scores


def _marginals(scores: Table, follows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Forward and backward sums over all ways to label the tokens.

    Args:
        scores: tokens by labels.
        follows: twice the labels by twice the labels, as ``_both_ways`` makes it.
    """
    less = scores - scores.max(axis=1, keepdims=True)
    emitted = np.exp(np.maximum(less, _LEAST, dtype=np.float64))
    # Both ways at once: what numpy costs is calls, not sums.
    sums = np.concatenate((emitted, emitted[::-1]), axis=1)
    size = emitted.shape[1]
    rows = list(sums)
    for at in range(1, len(rows)):
        rows[at] *= rows[at - 1].dot(follows)
        if not at % _SCALED:
            rows[at][:size] /= rows[at][:size].sum()
            rows[at][size:] /= rows[at][size:].sum()
    found: NDArray[np.float64] = sums[:, :size] * sums[::-1, size:]
    found /= emitted
    found /= found.sum(axis=1, keepdims=True)
    return found


def _both_ways(transitions: Table) -> NDArray[np.float64]:
    """How well labels follow each other, and beside it how well they precede each other."""
    follows = np.exp(transitions.astype(np.float64))
    nowhere = np.zeros_like(follows)
    return np.block([[follows, nowhere], [nowhere, follows.T]])
