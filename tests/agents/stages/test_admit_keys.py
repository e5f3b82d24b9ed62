"""Whose call it is: by which keys a record is let in, and which call a recording is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import update

from agents.crypto.transit_hybrid import TransitPrivate, write_public
from agents.database.call_ledger import CallState, KnownCall, Ledger
from agents.database.known_keys import DoorKeys
from agents.database.tables import CATALOGUE
from agents.runtime.events import KNOWN
from agents.runtime.record_runtime import Handled
from agents.stages import admit
from agents.stages.door_opening import KEY_LOOK_S, KEY_WAIT_S
from agents.vault.recorder_ids import find_by_recorder_id
from agents.vault.vault import Vault
from pipeline.errors import StoreError
from pipeline.gateways.door.model import DoorChunk, DoorEnd
from pipeline.gateways.door.wire import CallKey, encode
from pipeline.gateways.events import Codec
from tests.agents.stages.admitting import (
    TOPICS,
    Rig,
    delivery,
    header,
    made,
    refused,
    sealed,
    silence,
    told,
)
from tests.agents.storing import stored_call
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return made(tmp_path)


def test_a_recording_that_came_under_another_id_is_not_taken_twice(rig: Rig) -> None:
    about, core = header(recording="a" * 64), rig.core()
    core.take(sealed(DoorEnd(about, 0, 0), rig.key(about)))
    rig.ledger.close_call(about.call_id, CallState.STORED)
    other = header(b"b", recording="a" * 64)
    done = core.take(sealed(DoorEnd(other, 0, 0), rig.key(other)))
    facts = {"call_id": other.call_id, "state": "stored", "same_as": about.call_id}
    assert told(done) == [(KNOWN, facts)]
    assert rig.ledger.call(other.call_id) is None


@pytest.mark.parametrize(
    ("marks", "passed", "taken"),
    [(None, True, False), ("idle", True, True), ("idle", False, False)],
)
def test_a_recording_that_is_stored_in_part_may_come_whole(
    rig: Rig, tmp_path: Path, marks: str | None, *, passed: bool, taken: bool
) -> None:
    about, core = header(recording="a" * 64), rig.core()
    core.take(sealed(DoorEnd(about, 0, 0), rig.key(about)))
    call = stored_call(about.call_id, passed=passed)
    Vault.opened(tmp_path / "vault", rig.ledger).store(call, keep_days=30)
    with rig.ledger.database.writing() as connection:
        connection.execute(update(CATALOGUE).values(marks=marks))
    state = CallState.STORED if passed else CallState.QUARANTINED
    rig.ledger.close_call(about.call_id, state)
    other = header(b"b", recording="a" * 64)
    core.take(sealed(DoorEnd(other, 0, 0), rig.key(other)))
    assert (rig.ledger.state(other.call_id) is CallState.OPEN) is taken


def test_a_key_for_somebody_else_is_refused(rig: Rig, tmp_path: Path) -> None:
    about = header()
    strange = TransitPrivate.load_or_create(tmp_path / "strange.json").public
    key = CallKey(*strange.new_key(about.call_id))
    record, core = sealed(DoorEnd(about, 0, 0), key), rig.core()
    # It may be for a private half that is on its way to this host.
    assert core.take(record) == Handled(about.call_id, again_s=KEY_LOOK_S)
    assert rig.ledger.call(about.call_id) is None
    rig.seconds += KEY_WAIT_S
    refused(rig, core.take(record), about, "door_key")


def test_a_private_half_that_comes_late_opens_what_waited_for_it(rig: Rig, tmp_path: Path) -> None:
    about, core = header(), rig.core()
    elsewhere = tmp_path / "rotated.json"
    elsewhere.write_bytes(rig.private.path.read_bytes())
    elsewhere.chmod(0o600)
    rotated = TransitPrivate(elsewhere)
    rotated.add_key()
    record = sealed(DoorEnd(about, 0, 0), CallKey(*rotated.public.new_key(about.call_id)))
    assert core.take(record).again_s
    rig.private.path.write_bytes(elsewhere.read_bytes())
    assert core.take(record).send
    # A host that only has the new key, once the old one is destroyed, is one of ours.
    rotated.keep_primary()
    rig.private.path.write_bytes(elsewhere.read_bytes())
    assert rig.door.open(rig.ledger).ids == rotated.ids


def test_nobody_holds_up_the_door_by_keys_that_never_come(rig: Rig) -> None:
    core, waited = rig.core(), 0
    for number in range(20):
        about = header(bytes([number]))
        key = rig.key(about)
        wrapped = b"\x01" + bytes([number + 1] * 4) + key.wrapped[5:]
        waited += bool(core.take(sealed(DoorEnd(about, 0, 0), CallKey(wrapped, key.seal))).again_s)
    assert waited == 4


def test_another_calls_key_is_refused(rig: Rig) -> None:
    about = header()
    key = rig.key(header(b"b"))
    refused(rig, rig.core().take(sealed(DoorEnd(about, 0, 0), key)), about, "door_key")


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize("what", ["clear", "other_key", "end", "seal", "header"])
def test_nobody_else_ends_a_call_that_goes_on(rig: Rig, what: str, *, cold: bool) -> None:
    """A bad record of its id goes to the dead letters; the call goes on, also after a restart.

    So does a good one for the right public key, which everybody has: the call's first key counts.
    """
    about, core = header(), rig.core()
    key = rig.key(about)
    assert core.take(sealed(DoorChunk(about, 0, 0, silence(about)), key)).send
    core = rig.core() if cold else core
    next_one = DoorChunk(about, 1, 80, silence(about))
    bad, code = {
        "clear": (sealed(next_one, None), "header"),
        "other_key": (sealed(next_one, rig.key(about)), "other_key"),
        "end": (
            sealed(DoorEnd(replace(about, recording="a" * 64), 1, 80), rig.key(about)),
            "other_key",
        ),
        "seal": (
            delivery(replace(encode(next_one, TOPICS.audio_in, key), value=b"x" * 300)),
            "seal",
        ),
        "header": (
            sealed(DoorChunk(header(codec=Codec.PCMA), 1, 80, silence(about)), key),
            "header",
        ),
    }[what]
    done = core.take(bad)
    assert (done.dead, done.refused, done.emit, done.then) == (code, "", (), None)
    assert done.call_id == about.call_id
    assert core.take(sealed(next_one, key)).send
    assert rig.ledger.state(about.call_id) is CallState.OPEN


@pytest.mark.parametrize("recording", ["", "b" * 64])
def test_nobody_ends_a_recordings_call_who_does_not_know_its_digest(
    rig: Rig, recording: str
) -> None:
    about, core = header(recording="a" * 64), rig.core()
    assert core.take(sealed(DoorChunk(about, 0, 0, silence(about)), rig.key(about))).send
    for one in (core, rig.core()):
        bad = DoorEnd(replace(about, recording=recording), 1, 80)
        assert one.take(sealed(bad, rig.key(about))).dead == "other_key"
        assert one.take(sealed(DoorEnd(about, 1, 80), rig.key(about))).send


def test_two_calls_with_the_same_bytes_are_two(rig: Rig) -> None:
    core, ids = rig.core(), []
    for recorder in ("PBX-1", "PBX-2"):
        about = header(recorder.encode(), recording="a" * 64, recorder_id=recorder)
        assert core.take(sealed(DoorEnd(about, 0, 0), rig.key(about))).send
        ids.append(about.call_id)
    found = [find_by_recorder_id(rig.ledger.database, rig.named, one) for one in ("PBX-1", "PBX-2")]
    assert found == [[ids[0]], [ids[1]]]


def test_a_recording_that_was_ingested_by_its_name_is_not_taken_twice(rig: Rig) -> None:
    rig.ledger.open_call("PBX-1", recording="a" * 64, owner="cluster:somebody")
    about = header(recording="a" * 64, recorder_id="PBX-1")
    done = rig.core().take(sealed(DoorEnd(about, 0, 0), rig.key(about)))
    assert done.dropped == "over"
    other = replace(header(b"b"), recording="a" * 64, recorder_id="PBX-2")
    assert rig.core().take(sealed(DoorEnd(other, 0, 0), rig.key(other))).send


def test_a_call_that_waits_for_the_ledger_holds_up_no_other(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call has a lock of its own: here one asks a ledger that does not answer."""
    about, core = header(), rig.core()
    others = (header(bytes([number])) for number in range(9))
    place = hash(about.call_id) % admit._LOCKS
    other = next(one for one in others if hash(one.call_id) % admit._LOCKS != place)
    asked, answer, call = Event(), Event(), rig.ledger.call

    def slow(call_id: str) -> KnownCall | None:
        if call_id == about.call_id:
            asked.set()
            assert answer.wait(HANG_S)
        return call(call_id)

    monkeypatch.setattr(rig.ledger, "call", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(core.take, sealed(DoorEnd(about, 0, 0), rig.key(about)))
        assert asked.wait(HANG_S)
        second = pool.submit(core.take, sealed(DoorEnd(other, 0, 0), rig.key(other)))
        try:
            assert second.result(HANG_S).send
        finally:
            answer.set()
        assert first.result(HANG_S).send


def test_keys_of_idle_calls_leave_memory(rig: Rig) -> None:
    about, core = header(), rig.core()
    core.take(sealed(DoorChunk(about, 0, 0, silence(about)), rig.key(about)))
    core.forget(all_calls=False)
    assert len(core._calls) == 1
    rig.seconds += admit.IDLE_S + 1
    core.forget(all_calls=False)
    assert not core._calls


def test_a_private_key_is_not_made_beside_a_public_one_that_was_handed_out(rig: Rig) -> None:
    state = rig.folder / "new"
    door = replace(rig.door, private=state / "private.json", public=state / "public.json")
    ledger = Ledger.embedded(rig.folder / "other")
    write_public(door.public, rig.private.public)
    with pytest.raises(StoreError, match="Put it back from its backup"):
        door.open(ledger)
    assert not door.private.exists()


def test_a_host_with_a_private_key_of_its_own_is_refused(rig: Rig) -> None:
    """Also before any call came in."""
    ours = rig.door.open(rig.ledger)
    folder = rig.folder / "second host"
    second = replace(rig.door, private=folder / "private.json", public=folder / "public.json")
    with pytest.raises(StoreError, match="put it back from its backup"):
        second.open(rig.ledger)  # it makes none
    assert not second.private.exists()
    TransitPrivate.load_or_create(second.private)
    with pytest.raises(StoreError, match="another one than calls are sent for"):
        second.open(rig.ledger)
    assert DoorKeys(rig.ledger.database).known() == ours.ids


def test_a_private_key_is_made_once_and_never_instead_of_one_that_is_gone(rig: Rig) -> None:
    state = rig.folder / "new"
    door = replace(rig.door, private=state / "private.json", public=state / "public.json")
    rig.private = made_now = door.open(rig.ledger)
    assert (state / "public.json").stat().st_mode & 0o777 == 0o644
    assert door.open(rig.ledger).ids == made_now.ids
    about = header()
    rig.core().take(sealed(DoorEnd(about, 0, 0), rig.key(about)))
    (state / "private.json").unlink()
    with pytest.raises(StoreError, match="put it back from its backup"):
        door.open(rig.ledger)
    assert not (state / "private.json").exists()


def test_a_call_that_is_sent_again_right_after_it_was_stored_is_known(rig: Rig) -> None:
    """By a new key, before this process has asked again whether the call is open."""
    about, core = header(), rig.core()
    assert core.take(sealed(DoorEnd(about, 0, 0), rig.key(about))).send
    rig.ledger.close_call(about.call_id, CallState.STORED)
    again = rig.key(about)
    chunk = core.take(sealed(DoorChunk(about, 0, 0, silence(about)), again))
    assert (chunk.dropped, chunk.dead) == ("over", "")
    end = core.take(sealed(DoorEnd(about, 1, 80), again))
    assert told(end) == [(KNOWN, {"call_id": about.call_id, "state": "stored"})]
