"""A call that is detected twice, by others: what no record accounts for never passes.

Two whole runs over the same words are made, with other constants or another policy each. Then the
records are mixed as a broker would after a restart: the first so many of one run, the rest of the
other. Wherever that is, every digit is silent, or the call is not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.detection import call_detector
from models.detection.call_detector import CallDetector
from models.detection.turn_reader import ScriptedAnalyses, ScriptedReads
from pipeline.detection.decision import conversation
from pipeline.detection.decision.conversation import Conversation
from pipeline.evidence.certificate import DetectionStated
from pipeline.evidence.stored_call import CallAssembly, StoredCall
from pipeline.muting.muter import CallMuter
from pipeline.policy.loading import load_policy
from pipeline.policy.model import EchoRule, Policy
from pipeline.records.continuity import MIXED
from pipeline.records.model import (
    AudioChunk,
    CallEnd,
    CallInfo,
    Detection,
    Findings,
    RedactedChunk,
    Role,
    Verdict,
    Window,
    WindowTranscript,
    Word,
)
from pipeline.transcription.segmenter import silent
from pipeline.verification.verifier import CallVerifier

pytestmark = pytest.mark.unit

RATE = 8_000
CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER))
POLICY = load_policy("default").model_copy(update={"echo": EchoRule(mode="never")})
LOOSE = POLICY.model_copy(
    update={"version": "2", "hold": POLICY.hold.model_copy(update={"max_seconds": 5.0})}
)
OTHER_POLICY = load_policy("pci+hipaa").model_copy(update={"hold": LOOSE.hold, "echo": POLICY.echo})
TALK: tuple[tuple[int, float, str], ...] = (
    (0, 1.0, "what is your card number please"),
    (1, 5.0, "four one one one"),
    (0, 9.0, "okay"),
    (1, 11.0, "one one one one"),
    (1, 20.0, "one one one one"),
    (0, 25.0, "go on"),
    (1, 29.0, "one one one one"),
    (0, 34.0, "thank you now tell me your pin please"),
    (1, 40.0, "let me see"),
    (1, 49.0, "seven three five nine"),
    (0, 55.0, "thanks a lot and good bye"),
    (1, 58.0, "bye"),
)
SECONDS, CHUNK_S = 64, 16
DIGITS = frozenset({"one", "four", "seven", "three", "five", "nine"})
ONE = Detection(POLICY.digest, "", "", "hushwire 1")


def words() -> list[Word]:
    return [
        Word(
            channel, round((at + 0.35 * place) * RATE), round((at + 0.35 * place + 0.3) * RATE), one
        )
        for channel, at, said in TALK
        for place, one in enumerate(said.split())
    ]


def records(step_s: int = 4) -> list[WindowTranscript]:
    """The call in windows of both channels in turn."""
    said, step = words(), step_s * RATE
    return [
        WindowTranscript(
            CALL.call_id,
            2 * (start // step) + channel,
            channel,
            start,
            start + step,
            words=tuple(
                one for one in said if one.channel == channel and start <= one.start < start + step
            ),
            heard_until=start + step,
            listening="ear-1",
        )
        for start in range(0, SECONDS * RATE, step)
        for channel in (0, 1)
    ]


def detected(
    policy: Policy, by: Detection, windows: Sequence[WindowTranscript] | None = None
) -> list[Findings]:
    """A whole run."""
    call = CallDetector(
        CALL.call_id,
        sample_rate=RATE,
        channels=2,
        policy=policy,
        analyses=ScriptedAnalyses([]),
        reads=ScriptedReads(),
        roles=CALL.roles,
        conversation=Conversation(RATE, 2, policy, customers=frozenset({1})),
        detection=by,
    )
    found = [one for heard in windows or records() for one in call.take(heard)]
    return [*found, *call.finish(CallEnd(CALL.call_id, SECONDS // CHUNK_S, SECONDS * RATE))]


def released(policy: Policy, found: Sequence[Findings]) -> list[RedactedChunk | CallEnd]:
    """What muting makes of a loud call."""
    loud = np.full((CHUNK_S * RATE, 2), 9_000, np.int16)
    muter, out = CallMuter(policy), list[RedactedChunk | CallEnd]()
    for seq in range(SECONDS // CHUNK_S):
        out += muter.take_audio(AudioChunk(CALL, seq, seq * CHUNK_S * RATE, loud))
    for one in found:
        out += muter.take_findings(one)
    assert muter.finished
    return out


def stored(policy: Policy, found: Sequence[Findings], out: Sequence[object]) -> StoredCall:
    """What the vault makes of it, with a verdict that finds nothing."""
    end = next(one for one in out if isinstance(one, CallEnd))
    assembly = CallAssembly(policy)
    for record in found:
        assembly.take_findings(record)
    for one in out:
        if isinstance(one, RedactedChunk):
            assembly.take_chunk(one)
    passed = not {"late_span", "findings_missing", MIXED} & set(end.marks)  # as verification does
    made = assembly.take_verdict(Verdict(CALL, passed=passed, checks=(), end=end))
    assert made is not None
    return made


def audible(out: Sequence[object]) -> list[str]:
    """Digits of which more than a tenth of a second can be heard."""
    pcm = np.concatenate([one.pcm for one in out if isinstance(one, RedactedChunk)])
    assert len(pcm) == SECONDS * RATE
    return [
        one.text
        for one in words()
        if one.text in DIGITS
        and np.count_nonzero(pcm[one.start : one.end, one.channel]) > RATE // 10
    ]


def mixtures(one: list[Findings], other: list[Findings]) -> list[list[Findings]]:
    """The first so many records of one run, the rest of the other: first of a number counts."""
    return [
        [*first[:count], *rest[count:]]
        for first, rest in ((one, other), (other, one))
        for count in range(1, min(len(first), len(rest)))
    ]


CHANGES = ["LOOK_BACK_S", "OPEN_S", "hold", "policy"]


def changed(which: str, monkeypatch: pytest.MonkeyPatch, by: Detection | None) -> list[Findings]:
    """The call as another version, or another policy, detects it."""
    policy = {"hold": LOOSE, "policy": OTHER_POLICY}.get(which, POLICY)
    if which == "LOOK_BACK_S":
        monkeypatch.setattr(call_detector, "LOOK_BACK_S", 7.0)
    if which == "OPEN_S":
        monkeypatch.setattr(conversation, "OPEN_S", 2.0)
    found = detected(policy, by or replace(ONE, policy=policy.digest, software="hushwire 2"))
    out = released(policy, found)
    assert audible(out) == []
    assert by or stored(policy, found, out).passed
    return found


@pytest.mark.parametrize("which", CHANGES)
def test_of_two_detections_nothing_passes(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = mixtures(detected(POLICY, ONE), changed(which, monkeypatch, None))
    assert len(mixed) > 10
    for found in mixed:
        out = released(POLICY, found)
        assert audible(out) == []
        assert not stored(POLICY, found, out).passed


@pytest.mark.parametrize("which", CHANGES)
def test_no_digit_passes_where_the_digests_do_not_tell(
    which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processors may give other watermarks under one version and policy."""
    mixed = mixtures(detected(POLICY, ONE), changed(which, monkeypatch, ONE))
    assert len(mixed) > 10
    for found in mixed:
        out = released(POLICY, found)
        assert not (audible(out) and stored(POLICY, found, out).passed)


