from __future__ import annotations

from collections.abc import Callable

import pytest

from models.recognizers.base import SpokenRecognizer
from models.spoken import SpokenArtifacts, turn_of

Find = Callable[..., list[str]]


@pytest.fixture
def find() -> Find:
    """Runs one recogniser over a text; returns what it found, as text, longest first."""

    def run(
        recognizer: SpokenRecognizer,
        text: str,
        *,
        asked: str | None = None,
        medical: bool = False,
        known: frozenset[str] = frozenset(),
        entity: str | None = None,
        threshold: float = 0.4,
    ) -> list[str]:
        expects = ((asked, 0),) if asked else ()
        turn = turn_of(text, expects=expects, medical=medical, known=known)
        artifacts = SpokenArtifacts(
            turn,
            entities=[],
            tokens=[],
            tokens_indices=[],
            lemmas=[],
            nlp_engine=None,
            language="en",
        )
        results = recognizer.analyze(text, [entity] if entity else [], artifacts)
        kept = [result for result in results if result.score >= threshold]
        return sorted({text[one.start : one.end] for one in kept}, key=lambda t: (-len(t), t))

    return run
