"""A call that is read again under another pace: what nobody listened to is silenced, not passed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.runtime.steps import Later, Send, Step, Transcribe
from agents.stages.timeouts import Timeouts
from agents.stages.transcribe import TranscribeCall
from agents.system.engine_sizing import window_settings
from models.detection.call_detector import UNHEARD, CallDetector
from models.detection.turn_reader import ScriptedAnalyses, ScriptedReads
from pipeline.detection.decision.conversation import Conversation
from pipeline.policy.loading import parse_policy
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Role, WindowTranscript
from pipeline.transcription.segmenter import LoudnessVoice, silent
from pipeline.transcription.windows import WindowSettings

pytestmark = pytest.mark.unit

RATE = 8_000
SECONDS = 90
CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER))


def records(settings: WindowSettings) -> list[WindowTranscript]:
    """What transcription sends of a call with 3 s of speech in every 4 s on both channels."""
    core = TranscribeCall("call-1", "words", LoudnessVoice(), Timeouts(), listening=settings)
    second = np.random.default_rng(3).normal(0, 3_000, (RATE, 2)).astype(np.int16)
    pending: list[Step] = []
    for seq in range(SECONDS):
        pcm = second if seq % 4 else np.zeros_like(second)
        pending += core.take("raw", AudioChunk(CALL, seq, seq * RATE, pcm))
    pending += core.take("raw", CallEnd("call-1", SECONDS, SECONDS * RATE))
    sent: list[WindowTranscript] = []
    while pending:
        match pending.pop(0):
            case Transcribe() as step:
                pending[:0] = step.then(replace(silent(step.window), unexplained=()))
            case Later() as step:
                pending[:0] = step.then()
            case Send(record=WindowTranscript() as heard):
                sent.append(heard)
    return sent


def accounted(heard: list[WindowTranscript]) -> tuple[int, list[tuple[int, int, int]]]:
    """How far all is stated, and what detection silences as unheard."""
    policy = parse_policy("name: t\nversion: '1'\nentities:\n  PERSON: {threshold: 0.4}\n")
    detector = CallDetector(
        "call-1",
        sample_rate=RATE,
        channels=2,
        policy=policy,
        analyses=ScriptedAnalyses([]),
        reads=ScriptedReads(),
        roles=CALL.roles,
        conversation=Conversation(RATE, 2, policy),
    )
    found = [finding for one in heard for finding in detector.take(one)]
    found += detector.finish(CallEnd("call-1", SECONDS, SECONDS * RATE))
    spans = [span for one in found for span in one.spans if span.entity == UNHEARD]
    return found[-1].watermark.sample, sorted((one.channel, one.start, one.end) for one in spans)


def test_each_record_begins_where_its_channel_was_heard_to() -> None:
    until = [0, 0]
    for one in records(window_settings("balanced")):
        assert one.start <= until[one.channel]
        until[one.channel] = one.heard_until
    assert until == [SECONDS * RATE] * 2


def test_under_one_pace_nothing_is_unheard() -> None:
    watermark, unheard = accounted(records(window_settings("throughput")))
    assert watermark >= SECONDS * RATE
    assert unheard == []


def test_a_hole_that_another_pace_leaves_is_silenced() -> None:
    quick, slow = records(window_settings("latency")), records(window_settings("throughput"))
    taken = 12
    assert len(slow) > taken < len(quick)
    # The records before the restart were cut shorter: the numbers of longer ones are taken.
    mixed = [*quick[:taken], *(one for one in slow if one.seq >= taken)]
    _, unheard = accounted(mixed)
    for channel in (0, 1):
        last = max(one.heard_until for one in quick[:taken] if one.channel == channel)
        first = min(one.start for one in slow if one.seq >= taken and one.channel == channel)
        assert last < first
        assert (channel, last, first) in unheard
