"""Recorders and calls that do what nobody expects, through all stages in memory."""

from __future__ import annotations

import gc
import io
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from agents.app.in_memory_pipeline import Line
from pipeline.errors import RecordError
from pipeline.evidence.stored_call import CallAssembly, StoredCall
from pipeline.muting.muter import CallMuter
from pipeline.policy.loading import load_policy
from pipeline.policy.model import EchoRule
from pipeline.records.model import (
    AudioChunk,
    CallEnd,
    CallInfo,
    Findings,
    Pcm,
    RedactedChunk,
    Role,
    Span,
    Watermark,
    Window,
)
from pipeline.transcription.segmenter import LoudnessVoice, Segmenter
from pipeline.verification.verifier import CallVerifier
from tests.agents.app.redacting import RATE, audio, styled
from tests.broker import fakes
from tests.broker.fakes import ScriptedDetector, transcribe

pytestmark = pytest.mark.unit

CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER))
HOUR = 3_600 * RATE


def chunks(pcm: Pcm, size: int, *, jump: int = 0) -> Iterator[AudioChunk]:
    """The call in chunks; the recorder's clock jumps in the middle."""
    starts = range(0, len(pcm), size)
    for seq, start in enumerate(starts):
        later = jump if seq >= len(starts) // 2 else 0
        yield AudioChunk(CALL, seq, start + later, pcm[start : start + size])


def through(records: list[AudioChunk | CallEnd], *, refused: int = 0) -> StoredCall:
    """What the stages make of a call, whose broken records nobody takes."""
    detector = ScriptedDetector()
    with ThreadPoolExecutor(1) as pool:
        line = Line(
            "call-1",
            styled("silence"),
            detector.open,
            detector,
            voice=LoudnessVoice(),
            pool=pool,
            transcribe=transcribe,
            check=transcribe,
        )
        broken = 0
        for record in records:
            try:
                line.put(line.topics.audio_raw, record)
            except RecordError:
                broken += 1
        assert broken == refused
        return line.finish()


def stored_audio(call: StoredCall) -> Pcm:
    content = next(data for name, data in call.files.items() if name.endswith(".flac"))
    pcm, _ = soundfile.read(io.BytesIO(content), dtype="int16", always_2d=True)
    return np.asarray(pcm)


