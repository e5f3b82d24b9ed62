"""Learns what an agent would say and what a customer, from the labelled calls to tune on."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from models.speakers.role_words import FILE, features
from models.speakers.separation import stretches
from pipeline.evaluation.corpora.entity_aliases import entity_name
from pipeline.evaluation.corpora.labelled_texts import LabelledCase, LabelledTurn
from pipeline.evidence.turns import Token
from pipeline.records.model import Role

MOST: Final = 8_000
"""Features."""
_LEAST: Final = 12
"""A feature is seen so often."""
_SMALLEST: Final = 0.02
"""A smaller weight says nothing."""
_EPOCHS, _BATCH = 4, 1_024
_RATE, _SLOWER = 0.02, 0.4
_DECAY: Final = 1e-5
_MOMENTS: Final = (0.9, 0.999)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one speaker."""

    features: tuple[str, ...]
    agent: bool


def pieces(cases: Iterable[LabelledCase]) -> Iterator[Piece]:
    """The stretches of calls whose speakers are known, as they are told apart in running."""
    for case in cases:
        for turn in case.turns:
            if turn.role is Role.MIXED:
                continue
            for part in stretches(_tokens(turn), rate=1):
                silenced = part.tokens[0].entity
                text = "" if silenced else " ".join(token.text for token in part.tokens)
                found = features(text, [silenced] if silenced else [])
                if found:
                    yield Piece(tuple(sorted(found)), turn.role is Role.AGENT)


def _tokens(turn: LabelledTurn) -> list[Token]:
    """A turn's words without pauses between them, and a placeholder for each value."""
    found: list[Token] = []
    at = 0
    for label in sorted(turn.labels, key=lambda one: one.start):
        if label.start < at:
            continue
        found += [Token(0, 0, 0, word) for word in turn.text[at : label.start].split()]
        name = entity_name(label.entity)
        found.append(Token(0, 0, 0, f"[{name}]", entity=name))
        at = label.end
    return found + [Token(0, 0, 0, word) for word in turn.text[at:].split()]


def learnt(some: Sequence[Piece], seed: int = 0) -> dict[str, float]:
    """The weights of a logistic model; the same pieces give the same ones."""
    counts = Counter(one for piece in some for one in piece.features)
    names = sorted(one for one, count in counts.most_common(MOST) if count >= _LEAST)
    index = {name: at for at, name in enumerate(names)}
    rows = [np.array([index[one] for one in piece.features if one in index]) for piece in some]
    known = [at for at, row in enumerate(rows) if len(row)]
    truths = np.array([piece.agent for piece in some], np.float64)
    weights, mean, square = (np.zeros(len(names)) for _ in range(3))
    rng, rate, step = random.Random(seed), _RATE, 0
    for _ in range(_EPOCHS):
        rng.shuffle(known)
        for first in range(0, len(known), _BATCH):
            batch = known[first : first + _BATCH]
            lengths = [len(rows[at]) for at in batch]
            ids = np.concatenate([rows[at] for at in batch])
            owners = np.repeat(np.arange(len(batch)), lengths)
            logits = np.bincount(owners, weights[ids], len(batch))
            errors = 1 / (1 + np.exp(-logits)) - truths[batch]
            slope = np.bincount(ids, errors[owners], len(names)) / len(batch) + _DECAY * weights
            step += 1
            mean = _MOMENTS[0] * mean + (1 - _MOMENTS[0]) * slope
            square = _MOMENTS[1] * square + (1 - _MOMENTS[1]) * slope**2
            told = mean / (1 - _MOMENTS[0] ** step)
            weights -= rate * told / (np.sqrt(square / (1 - _MOMENTS[1] ** step)) + 1e-8)
        rate *= _SLOWER
    return {
        name: round(float(weights[at]), 2)
        for name, at in index.items()
        if abs(weights[at]) >= _SMALLEST
    }


def write(weights: dict[str, float], file: Path = FILE) -> None:
    """Ship weights: one line for each, so that a change shows."""
    told = json.dumps(weights, ensure_ascii=False, indent=0, sort_keys=True)
    file.write_text(told + "\n", "utf-8")
