from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agents.runtime.offsets import Prefix
from pipeline.errors import BrokerError

pytestmark = pytest.mark.unit


def test_only_the_contiguous_prefix_is_given_out() -> None:
    prefix = Prefix()
    assert [prefix.take(offset, offset) for offset in (5, 6, 7, 9)] == [True] * 4
    assert prefix.done(6) == []
    assert prefix.done(9) == []
    assert prefix.oldest == 5
    assert prefix.done(5) == [5, 6]
    assert prefix.done(7) == [7, 9]
    assert prefix.oldest is None
    assert len(prefix) == 0


def test_a_repeat_is_known_whether_it_waits_or_not() -> None:
    prefix = Prefix()
    prefix.take(1, 1)
    prefix.take(2, 2)
    prefix.done(1)
    assert (prefix.take(1, 1), 1 in prefix) == (False, False)
    assert (prefix.take(2, 2), 2 in prefix) == (False, True)


def test_done_of_an_unknown_offset_changes_nothing() -> None:
    prefix = Prefix()
    prefix.take(3, 3)
    assert prefix.done(4) == []
    assert prefix.done(3) == [3]
    assert prefix.done(3) == []


class AgainstReference(RuleBasedStateMachine):
    """The same as a plain list of (offset, done), searched from its start each time."""

    def __init__(self) -> None:
        super().__init__()
        self.prefix = Prefix()
        self.reference: list[list[int | bool]] = []
        self.given: list[int] = []
        self.next = 0

    @rule(skipped=st.integers(0, 3))
    def take(self, skipped: int) -> None:
        self.next += skipped
        assert self.prefix.take(self.next, self.next)
        self.reference.append([self.next, False])
        self.next += 1

    @rule(back=st.integers(1, 10))
    def take_again(self, back: int) -> None:
        offset = self.next - back
        if any(one[0] == offset for one in self.reference):
            assert not self.prefix.take(offset, offset)
            with pytest.raises(BrokerError):
                self.prefix.take(offset, offset + 1)
        elif 0 <= offset < self.next and self.reference and offset < self.reference[-1][0]:
            with pytest.raises(BrokerError):  # it was not there before
                self.prefix.take(offset, offset)

    @rule(place=st.integers(0, 30))
    def done(self, place: int) -> None:
        if place >= len(self.reference):
            return
        self.reference[place][1] = True
        expected = []
        for offset, done in self.reference[len(self.given) :]:
            if not done:
                break
            expected.append(offset)
        assert self.prefix.done(int(self.reference[place][0])) == expected
        self.given += [int(one) for one in expected]

    @invariant()
    def counts(self) -> None:
        assert len(self.prefix) == len(self.reference) - len(self.given)
        assert self.given == [int(one[0]) for one in self.reference[: len(self.given)]]


TestAgainstReference = AgainstReference.TestCase
TestAgainstReference.settings = settings(max_examples=60, stateful_step_count=40)
