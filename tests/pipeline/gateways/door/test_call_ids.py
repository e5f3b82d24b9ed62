from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gateways.door import call_ids
from pipeline.gateways.door.call_ids import DOOR_CALL_ID, call_id_of, is_drawn, recording_call_id
from pipeline.records.call_names import holds_number
from pipeline.records.cloudevents import valid_call_id

pytestmark = pytest.mark.unit


@given(st.binary(max_size=64))
def test_an_id_is_allowed_everywhere_and_holds_no_number(seed: bytes) -> None:
    call_id = call_id_of(seed)
    assert DOOR_CALL_ID.fullmatch(call_id)
    assert valid_call_id(call_id)
    assert not holds_number(call_id)


def test_a_recording_has_the_same_id_for_ever() -> None:
    # Two versions that gave one file two ids would take it twice.
    digest = hashlib.sha256(b"a recording").digest()
    assert call_id_of(digest) == "call-3j1672xn29kngfbqyjpyfwe342"
    assert call_id_of(b"") == "call-6wymhqgd7netm2cyadqyekphfb"


def test_ids_differ() -> None:
    assert len({call_id_of(bytes([number])) for number in range(256)}) == 256


def test_one_that_looks_like_a_number_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = call_id_of(b"seed")
    monkeypatch.setattr(call_ids, "holds_number", lambda name: name == first)
    second = call_id_of(b"seed")
    assert second != first
    assert DOOR_CALL_ID.fullmatch(second)


@pytest.mark.parametrize(
    ("call_id", "drawn"),
    [
        (call_id_of(b"x"), True),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", True),
        ("call-01arz3ndektsv4rrffq69g5fav", True),
        ("a1b2c3d4-e5f6-47a8-b9c0-d1e2f3a4b5c6", True),
        (f"call-{'ap' * 16}", True),
        (f"call-{'aq' * 16}", False),
        ("ap" * 16, False),
        ("anna.meier-hiv-beratung", False),
        ("call-anna", False),
        ("A" * 26, False),
        ("", False),
    ],
)
def test_only_what_looks_drawn_is_an_id_of_the_door(call_id: str, *, drawn: bool) -> None:
    assert is_drawn(call_id) is drawn


def test_a_recordings_id_is_of_its_bytes_and_of_the_recorders_id() -> None:
    ids = {recording_call_id("ab" * 32, one) for one in ("", "PBX-1", "PBX-2")}
    ids.add(recording_call_id("cd" * 32, "PBX-1"))
    assert len(ids) == 4
    assert recording_call_id("ab" * 32, "PBX-1") in ids
    assert all(is_drawn(one) for one in ids)
