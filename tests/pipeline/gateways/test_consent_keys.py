"""A key becomes evidence that the gate understands."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from pipeline.consent.metadata import Stated
from pipeline.gateways.consent_keys import says, with_key
from pipeline.gateways.events import KeyPressed
from pipeline.records.consent import MOST_EVIDENCE, Answer, Evidence, Kind, Party
from pipeline.records.model import Role

pytestmark = pytest.mark.unit

YES, NO = KeyPressed(0, 0, agrees=True), KeyPressed(0, 0, withdraws=True)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _evidence(stated: bytes) -> tuple[Evidence, ...]:
    return Stated.model_validate_json(stated).consent(None, NOW).evidence


def test_a_key_is_one_piece_more() -> None:
    stated = with_key(b"", YES, Role.CUSTOMER, at_ms=2_500)
    stated = with_key(stated, NO, Role.CUSTOMER, at_ms=9_000)
    assert _evidence(stated) == (
        Evidence(Kind.KEY, Party.CUSTOMER, Answer.YES, 2_500),
        Evidence(Kind.KEY, Party.CUSTOMER, Answer.WITHDRAWN, 9_000),
    )


def test_what_was_stated_before_stays() -> None:
    before = b'{"places": ["US-CA"], "evidence": [{"kind": "notice_played", "at_ms": 0}]}'
    stated = with_key(before, NO, Role.AGENT, at_ms=1)
    assert json.loads(stated)["places"] == ["US-CA"]
    assert [one.kind for one in _evidence(stated)] == [Kind.NOTICE_PLAYED, Kind.KEY]


def test_the_same_key_again_says_nothing_new() -> None:
    stated = b""
    for at in range(3):
        stated = with_key(stated, NO, Role.CUSTOMER, at_ms=at)
    assert [one.at_ms for one in _evidence(stated)] == [0]


def test_there_are_never_more_pieces_than_a_call_may_have() -> None:
    stated = b""
    for at in range(3 * MOST_EVIDENCE):
        stated = with_key(stated, YES if at % 2 else NO, Role.CUSTOMER, at_ms=at)
    assert len(_evidence(stated)) == MOST_EVIDENCE
    assert _evidence(stated)[-1].at_ms == 3 * MOST_EVIDENCE - 1


def test_a_withdrawal_always_has_room() -> None:
    full = [{"kind": "notice_played", "at_ms": at} for at in range(MOST_EVIDENCE)]
    stated = with_key(json.dumps({"evidence": full}).encode(), NO, Role.CUSTOMER, at_ms=7)
    evidence = _evidence(stated)
    assert len(evidence) == MOST_EVIDENCE
    assert evidence[-1].answer is Answer.WITHDRAWN


@pytest.mark.parametrize("stated", [b"no json", b"[]", b'{"evidence": 3}'])
def test_what_nobody_understands_stays_so(stated: bytes) -> None:
    assert with_key(stated, YES, Role.CUSTOMER, at_ms=0) == stated


def test_to_withdraw_always_counts_and_to_agree_where_it_was_asked_for() -> None:
    late = KeyPressed(0, 101, agrees=True)
    for role in Role:
        assert says(NO, role, agree_until=100)
        assert says(KeyPressed(0, 101, withdraws=True), role, agree_until=100)
        assert says(YES, role, agree_until=100) is (role is not Role.MIXED)
        assert not says(late, role, agree_until=100)
        assert not says(KeyPressed(0, 0), role, agree_until=100)


def test_a_withdrawal_on_a_mixed_channel_is_the_customers() -> None:
    (piece,) = _evidence(with_key(b"", NO, Role.MIXED, at_ms=5))
    assert piece == Evidence(Kind.KEY, Party.CUSTOMER, Answer.WITHDRAWN, 5)
