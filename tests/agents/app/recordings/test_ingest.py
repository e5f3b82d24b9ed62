from __future__ import annotations

import hashlib
import io
import json
import os
import re
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from agents.access.audit_log import AuditLog
from agents.app import wiring
from agents.app.recordings.ingest import Ingested, Outcome, ingest
from agents.app.recordings.recording_folder import read_drop
from agents.crypto.envelope import Seal
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.database.call_ledger import CallState, Ledger
from agents.settings.model import Settings
from agents.system.owners import user
from agents.upkeep.erasure import REQUEST, erase
from agents.vault.vault import Vault
from pipeline.errors import BrokerError, RecordError
from pipeline.records.call_names import PSEUDONYM
from pipeline.records.cloudevents import encode
from pipeline.records.model import AudioChunk, CallEnd
from tests.agents.storing import stored_call

pytestmark = pytest.mark.unit

KEY = bytes(range(32))


NAMED = Pseudonyms(lambda: KEY)


class FakeProducer:
    """Keeps what was sent; the same shape as ``CallProducer``."""

    def __init__(self) -> None:
        self.sent: list[AudioChunk | CallEnd] = []
        self.flushed = 0

    def send(self, record: AudioChunk | CallEnd, seal: Seal) -> None:
        self.sent.append(record)

    def flush(self) -> None:
        self.flushed = len(self.sent)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.embedded(tmp_path / "state")


def record(path: Path, seconds: float = 2.5) -> Path:
    path.parent.mkdir(exist_ok=True)
    pcm = np.arange(int(8000 * seconds) * 2, dtype=np.int16).reshape(-1, 2)
    soundfile.write(path, pcm, 8000, subtype="PCM_16")
    return path


def test_a_recording_becomes_chunks_without_gap_and_an_end(tmp_path: Path, ledger: Ledger) -> None:
    path, producer = record(tmp_path / "c1.wav"), FakeProducer()

    [result] = ingest([path], producer, ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]

    assert (result.outcome, result.call_id, result.seconds) == (Outcome.SENT, "c1", 2.5)
    *chunks, end = producer.sent
    assert [(c.seq, c.start, c.end) for c in chunks if isinstance(c, AudioChunk)] == [
        (0, 0, 8000),
        (1, 8000, 16000),
        (2, 16000, 20000),
    ]
    assert end == CallEnd("c1", chunks=3, end=20000)
    assert producer.flushed == 4


def test_of_a_fast_recording_goes_what_is_listened_to(tmp_path: Path, ledger: Ledger) -> None:
    path, producer = tmp_path / "c1.wav", FakeProducer()
    soundfile.write(path, np.zeros((120_000, 2), np.int16), 48_000)

    [result] = ingest([path], producer, ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]

    *chunks, end = [one for one in producer.sent if isinstance(one, AudioChunk | CallEnd)]
    assert (result.seconds, end.end, len(chunks)) == (2.5, 40_000, end.chunks)
    assert {one.call.sample_rate for one in chunks if isinstance(one, AudioChunk)} == {16_000}


