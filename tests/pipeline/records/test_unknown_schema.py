"""A record in a schema that its reader does not know, in the middle of a call.

The reader sends it to the dead letters and goes on; what it would have said is missing then. That
stretch is silent, or the call is not stored: nothing of it is audible.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.kafka.producer import sealed
from pipeline.muting.muter import FINDINGS_MISSING, CallMuter
from pipeline.records import cloudevents, schemas
from pipeline.records.continuity import MIXED
from pipeline.records.model import AudioChunk, CallEnd, RedactedChunk
from pipeline.verification.verifier import CallVerifier
from tests.agents.runtime import test_stage_runtime as rigs
from tests.pipeline.detection.decision import test_one_detection as talk
from tests.pipeline.records.wire_samples import SAMPLES

pytestmark = pytest.mark.unit

END = CallEnd(talk.CALL.call_id, talk.SECONDS, talk.SECONDS * talk.RATE)


@pytest.mark.parametrize("name", schemas.NEWEST)
async def test_its_reader_dead_letters_it_and_goes_on(tmp_path: Path, name: str) -> None:
    async with rigs.running(rigs._rig(tmp_path, lambda _: rigs.EchoCore())) as rig:
        seal = rig.ledger.open_call("call-1").seal
        clear = cloudevents.encode(SAMPLES[name])
        newer = f"{cloudevents.SCHEMA}{name}:{schemas.NEWEST[name] + 1}".encode()
        headers = {**clear.headers, "ce_dataschema": newer}
        value = seal.seal(clear.value, cloudevents.associated_data(rigs.IN, headers))
        await rig.bring("call-1", 1)
        await rig.bring_message(headers, value, "call-1")
        known = sealed(CallEnd("call-1", 0, 0), rigs.IN, seal)
        await rig.bring_message(known.headers, known.value, "call-1")
        await rig.until(lambda: rig.ledger.finished("call-1", "detect"))
        await rig.until(lambda: rig.acknowledged() == [0, 1, 2])
        # Its bytes go along, still sealed: a newer reader can take them up again.
        assert rig.port.to(rigs.TOPICS.deadletter) == ["record"]
        assert rig.port.sent[0][2] == value


def test_without_a_window_its_stretch_is_silent() -> None:
    windows = talk.records()
    for lost in range(1, len(windows), 5):
        found = talk.detected(talk.POLICY, talk.ONE, [*windows[:lost], *windows[lost + 1 :]])
        out = talk.released(talk.POLICY, found)
        pcm = np.concatenate([one.pcm for one in out if isinstance(one, RedactedChunk)])
        gone = windows[lost]
        assert not pcm[gone.start : gone.end, gone.channel].any()
        assert talk.audible(out) == []


def test_without_findings_the_rest_is_silent_and_the_call_is_refused() -> None:
    found = talk.detected(talk.POLICY, talk.ONE)
    for lost in range(len(found) - 1):
        rest = [*found[:lost], *found[lost + 1 :]]
        out = talk.released(talk.POLICY, rest)
        pcm = np.concatenate([one.pcm for one in out if isinstance(one, RedactedChunk)])
        assert not pcm[found[lost].since :].any()
        end = next(one for one in out if isinstance(one, CallEnd))
        assert FINDINGS_MISSING in end.marks
        assert MIXED not in end.marks
        assert not talk.stored(talk.POLICY, rest, out).passed


def test_without_a_chunk_of_raw_audio_its_place_is_silent() -> None:
    found, lost = talk.detected(talk.POLICY, talk.ONE), 30
    second = np.full((talk.RATE, 2), 9_000, np.int16)
    muter, out = CallMuter(talk.POLICY), list[RedactedChunk | CallEnd]()
    for seq in range(talk.SECONDS):
        if seq != lost:
            out += muter.take_audio(AudioChunk(talk.CALL, seq, seq * talk.RATE, second))
    for one in found:
        out += muter.take_findings(one)
    out += muter.take_end(END)
    pcm = np.concatenate([one.pcm for one in out if isinstance(one, RedactedChunk)])
    assert not pcm[lost * talk.RATE : (lost + 1) * talk.RATE].any()
    assert talk.audible(out) == []


def test_without_a_chunk_of_redacted_audio_the_call_is_refused() -> None:
    out = talk.released(talk.POLICY, talk.detected(talk.POLICY, talk.ONE))
    assert "missing_chunks" in talk.failed([*out[:30], *out[31:]])
    assert CallVerifier(talk.POLICY).take(END)[-1].passed is False  # type: ignore[union-attr]
