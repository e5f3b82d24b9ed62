"""The tables of controls name what is there, and all that has to be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.reports.compliance.controls import (
    FRAMEWORKS,
    Control,
    State,
    load_controls,
    parse_controls,
)
from agents.reports.compliance.model import LABELS
from pipeline.errors import PolicyError
from pipeline.records.entities import PAYMENT, Entity
from tests.repository.test_docs import _commands

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[4]
CONTROLS = [
    pytest.param(one, id=f"{table.id} {one.id}")
    for table in load_controls()
    for one in table.controls
]
TABLE = """
id: x
title: X
source: X
note: ''
controls:
  - id: a
    asks: A
    state: covered
    how: so
    {}
"""


def test_all_tables_are_there() -> None:
    assert tuple(table.id for table in load_controls()) == FRAMEWORKS


@pytest.mark.parametrize("control", CONTROLS)
def test_what_a_control_names_exists(control: Control) -> None:
    assert set(control.entities) <= {one.value for one in Entity}
    assert set(control.commands) <= set(_commands())
    assert [one for one in (*control.tests, *control.docs) if not (ROOT / one).is_file()] == []
    assert all(one.startswith("tests/") for one in control.tests)
    assert set(control.figures) <= set(LABELS)


def test_every_identifier_of_the_safe_harbour_method_is_mapped() -> None:
    hipaa = load_controls()[FRAMEWORKS.index("hipaa")].controls
    assert [one.id for one in hipaa] == [chr(ord("A") + place) for place in range(18)]
    without = {one.id: one.state for one in hipaa if not one.entities}
    # Each of these says why.
    assert without == {"P": State.YOURS, "Q": State.OUTSIDE}
    named = {name for one in hipaa for name in one.entities}
    health = {"MEDICATION", "MEDICAL_CONDITION", "MEDICAL_PROCEDURE"}
    assert {one.value for one in Entity} - named == {
        "CARD_SECURITY_CODE",
        "CARD_EXPIRY",
        "DTMF",
        *health,
    }


def test_requirements_3_and_10_and_the_card_data_are_mapped() -> None:
    pci = load_controls()[FRAMEWORKS.index("pci")].controls
    assert {one.id.split(".")[0] for one in pci} == {"3", "10"}
    sections = {".".join(one.id.split(".")[:2]) for one in pci}
    assert sections >= {*(f"3.{n}" for n in range(1, 8)), *(f"10.{n}" for n in range(1, 8))}
    named = {name for one in pci for name in one.entities}
    assert named >= {"CARD_NUMBER", "CARD_SECURITY_CODE", "CARD_EXPIRY", "PIN"}
    assert named <= {one.value for one in PAYMENT}


def test_every_figure_is_of_some_use() -> None:
    used = {name for table in load_controls() for one in table.controls for name in one.figures}
    assert used == set(LABELS)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("entities: [CARD_NUMBR]", "x.yaml, line 11: controls.0.entities.0: CARD_NUMBR is no"),
        ("figures: [beauty]", "line 11: controls.0.figures.0: beauty is no figure"),
        ("color: red", "line 11: controls.0.color"),
        ("docs: [a]", "line 9: controls.0.state: name a command, test or figure"),
    ],
)
def test_what_a_table_may_not_say(line: str, told: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_controls(TABLE.format(line), origin="x.yaml")
    assert told in str(refused.value)


def test_a_duty_without_an_owner_and_a_second_id_are_refused() -> None:
    text = TABLE.format("commands: [doctor]").replace("covered", "partly")
    with pytest.raises(PolicyError, match="say under yours"):
        parse_controls(text, origin="x.yaml")
    twice = TABLE.format("commands: [doctor]")
    second = twice[twice.index("  - id: a") :]
    with pytest.raises(PolicyError, match="a stands here a second time"):
        parse_controls(twice + second, origin="x.yaml")
