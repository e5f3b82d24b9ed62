"""Calls by the door: sent with a public key alone, stored as if they had been ingested."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import read_export
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.crypto.pseudonym_secret import read_key
from agents.crypto.transit_hybrid import TransitPrivate, TransitPublic, write_public
from agents.database.call_ledger import CallState
from agents.kafka.call_sender import CallSender, new_call_id
from agents.runtime.events import DEADLETTER, KNOWN, REFUSED
from agents.stages.vault import REDACTED
from agents.vault.recorder_ids import find_by_recorder_id
from pipeline.audio.files import read_recording
from pipeline.gateways.door.call_ids import recording_call_id
from pipeline.gateways.door.model import CallHeader
from pipeline.gateways.events import Codec
from pipeline.records.model import Role
from tests.broker import fakes
from tests.broker.forked import hushwire
from tests.broker.harness import WITH_DOOR, Installation, Script, content, script
from tests.waiting import HANG_S, until

pytestmark = [pytest.mark.broker]

NUMBER = "+4915112345678"
RECORDER = f"conv {NUMBER}"
TOLD = {REDACTED, REFUSED, KNOWN}


@pytest.fixture
def public(installation: Installation) -> Path:
    """A copy of the public key, where a recorder has it."""
    private = TransitPrivate.load_or_create(installation.folder / "state" / "transit-private.json")
    path = installation.folder / "recorder" / "public.json"
    write_public(path, private.public)
    return path


@pytest.fixture
def sender(installation: Installation, public: Path) -> Iterator[CallSender]:
    key = TransitPublic.load(public)
    with CallSender(installation.bootstrap, installation.topics.audio_in, key) as made:
        yield made


def _header(call_id: str, **changed: object) -> CallHeader:
    about: dict[str, object] = {
        "recorder_id": RECORDER,
        "started_at": "2026-03-01T10:00:00+00:00",
        "numbers": (NUMBER,),
        **changed,
    }
    roles = (Role.AGENT, Role.CUSTOMER)
    return CallHeader(call_id, fakes.RATE, roles, Codec.L16, **about)  # type: ignore[arg-type]


def _send(sender: CallSender, one: Script, *, call_id: str = "", complete: bool = True) -> str:
    call = sender.open(_header(call_id or new_call_id()))
    for chunk in one.chunks:
        call.send_waiting(chunk.pcm.astype("<i2").tobytes(), len(chunk.pcm))
    call.end(complete=complete)
    call.wait()
    return call.header.call_id


def _events(installation: Installation) -> list[tuple[str, dict[str, object]]]:
    """What was told of calls' ends."""
    return [
        (dict(one.headers())["ce_type"].decode(), json.loads(one.value()))
        for one in installation.read(installation.topics.calls_redacted)
    ]


def test_a_call_by_the_door_is_stored_as_an_ingested_one(
    installation: Installation, sender: CallSender
) -> None:
    worker = installation.start(WITH_DOOR)
    one = script("ingested")
    installation.send("ingested", [*one.chunks, one.end])
    installation.producer.flush()
    sent = _send(sender, one)
    broken = _send(sender, script("other", first=3), complete=False)
    states = installation.until_closed(["ingested", sent, broken])
    assert set(states.values()) == {CallState.STORED}, installation.log()
    audio = [
        read_recording(installation.kept(name, f"{name}.flac")).pcm for name in ("ingested", sent)
    ]
    assert np.array_equal(audio[0], audio[1])
    assert not np.array_equal(audio[0], one.pcm)  # something was silenced
    spans = [
        json.loads(installation.kept(name, f"{name}.certificate.json"))["spans"]
        for name in ("ingested", sent)
    ]
    assert spans[0] == spans[1] != []

    facts = installation.vault.catalogue.get(broken)
    certificate = json.loads(installation.kept(broken, f"{broken}.certificate.json"))
    assert (facts.marks, certificate["marks"]) == (("incomplete",), ["incomplete"])
    assert b"NOTE incomplete" in installation.kept(broken, f"{broken}.vtt")
    named = Pseudonyms(partial(read_key, installation.folder / "state" / "tokens.key"))
    found = find_by_recorder_id(installation.ledger.database, named, RECORDER)
    assert set(found) == {sent, broken}
    assert installation.vault.recorder_ids.shown(sent) == RECORDER
    assert installation.vault.catalogue.of_party(named(NUMBER)) == sorted([sent, broken])
    assert not installation.read(installation.topics.deadletter)

    # The same once more: nothing changes, and its sender is told.
    _send(sender, one, call_id=sent)
    facts_told = {"call_id": sent, "state": "stored", "whole": True, "marks": []}
    wanted = (KNOWN, facts_told)
    until(lambda: wanted in _events(installation), installation.log, every_s=0.3)
    assert installation.ledger.state(sent) is CallState.STORED
    clear = [NUMBER.encode(), NUMBER[1:].encode(), *(word.encode() for word in fakes.WORDS)]
    for topic in installation.topics.all():
        held = content(installation.read(topic))
        assert not [value for value in clear[:2] if value in held], topic
    installation.stop(worker)
    for path in (installation.folder / "state").glob("ledger.db*"):
        assert NUMBER[1:].encode() not in path.read_bytes()


