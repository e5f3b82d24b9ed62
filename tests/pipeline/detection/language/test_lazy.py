"""A value that is worked out once."""

from __future__ import annotations

import pytest

from pipeline.detection.language.lazy import once

pytestmark = pytest.mark.unit


class Counted:
    def __init__(self) -> None:
        self.asked = 0

    @once
    def value(self) -> int:
        """How often it was worked out."""
        self.asked += 1
        return self.asked


def test_it_is_worked_out_when_it_is_first_asked_for_and_kept() -> None:
    counted = Counted()
    assert counted.asked == 0
    assert (counted.value, counted.value, counted.asked) == (1, 1, 1)


def test_each_object_has_its_own() -> None:
    first, second = Counted(), Counted()
    first.asked = 6
    assert (first.value, second.value) == (7, 1)


def test_of_the_class_it_tells_what_it_is() -> None:
    assert Counted.value.__doc__ == "How often it was worked out."