def test_a_second_run_sends_nothing_twice(tmp_path: Path, ledger: Ledger) -> None:
    path = record(tmp_path / "c1.wav")
    ingest([path], FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]

    again = FakeProducer()
    [result] = ingest([path], again, ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    assert (result.outcome, again.sent) == (Outcome.SENT_BEFORE, [])

    ledger.close_call("c1", CallState.STORED)
    [result] = ingest([path], again, ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    assert (result.outcome, again.sent) == (Outcome.STORED_BEFORE, [])


def test_one_bad_recording_is_refused_and_the_others_go_on(tmp_path: Path, ledger: Ledger) -> None:
    empty = tmp_path / "a.wav"
    empty.write_bytes(b"")
    good = record(tmp_path / "b.wav")

    refused, sent = ingest([empty, good], FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]

    assert refused.outcome is Outcome.REFUSED
    assert "a.wav" in refused.problem
    assert sent.outcome is Outcome.SENT


def test_what_is_no_regular_file_is_refused_and_the_others_go_on(
    tmp_path: Path, ledger: Ledger
) -> None:
    """A pipe was waited for without an end, and an unreadable sidecar ended the folder."""
    pipe = tmp_path / "a.wav"
    os.mkfifo(pipe)
    bad, good = record(tmp_path / "b.wav"), record(tmp_path / "c.wav")
    bad.with_suffix(".json").symlink_to("/proc/self/mem")

    results = ingest([pipe, bad, good], FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]

    assert [one.outcome for one in results] == [Outcome.REFUSED, Outcome.REFUSED, Outcome.SENT]
    assert results[0].problem == "a.wav: cannot be opened (not a regular file)"
    assert results[1].problem.startswith("b.json: cannot be read (Input/output error)")


def test_a_flac_that_breaks_half_way_is_refused_and_its_key_destroyed(
    tmp_path: Path, ledger: Ledger
) -> None:
    path = tmp_path / "c1.flac"
    noise = np.random.default_rng(1).integers(-3000, 3000, (80_000, 2)).astype(np.int16)
    soundfile.write(path, noise, 8000, subtype="PCM_16")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    [result] = ingest([path], FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]

    assert result.outcome is Outcome.REFUSED
    assert ledger.state("c1") in {None, CallState.REFUSED}


def test_two_recordings_may_not_claim_one_call(tmp_path: Path, ledger: Ledger) -> None:
    (tmp_path / "x").mkdir()
    paths = [record(tmp_path / "c1.wav"), record(tmp_path / "x" / "c1.wav")]
    first, second = ingest(paths, FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    assert first.outcome is Outcome.SENT
    assert second.outcome is Outcome.REFUSED
    assert "call id c1" in second.problem


def test_numbers_leave_as_pseudonyms_and_the_purpose_goes_along(
    tmp_path: Path, ledger: Ledger
) -> None:
    path, producer = record(tmp_path / "c1.wav"), FakeProducer()
    sidecar = {
        "purpose": "quality",
        "caller": "+1 (555) 010-0199",
        "channels": [
            {"index": 0, "role": "agent", "number": "tel:+15550100100"},
            {"index": 1, "role": "customer", "number": "0015550100199"},
        ],
    }
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    ingest([path], producer, ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    first = producer.sent[0]
    assert isinstance(first, AudioChunk)
    # The caller and the second channel are one person.
    assert first.call.parties == tuple(sorted({NAMED("+15550100100"), NAMED("+15550100199")}))
    assert first.call.purpose == "quality"
    sent = repr(producer.sent) + repr(read_drop(path))
    assert "0199" not in sent
    assert "0100100" not in sent
    message = encode(first)
    assert b"0199" not in b"".join(message.headers.values())


@pytest.mark.parametrize("purpose", ["Quality", "", "a b", "1st", "x" * 41])
def test_a_purpose_that_is_no_name_is_refused(tmp_path: Path, ledger: Ledger, purpose: str) -> None:
    path = record(tmp_path / "c1.wav")
    path.with_suffix(".json").write_text(json.dumps({"purpose": purpose}))
    [result] = ingest([path], FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    assert result.outcome is Outcome.REFUSED


@pytest.mark.parametrize("where", ["stem", "sidecar"])
def test_a_call_that_is_named_by_a_number_gets_a_pseudonym(
    tmp_path: Path, ledger: Ledger, where: str
) -> None:
    number = "+1 (555) 555-0100" if where == "sidecar" else "4111-1111-1111-1111"
    path = record(tmp_path / (f"{number}.wav" if where == "stem" else "c1.wav"))
    if where == "sidecar":
        path.with_suffix(".json").write_text(json.dumps({"call_id": number}))
    producer = FakeProducer()
    [result] = ingest([path], producer, ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    assert (result.outcome, result.place) == (Outcome.SENT, 1)
    assert PSEUDONYM.fullmatch(result.call_id)
    assert ledger.state(result.call_id) is CallState.OPEN
    digits = re.sub(r"\D", "", number)
    for text in (repr(producer.sent), result.line, repr(read_drop(path, named=NAMED.call_id))):
        assert digits not in re.sub(r"[^\w]", "", text)
    assert result.call_id in result.line
    assert "recording 1" in result.line
    held = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir())
    assert number.encode() not in held
    assert digits.encode() not in held
    # A repeat is the same call.
    [again] = ingest([path], FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    assert (again.outcome, again.call_id) == (Outcome.SENT_BEFORE, result.call_id)


def test_two_recordings_of_one_caller_are_two_calls(tmp_path: Path, ledger: Ledger) -> None:
    names = ("5555550100-20260101-120000", "5555550100-20260102-120000")
    paths = [record(tmp_path / f"{name}.wav") for name in names]
    results = ingest(paths, FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    assert len({one.call_id for one in results}) == 2
    assert [one.place for one in results] == [1, 2]


def test_no_message_quotes_a_number(tmp_path: Path, ledger: Ledger) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    damaged = record(tmp_path / "a" / "5555550100.wav")
    damaged.write_bytes(damaged.read_bytes()[:-1_000])
    twice = [record(tmp_path / folder / "5555550101.wav") for folder in ("b", "c")]
    wrong = record(tmp_path / "b" / "5555550102.wav")
    wrong.with_suffix(".json").write_text('{"channels": [{"index": 1, "role": "agent"}]}')
    many = record(tmp_path / "b" / "5555550103.wav")
    many.with_suffix(".json").write_text('{"channels": [{"index": 0, "role": "agent"}]}')
    results = ingest(
        [damaged, *twice, wrong, many], FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED
    )  # type: ignore[arg-type]
    problems = [one.line for one in results if one.outcome is Outcome.REFUSED]
    assert len(problems) == 4
    for problem in problems:
        assert "##########" in problem
        assert "555" not in problem


def test_the_ledger_opens_no_call_that_is_named_by_a_number(ledger: Ledger) -> None:
    with pytest.raises(RecordError, match="may hold a telephone or card number") as caught:
        ledger.open_call("5555550100")
    assert "555" not in str(caught.value)
    assert ledger.state("5555550100") is None


# What is known already


def noise(path: Path, seed: int) -> Path:
    pcm = np.random.default_rng(seed).integers(-3000, 3000, (16_000, 2)).astype(np.int16)
    soundfile.write(path, pcm, 8000, subtype="PCM_16")
    return path


def test_another_recording_under_a_known_id_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    path = noise(tmp_path / "c1.wav", 1)
    ingest([path], FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    for state in (CallState.OPEN, CallState.STORED):
        if state is CallState.STORED:
            ledger.close_call("c1", state)
        noise(path, 2)
        producer = FakeProducer()
        [result] = ingest([path], producer, ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
        assert (result.outcome, producer.sent) == (Outcome.REFUSED, [])
        assert "c1.wav: call id c1 belongs to another recording" in result.problem
        assert ledger.state("c1") is state
    noise(path, 1)
    [result] = ingest([path], FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    assert result.outcome is Outcome.STORED_BEFORE


@pytest.mark.parametrize("state", [CallState.REFUSED, CallState.QUARANTINED])
def test_what_is_not_stored_is_not_told_as_stored(
    tmp_path: Path, ledger: Ledger, state: CallState
) -> None:
    path = record(tmp_path / "c1.wav")
    ingest([path], FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    ledger.close_call("c1", state)
    [result] = ingest([path], FakeProducer(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    assert state.value in result.outcome.value
    assert not result.outcome.good
    assert "c1.wav: call c1: " in result.problem


def send(path: Path, ledger: Ledger, **options: bool) -> tuple[Ingested, list[object]]:
    producer = FakeProducer()
    [result] = ingest(
        [path],
        producer,  # type: ignore[arg-type]
        ledger,
        chunk_seconds=1.0,
        named=NAMED,
        **options,
    )
    return result, list(producer.sent)


def test_an_erased_call_is_told_as_erased_and_never_taken_again(
    tmp_path: Path, ledger: Ledger
) -> None:
    path = record(tmp_path / "c1.wav")
    send(path, ledger)
    vault = Vault.opened(tmp_path / "vault", ledger)
    vault.store(stored_call("c1"), keep_days=30)
    ledger.close_call("c1", CallState.STORED)
    assert send(path, ledger)[0].outcome is Outcome.STORED_BEFORE
    erase(vault, ledger, AuditLog(ledger.database), "c1", REQUEST)
    for again in (False, True):
        result, sent = send(path, ledger, again=again)
        assert (result.outcome, sent) == (Outcome.ERASED_BEFORE, [])
        assert not result.outcome.good


def test_a_call_on_another_broker_is_left_alone(tmp_path: Path, ledger: Ledger) -> None:
    path = record(tmp_path / "c1.wav")
    send(path, ledger)
    result, sent = send(path, ledger, embedded=True)
    assert (result.outcome, sent) == (Outcome.OPEN_ELSEWHERE, [])
    assert not result.outcome.good
    assert ledger.seal("c1")


def test_a_refused_call_is_taken_anew_under_an_id_of_its_own(
    tmp_path: Path, ledger: Ledger
) -> None:
    path = record(tmp_path / "c1.wav")
    send(path, ledger)
    # Not while it may still be stored.
    assert send(path, ledger, again=True)[0].outcome is Outcome.SENT_BEFORE
    ledger.close_call("c1", CallState.REFUSED)
    assert send(path, ledger)[0].outcome is Outcome.REFUSED_BEFORE
    result, sent = send(path, ledger, again=True)
    assert (result.outcome, result.call_id) == (Outcome.SENT, "c1.again2")
    assert {one.call_id for one in sent if isinstance(one, CallEnd)} == {"c1.again2"}
    assert {one.call.call_id for one in sent if isinstance(one, AudioChunk)} == {"c1.again2"}
    ledger.close_call("c1.again2", CallState.REFUSED)
    # A mended recording may come now; it is the last one that counts.
    noise(path, 5)
    assert send(path, ledger)[0].outcome is Outcome.REFUSED
    assert send(path, ledger, again=True)[0].call_id == "c1.again3"
    ledger.close_call("c1.again3", CallState.STORED)
    for again in (False, True):
        result, sent = send(path, ledger, again=again)
        assert (result.outcome, result.call_id, sent) == (Outcome.STORED_BEFORE, "c1.again3", [])
    record(path)
    assert send(path, ledger, again=True)[0].outcome is Outcome.REFUSED


def test_a_long_call_id_is_known_and_not_taken_again(tmp_path: Path, ledger: Ledger) -> None:
    path = record(tmp_path / f"{'c' * 125}.wav")
    send(path, ledger)
    ledger.close_call("c" * 125, CallState.REFUSED)
    assert send(path, ledger)[0].outcome is Outcome.REFUSED_BEFORE
    result, sent = send(path, ledger, again=True)
    assert (result.outcome, sent) == (Outcome.REFUSED, [])
    assert "too long to be taken again" in result.problem


def test_an_interrupted_recording_goes_on_and_another_one_is_not_mixed_with_it(
    tmp_path: Path, ledger: Ledger
) -> None:
    path = noise(tmp_path / "c1.wav", 1)

    class Away(FakeProducer):
        def flush(self) -> None:
            raise BrokerError("gone")

    with pytest.raises(BrokerError):
        ingest([path], Away(), ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    noise(path, 2)
    result, sent = send(path, ledger)
    assert (result.outcome, sent) == (Outcome.REFUSED, [])
    noise(path, 1)
    assert send(path, ledger)[0].outcome is Outcome.SENT
    assert ledger.state("c1") is CallState.OPEN


def test_a_recording_that_changes_while_it_is_read_is_refused_whole(
    tmp_path: Path, ledger: Ledger
) -> None:
    path = noise(tmp_path / "c1.wav", 1)

    class Meanwhile(FakeProducer):
        def send(self, record: AudioChunk | CallEnd, seal: Seal) -> None:
            super().send(record, seal)
            with path.open("ab") as file:
                file.write(b"more")

    producer = Meanwhile()
    [result] = ingest([path], producer, ledger, chunk_seconds=1.0, named=NAMED)  # type: ignore[arg-type]
    assert result.outcome is Outcome.REFUSED
    assert "changed while it was read" in result.problem
    assert not [one for one in producer.sent if isinstance(one, CallEnd)]
    assert ledger.state("c1") is CallState.REFUSED
    (event,) = (json.loads(line) for line in AuditLog(ledger.database).export())
    assert (event["subject"], event["facts"]["what"]) == ("c1", "call-refused")
    assert (event["facts"]["stage"], event["facts"]["code"]) == ("ingest", "input")


def test_the_ledger_says_whose_recording_it_is_and_who_opened_it(
    tmp_path: Path, ledger: Ledger
) -> None:
    path = record(tmp_path / "c1.wav")
    send(path, ledger)
    known = ledger.call("c1")
    assert known is not None
    assert known.recording == hashlib.sha256(path.read_bytes()).hexdigest()
    assert known.owner == f"cluster:{user()}"


def test_a_recording_that_the_ledger_has_no_hash_of_is_taken_for_the_same(
    tmp_path: Path, ledger: Ledger
) -> None:
    """It was opened by an older version."""
    path = record(tmp_path / "c1.wav")
    ledger.open_call("c1")
    assert send(path, ledger)[0].outcome is Outcome.SENT
    ledger.close_call("c1", CallState.STORED)
    assert send(path, ledger)[0].outcome is Outcome.STORED_BEFORE


def test_a_missing_recording_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    """No recording of which nothing is stored ends with 0, unless it was sent just now."""
    path = record(tmp_path / "in" / "c1.wav")
    monkeypatch.setattr(wiring, "have_topics", lambda _settings: None)
    monkeypatch.setattr(wiring, "CallProducer", lambda *_, **__: nullcontext(FakeProducer()))
    settings = Settings(state_dir=tmp_path / "state", bootstrap="127.0.0.1:1")
    out = io.StringIO()

    def missing(**options: bool) -> int:
        console = Console(file=out, width=400)
        return wiring.ingest_paths([path.parent], settings, console=console, **options)

    assert missing() == 0
    assert missing() == 1  # on its way, but not stored
    ledger.close_call("c1", CallState.REFUSED)
    assert missing() == 1
    assert "refused before: c1.wav: call c1: nothing of it is stored; --again" in out.getvalue()
    assert missing(again=True) == 0
    ledger.close_call("c1.again2", CallState.STORED)
    assert missing() == 0
