"""One table a recogniser: positives and near misses; a recogniser without one fails here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer import PatternRecognizer

from models.registry.analyzer import PlainNlpEngine, gate_of
from models.registry.registry import Registered, load_registry
from models.text.turn import turn_of

pytestmark = pytest.mark.models

TWINS: dict[str, dict[str, list[Any]]] = yaml.safe_load(
    Path(__file__).with_name("twins.yaml").read_text(encoding="utf-8")
)
REGISTERED = load_registry().registered
_LEAST = 0.35
"""Lowest threshold of a shipped policy that mutes more than payment data."""


def found(name: str, text: str) -> set[str]:
    turn = turn_of(text)
    registered = next(one for one in REGISTERED if one.name == name)
    recognizer = registered.recognizer
    artifacts = PlainNlpEngine().artifacts(turn)
    results = recognizer.analyze(text, recognizer.supported_entities, artifacts)
    assert gate_of(registered)(turn) or not results
    return {text[one.start : one.end] for one in results if one.score >= _LEAST}


def test_every_recogniser_has_a_table_of_both_kinds() -> None:
    assert {one.name for one in REGISTERED} == set(TWINS)
    for name, table in TWINS.items():
        assert table["positives"], name
        assert len(table["negatives"]) >= 2, name


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [(name, *pair) for name, table in TWINS.items() for pair in table["positives"]],
)
def test_finds(name: str, text: str, value: str) -> None:
    assert str(value) in found(name, str(text))


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, table in TWINS.items() for text in table["negatives"]],
)
def test_leaves_near_misses_alone(name: str, text: str) -> None:
    assert found(name, str(text)) == set()


@pytest.mark.parametrize(
    ("registered", "expression"),
    [
        pytest.param(one, pattern.regex, id=f"{one.name} {pattern.name}")
        for one in REGISTERED
        if one.language == "en" and isinstance(one.recognizer, PatternRecognizer)
        for pattern in vars(one.recognizer)["patterns"]
        if not pattern.name.startswith("IPv6")  # "beef::" has no figure, and nobody says it
    ],
)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_no_written_value_is_left_out(
    registered: Registered, expression: str, data: st.DataObject
) -> None:
    value = data.draw(st.from_regex(expression, fullmatch=True))
    assert gate_of(registered)(turn_of(f"it is {value}."))