def test_a_call_in_clear_is_refused_and_told_without_its_content(
    installation: Installation,
) -> None:
    installation.start(WITH_DOOR)
    one = script("clear")
    with CallSender(installation.bootstrap, installation.topics.audio_in, None) as in_clear:
        call_id = _send(in_clear, one)
    assert installation.until_closed([call_id]) == {call_id: CallState.REFUSED}
    facts = {"stage": "admit", "code": "clear_transit", "state": "refused"}
    # The end, which comes after that, is answered as well.
    known = (KNOWN, {"call_id": call_id, "state": "refused"})
    until(lambda: known in _events(installation), installation.log, every_s=0.3)
    assert _events(installation)[0] == (REFUSED, {"call_id": call_id, **facts})
    (letter,) = installation.read(installation.topics.deadletter)
    headers = dict(letter.headers())
    assert headers[f"{DEADLETTER}code"] == b"clear_transit"
    assert (letter.value() or b"", letter.key()) == (b"", call_id.encode())
    assert not [name for name in headers if name.startswith("hw_")]
    assert not installation.read(installation.topics.audio_raw)
    entries, _ = read_export(AuditLog(installation.ledger.database).export())
    (entry,) = [one for one in entries if one.subject == call_id]
    assert {**entry.facts, "at": ""} == {"at": "", "what": "call-refused", **facts}


def test_a_worker_that_is_killed_before_it_acknowledges_changes_nothing(
    installation: Installation, sender: CallSender
) -> None:
    admits = installation.start("admit", told={"KILLED_OF_TEST": "yes"})
    one = script("plain", seconds=20)
    call_id = _send(sender, one)
    raw, before = installation.topics.audio_raw, installation.topics.audio_in
    assert admits.wait(HANG_S) == -signal.SIGKILL
    assert installation.read(raw)
    assert not installation.committed("admit", before)
    rest = installation.start(WITH_DOOR)
    assert installation.until_closed([call_id]) == {call_id: CallState.STORED}
    assert len(installation.read(raw)) > len(one.chunks) + 1  # some came twice
    installation.send("plain", [*one.chunks, one.end])
    installation.producer.flush()
    installation.until_closed(["plain"])
    flac = [installation.kept(name, f"{name}.flac") for name in ("plain", call_id)]
    assert np.array_equal(read_recording(flac[0]).pcm, read_recording(flac[1]).pcm)
    marks = json.loads(installation.kept(call_id, f"{call_id}.certificate.json"))["marks"]
    assert marks == []
    assert not installation.read(installation.topics.deadletter)
    installation.stop(rest)
    read = len(installation.read(before))
    assert sum(installation.committed("admit", before).values()) == read


def test_ingest_with_a_public_key_makes_and_reads_nothing_secret(
    installation: Installation, public: Path, tmp_path: Path
) -> None:
    """The state folder of the recorder's host stays empty, and it is told twice what was sent."""
    installation.start(WITH_DOOR)
    recordings, state = tmp_path / "recordings", tmp_path / "recorder" / "state"
    recordings.mkdir()
    state.mkdir()
    one, name = script("plain"), f"call {NUMBER} ü"
    soundfile.write(recordings / f"{name}.wav", one.pcm, fakes.RATE, subtype="PCM_16")
    sidecar = {"caller": NUMBER, "purpose": "quality", "consent": {"places": ["DE"]}}
    (recordings / f"{name}.json").write_text(json.dumps(sidecar))
    for _ in range(2):
        printed = _ingest(installation, recordings, state, public)
        assert "sent" in printed
        assert NUMBER[1:] not in printed
    assert list(state.iterdir()) == []
    digest = hashlib.sha256((recordings / f"{name}.wav").read_bytes()).hexdigest()
    call_id = recording_call_id(digest, name)
    assert installation.until_closed([call_id]) == {call_id: CallState.STORED}
    kept = read_recording(installation.kept(call_id, f"{call_id}.flac")).pcm
    installation.send("plain", [*one.chunks, one.end])
    installation.producer.flush()
    installation.until_closed(["plain"])
    assert np.array_equal(kept, read_recording(installation.kept("plain", "plain.flac")).pcm)
    assert installation.vault.recorder_ids.shown(call_id) == name
    facts = installation.vault.catalogue.get(call_id)
    assert (facts.purpose, len(facts.parties)) == ("quality", 1)


def _ingest(installation: Installation, recordings: Path, state: Path, public: Path) -> str:
    told = {
        name: value for name, value in os.environ.items() if not name.startswith("HUSHWIRE_")
    } | {
        "HUSHWIRE_STATE_DIR": str(state),
        "HUSHWIRE_TOPIC_PREFIX": installation.prefix,
        "HUSHWIRE_PARTITIONS": str(installation.partitions),
        "HUSHWIRE_BOOTSTRAP": installation.bootstrap,
    }
    command = hushwire("ingest", recordings, "--public-key")
    done = subprocess.run(
        [*command, str(public)], env=told, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
