"""Certificates and what is stored: pure, complete, checkable offline, and hard to fool."""

from __future__ import annotations

import io
import json
from importlib import resources

import numpy as np
import pytest
import soundfile

from pipeline.errors import RecordError
from pipeline.evidence.certificate import (
    certificate_json,
    certificate_schema,
    parse_certificate,
    sign_certificate,
)
from pipeline.evidence.certificate_check import check_certificate
from pipeline.evidence.stored_call import CallAssembly, StoredCall
from pipeline.muting.muter import CallMuter
from pipeline.policy.model import MutingRule, Policy
from pipeline.records.model import (
    Action,
    AudioChunk,
    CallEnd,
    CallInfo,
    Check,
    Findings,
    Mute,
    RedactedChunk,
    Role,
    Span,
    Verdict,
    Watermark,
    Window,
    WindowTranscript,
    Word,
)
from pipeline.verification.verifier import CallVerifier

pytestmark = pytest.mark.unit

RATE = 8_000
SECONDS = 12
CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER), "2026-11-24T10:00:00+00:00")
POLICY = Policy(name="default", version="1")
CARD = Span("CARD_NUMBER", 1, 4 * RATE, 5 * RATE, 0.97, "spoken")
NAME = Span("PERSON", 0, RATE, RATE + 3_000, 0.8, "names", Action.KEEP)
WORDS = (
    Word(0, 1_000, 3_000, "Hello"),
    Word(1, 2 * RATE, 2 * RATE + 2_000, "Hi,"),
    Word(1, 9 * RATE, 9 * RATE + 2_000, "thanks."),
)
END = CallEnd(CALL.call_id, SECONDS, SECONDS * RATE)


def audio() -> np.ndarray:
    pcm = np.random.default_rng(5).normal(0, 2_500, (SECONDS * RATE, 2))
    gate = (np.arange(SECONDS * RATE) % 4_800) < 3_200
    return (pcm * gate[:, None]).clip(-32_768, 32_767).astype(np.int16)


def findings(
    spans: tuple[Span, ...] = (CARD, NAME), words: tuple[Word, ...] = WORDS
) -> list[Findings]:
    return [
        Findings(CALL.call_id, 0, spans, words, Watermark(8 * RATE), ("base@d01c3014",)),
        Findings(CALL.call_id, 1, watermark=Watermark(SECONDS * RATE), end=END),
    ]


def redact(policy: Policy, found: list[Findings]) -> list[RedactedChunk | CallEnd]:
    pcm = audio()
    muter = CallMuter(policy)
    out: list[RedactedChunk | CallEnd] = []
    for seq in range(SECONDS):
        out += muter.take_audio(
            AudioChunk(CALL, seq, seq * RATE, pcm[seq * RATE : (seq + 1) * RATE])
        )
    for each in found:
        out += muter.take_findings(each)
    return out


