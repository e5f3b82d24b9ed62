"""Keys that stand alone, and keys among others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gateways.events import KeyPressed
from pipeline.gateways.lone_keys import QUIET_S, LoneKeys

pytestmark = pytest.mark.unit

RATE = 1_000
QUIET = QUIET_S * RATE


def plain(at: int) -> KeyPressed:
    return KeyPressed(0, at)


def nine(at: int) -> KeyPressed:
    return KeyPressed(0, at, withdraws=True)


def one(at: int) -> KeyPressed:
    return KeyPressed(0, at, agrees=True)


def told(*keys: KeyPressed) -> list[KeyPressed]:
    lone = LoneKeys(RATE)
    events = [event for key in keys for event in lone.pressed(key)]
    return [*events, *lone.ended()]


def test_alone_it_counts() -> None:
    assert told(nine(5)) == [nine(5)]
    assert told(one(5)) == [one(5)]


def test_it_waits_until_the_call_has_gone_on() -> None:
    lone = LoneKeys(RATE)
    assert lone.pressed(nine(100)) == []
    assert lone.waiting
    assert lone.passed(100 + QUIET) == []
    assert lone.passed(101 + QUIET) == [nine(100)]
    assert not lone.waiting
    assert lone.passed(10**9) == []


def test_within_a_number_it_is_a_key_like_any() -> None:
    assert told(plain(0), nine(500), plain(900)) == [plain(0), plain(500), plain(900)]
    assert told(nine(0), plain(500)) == [plain(0), plain(500)]
    assert told(nine(0), plain(QUIET)) == [plain(0), plain(QUIET)]
    assert told(plain(0), plain(QUIET), nine(2 * QUIET)) == [
        plain(0), plain(QUIET), plain(2 * QUIET),
    ]  # fmt: skip


def test_after_a_pause_it_counts_again() -> None:
    assert told(plain(0), nine(QUIET + 1)) == [plain(0), nine(QUIET + 1)]
    assert told(nine(0), plain(QUIET + 1)) == [nine(0), plain(QUIET + 1)]


def test_pressed_impatiently_it_counts_once() -> None:
    assert told(nine(0), nine(300), nine(600)) == [plain(300), plain(600), nine(0)]


def test_both_keys_together_say_nothing() -> None:
    assert told(one(0), nine(500)) == [plain(0), plain(500)]
    assert told(one(0), nine(500), one(900)) == [plain(0), plain(500), plain(900)]


@given(st.lists(st.tuples(st.sampled_from([plain, nine, one]), st.integers(0, 9_000)), max_size=9))
def test_every_key_is_told_once(pressed: list[tuple[object, int]]) -> None:
    keys = [make(at) for make, at in sorted(pressed, key=lambda pair: pair[1])]  # type: ignore[operator]
    events = told(*keys)
    assert sorted(event.at for event in events) == [key.at for key in keys]
    for event in events:
        if event.agrees or event.withdraws:
            near = [key for key in keys if abs(key.at - event.at) <= QUIET]
            assert all(
                (key.agrees, key.withdraws) == (event.agrees, event.withdraws) for key in near
            )
