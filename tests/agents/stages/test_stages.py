"""The adapters of the stages, driven with literal records."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from agents.access.audit_log import AuditLog, Event
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import CallState, Ledger
from agents.kafka.topics import Topics
from agents.runtime.steps import Act, EmitEvent, LateError, Later, Send, Stage, Step, Transcribe
from agents.stages import mute
from agents.stages.detect import DetectCall
from agents.stages.mute import MuteCall, mute_stage
from agents.stages.timeouts import Timeouts
from agents.stages.transcribe import TranscribeCall
from agents.stages.vault import TRANSCRIPT, vault_stage
from agents.stages.verify import VerifyCall
from agents.vault.file_store import PASSED, QUARANTINE
from agents.vault.vault import Vault
from pipeline.errors import ModelError, RecordError
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.model import (
    INCOMPLETE,
    AudioChunk,
    CallEnd,
    CallInfo,
    EndedBy,
    Findings,
    Interval,
    Record,
    RedactedChunk,
    Role,
    Span,
    Verdict,
    Watermark,
    Window,
    WindowTranscript,
    Word,
)
from pipeline.transcription.segmenter import LoudnessVoice, unheard

pytestmark = pytest.mark.unit

TOPICS = Topics.named()
POLICY = load_policy("default")
CALL = CallInfo("call-1", 8_000, (Role.MIXED,))
TIMEOUTS = Timeouts(late_s=2.0, idle_s=30.0)
SECOND = np.zeros((8_000, 1), np.int16)


def _chunk(seq: int) -> AudioChunk:
    return AudioChunk(CALL, seq, seq * 8_000, SECOND)


def _sent(steps: list[Step], *, heard: bool = True) -> list[Record]:
    """Carry steps out as the runtime would, with windows in which nothing was said."""
    records: list[Record] = []
    for step in steps:
        match step:
            case Send():
                records.append(step.record)
            case Later():
                records += _sent(step.then())
            case Transcribe():
                window = step.window
                answer = _silence(window) if heard else unheard(window)
                records += _sent(step.then(answer))
            case Act():
                step.what()
    return records


def _silence(window: Window) -> WindowTranscript:
    return WindowTranscript(
        window.call_id,
        window.seq,
        window.channel,
        window.start,
        window.end,
        heard_until=window.heard_until,
    )


@pytest.fixture
def transcribe() -> TranscribeCall:
    return TranscribeCall("call-1", TOPICS.words, LoudnessVoice(), TIMEOUTS)


class TestTranscribe:
    def test_the_end_comes_last_and_once(self, transcribe: TranscribeCall) -> None:
        _sent(transcribe.take(TOPICS.audio_raw, _chunk(0)))
        assert transcribe.wait_s == 30.0
        records = _sent(transcribe.take(TOPICS.audio_raw, CallEnd("call-1", 1, 8_000)))
        assert isinstance(records[0], WindowTranscript)
        assert records[0].call == CALL
        assert records[-1] == CallEnd("call-1", 1, 8_000)
        assert transcribe.done
        assert transcribe.take(TOPICS.audio_raw, CallEnd("call-1", 1, 8_000)) == []

    def test_a_missing_chunk_is_waited_for(self, transcribe: TranscribeCall) -> None:
        transcribe.take(TOPICS.audio_raw, _chunk(0))
        assert transcribe.take(TOPICS.audio_raw, CallEnd("call-1", 3, 24_000)) == []
        transcribe.take(TOPICS.audio_raw, _chunk(2))
        assert (transcribe.done, transcribe.wait_s) == (False, 2.0)
        end = _sent(transcribe.take(TOPICS.audio_raw, _chunk(1)))[-1]
        assert end == CallEnd("call-1", 3, 24_000)

    def test_a_chunk_that_never_comes_is_a_marked_gap(self, transcribe: TranscribeCall) -> None:
        for record in (_chunk(0), _chunk(2), CallEnd("call-1", 3, 24_000)):
            transcribe.take(TOPICS.audio_raw, record)
        sent = _sent(transcribe.quiet())
        assert sent[-1] == CallEnd("call-1", 3, 24_000, marks=("gap",))
        # Muting may still get the chunk: nobody has listened to it, so it must not be released.
        heard = [record for record in sent if isinstance(record, WindowTranscript)]
        assert [gap for one in heard for gap in one.unheard] == [Interval(8_000, 16_000)]
        assert ("AudioChunk", 1) in transcribe.late
        assert ("AudioChunk", 3) in transcribe.late
        assert ("AudioChunk", 2) not in transcribe.late
        assert ("CallEnd", 0) not in transcribe.late
        with pytest.raises(LateError):
            transcribe.take(TOPICS.audio_raw, _chunk(1))
        assert transcribe.take(TOPICS.audio_raw, _chunk(2)) == []

    def test_a_call_without_end_is_ended(self, transcribe: TranscribeCall) -> None:
        transcribe.take(TOPICS.audio_raw, _chunk(0))
        transcribe.take(TOPICS.audio_raw, _chunk(1))
        end = _sent(transcribe.quiet())[-1]
        assert end == CallEnd("call-1", 2, 16_000, EndedBy.IDLE)
        assert transcribe.wait_s is None

    def test_a_window_that_was_not_heard_marks_the_call(self, transcribe: TranscribeCall) -> None:
        transcribe.take(TOPICS.audio_raw, _chunk(0))
        steps = transcribe.take(TOPICS.audio_raw, CallEnd("call-1", 1, 8_000))
        records = _sent(steps, heard=False)
        assert isinstance(records[0], WindowTranscript)
        assert records[0].unheard == (Interval(0, 8_000),)
        assert records[-1] == CallEnd("call-1", 1, 8_000, marks=("unheard",))

    def test_a_window_in_another_language_marks_the_call(self, transcribe: TranscribeCall) -> None:
        transcribe.take(TOPICS.audio_raw, _chunk(0))
        steps = transcribe.take(TOPICS.audio_raw, CallEnd("call-1", 1, 8_000))
        listens = [step for step in steps if isinstance(step, Transcribe)]
        answers = [replace(unheard(one.window), doubts=("foreign",)) for one in listens]
        told = [one.then(answer) for one, answer in zip(listens, answers, strict=True)]
        assert all(isinstance(step, Send) for steps in told for step in steps)
        end = _sent([step for step in steps if isinstance(step, Later)])[-1]
        assert end == CallEnd("call-1", 1, 8_000, marks=("language",))

    def test_a_call_without_audio_ends(self, transcribe: TranscribeCall) -> None:
        end = CallEnd("call-1", 0, 0)
        assert _sent(transcribe.take(TOPICS.audio_raw, end)) == [end]

    def test_a_chunk_of_another_rate_is_refused_and_counts_as_missing(
        self, transcribe: TranscribeCall
    ) -> None:
        transcribe.take(TOPICS.audio_raw, _chunk(0))
        other = AudioChunk(CallInfo("call-1", 16_000, CALL.roles), 1, 8_000, SECOND)
        with pytest.raises(RecordError):
            transcribe.take(TOPICS.audio_raw, other)
        assert transcribe.take(TOPICS.audio_raw, CallEnd("call-1", 2, 16_000)) == []


class _Breaks:
    """A detector that breaks on words."""

    def __init__(self) -> None:
        self.heard: list[WindowTranscript] = []

    def take(self, transcript: WindowTranscript) -> list[Findings]:
        if not transcript.unheard:
            raise ZeroDivisionError
        self.heard.append(transcript)
        return []

    def finish(self, end: CallEnd) -> list[Findings]:
        return [Findings(end.call_id, 0, end=end)]


class TestDetect:
    def test_a_window_that_breaks_the_detector_is_unheard(self) -> None:
        detector = _Breaks()
        core = DetectCall("call-1", TOPICS.spans, lambda *_, **__: detector, POLICY)
        core.take(
            TOPICS.words, WindowTranscript("call-1", 0, 0, 0, 500, heard_until=800, call=CALL)
        )
        assert detector.heard[0].unheard == (Interval(0, 800),)

    def test_without_a_rate_the_record_is_refused(self) -> None:
        core = DetectCall("call-1", TOPICS.spans, lambda *_, **__: _Breaks(), POLICY)
        with pytest.raises(RecordError):
            core.take(TOPICS.words, WindowTranscript("call-1", 0, 0, 0, 500))

    def test_an_empty_call_has_an_end(self) -> None:
        core = DetectCall("call-1", TOPICS.spans, lambda *_, **__: _Breaks(), POLICY)
        end = CallEnd("call-1", 0, 0)
        assert _sent(core.take(TOPICS.words, end)) == [Findings("call-1", 0, end=end)]
        assert core.done

    def test_a_call_of_which_no_window_came_is_refused(self) -> None:
        core = DetectCall("call-1", TOPICS.spans, lambda *_, **__: _Breaks(), POLICY)
        with pytest.raises(ModelError):
            core.take(TOPICS.words, CallEnd("call-1", 3, 24_000))


class TestMute:
    def test_holds_audio_until_the_findings_release_it(self) -> None:
        core = MuteCall(TOPICS.audio_redacted, POLICY, TIMEOUTS)
        assert core.take(TOPICS.audio_raw, _chunk(0)) == []
        assert core.held == 16_000
        end = CallEnd("call-1", 1, 8_000)
        findings = Findings("call-1", 0, watermark=Watermark(8_001), end=end)
        chunk, last = _sent(core.take(TOPICS.spans, findings))
        assert isinstance(chunk, RedactedChunk)
        assert last == end
        assert (core.held, core.done) == (0, True)

    def test_missing_audio_is_waited_for_longer_before_the_recorder_s_end_was_read(self) -> None:
        core = MuteCall(TOPICS.audio_redacted, POLICY, TIMEOUTS)
        core.take(TOPICS.audio_raw, _chunk(0))
        assert core.wait_s is None
        end = CallEnd("call-1", 2, 16_000)
        findings = Findings("call-1", 0, watermark=Watermark(16_001), end=end)
        released = _sent(core.take(TOPICS.spans, findings))
        assert core.wait_s == 30.0
        core.take(TOPICS.audio_raw, end)
        assert core.wait_s == 2.0
        records = [*released, *_sent(core.quiet())]
        assert [type(one) for one in records] == [RedactedChunk, RedactedChunk, CallEnd]
        assert core.done

    def test_how_long_after_it_came_audio_is_released(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[float] = []
        core = MuteCall(TOPICS.audio_redacted, POLICY, TIMEOUTS, told.append)
        for seconds, number in ((10.0, 0), (11.0, 1), (12.0, 2)):
            monkeypatch.setattr(mute.time, "monotonic", lambda at=seconds: at)
            core.take(TOPICS.audio_raw, _chunk(number))
        monkeypatch.setattr(mute.time, "monotonic", lambda: 15.5)
        end = CallEnd("call-1", 3, 24_000)
        core.take(TOPICS.spans, Findings("call-1", 0, watermark=Watermark(24_001), end=end))
        assert told == [5.5, 4.5, 3.5]

    def test_only_raw_audio_may_pause(self) -> None:
        assert mute_stage(TOPICS, TIMEOUTS).pausable == (TOPICS.audio_raw,)


class _Inspector:
    def inspect(
        self,
        transcript: WindowTranscript,
        *,
        sample_rate: int,
        expected: frozenset[str],
        language: str = "en",
        policy: Policy | None = None,
    ) -> tuple[Span, ...]:
        raise ZeroDivisionError


def test_verify_fails_closed_when_a_window_can_not_be_inspected() -> None:
    core = VerifyCall(TOPICS.audio_verified, POLICY, _Inspector())
    loud = np.full((80_000, 1), 3_000, np.int16)
    span = Span("CARD_NUMBER", 0, 30_000, 40_000, 1.0, "numbers")
    muter = MuteCall(TOPICS.audio_redacted, POLICY, TIMEOUTS)
    muter.take(TOPICS.audio_raw, AudioChunk(CALL, 0, 0, loud))
    end = CallEnd("call-1", 1, 80_000)
    findings = Findings("call-1", 0, (span,), watermark=Watermark(80_001), end=end)
    sent: list[Record] = []
    for record in _sent(muter.take(TOPICS.spans, findings)):
        sent += _sent(core.take(TOPICS.audio_redacted, record))
    verdict = sent[-1]
    assert isinstance(verdict, Verdict)
    assert not verdict.passed
    assert core.done


END = CallEnd("call-1", 1, 8_000)
LAST = Findings("call-1", 0, watermark=Watermark(8_001), end=END)
PASSES = Verdict(CALL, passed=True, checks=(), end=END)
FAILS = Verdict(CALL, passed=False, checks=(), end=END)
SAFE = RedactedChunk(CALL, 0, 0, SECOND)


@pytest.fixture
def vault(ledger: Ledger, tmp_path: Path) -> Vault:
    ledger.open_call("call-1")
    return Vault.opened(tmp_path / "vault", ledger)


@pytest.fixture
def stage(vault: Vault, ledger: Ledger, key: SigningKey, log: AuditLog) -> Stage:
    return vault_stage(TOPICS, vault, ledger, TIMEOUTS, key=key, log=log)


def _stored(stage: Stage, *records: RedactedChunk | Verdict | Findings) -> list[Step]:
    """What the vault stage does at the last of these records."""
    core, steps = stage.open("call-1", POLICY), list[Step]()
    for record in records:
        assert steps == []
        steps = core.take("", record)
    assert core.done
    return steps


def test_the_vault_stores_then_tells_then_destroys_the_key(
    stage: Stage, vault: Vault, ledger: Ledger, key: SigningKey, log: AuditLog, tmp_path: Path
) -> None:
    log.append(Event("keys/1", "", "hushwire.audit.token-created.v1", {"token": "1"}))
    first, second, third = _stored(stage, SAFE, PASSES, LAST)
    assert isinstance(first, Act)
    first.what()
    stored = tmp_path / "vault" / "calls" / "call-1"
    certificate = (stored / "call-1.certificate.json").read_bytes()
    assert (stored / "call-1.flac.sealed").is_file()
    assert vault.read("call-1", "call-1.flac").startswith(b"fLaC")
    assert key.public.signed(json.loads(certificate))
    assert json.loads(certificate)["log"] == {"seq": 1, "hash": log.head().hash}
    assert ledger.state("call-1") is CallState.OPEN
    # What is told is the certificate in the vault, also where it is there since before an upgrade.
    first.what()
    assert isinstance(second, Later)
    news, audited = second.then()
    assert isinstance(news, EmitEvent)
    assert isinstance(audited, EmitEvent)
    assert (news.topic, audited.topic) == (TOPICS.calls_redacted, TOPICS.audit)
    digest = hashlib.sha256(certificate).hexdigest()
    told = {"call_id": "call-1", "state": "stored", "files": 4, "certificate": digest}
    assert news.facts == {**told, "whole": True, "marks": []}
    assert audited.facts["certificate"] == digest
    assert isinstance(third, Act)
    third.what()
    assert ledger.state("call-1") is CallState.STORED


@pytest.mark.parametrize(
    ("end", "marks"),
    [
        (replace(END, ended_by=EndedBy.IDLE), ["idle"]),
        (replace(END, marks=(INCOMPLETE,)), ["incomplete"]),
        (replace(END, marks=("gap", "unheard")), ["gap", "unheard"]),
    ],
)
def test_it_is_told_where_a_part_of_a_call_never_came(
    stage: Stage, end: CallEnd, marks: list[str]
) -> None:
    first, second, _ = _stored(stage, SAFE, replace(PASSES, end=end), replace(LAST, end=end))
    assert isinstance(first, Act)
    first.what()
    assert isinstance(second, Later)
    news, _ = second.then()
    assert isinstance(news, EmitEvent)
    assert (news.facts["whole"], news.facts["marks"]) == (False, marks)


def _transcripts(steps: list[Step]) -> list[EmitEvent]:
    """What is told of the transcript once a call's files are there."""
    first, second, *_ = steps
    assert isinstance(first, Act)
    assert isinstance(second, Later)
    first.what()
    told = [one for one in second.then() if isinstance(one, EmitEvent)]
    return [one for one in told if one.topic == TOPICS.transcripts_redacted]