def verify(
    policy: Policy, redacted: list[RedactedChunk | CallEnd]
) -> tuple[list[RedactedChunk], Verdict]:
    verifier = CallVerifier(policy)
    queue = [one for item in redacted for one in verifier.take(item)]
    out = []
    while queue:
        one = queue.pop(0)
        if isinstance(one, Window):
            heard = WindowTranscript(
                CALL.call_id,
                one.seq,
                one.channel,
                one.start,
                one.end,
                words=tuple(
                    Word(one.channel, start, min(start + RATE // 2, part.end), "perhaps", 0.9)
                    for part in one.speech
                    for start in range(part.start, part.end, RATE // 2)
                ),
                models=("tiny@1a5afae0",),
            )
            queue += verifier.take_transcript(heard, [])
        else:
            out.append(one)
    verdict = out[-1]
    assert isinstance(verdict, Verdict)
    return [one for one in out if isinstance(one, RedactedChunk)], verdict


def store(
    chunks: list[RedactedChunk], verdict: Verdict, found: list[Findings], policy: Policy = POLICY
) -> StoredCall:
    assembly = CallAssembly(policy)
    for each in found:
        assert assembly.take_findings(each) is None
    for chunk in chunks:
        assert assembly.take_chunk(chunk) is None
        assert assembly.take_chunk(chunk) is None
    stored = assembly.take_verdict(verdict)
    assert stored is not None
    assert assembly.take_verdict(verdict) is None
    return stored


def stored_call(policy: Policy = POLICY) -> StoredCall:
    found = findings()
    chunks, verdict = verify(policy, redact(policy, found))
    return store(chunks, verdict, found, policy)


def again(stored: StoredCall, **changed: bytes) -> dict[str, Check]:
    """The offline check, with files exchanged by suffix."""
    files = {
        name: changed.get(name.removeprefix("call-1.").replace(".", "_"), data)
        for name, data in stored.files.items()
    }
    certificate = files.pop("call-1.certificate.json")
    recording = files.pop("call-1.flac")
    return {one.name: one for one in check_certificate(certificate, recording, files)}


def failed(checks: dict[str, Check]) -> set[str]:
    return {name for name, one in checks.items() if not one.passed}


@pytest.mark.parametrize("style", ["silence", "tone", "noise"])
def test_a_stored_call_passes_its_own_check(style: str) -> None:
    policy = POLICY.model_copy(update={"muting": MutingRule.model_validate({"style": style})})
    stored = stored_call(policy)
    assert stored.passed
    assert sorted(stored.files) == [
        "call-1.certificate.json", "call-1.flac", "call-1.json", "call-1.vtt",
    ]  # fmt: skip
    assert failed(again(stored)) == set()


def test_what_a_certificate_states() -> None:
    stated = stored_call().certificate
    assert stated.call_id == "call-1"
    assert stated.started_at == "2026-11-24T10:00:00+00:00"
    assert (stated.sample_rate, stated.roles) == (RATE, ("agent", "customer"))
    assert (stated.samples, stated.duration_ms) == (SECONDS * RATE, SECONDS * 1_000)
    assert stated.policy.digest == POLICY.digest
    assert stated.models == ("base@d01c3014", "tiny@1a5afae0")
    card = next(one for one in stated.spans if one.entity == "CARD_NUMBER")
    assert (card.start_ms, card.end_ms, card.channel) == (4_000, 5_000, 1)
    assert (card.score, card.recognizer, card.reason) == (0.97, "spoken", "recognised")
    assert next(one for one in stated.spans if one.entity == "PERSON").action is Action.KEEP
    assert set(stated.muted_ms_by_entity) == {"CARD_NUMBER"}
    assert 1_200 <= stated.muted_ms == stated.muted_ms_by_reason["recognised"] <= 2_500
    assert stated.software.startswith("hushwire ")
    assert stated.signature is None


def test_no_spoken_word_is_in_a_certificate() -> None:
    data = stored_call().files["call-1.certificate.json"].decode()
    assert not any(word.text.strip(",.") in data for word in WORDS)


def test_two_runs_give_the_same_bytes() -> None:
    assert stored_call().files == stored_call().files


def test_the_audio_has_its_length_and_its_silence() -> None:
    stored = stored_call()
    pcm, rate = soundfile.read(io.BytesIO(stored.files["call-1.flac"]), dtype="int16")
    assert (len(pcm), rate) == (SECONDS * RATE, RATE)
    assert not pcm[CARD.start : CARD.end, 1].any()
    np.testing.assert_array_equal(pcm[:, 0], audio()[:, 0])


def test_the_published_schema_is_the_one_in_use() -> None:
    text = (resources.files("pipeline.records") / "schemas" / "certificate.v1.json").read_text()
    assert json.loads(text) == certificate_schema()


def test_a_certificate_reads_back() -> None:
    stated = stored_call().certificate
    assert parse_certificate(certificate_json(stated)) == stated


def test_everything_but_the_signature_s_value_is_signed() -> None:
    stated = stored_call().certificate
    signed: list[bytes] = []

    def sign(payload: bytes) -> str:
        signed.append(payload)
        return "A" * 86 + "=="

    certificate = sign_certificate(stated, "a" * 64, sign)
    assert parse_certificate(certificate_json(certificate)) == certificate
    document = json.loads(certificate_json(certificate))
    assert document["signature"].pop("value") == "A" * 86 + "=="
    assert json.loads(signed[0]) == document
    assert document["signature"] == {"algorithm": "Ed25519", "key_id": "a" * 64}
    # Signed again, the old signature is not part of what is signed.
    assert sign_certificate(certificate, "a" * 64, sign) == certificate
    assert signed[0] == signed[1]


@pytest.mark.parametrize(
    "change",
    [{"schema": "hushwire.certificate.v9"}, {"samples": -1}, {"text": "extra"}, {"style": "loud"}],
)
def test_a_certificate_that_breaks_the_schema_is_refused(change: dict[str, object]) -> None:
    data = json.loads(stored_call().files["call-1.certificate.json"])
    with pytest.raises(RecordError, match="certificate"):
        parse_certificate(json.dumps(data | change).encode())


def quarantined(stored: StoredCall, reason: str) -> None:
    assert not stored.passed
    assert list(stored.files) == ["call-1.certificate.json"]
    assert stored.certificate.files == {}
    assert reason in {one.name for one in stored.certificate.checks if not one.passed}


def test_a_muting_stage_that_mutes_nothing_never_leads_to_a_stored_call() -> None:
    pcm = audio()
    raw: list[RedactedChunk | CallEnd] = [
        RedactedChunk(CALL, seq, seq * RATE, pcm[seq * RATE : (seq + 1) * RATE])
        for seq in range(SECONDS)
    ]
    chunks, verdict = verify(POLICY, [*raw, END])
    assert verdict.passed, "nothing was muted, so verification has nothing to measure"
    quarantined(store(chunks, verdict, findings()), "spans_not_covered")


def test_a_muting_stage_that_only_says_so_never_leads_to_a_stored_call() -> None:
    found = findings()
    pcm = audio()
    lied: list[RedactedChunk | CallEnd] = [
        RedactedChunk(one.call, one.seq, one.start, pcm[one.start : one.end].copy(), one.mutes)
        for one in redact(POLICY, found)
        if isinstance(one, RedactedChunk)
    ]
    chunks, verdict = verify(POLICY, [*lied, END])
    assert not verdict.passed
    quarantined(store(chunks, verdict, found), "energy_in_mutes_dbfs")
    # Nor would a verification that passes everything: the vault reads its own file again.
    blind = Verdict(CALL, passed=True, checks=(), end=END)
    quarantined(store(chunks, blind, found), "stored_energy_in_mutes_dbfs")


def test_a_recogniser_that_hears_nothing_never_leads_to_a_stored_call() -> None:
    found = findings(spans=(), words=())
    chunks, verdict = verify(POLICY, redact(POLICY, found))
    quarantined(store(chunks, verdict, found), "seconds_without_any_word")


def test_a_detector_that_stops_early_leaves_only_silence_behind_it() -> None:
    found = [
        Findings(CALL.call_id, 0, (CARD,), WORDS[:2], Watermark(6 * RATE)),
        Findings(CALL.call_id, 1, watermark=Watermark(6 * RATE), end=END),
    ]
    chunks, verdict = verify(POLICY, redact(POLICY, found))
    stored = store(chunks, verdict, found)
    pcm, _ = soundfile.read(io.BytesIO(stored.files["call-1.flac"]), dtype="int16")
    assert not pcm[6 * RATE :].any()
    assert "unheard" in stored.certificate.marks
    assert stored.certificate.muted_ms_by_reason["unheard"] >= 12_000


def test_lost_chunks_and_findings_quarantine_the_call() -> None:
    found = findings()
    chunks, verdict = verify(POLICY, redact(POLICY, found))
    quarantined(store(chunks[:-1], verdict, found), "stored_chunks_missing")
    quarantined(store(chunks, verdict, found[1:]), "findings_missing")


def test_a_failed_verdict_leaves_only_a_certificate() -> None:
    found = findings()
    chunks, verdict = verify(POLICY, redact(POLICY, found))
    check = Check("still_found", passed=False, measured=1.0, limit=0.0)
    bad = Verdict(CALL, passed=False, checks=(check,), end=verdict.end)
    quarantined(store(chunks, bad, found), "still_found")


def test_findings_may_come_last_and_order_is_kept() -> None:
    found = findings()
    chunks, verdict = verify(POLICY, redact(POLICY, found))
    assembly = CallAssembly(POLICY)
    for chunk in chunks:
        assembly.take_chunk(chunk)
    assert assembly.take_verdict(verdict) is None
    assert assembly.take_findings(found[0]) is None
    stored = assembly.take_findings(found[1])
    assert stored is not None
    assert stored.files == stored_call().files
    with pytest.raises(RecordError):
        CallAssembly(POLICY).take_chunk(chunks[1])


def test_verifications_own_mutes_reach_the_transcript() -> None:
    found = findings()
    chunks, _ = verify(POLICY, redact(POLICY, found))
    late = Mute(
        1,
        9 * RATE - 500,
        9 * RATE + 3_000,
        (Span("PIN", 1, 9 * RATE, 9 * RATE + 2_000, 0.9, "second"),),
    )
    for index, one in enumerate(chunks):
        pcm = one.pcm.copy()
        low, high = max(0, late.start - one.start), max(0, late.end - one.start)
        pcm[low:high, 1] = 0
        touches = late.start < one.end and late.end > one.start
        chunks[index] = RedactedChunk(
            one.call, one.seq, one.start, pcm, (*one.mutes, late) if touches else one.mutes
        )
    added = Verdict(CALL, passed=True, checks=(), added=(late,), end=END)
    stored = store(chunks, added, found)
    text = stored.files["call-1.json"].decode()
    assert stored.passed
    assert "thanks" not in text
    assert "[PIN]" in text


def test_a_strange_call_id_stays_a_file_name() -> None:
    call = CallInfo("../a b/ü", RATE, CALL.roles)
    verdict = Verdict(call, passed=False, checks=(), end=CallEnd(call.call_id, 0, 0))
    assembly = CallAssembly(POLICY)
    assembly.take_verdict(verdict)
    stored = assembly.take_findings(Findings(call.call_id, 0, end=CallEnd(call.call_id, 0, 0)))
    assert stored is not None
    (name,) = stored.files
    assert "/" not in name
    assert not name.startswith(".")
