"""No bytes from outside break a reader in any other way than by its typed error."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import NAMES
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.unit


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A good input in which a few stretches are cut, doubled, replaced or moved."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 16))
        piece = bytes(data[start : start + length])
        match draw(st.sampled_from(["cut", "replace", "insert", "double", "end"])):
            case "cut":
                del data[start : start + length]
            case "replace":
                data[start : start + length] = draw(st.binary(max_size=16))
            case "insert":
                data[start:start] = draw(st.binary(max_size=16))
            case "double":
                data[start:start] = piece * draw(st.integers(1, 5))
            case _:
                del data[start:]
    return bytes(data)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_input_gives_the_typed_error_alone(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    target.run(data.draw(st.one_of(damaged(target.seeds), st.binary(max_size=200))))


@pytest.mark.parametrize("name", NAMES)
def test_every_seed_is_read(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


def test_the_command_knows_every_target() -> None:
    assert tuple(TARGETS) == NAMES