@pytest.mark.parametrize("seconds", [-2, 2], ids=["overlap", "hole"])
def test_findings_that_do_not_follow_silence_the_rest(seconds: int) -> None:
    whole = detected(POLICY, ONE)
    place = next(at for at, one in enumerate(whole) if one.watermark.sample > 20 * RATE)
    before = whole[place].since
    late = replace(whole[place], since=before + seconds * RATE)
    found = [*whole[:place], late, *whole[place + 1 :]]
    out = released(POLICY, found)
    ends = [one for one in out if isinstance(one, CallEnd)]
    assert ends[0].marks == (MIXED, "unheard")
    pcm = np.concatenate([one.pcm for one in out if isinstance(one, RedactedChunk)])
    assert not pcm[before:].any()
    assert pcm[: before - RATE].any()
    call = stored(POLICY, found, out)
    assert [one.name for one in call.certificate.checks if not one.passed] == ["other_detections"]


def test_a_call_under_a_policy_that_is_not_its_own_is_refused_and_silent() -> None:
    found = detected(OTHER_POLICY, replace(ONE, policy=OTHER_POLICY.digest))
    out = released(POLICY, found)
    call = stored(POLICY, found, out)
    assert not np.concatenate([one.pcm for one in out if isinstance(one, RedactedChunk)]).any()
    assert not call.passed
    # The certificate says what detection used, not what the vault's process was told.
    assert call.certificate.policy.digest == OTHER_POLICY.digest
    assert call.certificate.policy.name == ""


