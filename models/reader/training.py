"""Learns the reader's weights from labelled calls. Needs PyTorch (the extra ``train``).

The encoder starts from the weights of a sentence encoder (BERT's form, 6 layers, 384 wide). Its
word embeddings stay as they are, but for the rows that stand for roles and numbers. The same texts,
seed and machine give the same weights.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from models.encoder.layers import Layer, named, norm, optimized, told_by
from models.encoder.shape import WIDTH
from models.reader.examples import (
    AFTER_TALK,
    NO_LABEL,
    Read,
    Said,
    after_talk,
    readings,
    varied,
)
from models.reader.inputs import LABELS, LOOKED_BACK, PLACEHOLDERS, Pieces
from models.reader.shape import LAYERS, fading

_ROW: Final = 256
"""Pieces that are learnt from side by side."""
_CONTEXT: Final = 96
"""Pieces of what was said before that the next row of a long call begins with."""
_ROWS_A_STEP: Final = 4
_RATE: Final = 1.2e-4
_HEAD_RATE: Final = 8.0
"""How much faster what begins at random is learnt."""
_WARM_UP: Final = 100
_FLAT: Final = 0.4
"""Share of the steps before the rate falls."""
_DROPOUT: Final = 0.1
_NEVER: Final = -1e9
_CALLS_AT_ONCE: Final = 256
"""Calls whose rows are mixed."""
_OTHERS: Final = 4
"""Calls whose turns may stand as talk before a turn."""
_TOLD: Final = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and from where it learns."""

    epochs: float = 3.0
    seed: int = 0
    threads: int = 2
    rate: float = _RATE
    halved: bool = False
    """Multiplies in 16 bits; faster where the processor has AVX-512 BF16, slower elsewhere."""


@dataclass(slots=True)
class _Row:
    """Readings side by side."""

    ids: list[int] = field(default_factory=list, repr=False)
    labels: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    readings: list[int] = field(default_factory=list)
    """The number of each piece's reading within its call."""
    starts: list[int] = field(default_factory=list)
    """Where its reading begins within its call."""

    def add(self, call: int, reading: int, start: int, read: Read, *, learnt: bool) -> None:
        size = len(read.ids)
        self.ids += read.ids
        self.labels += read.labels if learnt else [NO_LABEL] * size
        self.places += range(size)
        self.calls += [call] * size
        self.readings += [reading] * size
        self.starts += [start] * size


