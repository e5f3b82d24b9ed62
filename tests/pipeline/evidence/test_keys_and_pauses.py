"""Keys and pauses from raw chunks to what is stored: muting, verification, certificate, texts."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from agents.reports.call_files import read_call
from benchmarks.speech.keypad import pcm16, pressed
from console.api.mutes import muted_spans
from console.pages.turns import turns_of
from pipeline.evidence.certificate_check import check_certificate
from pipeline.evidence.deepgram import deepgram
from pipeline.evidence.redacted_transcript import json_lines, read_transcript
from pipeline.evidence.stored_call import CallAssembly, StoredCall
from pipeline.muting.muter import CallMuter
from pipeline.policy.loading import load_policy
from pipeline.records.model import (
    AudioChunk,
    CallEnd,
    CallInfo,
    Findings,
    RedactedChunk,
    Role,
    Verdict,
    Watermark,
    Word,
)
from pipeline.transcription.segmenter import unheard
from pipeline.verification.verifier import CallVerifier

pytestmark = pytest.mark.unit

RATE, PAUSE = 8_000, 42
CALL = CallInfo("call-1", RATE, (Role.CUSTOMER, Role.AGENT))
POLICY = load_policy("pci")
WORDS = (
    Word(1, 4_000, 8_000, "Type"),
    Word(1, 8_000, 12_000, "it."),
    Word(0, 26_000, 30_000, "beep"),
    Word(1, 420_000, 424_000, "Thanks."),
)


def raw() -> list[AudioChunk]:
    """Five seconds, a pause, and five seconds more; sixteen keys from the third second on."""
    pcm = pcm16(np.random.default_rng(6).normal(0, 0.003, (10 * RATE, 2)))
    tones = pcm16(pressed("4111111111111111", hold_s=0.05, rest_s=0.05))
    pcm[3 * RATE : 3 * RATE + len(tones), 0] += tones
    chunks = [AudioChunk(CALL, seq, seq * RATE, pcm[seq * RATE :][:RATE]) for seq in range(5)]
    for seq in range(5, 10):
        start = (seq + PAUSE) * RATE
        chunks.append(AudioChunk(CALL, seq, start, pcm[seq * RATE :][:RATE], paused=seq == 5))
    return chunks


def stored() -> StoredCall:
    length = (10 + PAUSE) * RATE
    end = CallEnd(CALL.call_id, 10, length)
    muter, verifier, assembly = CallMuter(POLICY), CallVerifier(POLICY), CallAssembly(POLICY)
    found = Findings(CALL.call_id, 0, (), WORDS, Watermark(length), ("model@00",), end)
    released = [one for chunk in raw() for one in muter.take_audio(chunk)]
    released += muter.take_findings(found)
    done = assembly.take_findings(found)
    waiting = [out for record in released for out in verifier.take(record)]
    while waiting:
        out = waiting.pop(0)
        if isinstance(out, RedactedChunk):
            done = assembly.take_chunk(out)
        elif isinstance(out, Verdict):
            done = assembly.take_verdict(out)
        else:
            waiting = [*verifier.take_transcript(unheard(out), ()), *waiting]
    assert done is not None
    return done


@pytest.fixture(scope="module")
def call() -> StoredCall:
    return stored()


def test_it_is_stored_with_its_keys_silent_and_its_pause_told(call: StoredCall) -> None:
    assert call.passed
    stated = call.certificate
    assert stated.marks == ("paused",)
    keys = [span for span in stated.spans if span.entity == "DTMF" and span.channel == 0]
    assert len(keys) == 16
    assert {one.recognizer for one in stated.spans} == {"key-tones"}
    pauses = [(one.channel, one.start, one.end) for one in stated.mutes if one.paused]
    assert pauses == [(channel, 5 * RATE, 47 * RATE) for channel in (0, 1)]
    assert all(one.gap for one in stated.mutes if one.paused)
    assert stated.muted_ms_by_reason["paused"] == 2 * PAUSE * 1_000
    assert "gap" not in stated.muted_ms_by_reason
    samples, _ = soundfile.read(io.BytesIO(call.files["call-1.flac"]), dtype="int16")
    assert len(samples) == (10 + PAUSE) * RATE
    assert not samples[3 * RATE : round(4.6 * RATE), 0].any()
    rest = {name: data for name, data in call.files.items() if name.endswith(("json", "vtt"))}
    certificate = rest.pop("call-1.certificate.json")
    checks = check_certificate(certificate, call.files["call-1.flac"], rest)
    assert all(one.passed for one in checks)


def test_transcript_and_subtitles_show_both_once(call: StoredCall) -> None:
    data = json.loads(call.files["call-1.json"])
    told = [(turn["ParticipantRole"], turn["Content"]) for turn in data["Transcript"]]
    text = " ".join(content for _, content in told)
    assert text.count("[recording paused 0:42]") == 1
    assert text.count("[DTMF]") == 1
    assert "beep" not in text
    assert any(who == "AGENT" and "paused" in content for who, content in told)
    assert "DTMF" in data["ContentMetadata"]["RedactionTypesMetadata"]["PII"]["EntityTypes"]
    talk = data["ConversationCharacteristics"]["TalkTime"]["TotalTimeMillis"]
    assert talk < 10_000
    assert (
        b"00:00:05.000 --> 00:00:47.000\n<v Agent>[recording paused 0:42]"
        in call.files["call-1.vtt"]
    )


def test_to_other_readers_a_pause_is_a_note_and_neither_a_word_nor_redacted(
    call: StoredCall,
) -> None:
    data = call.files["call-1.json"]
    (turn,) = (one for one in json.loads(data)["Transcript"] if "paused" in one["Content"])
    places = turn.get("Redaction", {}).get("RedactedTimestamps", [])
    assert all(one["EndOffsetMillis"] < 47_000 for one in places)
    told = read_transcript(data)
    lines = [json.loads(line) for line in json_lines(told)]
    assert sum("[recording paused 0:42]" in line["text"] for line in lines) == 1
    assert {one["entity"] for line in lines for one in line["redacted"]} == {"DTMF"}
    document = deepgram(
        told, audio_sha256="", created=datetime(2026, 3, 1, tzinfo=UTC), software="1"
    )
    assert "paused" not in json.dumps(document)
    utterances = document["results"]["utterances"]
    assert any("Thanks." in one["transcript"] for one in utterances)
    assert all(one["words"] for one in utterances)


def test_page_and_report_call_it_a_pause(call: StoredCall, tmp_path: Path) -> None:
    certificate = call.files["call-1.certificate.json"]
    paused = [one for one in muted_spans(certificate) if one.reasons == ("paused",)]
    assert [(one.start_ms, one.end_ms) for one in paused] == [(5_000, 47_000)] * 2
    turns = turns_of(call.files["call-1.json"], ("customer", "agent"))
    pieces = [one for turn in turns for one in turn.pieces]
    assert [one.entity for one in pieces if "paused" in one.text] == ["PAUSED"]
    for name, data in call.files.items():
        (tmp_path / name).write_bytes(data)
    report = read_call(tmp_path / "call-1.certificate.json")
    assert ("PAUSED", "paused") in {(one.entity, one.reason) for one in report.mutes}
    assert dict(report.facts)["Recording paused"] == "42.0 s"
