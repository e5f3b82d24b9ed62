"""A name that says which letter of a code is meant is no person; elsewhere it is one."""

from __future__ import annotations

import pytest
from presidio_analyzer import AnalysisExplanation, RecognizerResult

from models.reading import ScriptedAnalyses, TurnReader
from models.turns import Spoken, Stream
from pipeline.numbers import words_from_text
from pipeline.policy import load_policy

pytestmark = pytest.mark.unit


def _spans(text: str, name: str, pattern: str) -> list[str]:
    start = text.index(name)
    result = RecognizerResult(
        "PERSON",
        start,
        start + len(name),
        0.6,
        AnalysisExplanation(recognizer="names", original_score=0.6, pattern_name=pattern),
        {RecognizerResult.RECOGNIZER_NAME_KEY: "names"},
    )
    reader = TurnReader(ScriptedAnalyses([result]), load_policy("default"), 8_000, 2)
    words = tuple(words_from_text(text))
    spoken = Spoken(0, Stream.SHOWN, (), words)
    return [span.entity for span in reader.read(spoken)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("It's about delivery J as in John L as in lemon 6 7 1 5 1 6 8", "John L"),
        ("my order's M Mary W William 11036", "Mary W William"),
    ],
)
def test_in_a_spelled_code_a_name_is_a_letter(text: str, name: str) -> None:
    assert _spans(text, name, "ner and name list") == []
    assert _spans(text, name, "given name and surname") == []
    assert _spans(text, name, "stated") == ["PERSON"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I spoke to John L about it at six", "John L"),
        ("J as in John U N E", "John"),
        ("order J as in John 4 4 1 for Laura Smith", "Laura Smith"),
        ("J as in John 4 4 1 that is John Lemon", "John Lemon"),
    ],
)
def test_elsewhere_a_name_is_a_person(text: str, name: str) -> None:
    assert _spans(text, name, "ner and name list") == ["PERSON"]
