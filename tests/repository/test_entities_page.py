"""What docs/entities.md names exists: types, recognisers, tests; all 18 identifiers are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models.reader.inputs import LABELS
from models.registry.registry import load_registry
from pipeline.records.entities import Entity
from pipeline.records.scores import Recognizer

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "entities.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "tests/" in line
]
NUMBERED = (ROOT / "docs" / "entities.md").read_text(encoding="utf-8")
SPOKEN = {f"spoken-{entity.value.lower().replace('_', '-')}" for entity in Entity}


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_all_eighteen_identifiers_are_there() -> None:
    assert re.findall(r"(?m)^\| (\d+) \|", NUMBERED) == [str(n) for n in range(1, 19)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[-3])
def test_what_a_row_names_exists(row: list[str]) -> None:
    entities, found_by, tests = names(row[-3]), names(row[-2]), names(row[-1])
    assert entities
    assert set(entities) <= set(map(str, Entity))
    registered = load_registry().registered
    assert set(found_by) <= SPOKEN | {Recognizer.READER, Recognizer.KEY_TONES} | {
        one.name for one in registered
    }
    finds = {*LABELS} if Recognizer.READER in found_by else set()
    finds |= {entity for one in registered if one.name in found_by for entity in one.entities}
    finds |= {
        entity for entity in entities if f"spoken-{entity.lower().replace('_', '-')}" in found_by
    }
    finds |= {Entity.DTMF} if Recognizer.KEY_TONES in found_by else set()
    assert finds >= set(entities), "the recognisers of a row find all of its types"
    assert tests
    for path in tests:
        assert "def test_" in (ROOT / path).read_text(encoding="utf-8")


def test_every_type_and_every_recogniser_has_a_row() -> None:
    assert {name for row in ROWS for name in names(row[-3])} == set(map(str, Entity))
    assert {one.name for one in load_registry().registered} <= {
        name for row in ROWS for name in names(row[-2])
    }