class Encoder(nn.Module):
    """The encoder with a layer on top that tells the label of each piece.

    Args:
        weights: to begin with.
        dropout: share of what each layer adds that is left out in learning.
    """

    def __init__(self, weights: dict[str, NDArray[np.float32]], dropout: float = 0.0) -> None:
        super().__init__()
        told = told_by(weights)
        words = told["embeddings.word_embeddings.weight"].float()
        self.words = nn.Parameter(words, requires_grad=False)
        own = told.get("own.weight")
        if own is None:
            # A number is read like "number" until more is learnt.
            own = words[2193].repeat(len(PLACEHOLDERS), 1)
            own = own + 0.02 * torch.randn(own.shape, generator=torch.Generator().manual_seed(0))
        self.own = nn.Parameter(own.float())
        self.places = nn.Parameter(
            told["embeddings.position_embeddings.weight"][:_ROW].float()
            + (
                told["embeddings.token_type_embeddings.weight"][0].float()
                if "own.weight" not in told
                else 0
            )
        )
        self.norm = norm(told, "embeddings.LayerNorm")
        self.layers = nn.ModuleList(
            Layer(told, f"encoder.layer.{at}.", dropout) for at in range(LAYERS)
        )
        self.head = nn.Linear(WIDTH, len(LABELS))
        if "head.weight" in told:
            self.head.weight.data = told["head.weight"].float()
            self.head.bias.data = told["head.bias"].float()

    def forward(self, ids: torch.Tensor, places: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Logits of each piece: rows by pieces by labels."""
        own = (ids >= PLACEHOLDERS.start) & (ids < PLACEHOLDERS.stop)
        embedded = functional.embedding(ids, self.words)
        mine = functional.embedding(
            (ids - PLACEHOLDERS.start).clamp(0, len(PLACEHOLDERS) - 1), self.own
        )
        hidden = torch.where(own[..., None], mine, embedded)
        hidden = self.norm(hidden + functional.embedding(places, self.places))
        for layer in self.layers:
            hidden = layer(hidden, bias)
        logits: torch.Tensor = self.head(hidden)
        return logits

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights by the names that they are read by."""
        others = {
            "embeddings.word_embeddings.weight": self.words,
            "own.weight": self.own,
            "embeddings.position_embeddings.weight": self.places,
            "head.weight": self.head.weight,
            "head.bias": self.head.bias,
        }
        return named(self.norm, list(self.layers), others)


def rows(calls: Sequence[Sequence[Read]]) -> list[_Row]:
    """Calls side by side in rows; a long one goes on in the next with what was said last."""
    found, row = [], _Row()
    for number, call in enumerate(calls):
        start = 0
        places: list[int] = []
        for index, read in enumerate(call):
            places.append(start)
            if len(row.ids) + len(read.ids) > _ROW:
                found.append(row)
                row = _Row()
                first = index
                while first > 0 and start - places[first - 1] <= _CONTEXT:
                    first -= 1
                for at in range(first, index):
                    row.add(number, at, places[at], call[at], learnt=False)
            row.add(number, index, start, read, learnt=True)
            start += len(read.ids)
    return [*found, row] if row.ids else found


def _batch(some: Sequence[_Row]) -> tuple[torch.Tensor, ...]:
    size = max(len(row.ids) for row in some)

    def filled(name: str, empty: int) -> NDArray[np.int64]:
        return np.array(
            [getattr(row, name) + [empty] * (size - len(row.ids)) for row in some], np.int64
        )

    calls, order, starts = filled("calls", -1), filled("readings", 0), filled("starts", 0)
    ages = order[:, :, None] - order[:, None, :]
    seen = (
        (calls[:, :, None] == calls[:, None, :])
        & (ages >= 0)
        & (starts[:, :, None] - starts[:, None, :] <= LOOKED_BACK)
    )
    bias = np.where(seen[:, None], fading(ages).transpose(1, 0, 2, 3), np.float32(_NEVER))
    ids, places, labels = filled("ids", 0), filled("places", 0), filled("labels", NO_LABEL)
    return tuple(map(torch.from_numpy, (ids, places, bias.astype(np.float32), labels)))


def learn(
    calls: Sequence[Sequence[Said]],
    pieces: Pieces,
    start: dict[str, NDArray[np.float32]],
    settings: Settings,
    tell: Callable[[str], None] = print,
) -> dict[str, NDArray[np.float32]]:
    """Learn from calls.

    Args:
        calls: turns with labels; a call that is to count twice is there twice.
        pieces: parts turns into pieces.
        start: weights to begin with: of a sentence encoder, or of a reader.
        settings: how long.
        tell: is told how it goes, a line at a time.

    Returns:
        The weights.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    encoder = Encoder(start, _DROPOUT)
    words = sorted({word for call in calls for turn in call for word in turn.words})
    texts = _Texts(calls, pieces, words, random.Random(settings.seed))
    steps = max(1, round(settings.epochs * texts.rows_an_epoch() / _ROWS_A_STEP))
    optimizer, schedule = optimized(
        encoder,
        [encoder.own, encoder.head.weight, encoder.head.bias],
        (settings.rate, settings.rate * _HEAD_RATE),
        lambda step: _pace(step, steps),
    )
    known = optimizer.param_groups[0]["params"]
    began, losses = time.monotonic(), list[float]()
    for step, some in enumerate(itertools.islice(texts.batches(), steps), 1):
        ids, places, bias, labels = _batch(some)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.halved):
            logits = encoder(ids, places, bias.bfloat16() if settings.halved else bias)
        loss = functional.cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), ignore_index=NO_LABEL
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(known, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if not step % _TOLD or step == steps:
            mean, took = sum(losses) / len(losses), time.monotonic() - began
            tell(f"step {step} of {steps}: loss {mean:.4f}, {took:.0f} s")
            losses.clear()
    return encoder.arrays()


def calibrated(
    calls: Sequence[Sequence[Said]],
    pieces: Pieces,
    weights: dict[str, NDArray[np.float32]],
    tell: Callable[[str], None] = print,
) -> dict[str, NDArray[np.float32]]:
    """Weights whose probabilities are as sure as they are right on calls that nothing learnt from.

    One number divides all that the last layer gives ("temperature scaling", Guo et al. 2017), so
    the order of the words and of their types stays.

    Args:
        calls: that were left out; they are read bare, misheard and after talk, as in learning.
        pieces: parts turns into pieces.
        weights: of a reader.
        tell: is told the number.

    Raises:
        ValueError: no calls.
    """
    if not calls:
        raise ValueError("no calls were left out; nothing says how sure is right")
    encoder = Encoder(weights)
    words = sorted({word for call in calls for turn in call for word in turn.words})
    texts = _Texts(calls, pieces, words, random.Random(0))
    logits, labels = list[torch.Tensor](), list[torch.Tensor]()
    with torch.no_grad():
        for some in texts.once():
            ids, places, bias, right = _batch(some)
            counts = right != NO_LABEL
            logits.append(encoder(ids, places, bias)[counts])
            labels.append(right[counts])
    given, right = torch.cat(logits), torch.cat(labels)
    log = torch.zeros(1, requires_grad=True)
    search = torch.optim.LBFGS([log], max_iter=50, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        search.zero_grad()
        lost = functional.cross_entropy(given / log.exp(), right)
        lost.backward()
        return lost

    search.step(loss)
    temperature = float(log.detach().exp())
    tell(f"calibrated on {len(right)} words of {len(calls)} calls: temperature {temperature:.3f}")
    head = ("head.weight", "head.bias")
    return weights | {name: weights[name] / np.float32(temperature) for name in head}


def _pace(step: int, steps: int) -> float:
    warm_up = min(_WARM_UP, 1 + steps // 10)  # few texts take few steps
    if step < warm_up:
        return (step + 1) / warm_up
    flat = _FLAT * steps
    return 1.0 if step < flat else max(0.02, (steps - step) / (steps - flat))


class _Texts:
    """Calls as rows to learn from, in another order and heard otherwise each time."""

    def __init__(
        self,
        calls: Sequence[Sequence[Said]],
        pieces: Pieces,
        words: Sequence[str],
        rng: random.Random,
    ) -> None:
        self._calls, self._pieces, self._words, self._rng = calls, pieces, words, rng

    def rows_an_epoch(self) -> int:
        """About how many rows all calls fill once."""
        return len(rows([readings(self._pieces, call) for call in self._calls]))

    def batches(self) -> Iterator[list[_Row]]:
        """Rows for one step after the other, without end."""
        while True:
            yield from self.once()

    def once(self) -> Iterator[list[_Row]]:
        """Rows of all calls, for one step after the other."""
        order = list(range(len(self._calls)))
        self._rng.shuffle(order)
        for at in range(0, len(order), _CALLS_AT_ONCE):
            made = rows([self._read(one) for one in order[at : at + _CALLS_AT_ONCE]])
            self._rng.shuffle(made)
            for first in range(0, len(made), _ROWS_A_STEP):
                yield made[first : first + _ROWS_A_STEP]

    def _read(self, number: int) -> list[Read]:
        said = self._calls[number]
        if said and self._rng.random() < AFTER_TALK:
            others = self._rng.choices(self._calls, k=_OTHERS)
            said = after_talk(said, [turn for one in others for turn in one], self._rng)
        turns, bare = varied(said, self._rng, self._words)
        return readings(self._pieces, turns, bare=bare)
