from __future__ import annotations

import pytest

from pipeline.entities import Entity
from pipeline.shapes import shaped

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
