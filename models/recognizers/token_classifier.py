"""A token classifier of somebody's own behind the shipped contract: any ONNX graph with its labels.

Off as shipped. A registry file switches it on (``class_name: TokenClassifierRecognizer``, with
``model``, ``sha256`` and ``labels``); see docs/detectors.md. A folder whose hash is not the one
that the file pins is refused before it is loaded, and nothing is ever downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from tokenizers import Tokenizer

from models.recognizers.base import result_of
from models.recognizers.gliner import folder_digest
from pipeline.errors import ModelError

_INPUTS: Final = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_LEAST: Final = 16
_OVERLAP: Final = 32
"""Pieces that two windows of a long text share."""


class TokenClassifierRecognizer(EntityRecognizer):
    """A token classifier as it is exported from Transformers, over local, pinned files.

    The folder holds ``model.onnx``, ``tokenizer.json`` and ``config.json`` (with ``id2label``).

    Args:
        model: the folder.
        sha256: hash of its files, as ``folder_digest`` gives it.
        labels: the type that each of the model's labels becomes, without ``B-`` and ``I-``; labels
            that are not named count as nothing.
        threshold: probability from which a piece counts.
        longest: pieces that the model takes at once; a longer text is read in windows that overlap.
        name: of the recogniser.
        supported_language: of the calls that it searches.

    Raises:
        ModelError: the folder is missing or altered, or holds no such model.
    """

    name: str

    def __init__(
        self,
        *,
        model: str,
        sha256: str,
        labels: dict[str, str],
        threshold: float = 0.5,
        longest: int = 256,
        name: str = "TokenClassifierRecognizer",
        supported_language: str = "en",
    ) -> None:
        folder = Path(model)
        if not folder.is_dir():
            raise ModelError(f"{folder}: there is no such folder; put the model's files there")
        if folder_digest(folder) != sha256:
            raise ModelError(f"{folder}: these are not the files that the registry pins by sha256")
        if not 0 < threshold <= 1 or longest < _LEAST:
            raise ModelError(f"{name}: threshold lies between 0 and 1, longest from {_LEAST} on")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            config = json.loads((folder / "config.json").read_text("utf-8"))
            self._session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            self._types = _types(config["id2label"], labels)
        except Exception as error:  # the libraries raise their own
            reason = f"{type(error).__name__}: {error}"
            raise ModelError(f"{folder}: holds no token classifier ({reason})") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(longest, stride=min(_OVERLAP, longest // 4))
        self._given = [one.name for one in self._session.get_inputs()]
        if unknown := sorted({*self._given} - _INPUTS):
            raise ModelError(f"{folder}: the model wants {', '.join(unknown)}, which is not known")
        self._threshold = threshold
        super().__init__(
            supported_entities=sorted(set(labels.values())),
            name=name,
            supported_language=supported_language,
        )

    def load(self) -> None:
        """Loaded already, so that wrong files are refused at start."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Presidio's entry: results in characters of ``text``."""
        del nlp_artifacts
        first = self._tokenizer.encode(text)
        found: list[RecognizerResult] = []
        for window in (first, *first.overflowing):
            rows = {
                "input_ids": window.ids,
                "attention_mask": window.attention_mask,
                "token_type_ids": window.type_ids,
            }
            given = {name: np.array([rows[name]], np.int64) for name in self._given}
            logits: NDArray[np.float32] = self._session.run(None, given)[0][0]
            found += self._results(logits, window.offsets)
        return [one for one in found if not entities or one.entity_type in entities]

    def _results(
        self, logits: NDArray[np.float32], offsets: Sequence[tuple[int, int]]
    ) -> Iterator[RecognizerResult]:
        """Runs of pieces of one type; a piece counts by the sum of what its type's labels have."""
        if not np.isfinite(logits).all():
            raise ModelError(f"{self.name}: the model gave numbers that are none")
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        told: list[tuple[str, float]] = []
        for row in shares:
            sums: dict[str, float] = {}
            for share, entity in zip(row, self._types, strict=True):
                if entity:
                    sums[entity] = sums.get(entity, 0.0) + float(share)
            entity = max(sums, key=lambda one: (sums[one], one), default="")
            told.append(
                (entity, sums[entity]) if sums.get(entity, 0) >= self._threshold else ("", 0)
            )
        pieces = [(told[at], place) for at, place in enumerate(offsets) if place[0] < place[1]]
        for entity, run in groupby(pieces, key=lambda piece: piece[0][0]):
            parts = list(run)
            if entity:
                score = max(score for (_, score), _ in parts)
                yield result_of(self, entity, parts[0][1][0], parts[-1][1][1], score, "model")


def _types(named: Mapping[str, str], labels: Mapping[str, str]) -> list[str]:
    """The type of each of the model's numbers; empty for what counts as nothing.

    Raises:
        ValueError: a label is named that the model does not have.
    """
    plain: dict[int, str] = {
        int(number): label.removeprefix("B-").removeprefix("I-") for number, label in named.items()
    }
    if unknown := sorted({*labels} - {*plain.values()}):
        raise ValueError(f"it has no label {unknown[0]!r}")
    return [labels.get(plain[number], "") for number in range(len(plain))]
