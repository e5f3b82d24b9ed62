from __future__ import annotations

import pytest

from pipeline.detection.numbers.formats import shaped, written
from pipeline.records.entities import Entity

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("characters", "entity"),
    [
        ("SW1A1AA", Entity.ZIP_CODE),
        ("M11AE", Entity.ZIP_CODE),
        ("ec1a1bb", Entity.ZIP_CODE),
        ("K1A0B1", Entity.ZIP_CODE),
        ("AB123456C", Entity.US_SSN),
        ("1EG4TE5MK73", Entity.MEMBER_ID),
        ("GB82WEST12345698765432", Entity.IBAN),
        ("1M8GDM9AXKP042788", Entity.VEHICLE_ID),
        ("1M8GDM9AXKP042789", None),
        ("GB82WEST12345698765433", None),
        ("4111111111111111", None),
        ("F150", None),
        ("ABC", None),
        ("SAVE20", None),
        ("A320", None),
        ("", None),
    ],
)
def test_shaped(characters: str, entity: Entity | None) -> None:
    assert shaped(characters) is entity


@pytest.mark.parametrize(
    "text",
    ["512-555-0190?", "(619) 555-0108", "619 555 0108.", "555-0108", "07700 900 552.",
     "020 7946 0018", "0412 345 678"],
)  # fmt: skip
def test_telephone_numbers_are_known_by_how_they_are_written(text: str) -> None:
    assert written(text) is Entity.PHONE_NUMBER


@pytest.mark.parametrize(
    "text", ["555 0108", "28 950 1200", "0092 557 814", "19 512 0001", "2024 555 01", "12 34"]
)
def test_other_groups_of_figures_are_not(text: str) -> None:
    assert written(text) is None