def test_the_transcript_is_told_only_where_it_is_wanted_and_as_it_is_stored(
    vault: Vault, ledger: Ledger, key: SigningKey, log: AuditLog
) -> None:
    def told(*records: RedactedChunk | Verdict | Findings, wanted: bool) -> list[EmitEvent]:
        stage = vault_stage(TOPICS, vault, ledger, TIMEOUTS, key=key, log=log, transcripts=wanted)
        return _transcripts(_stored(stage, *records))

    said = Word(0, 100, 500, "hello", 0.9)
    heard = replace(LAST, words=(said,))
    assert told(SAFE, PASSES, heard, wanted=False) == []
    (first,) = told(SAFE, PASSES, heard, wanted=True)
    certificate = vault.catalogue.get("call-1").certificate
    assert (first.kind, first.part, first.classification) == (TRANSCRIPT, 1, "confidential")
    assert first.facts["certificate"] == certificate
    turns = first.facts["turns"]
    assert isinstance(turns, list)
    assert [turn["text"] for turn in turns] == ["hello"]
    # Again, after a restart with another version that hears otherwise: as it is stored.
    otherwise = replace(LAST, words=(replace(said, text="goodbye"),))
    (again,) = told(SAFE, PASSES, otherwise, wanted=True)
    assert again == first


