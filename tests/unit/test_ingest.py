from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from agents.ingest import Outcome, ingest
from agents.ledger import CallState, Ledger
from agents.recordings import read_drop
from agents.sealing import Seal
from pipeline.parties import pseudonym
from pipeline.records import AudioChunk, CallEnd
from pipeline.wire import encode

pytestmark = pytest.mark.unit

KEY = bytes(range(32))


NAMED = partial(pseudonym, key=KEY)


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
