"""Learns the consent reader's weights. Needs PyTorch (the extra ``train``).

The encoder starts from a sentence encoder's weights, of which it keeps the word pieces that may
occur. The same texts, seed and machine give the same weights.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from models.consent.inputs import KINDS, LABELS, NOW, PLACES, Row
from models.encoder.layers import Layer, named, norm, optimized, told_by
from models.encoder.shape import WIDTH
from pipeline.consent.spoken import Said

LAYERS: Final = 6
_DROPOUT: Final = 0.1
_ROWS_A_STEP: Final = 32
_SORTED: Final = 1_024
"""Rows among which those of one length are learnt from together."""
_ROUND: Final = 8
"""Rows are filled up to a multiple of so many pieces: few lengths are few kernels to make."""
_WARM_UP: Final = 60
_TOLD: Final = 25
_RARE: Final = {Said.NO: 2.0, Said.PAUSE: 2.0, Said.RESUME: 2.0}
"""How much more what is seldom said counts where it is."""

Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to learn."""

    epochs: int = 4
    seed: int = 0
    threads: int = 1
    rate: float = 6e-5
    fresh_rate: float = 1e-3
    halved: bool = True
    """Multiplies in 16 bits; faster where the processor has AVX-512 BF16, slower elsewhere."""


class Net(nn.Module):
    """The encoder, and a layer on top that tells what an utterance is for.

    Args:
        start: a sentence encoder's weights, or a consent reader's.
        kept: the rows of a sentence encoder's vocabulary that are kept.
    """

    def __init__(self, start: Weights, kept: Sequence[int]) -> None:
        super().__init__()
        told = told_by(start)
        is_own = "words" in told
        if not is_own:
            told["words"] = told["embeddings.word_embeddings.weight"].float()[list(kept)]
            told["places"] = told["embeddings.position_embeddings.weight"][:PLACES].float()
            kind = told["embeddings.token_type_embeddings.weight"][0].float().repeat(KINDS, 1)
            told["kinds"] = kind + 0.01 * torch.randn(kind.shape)
        self.words, self.places, self.kinds = (
            nn.Parameter(told[name].clone()) for name in ("words", "places", "kinds")
        )
        self.norm = norm(told, "embeddings.LayerNorm")
        self.layers = nn.ModuleList(
            Layer(told, f"encoder.layer.{at}.", _DROPOUT) for at in range(LAYERS)
        )
        self.head = nn.Linear(2 * WIDTH, len(LABELS))
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        if is_own:
            self.head.weight.data = told["head.weight"]
            self.head.bias.data = told["head.bias"]

    def forward(self, ids: torch.Tensor, kinds: torch.Tensor, here: torch.Tensor) -> torch.Tensor:
        """Logits: rows by labels. ``here`` tells which pieces are none that fill a row up."""
        hidden = functional.embedding(ids, self.words) + functional.embedding(kinds, self.kinds)
        hidden = self.norm(hidden + self.places[: ids.shape[1]])
        hidden = functional.dropout(hidden, _DROPOUT, self.training)
        seen = here[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, seen)
        now = ((kinds >= NOW) & here)[..., None].float()
        mean = (hidden * now).sum(1) / now.sum(1)
        logits: torch.Tensor = self.head(torch.cat([hidden[:, 0], mean], 1))
        return logits

    def arrays(self) -> Weights:
        """The weights by the names that they are read by."""
        others = {
            "words": self.words,
            "places": self.places,
            "kinds": self.kinds,
            "head.weight": self.head.weight,
            "head.bias": self.head.bias,
        }
        return named(self.norm, list(self.layers), others)