def test_nothing_is_told_of_what_failed_was_erased_or_can_t_be_read(
    vault: Vault, ledger: Ledger, key: SigningKey, log: AuditLog, tmp_path: Path
) -> None:
    stage = vault_stage(TOPICS, vault, ledger, TIMEOUTS, key=key, log=log, transcripts=True)
    steps = _stored(stage, SAFE, PASSES, LAST)
    assert len(_transcripts(steps)) == 1
    sealed = tmp_path / "vault" / "calls" / "call-1" / "call-1.json.sealed"
    sealed.write_bytes(sealed.read_bytes()[:-9])
    assert _transcripts(steps) == []
    ledger.open_call("call-2")
    core = stage.open("call-2", POLICY)
    call, end = replace(CALL, call_id="call-2"), replace(END, call_id="call-2")
    core.take("", replace(SAFE, call=call))
    core.take("", replace(LAST, call_id="call-2", end=end))
    assert _transcripts(core.take("", replace(FAILS, call=call, end=end))) == []
    assert vault.place.names(QUARANTINE, "call-2")


def test_of_a_call_that_fails_the_vault_stores_the_certificate_alone(
    stage: Stage, vault: Vault, ledger: Ledger
) -> None:
    first, second, third = _stored(stage, SAFE, LAST, FAILS)
    assert isinstance(first, Act)
    first.what()
    assert vault.place.names(PASSED, "call-1") == ()
    assert vault.place.names(QUARANTINE, "call-1") == ("call-1.certificate.json",)
    assert isinstance(second, Later)
    news, audited = second.then()
    assert isinstance(news, EmitEvent)
    assert isinstance(audited, EmitEvent)
    assert (news.facts["state"], news.facts["files"]) == ("quarantined", 1)
    assert audited.facts["state"] == "quarantined"
    assert isinstance(third, Act)
    third.what()
    assert ledger.state("call-1") is CallState.QUARANTINED