@pytest.mark.parametrize("milliseconds", [100, 3_333, 60_000])
def test_chunks_of_any_length_give_the_same_files(milliseconds: int) -> None:
    pcm = audio(8)
    pieces = [list(chunks(pcm, milliseconds * RATE // 1000)), list(chunks(pcm, RATE))]
    calls = [through([*records, CallEnd("call-1", len(records), len(pcm))]) for records in pieces]
    files = [
        {name: data for name, data in one.files.items() if not name.endswith("certificate.json")}
        for one in calls
    ]
    assert all(one.passed for one in calls)
    assert files[0] == files[1]
    assert len(stored_audio(calls[0])) == len(pcm)


def test_a_gap_of_an_hour_is_an_hour_of_silence_in_small_records() -> None:
    pcm = audio()
    muter, largest, total = CallMuter(styled("silence")), 0, 0
    end = CallEnd("call-1", 2, len(pcm) + HOUR)
    released = muter.take_findings(Findings("call-1", 0, watermark=Watermark(end.end), end=end))
    for chunk in chunks(pcm, len(pcm) // 2, jump=HOUR):
        released += muter.take_audio(chunk)
    for record in released:
        if isinstance(record, RedactedChunk):
            largest = max(largest, len(record.pcm))
            assert record.start == total
            total += len(record.pcm)
    assert largest == RATE
    assert total == end.end
    assert muter.held == 0
    last = released[-1]
    assert isinstance(last, CallEnd)
    assert last.marks == ("gap",)


def test_a_sample_rate_that_changes_in_the_middle_is_refused_and_silenced() -> None:
    pcm = audio()
    records = list(chunks(pcm, RATE))
    other = CallInfo("call-1", 2 * RATE, CALL.roles)
    records[2] = AudioChunk(other, 2, 2 * RATE, np.repeat(records[2].pcm, 2, axis=0))
    end = CallEnd("call-1", len(records), len(pcm))
    muter, segmenter = CallMuter(styled("silence")), Segmenter(CALL, LoudnessVoice())
    released = muter.take_findings(Findings("call-1", 0, watermark=Watermark(end.end), end=end))
    for number, chunk in enumerate(records):
        if number == 2:
            with pytest.raises(RecordError, match="changes the call from 8000 Hz"):
                segmenter.take(chunk)
            with pytest.raises(RecordError, match="to 16000 Hz, 2 channels"):
                muter.take_audio(chunk)
        else:
            segmenter.take(chunk)
            released += muter.take_audio(chunk)
    segmenter.finish(end)
    released += muter.take_end(end)
    out = np.concatenate([one.pcm for one in released if isinstance(one, RedactedChunk)])
    assert [(gap.start, gap.end) for gap in segmenter.gaps] == [(2 * RATE, 3 * RATE)]
    assert not out[2 * RATE : 3 * RATE].any()
    assert np.array_equal(out[: 2 * RATE], pcm[: 2 * RATE])
    assert np.array_equal(out[3 * RATE :], pcm[3 * RATE :])
    last = released[-1]
    assert isinstance(last, CallEnd)
    assert last.marks == ("contradiction", "gap")


def test_an_end_that_comes_twice_and_chunks_after_it_change_nothing() -> None:
    pcm = audio()
    records = list(chunks(pcm, RATE))
    end = CallEnd("call-1", len(records), len(pcm))
    once = through([*records, end])
    extra = AudioChunk(CALL, len(records), len(pcm), pcm[:RATE])
    again = through([*records, end, end, extra, *records], refused=1)
    assert again.files == once.files


def test_a_call_without_any_audio_ends_without_audio() -> None:
    call = through([CallEnd("call-1", 0, 0)])
    assert not [name for name in call.files if name.endswith(".flac")] or not len(
        stored_audio(call)
    )


@pytest.mark.parametrize("seconds", [120, 600])
def test_a_long_call_holds_as_much_as_a_short_one(seconds: int) -> None:
    """Both lengths have to stay below the same bound: memory does not grow with the call."""
    rng = np.random.default_rng(5)
    second = rng.integers(-3_000, 3_000, (RATE, 2)).astype(np.int16)
    muter, segmenter = CallMuter(load_policy("default")), Segmenter(CALL, LoudnessVoice())
    hold, held = 20, 0
    tracemalloc.start()
    try:
        for number in range(seconds):
            chunk = AudioChunk(CALL, number, number * RATE, second.copy())
            segmenter.take(chunk)
            muter.take_audio(chunk)
            mark = max(0, number - hold)
            spans = (
                (Span("PERSON", 1, mark * RATE, mark * RATE + 4_000, 0.9, "test"),)
                if mark and number % 7 == 0
                else ()
            )
            muter.take_findings(Findings("call-1", number, spans, watermark=Watermark(mark * RATE)))
            if number > hold:
                held = max(held, muter.held)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < (hold + 5) * RATE * 4
    assert kept < 3_000_000


class Through:
    """A call that goes through all cores record by record, as it does through the stages."""

    def __init__(self, call: CallInfo) -> None:
        policy = load_policy("default").model_copy(update={"echo": EchoRule(mode="never")})
        self.segmenter, self.muter = Segmenter(call, LoudnessVoice()), CallMuter(policy)
        self.verifier, self.assembly = CallVerifier(policy), CallAssembly(policy)
        self.inspector = ScriptedDetector()
        self.detector = self.inspector.open(call)
        self.rate, self.spans = call.sample_rate, 0
        self.stored: StoredCall | None = None

    def take(self, chunk: AudioChunk) -> None:
        self._verify(self.muter.take_audio(chunk))
        self._hear(self.segmenter.take(chunk))

    def finish(self, end: CallEnd) -> StoredCall:
        self._hear(self.segmenter.finish(end))
        self._find(self.detector.finish(end))
        assert self.stored is not None
        return self.stored

    def _hear(self, windows: list[Window]) -> None:
        for window in windows:
            self._find(self.detector.take(transcribe(window)))

    def _find(self, findings: list[Findings]) -> None:
        for one in findings:
            self.spans += len(one.spans)
            self.stored = self.assembly.take_findings(one) or self.stored
            self._verify(self.muter.take_findings(one))

    def _verify(self, released: list[RedactedChunk | CallEnd]) -> None:
        waiting = [output for record in released for output in self.verifier.take(record)]
        while waiting:
            output = waiting.pop(0)
            if isinstance(output, Window):
                found = self.inspector.inspect(
                    fakes.check(output),
                    sample_rate=self.rate,
                    expected=self.verifier.expected_at(output),
                )
                waiting += self.verifier.take_transcript(fakes.check(output), found)
            elif isinstance(output, RedactedChunk):
                self.stored = self.assembly.take_chunk(output) or self.stored
            else:
                self.stored = self.assembly.take_verdict(output) or self.stored


LAST_S = 300


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, pytest.param(8, marks=pytest.mark.nightly)])
def test_a_call_of_hours_is_stored_whole_in_the_memory_of_a_short_one(hours: int) -> None:
    """Its last five minutes leave what any do: their compressed audio, and what is held back."""
    step = 10
    call = CallInfo("long", RATE, (Role.CUSTOMER,))
    said = fakes.speak(["hello", "three", "please", "four", "yes"])[: 2 * step * RATE]
    minute = np.zeros((60 * RATE, 1), np.int16)
    minute[: len(said), 0] = said
    through_all, held, count = Through(call), 0, hours * 3_600 // step
    try:
        for number in range(count):
            if number == count - LAST_S // step:
                tracemalloc.start()  # all the while, it would take three times as long
            at = number * step * RATE
            piece = minute[at % len(minute) : at % len(minute) + step * RATE].copy()
            through_all.take(AudioChunk(call, number, at, piece))
            held = max(held, through_all.muter.held)
        gc.collect()
        left, _ = tracemalloc.get_traced_memory()
        holders = tracemalloc.take_snapshot().statistics("lineno")[:10]
    finally:
        tracemalloc.stop()
    end = CallEnd("long", count, hours * HOUR)
    stored = through_all.finish(end)
    audio_file = next(data for name, data in stored.files.items() if name.endswith(".flac"))
    assert stored.passed
    assert through_all.spans >= hours * 60
    with soundfile.SoundFile(io.BytesIO(audio_file)) as opened:
        assert opened.frames == hours * HOUR
    assert held < 60 * RATE * 2
    assert left < LAST_S * RATE * 2 / 2, holders
