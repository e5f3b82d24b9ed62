"""Runs the consent reader's weights: an utterance in, what it is for out.

Outcome of a call: the labels that count as said, each with its probability, at least ``LEAST``;
``ModelError`` when the weights are missing or not those that the catalogue pins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np

from models.consent.inputs import LABELS, NOW, OURS, Pieces, Spoke
from models.encoder.session import opened
from models.store.loader import find
from pipeline.consent.spoken import Said, Utterance
from pipeline.errors import ModelError
from pipeline.records.model import Role

MODEL: Final = "consent-reader"
"""The shipped weights, by their id in the catalogue."""
GRAPH: Final = "consent.onnx"
TOKENIZER: Final = "tokenizer.json"
LEAST: Final = 0.5
"""From which probability on a label counts; the biases are shifted so that it is one for all."""
_OTHER: Final = {Role.AGENT: Role.CUSTOMER, Role.CUSTOMER: Role.AGENT}


class ConsentReader:
    """A ``pipeline.consent.spoken.Reads``. Holds nothing of what it reads.

    Args:
        graph: the weights.
        tokenizer: parts texts into their pieces.

    Raises:
        ModelError: they are none, or of other labels.
    """

    def __init__(self, graph: bytes, tokenizer: bytes) -> None:
        try:
            self._pieces = Pieces(tokenizer)
            self._session, told = opened(graph)
        except Exception as error:  # the libraries raise their own
            raise ModelError(
                f"{GRAPH}: holds no consent reader ({type(error).__name__}); reinstall hushwire"
            ) from error
        if told != LABELS:
            raise ModelError(f"{GRAPH}: its labels are not those of this version; train it anew")

    def __call__(
        self,
        utterance: Utterance,
        before: Sequence[Utterance],
        language: str,  # noqa: ARG002 - of the protocol
    ) -> Mapping[Said, float]:
        """What counts as said; the language is told by the words themselves."""
        back = [(one.role, one.text) for one in before]
        found = self.probabilities((utterance.role, utterance.text), back)
        return _counted(found)

    def probabilities(self, now: Spoke, before: Sequence[Spoke]) -> dict[Said, float]:
        """Of every label that fits who speaks; who may be both is read as either."""
        role, text = now
        found: dict[Said, float] = {}
        for each in _OTHER if role is Role.MIXED else (role,):
            back = [(_OTHER[each] if one is Role.MIXED else one, said) for one, said in before]
            found |= self._read((each, text), back)
        return found

    def _read(self, now: Spoke, before: Sequence[Spoke]) -> dict[Said, float]:
        read = self._pieces.read(now, before)
        if read is None:
            return {}
        kinds = np.array(read.kinds, np.int64)
        own = (kinds >= NOW).astype(np.float32)
        given = {
            "ids": np.array(read.ids, np.int64),
            "places": np.arange(len(kinds), dtype=np.int64),
            "kinds": kinds,
            "now": own[None] / own.sum(),
        }
        shares = self._session.run(None, given)[0][0]
        if not np.isfinite(shares).all():
            raise ModelError("the consent reader gave numbers that are none")
        return {
            label: float(share)
            for label, share in zip(LABELS, shares, strict=True)
            if (label in OURS) is (now[0] is Role.AGENT)
        }


def _counted(found: Mapping[Said, float]) -> dict[Said, float]:
    """What counts as said; of yes and no the likelier one."""
    least = dict(found)
    if Said.YES in least and Said.NO in least:
        del least[Said.YES if least[Said.NO] >= least[Said.YES] else Said.NO]
    return {said: share for said, share in least.items() if share >= LEAST}


@cache
def load_consent_reader() -> ConsentReader:
    """The shipped reader, checked; once per process.

    Raises:
        ModelError: one of its files is missing or altered.
    """
    folder = find(MODEL, allow_hub=False)
    try:
        files = [(folder / name).read_bytes() for name in (GRAPH, TOKENIZER)]
    except OSError as error:
        raise ModelError(f"{GRAPH}: cannot be read; reinstall hushwire") from error
    return ConsentReader(*files)