def test_a_call_is_kept_as_long_as_its_purpose_allows(stage: Stage, vault: Vault) -> None:
    policy = POLICY.model_copy(update={"retention": {"default": 90, "training": 30}})
    core = stage.open("call-1", policy)
    training = replace(CALL, purpose="training")
    core.take("", replace(SAFE, call=training))
    core.take("", replace(PASSES, call=training))
    first, *_ = core.take("", LAST)
    assert isinstance(first, Act)
    first.what()
    facts = vault.catalogue.get("call-1")
    assert facts.retain_until - facts.stored == timedelta(days=30)


def test_the_vault_waits_for_the_last_findings_from_the_verdict_on(stage: Stage) -> None:
    core = stage.open("call-1", POLICY)
    assert core.take("", SAFE) == []
    assert core.wait_s is None
    assert core.take("", PASSES) == []
    assert core.wait_s == 30.0
    assert not core.done
    with pytest.raises(RecordError, match="last findings"):
        core.quiet()
    assert core.take("", LAST)
    assert core.done
    assert core.wait_s is None


@pytest.mark.parametrize("repeat", [SAFE, PASSES, FAILS, LAST])
def test_what_comes_behind_a_stored_call_changes_nothing(stage: Stage, repeat: Record) -> None:
    core = stage.open("call-1", POLICY)
    for record in (SAFE, PASSES, LAST):
        core.take("", record)
    assert core.take("", repeat) == []


def test_the_vault_takes_verified_audio_and_findings_and_nothing_else(stage: Stage) -> None:
    assert stage.inputs == (TOPICS.audio_verified, TOPICS.spans)
    core = stage.open("call-1", POLICY)
    with pytest.raises(RecordError, match="not a record"):
        core.take(TOPICS.audio_verified, _chunk(0))
    assert core.held == 0
