"""Runs the consent reader's weights: an utterance in, what it is for out.

Outcome of a call: the labels that count as said, each with its probability, at least ``LEAST``;
``ModelError`` when the weights are missing or not those that the catalogue pins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.consent.features import UNASKED, asked_of, features, words_of
from models.consent.training import Weights, places_of, sigmoid
from models.store.loader import find
from pipeline.consent.spoken import Said, Utterance
from pipeline.errors import ModelError
from pipeline.records.model import Role

MODEL: Final = "consent-reader"
"""The shipped weights, by their id in the catalogue."""
FILE: Final = "consent.npz"
LEAST: Final = 0.5
"""From which probability on a label counts; the biases are shifted so that it is one for all."""
OURS: Final = (Said.NOTICE, Said.ASK, Said.PAUSE, Said.RESUME)
"""What the agent says."""
THEIRS: Final = (Said.YES, Said.NO, Said.WITHDRAW)
"""What the customer says."""
_STEPS: Final = 127

Before = tuple[Role, Sequence[str]]
"""Who spoke before, and the words."""


class ConsentReader:
    """A ``pipeline.consent.spoken.Reads``. Holds nothing of what it reads.

    Args:
        ours: weights of what the agent says.
        theirs: weights of what the customer says.
    """

    def __init__(self, ours: Weights, theirs: Weights) -> None:
        self._ours, self._theirs = ours, theirs

    def __call__(
        self,
        utterance: Utterance,
        before: Utterance | None,
        language: str,  # noqa: ARG002 - of the protocol
    ) -> Mapping[Said, float]:
        """What counts as said; the language is told by the words themselves."""
        back = (before.role, words_of(before.text)) if before else None
        said = words_of(utterance.text)
        found = _counted(self.probabilities(utterance.role, said, back))
        if back is None or back[0] is not utterance.role or not said:
            return found
        # One goes on after a pause: what neither part says may be said by both.
        alone = _counted(self.probabilities(back[0], back[1], None))
        whole = _counted(self.probabilities(utterance.role, [*back[1], *said], None))
        return {each: whole[each] for each in whole if each not in alone} | found

    def probabilities(
        self, role: Role, said: Sequence[str], before: Before | None
    ) -> dict[Said, float]:
        """Of every label that fits who speaks."""
        found: dict[Said, float] = {}
        if not said:
            return found
        if role is not Role.CUSTOMER:
            each = features(said, said_before(before), other=is_other(role, before), asked=UNASKED)
            found |= _told(self._ours, OURS, each)
        if role is not Role.AGENT:
            asked = asked_before(self._ours, before)
            each = features(said, said_before(before), other=is_other(role, before), asked=asked)
            found |= _told(self._theirs, THEIRS, each)
        return found


def _counted(found: Mapping[Said, float]) -> dict[Said, float]:
    """What counts as said; of yes and no the likelier one."""
    least = dict(found)
    if Said.YES in least and Said.NO in least:
        del least[Said.YES if least[Said.NO] >= least[Said.YES] else Said.NO]
    return {said: share for said, share in least.items() if share >= LEAST}


def said_before(before: Before | None) -> Sequence[str]:
    """The words of what was said before."""
    return before[1] if before else ()


def is_other(role: Role, before: Before | None) -> bool:
    """Whether another spoke before."""
    return before is not None and before[0] is not role


def asked_before(ours: Weights, before: Before | None) -> str:
    """How sure it is that what was said before told of recording, or asked."""
    if before is None or before[0] is Role.CUSTOMER:
        return UNASKED
    told = _told(ours, OURS, features(before[1], (), other=False, asked=UNASKED))
    return asked_of(told[Said.NOTICE], told[Said.ASK])


def _told(weights: Weights, labels: Sequence[Said], each: Sequence[int]) -> dict[Said, float]:
    places = places_of(each, weights.keys)
    shares = sigmoid(weights.table[places].sum(axis=0) + weights.bias)
    return {label: float(share) for label, share in zip(labels, shares, strict=True)}


def packed(ours: Weights, theirs: Weights) -> bytes:
    """The weights as a file, each of 8 bits; features of no weight are left out."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, each in (("ours", ours), ("theirs", theirs)):
        scale = np.maximum(np.abs(each.table).max(axis=0), 1e-9) / _STEPS
        steps = np.rint(each.table / scale).astype(np.int8)
        kept = np.abs(steps).max(axis=1) > 1
        arrays |= {
            f"{name}_keys": each.keys[kept],
            f"{name}_table": steps[kept],
            f"{name}_scale": scale.astype(np.float32),
            f"{name}_bias": each.bias.astype(np.float32),
        }
    file = BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def unpacked(data: bytes) -> ConsentReader:
    """A reader of a file's bytes.

    Raises:
        ModelError: they hold none.
    """
    try:
        with np.load(BytesIO(data), allow_pickle=False) as file:
            ours, theirs = (
                Weights(
                    file[f"{name}_keys"],
                    file[f"{name}_table"].astype(np.float32) * file[f"{name}_scale"],
                    file[f"{name}_bias"],
                )
                for name in ("ours", "theirs")
            )
    except Exception as error:  # the library raises many kinds
        raise ModelError(
            f"{FILE}: holds no consent reader ({type(error).__name__}); reinstall hushwire"
        ) from error
    if ours.table.shape[1] != len(OURS) or theirs.table.shape[1] != len(THEIRS):
        raise ModelError(f"{FILE}: its labels are not those of this version; train it anew")
    return ConsentReader(ours, theirs)


@cache
def load_consent_reader() -> ConsentReader:
    """The shipped reader, checked; once per process.

    Raises:
        ModelError: its file is missing or altered.
    """
    path: Path = find(MODEL, allow_hub=False) / FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{FILE}: cannot be read; reinstall hushwire") from error
    return unpacked(data)
