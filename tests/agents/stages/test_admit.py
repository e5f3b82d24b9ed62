"""The admit stage's core: literal records in, what goes on, is told or is refused out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from agents.database.call_ledger import CallState
from agents.database.door_calls import DoorCalls
from agents.runtime.events import KNOWN
from agents.runtime.record_runtime import Handled
from agents.stages.admit import LOOK_S
from agents.stages.door_info import call_info
from agents.system.owners import DOOR
from agents.vault.call_catalogue import Catalogue, StoredCallFacts
from agents.vault.recorder_ids import find_by_recorder_id
from pipeline.errors import ConsentError, SealError, StoreError
from pipeline.gateways import g711
from pipeline.gateways.business import StatedBusiness
from pipeline.gateways.door.model import DoorChunk, DoorEnd, canonical
from pipeline.gateways.door.wire import Message, encode
from pipeline.gateways.events import Codec
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.consent import UNKNOWN, Answer, Business
from pipeline.records.model import INCOMPLETE, AudioChunk, CallEnd, CallInfo, Role
from tests.agents.stages.admitting import (
    NOW,
    NUMBER,
    RECORDER,
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

pytestmark = pytest.mark.unit


CLEAR = load_policy("default").model_copy(update={"clear_transit": True})


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return made(tmp_path)


def records(done: Handled) -> list[object]:
    assert all(one.topic == TOPICS.audio_raw for one in done.send)
    return [one.record for one in done.send]


def test_a_call_goes_on_sealed_by_a_key_of_its_own(rig: Rig) -> None:
    about, core = header(), rig.core()
    key = rig.key(about)
    audio = g711.encode(Codec.PCMU, np.array([[0, 1000], [-2000, 30_000]], np.int16))
    first = core.take(sealed(DoorChunk(about, 0, 0, audio), key))
    (chunk,) = records(first)
    assert isinstance(chunk, AudioChunk)
    assert (chunk.seq, chunk.start, chunk.pcm.shape) == (0, 0, (2, 2))
    assert np.array_equal(chunk.pcm, g711.decode(Codec.PCMU, audio, 2))
    assert chunk.call == CallInfo(
        about.call_id,
        8_000,
        (Role.AGENT, Role.CUSTOMER),
        "2026-03-01T10:00:00+01:00",
        "en",
        "",
        (rig.named(NUMBER),),
        chunk.call.consent,
        Business(caller=rig.named(NUMBER)),
    )
    assert chunk.call.consent is not None
    assert chunk.call.consent.places == (UNKNOWN, "DE")
    (end,) = records(core.take(sealed(DoorEnd(about, 1, 2), key)))
    assert end == CallEnd(about.call_id, 1, 2)
    known = rig.ledger.call(about.call_id)
    assert known is not None
    assert (known.state, known.owner) == (CallState.OPEN, DOOR)
    assert first.seal is not None
    assert rig.ledger.seal(about.call_id).open(first.seal.seal(b"x", b"y"), b"y") == b"x"


def test_how_a_call_came_about_goes_on_without_any_number(rig: Rig) -> None:
    stated = StatedBusiness("inbound", "", "+1 555 010 0100", "Ann", "answered")
    about = header(business=stated, stated=b'{"campaign":"spring"}')
    core = rig.core(lines={"+15550100100": "web"})
    key = rig.key(about)
    (chunk,) = records(core.take(sealed(DoorChunk(about, 0, 0, silence(about)), key)))
    assert isinstance(chunk, AudioChunk)
    caller = rig.named(NUMBER)
    assert chunk.call.business == Business("inbound", "spring", "web", "Ann", "answered", caller)
    later = replace(about, business=replace(stated, tracking_number="", outcome="missed"))
    (chunk,) = records(core.take(sealed(DoorChunk(later, 1, 80, silence(about)), key)))
    assert isinstance(chunk, AudioChunk)
    assert (chunk.call.business.line, chunk.call.business.outcome) == ("", "missed")


def test_a_pause_goes_on_as_a_pause(rig: Rig) -> None:
    about, core = header(), rig.core()
    key = rig.key(about)
    pieces = [
        DoorChunk(about, seq, 800 * seq, silence(about), paused=paused, blank=paused)
        for seq, paused in enumerate((False, True, False))
    ]
    chunks = [one for piece in pieces for one in records(core.take(sealed(piece, key)))]
    assert [one.paused for one in chunks if isinstance(one, AudioChunk)] == [False, True, False]
    assert [one.blank for one in chunks if isinstance(one, AudioChunk)] == [False, True, False]


def test_a_call_that_broke_off_is_marked(rig: Rig) -> None:
    about = header()
    (end,) = records(rig.core().take(sealed(DoorEnd(about, 0, 0, complete=False), rig.key(about))))
    assert isinstance(end, CallEnd)
    assert end.marks == (INCOMPLETE,)


def test_a_repeat_and_a_restart_change_nothing(rig: Rig) -> None:
    """By another process, and by a sender of a recording that began anew as well."""
    about, core = header(recording="a" * 64), rig.core()
    chunk = DoorChunk(about, 3, 240, silence(about))
    seen = [records(core.take(sealed(chunk, rig.key(about)))) for _ in range(2)]
    seen += [records(rig.core().take(sealed(chunk, rig.key(about)))) for _ in range(2)]
    assert all(one == seen[0] for one in seen)
    assert len(rig.ledger.open_calls()) == 1
    assert find_by_recorder_id(rig.ledger.database, rig.named, RECORDER) == [about.call_id]


@pytest.mark.parametrize("state", [CallState.STORED, CallState.QUARANTINED, CallState.REFUSED])
def test_a_call_that_was_closed_is_not_taken_again(rig: Rig, state: CallState) -> None:
    about, core = header(), rig.core()
    key = rig.key(about)
    core.take(sealed(DoorChunk(about, 0, 0, silence(about)), key))
    rig.ledger.close_call(about.call_id, state)
    rig.seconds += LOOK_S
    again = core.take(sealed(DoorChunk(about, 1, 80, silence(about)), key))
    assert (again.dropped, again.send, again.seal, again.emit) == ("over", (), None, ())
    end = core.take(sealed(DoorEnd(about, 2, 160), key))
    assert told(end) == [(KNOWN, {"call_id": about.call_id, "state": state.value})]


@pytest.mark.parametrize("marks", [(), ("idle",), ("incomplete", "unheard")])
def test_of_a_stored_call_it_is_told_whether_it_is_whole(rig: Rig, marks: tuple[str, ...]) -> None:
    about = header()
    rig.ledger.open_call(about.call_id, owner=DOOR)
    catalogue = Catalogue(rig.ledger.database)
    now = catalogue.now()
    catalogue.enter(
        StoredCallFacts(
            call_id=about.call_id,
            stored=now,
            started="",
            duration_ms=0,
            passed=True,
            policy="p",
            policy_version="1",
            purpose="",
            retain_until=now,
            held=None,
            parties=(),
            certificate="ab",
            files={},
            marks=marks,
        )
    )
    rig.ledger.close_call(about.call_id, CallState.STORED)
    end = rig.core().take(sealed(DoorEnd(about, 0, 0), rig.key(about)))
    whole = {"whole": not marks, "marks": list(marks)}
    assert told(end) == [(KNOWN, {"call_id": about.call_id, "state": "stored", **whole})]


def test_of_an_erased_call_the_sender_is_told_so(rig: Rig) -> None:
    about = header()
    rig.ledger.open_call(about.call_id, owner=DOOR)
    rig.ledger.close_call(about.call_id, CallState.STORED)
    rig.ledger.note_erased(about.call_id)
    end = rig.core().take(sealed(DoorEnd(about, 0, 0), rig.key(about)))
    assert told(end) == [(KNOWN, {"call_id": about.call_id, "state": "erased"})]


def test_one_that_was_refused_is_taken_under_another_id(rig: Rig) -> None:
    about, core = header(recording="a" * 64), rig.core()
    core.take(sealed(DoorEnd(about, 0, 0), rig.key(about)))
    rig.ledger.close_call(about.call_id, CallState.REFUSED)
    other = header(b"b", recording="a" * 64)
    assert core.take(sealed(DoorEnd(other, 0, 0), rig.key(other))).send


def test_a_call_in_clear_is_refused(rig: Rig) -> None:
    about = header()
    done = rig.core().take(sealed(DoorChunk(about, 0, 0, silence(about)), None))
    refused(rig, done, about, "clear_transit")


def test_a_call_in_clear_is_taken_where_the_policy_allows_it(rig: Rig) -> None:
    about, core = header(), rig.core()
    rig.policy = CLEAR
    chunk = DoorChunk(about, 0, 0, silence(about))
    done = core.take(sealed(chunk, None))
    assert done.send
    assert done.seal is not None
    ((kind, facts),) = told(done)
    assert kind == "hushwire.audit.call-admitted-in-clear.v1"
    # A repeat by another process is the same entry; one by this process is none.
    assert told(rig.core().take(sealed(chunk, None))) == [(kind, facts)]
    assert told(core.take(sealed(DoorChunk(about, 1, 80, silence(about)), None))) == []
    # It goes on when another version is published; another one is refused then.
    rig.policy = rig.policy.model_copy(update={"clear_transit": False})
    assert rig.core().take(sealed(chunk, None)).send
    other = header(b"b")
    assert core.take(sealed(DoorEnd(other, 0, 0), None)).refused == "clear_transit"


def test_an_altered_first_record_refuses_its_call(rig: Rig) -> None:
    about = header()
    message = encode(DoorChunk(about, 0, 0, silence(about)), TOPICS.audio_in, rig.key(about))
    altered = replace(message, headers={**message.headers, "hw_start": b"8"})
    refused(rig, rig.core().take(delivery(altered)), about, "seal")


def test_a_record_of_another_topic_refuses_its_call(rig: Rig) -> None:
    about = header()
    moved = delivery(encode(DoorEnd(about, 0, 0), "other.audio.in", rig.key(about)))
    refused(rig, rig.core().take(moved), about, "seal")


def test_a_codec_that_is_not_known_refuses_its_call(rig: Rig) -> None:
    about, key = header(), rig.key(header())
    message = encode(DoorChunk(about, 0, 0, silence(about)), TOPICS.audio_in, None)
    info = json.loads(message.headers["hw_info"] or b"")
    strange = json.dumps({**info, "codec": "opus"}).encode()
    del key
    headers = {**message.headers, "hw_info": strange}
    rig.policy = CLEAR
    done = rig.core().take(delivery(replace(message, headers=headers)))
    refused(rig, done, about, "record")


def test_a_call_that_may_not_be_recorded_is_refused(rig: Rig) -> None:
    def may_be_sent(call: CallInfo, policy: Policy) -> None:
        assert call.parties
        assert policy is rig.policy
        raise ConsentError("no", {"rule": "x"})

    about = header()
    done = rig.core(may_be_sent=may_be_sent).take(sealed(DoorEnd(about, 0, 0), rig.key(about)))
    refused(rig, done, about, "consent")
    assert find_by_recorder_id(rig.ledger.database, rig.named, RECORDER) == []
    assert DoorCalls(rig.ledger.database).get(about.call_id) is None


def test_a_call_that_was_let_in_is_not_judged_again(rig: Rig) -> None:
    about = header()
    chunk = sealed(DoorChunk(about, 0, 0, silence(about)), rig.key(about))
    assert rig.core().take(chunk).send

    def may_be_sent(_call: CallInfo, _policy: Policy) -> None:
        raise ConsentError("no", {})

    assert rig.core(may_be_sent=may_be_sent).take(chunk).send


@pytest.mark.parametrize("cold", [False, True])
def test_a_recorders_id_that_is_told_later_is_kept(rig: Rig, *, cold: bool) -> None:
    about, core = header(recorder_id=""), rig.core()
    key = rig.key(about)
    core.take(sealed(DoorChunk(about, 0, 0, silence(about)), key))
    core = rig.core() if cold else core
    later = replace(about, recorder_id=RECORDER)
    core.take(sealed(DoorChunk(later, 1, 80, silence(about)), key))
    core.take(sealed(DoorChunk(replace(about, recorder_id="another"), 2, 160, silence(about)), key))
    assert find_by_recorder_id(rig.ledger.database, rig.named, RECORDER) == [about.call_id]
    assert find_by_recorder_id(rig.ledger.database, rig.named, "another") == []


def test_of_a_refused_call_nothing_is_kept_for_long(rig: Rig) -> None:
    about, other, core = header(), header(b"b"), rig.core()
    for one in (about, other):
        core.take(sealed(DoorEnd(one, 0, 0), rig.key(one)))
    rig.ledger.close_call(about.call_id, CallState.REFUSED)
    rig.ledger.close_call(other.call_id, CallState.STORED)
    doors, now = DoorCalls(rig.ledger.database), rig.ledger.database.now()
    assert doors.forget_refused(now - timedelta(days=1)) == 0
    assert doors.forget_refused(now + timedelta(days=1)) == 1
    assert [doors.get(one.call_id) is None for one in (about, other)] == [True, False]


def test_a_call_that_others_opened_is_not_touched(rig: Rig) -> None:
    about = header()
    rig.ledger.open_call(about.call_id, owner="cluster:somebody")
    done = rig.core().take(sealed(DoorEnd(about, 0, 0), rig.key(about)))
    assert (done.dead, done.refused, done.send) == ("other_call", "", ())
    assert rig.ledger.state(about.call_id) is CallState.OPEN


@pytest.mark.parametrize(
    "named",
    [
        "4915112345678",
        "call-49.151.123.45",
        "anna.meier-hiv-beratung",
        "A" * 30,
        "call-frau-schulz",
    ],
)
def test_an_id_that_is_not_drawn_is_told_nowhere(rig: Rig, named: str) -> None:
    message = encode(DoorEnd(header(), 0, 0), TOPICS.audio_in, None)
    subject = {**message.headers, "ce_subject": named.encode()}
    rig.policy = CLEAR
    done = rig.core().take(delivery(Message(named.encode(), subject, message.value)))
    assert done == Handled(dead="call_id")


def test_nothing_of_a_caller_is_in_what_is_told_or_kept_in_clear(rig: Rig) -> None:
    about = header()
    core = rig.core()
    done = core.take(sealed(DoorChunk(about, 0, 0, silence(about)), rig.key(about)))
    assert "4915112345678" not in repr((done, core))
    row = DoorCalls(rig.ledger.database).get(about.call_id)
    assert row is not None
    assert row.sealed is not None
    assert b"4915112345678" not in row.sealed
    rig.ledger.dispose()
    state = rig.folder / "state"
    assert all(b"4915112345678" not in one.read_bytes() for one in state.iterdir())


def test_what_is_stated_later_goes_on_with_later_chunks(rig: Rig) -> None:
    about, core = header(), rig.core()
    key = rig.key(about)
    core.take(sealed(DoorChunk(about, 0, 0, silence(about)), key))
    stated = canonical(
        '{"places": ["DE"], "evidence": [{"kind": "key", "party": "customer", "answer": "yes", '
        '"at_ms": 5}]}'
    )
    later = replace(about, stated=stated)
    (chunk,) = records(core.take(sealed(DoorChunk(later, 1, 80, silence(about)), key)))
    assert isinstance(chunk, AudioChunk)
    assert chunk.call.consent is not None
    (evidence,) = chunk.call.consent.evidence
    assert evidence.answer is Answer.YES


@pytest.mark.parametrize("cold", [False, True])
def test_what_an_end_states_is_heard_before_it(rig: Rig, *, cold: bool) -> None:
    about, core = header(), rig.core()
    key = rig.key(about)
    core.take(sealed(DoorChunk(about, 0, 0, silence(about)), key))
    core = rig.core() if cold else core
    stated = canonical(
        '{"evidence": [{"kind": "key", "party": "customer", "answer": "no", "at_ms": 5}]}'
    )
    repeat, end = records(core.take(sealed(DoorEnd(replace(about, stated=stated), 1, 80), key)))
    assert isinstance(repeat, AudioChunk)
    assert (repeat.seq, len(repeat.pcm)) == (0, 0)
    assert repeat.call.consent is not None
    assert repeat.call.consent.evidence[0].answer is Answer.NO
    assert isinstance(end, CallEnd)


@pytest.mark.parametrize(
    ("stated", "places"),
    [
        ('{"places": ["US-CA"], "evidence": [{"kind": "key"}]}', ("DE", "US-CA")),
        ('{"places": ["US-CA"], "campaign": "4915112345678"}', ("DE", "US-CA")),
        ('{"evidence": [{"kind": "key", "answer": "yes", "party": "x", "at_ms": 1}]}', ("*", "DE")),
        ('{"unknown": 1}', ("*", "DE")),
    ],
)
def test_evidence_that_is_not_understood_counts_for_nothing(
    rig: Rig, stated: str, places: tuple[str, ...]
) -> None:
    made = call_info(header(stated=canonical(stated)), rig.named, "en", NOW)
    assert made.consent is not None
    assert made.consent.places == places
    assert (made.consent.evidence, made.consent.campaign) == ((), "")


@pytest.mark.parametrize("stated", ['{"places": "US"}', '{"places": ["Atlantis"]}'])
def test_places_that_are_not_understood_refuse_the_call(rig: Rig, stated: str) -> None:
    about = header(stated=canonical(stated))
    done = rig.core().take(sealed(DoorEnd(about, 0, 0), rig.key(about)))
    refused(rig, done, about, "stated")


def test_the_installations_language_is_the_calls_where_it_says_none(rig: Rig) -> None:
    assert call_info(header(), rig.named, "es", NOW).language == "es"
    assert call_info(header(language="en"), rig.named, "es", NOW).language == "en"
    assert call_info(header(numbers=()), rig.named, "es", NOW).consent is None
    later = NOW + timedelta(days=1)
    assert call_info(header(), rig.named, "es", later) == call_info(header(), rig.named, "es", NOW)


def test_a_store_that_is_away_is_tried_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    about = header()
    record = sealed(DoorEnd(about, 0, 0), rig.key(about))
    core = rig.core()
    with monkeypatch.context() as patch:
        patch.setattr(rig.ledger, "call", _away)
        with pytest.raises(StoreError):
            core.take(record)
    assert core.take(record).send


def _away(*_: object, **__: object) -> None:
    raise StoreError("away")


def test_the_wrong_wrapping_key_refuses_no_call(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object, **__: object) -> None:
        raise SealError("wrong key file?")

    about = header()
    monkeypatch.setattr(rig.ledger, "open_call", wrong)
    with pytest.raises(SealError):
        rig.core().take(sealed(DoorEnd(about, 0, 0), rig.key(about)))