def test_records_of_an_older_version_count_among_themselves_only() -> None:
    whole = detected(POLICY, ONE)
    old = [replace(one, since=0, detection=None) for one in whole]
    out = released(POLICY, old)
    assert audible(out) == []
    call = stored(POLICY, old, out)
    assert call.passed
    assert call.certificate.detection is None
    half = [*old[:3], *whole[3:]]
    assert not stored(POLICY, half, released(POLICY, half)).passed


def test_two_versions_with_one_fingerprint_are_one_detection() -> None:
    """A rolling upgrade that changes nothing of detection quarantines nothing."""
    old, new, other = (
        detected(POLICY, replace(ONE, software=software))
        for software in ("hushwire 1.0 (aa)", "hushwire 1.1 (aa)", "hushwire 1.1 (bb)")
    )
    for count in range(1, len(old) - 1):
        found = [*old[:count], *new[count:]]
        call = stored(POLICY, found, released(POLICY, found))
        assert call.passed
        assert call.certificate.software == "hushwire 1.0 (aa)"
        mixed = [*old[:count], *other[count:]]
        assert not stored(POLICY, mixed, released(POLICY, mixed)).passed


@pytest.mark.parametrize("software", ["hushwire 1", "(aa)", "hushwire 1.0 (aa) or so", ""])
def test_software_of_another_form_is_compared_whole(software: str) -> None:
    named = detected(POLICY, replace(ONE, software="hushwire 1.0 (aa)"))
    odd = detected(POLICY, replace(ONE, software=software))
    mixed = [*named[:5], *odd[5:]]
    assert not stored(POLICY, mixed, released(POLICY, mixed)).passed


def test_the_certificate_says_what_detection_used() -> None:
    whole = detected(POLICY, ONE)
    stated = stored(POLICY, whole, released(POLICY, whole)).certificate
    assert stated.software == "hushwire 1"
    assert stated.detection is not None
    by = replace(ONE, listening="ear-1")
    assert stated.detection == DetectionStated(by.digest, "ear-1", "")


def test_windows_that_were_heard_otherwise_are_silent_and_the_call_is_refused() -> None:
    first, second = records(), [replace(one, listening="ear-2") for one in records()]
    for count in range(1, len(first)):
        found = detected(POLICY, ONE, [*first[:count], *second[count:]])
        out = released(POLICY, found)
        assert audible(out) == []
        assert not stored(POLICY, found, out).passed


def test_audio_that_was_muted_by_another_policy_is_refused() -> None:
    found = detected(POLICY, ONE)
    out = released(POLICY, found)
    for policy in (OTHER_POLICY.digest, ""):
        other = [
            replace(one, policy=policy) if isinstance(one, RedactedChunk) and one.seq > 9 else one
            for one in out
        ]
        call = stored(POLICY, found, other)
        assert [one.name for one in call.certificate.checks if not one.passed] == ["other_policies"]
        assert "one_detection" in failed(other)
    assert "one_detection" not in failed(out)


def failed(out: Sequence[RedactedChunk | CallEnd]) -> set[str]:
    """Checks of verification that fail; nothing is heard in what it listens to."""
    verifier = CallVerifier(POLICY)
    said = [made for one in out for made in verifier.take(one)]
    for one in said:
        if isinstance(one, Window):
            said += verifier.take_transcript(silent(one), [])
    verdict = said[-1]
    assert isinstance(verdict, Verdict)
    return {one.name for one in verdict.checks if not one.passed}
