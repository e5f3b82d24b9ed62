"""An installation that lets calls in by the door, and a sender with its public key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from agents.crypto.party_pseudonyms import Pseudonyms
from agents.crypto.pseudonym_secret import read_or_make_key
from agents.crypto.transit_hybrid import TransitPrivate
from agents.database.call_ledger import CallState, Ledger
from agents.kafka.topics import Topics
from agents.runtime.broker_port import Delivery
from agents.runtime.events import REFUSED
from agents.runtime.record_runtime import Handled
from agents.stages.admit import NAME, Admission
from agents.stages.door_opening import Door
from agents.system.clock import system_clock
from pipeline.gateways import g711
from pipeline.gateways.door.call_ids import call_id_of
from pipeline.gateways.door.model import CallHeader, DoorChunk, DoorRecord
from pipeline.gateways.door.wire import CallKey, Message, encode
from pipeline.gateways.events import Codec
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.model import Role

TOPICS = Topics.named()
NUMBER = "+4915112345678"
RECORDER = "conv-4915112345678"
NOW = system_clock()


def header(name: bytes = b"a", **changed: object) -> CallHeader:
    """Of a call at 8 kHz with two channels."""
    made = CallHeader(
        call_id_of(name * 32),
        8_000,
        (Role.AGENT, Role.CUSTOMER),
        Codec.PCMU,
        recorder_id=RECORDER,
        started_at="2026-03-01T10:00:00+01:00",
        numbers=(NUMBER,),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def silence(about: CallHeader, samples: int = 80) -> bytes:
    return g711.SILENCE[about.codec] * samples * about.channels


@dataclass
class Rig:
    """An installation, and a sender with its public key."""

    folder: Path
    ledger: Ledger
    private: TransitPrivate
    named: Pseudonyms
    door: Door
    seconds: float = 0.0
    policy: Policy = field(default_factory=lambda: load_policy("default"))
    """In force."""

    def core(self, **changed: object) -> Admission:
        """As a process that was just started has it."""
        return Admission(
            TOPICS,
            self.ledger,
            self.private,
            self.named,
            replace(self.door, **changed),  # type: ignore[arg-type]
            lambda: self.policy,
            monotonic=lambda: self.seconds,
        )

    def key(self, about: CallHeader) -> CallKey:
        return CallKey(*self.private.public.new_key(about.call_id))


def made(folder: Path) -> Rig:
    state = folder / "state"
    ledger = Ledger.embedded(state)
    private = TransitPrivate.load_or_create(state / "transit-private.json")
    named = Pseudonyms(partial(read_or_make_key, state / "tokens.key"))
    door = Door(state / "transit-private.json", state / "transit-public.json")
    return Rig(folder, ledger, private, named, door)


def delivery(message: Message, offset: int = 0) -> Delivery:
    return Delivery(TOPICS.audio_in, 0, offset, message.key, dict(message.headers), message.value)


def sealed(record: DoorRecord, key: CallKey | None) -> Delivery:
    return delivery(encode(record, TOPICS.audio_in, key))


def carried_out(done: Handled) -> Handled:
    """What the runtime does last."""
    if done.then is not None:
        done.then()
    return done


def told(done: Handled) -> list[tuple[str, Mapping[str, object]]]:
    return [(one.kind, one.facts) for one in done.emit]


def refused(rig: Rig, done: Handled, about: CallHeader, code: str) -> None:
    """Check that a record refused its call, as it is told and kept."""
    assert (done.dead, done.refused, done.send, done.dropped) == (code, code, (), "")
    (audit, audited), (event, facts) = told(done)
    assert audit == "hushwire.audit.call-refused.v1"
    assert {**audited, "at": ""} == {
        "at": "", "what": "call-refused", "stage": NAME, "code": code, "state": "refused",
        **({"rule": "x"} if code == "consent" else {}),
    }  # fmt: skip
    assert (event, facts) == (
        REFUSED,
        {"call_id": about.call_id, "stage": NAME, "code": code, "state": "refused"},
    )
    # Nothing is closed before that was told.
    assert rig.ledger.state(about.call_id) is CallState.OPEN
    carried_out(done)
    assert rig.ledger.state(about.call_id) is CallState.REFUSED
    after = rig.core().take(sealed(DoorChunk(about, 1, 80, silence(about)), rig.key(about)))
    assert (after.dropped, after.dead, after.emit) == ("over", "", ())