def own_tokenizer(tokenizer: bytes, texts: Iterable[Sequence[int]]) -> tuple[bytes, list[int]]:
    """A tokenizer of fewer pieces, and which rows of the vocabulary they were.

    Args:
        tokenizer: the content of the ``tokenizer.json`` to begin with.
        texts: pieces of texts; those stay, and those that are special or one letter long.
    """
    plain = json.loads(tokenizer)
    before: dict[str, int] = plain["model"]["vocab"]
    seen = {piece for text in texts for piece in text}
    kept = [
        (piece, at)
        for piece, at in sorted(before.items(), key=lambda one: one[1])
        if at in seen or (piece.startswith("[") and not piece.startswith("[unused"))
        or (len(piece.removeprefix("##")) == 1 and piece.removeprefix("##").isascii())
    ]  # fmt: skip
    plain["model"]["vocab"] = {piece: row for row, (piece, _) in enumerate(kept)}
    for special in plain["added_tokens"]:
        special["id"] = plain["model"]["vocab"][special["content"]]
    plain["truncation"] = plain["padding"] = plain["post_processor"] = None
    return json.dumps(plain, ensure_ascii=False).encode(), [at for _, at in kept]


def learn(
    rows: Callable[[int], list[Row]],
    start: Weights,
    kept: Sequence[int],
    settings: Settings,
    tell: Callable[[str], None] = print,
) -> Weights:
    """Learn from rows.

    Args:
        rows: those of an epoch.
        start: a sentence encoder's weights, or what was learnt before.
        kept: the rows of a sentence encoder's vocabulary that are kept.
        settings: how.
        tell: is told how it goes, a line at a time.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    rng = random.Random(settings.seed)
    net = Net(start, kept)
    epochs: Iterator[list[Row]] = map(rows, range(settings.epochs))
    some = next(epochs)
    steps = settings.epochs * -(-len(some) // _ROWS_A_STEP)
    optimizer, schedule = optimized(
        net,
        [net.kinds, net.head.weight, net.head.bias],
        (settings.rate, settings.fresh_rate),
        lambda step: min(1.0, (step + 1) / _WARM_UP) * max(0.01, 1 - step / steps),
    )
    rare = torch.tensor([_RARE.get(label, 1.0) for label in LABELS])
    began, losses, step = time.monotonic(), list[float](), 0
    net.train()
    while some:
        for batch in _batches(some, rng):
            ids, kinds, here, truth = _filled(batch)
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.halved):
                logits = net(ids, kinds, here)
            known = (truth >= 0).float() * torch.where(truth > 0, rare, torch.ones(()))
            apart = functional.binary_cross_entropy_with_logits(
                logits.float(), truth.clamp(min=0), reduction="none"
            )
            loss = (apart * known).sum() / known.sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            losses.append(float(loss.detach()))
            if not step % _TOLD:
                took = time.monotonic() - began
                tell(f"step {step} of {steps}: loss {sum(losses) / len(losses):.4f}, {took:.0f} s")
                losses.clear()
        some = next(epochs, [])
    return net.arrays()


def _batches(rows: Sequence[Row], rng: random.Random) -> list[Sequence[Row]]:
    """Rows of about one length together, all in another order each time."""
    order = rng.sample(rows, len(rows))
    found: list[Sequence[Row]] = []
    for first in range(0, len(order), _SORTED):
        some = sorted(order[first : first + _SORTED], key=lambda row: len(row.read.ids))
        found += [some[at : at + _ROWS_A_STEP] for at in range(0, len(some), _ROWS_A_STEP)]
    rng.shuffle(found)
    return found


def _filled(batch: Sequence[Row]) -> tuple[Any, ...]:
    """Pieces, their kinds, which are there, and what is true."""
    size = -(-max(len(row.read.ids) for row in batch) // _ROUND) * _ROUND
    shape = (len(batch), size)
    ids, kinds = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    here = np.zeros(shape, bool)
    for at, row in enumerate(batch):
        count = len(row.read.ids)
        ids[at, :count], kinds[at, :count], here[at, :count] = row.read.ids, row.read.kinds, True
    truth = np.array([row.truth for row in batch], np.float32)
    return tuple(map(torch.from_numpy, (ids, kinds, here, truth)))
