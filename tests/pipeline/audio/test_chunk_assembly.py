"""Chunks in any order come out in order, and what never came comes out as silence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.chunk_assembly import MOST_MISSING, ChunkAssembler
from pipeline.errors import RecordError
from pipeline.records.model import LONGEST_CALL_S, AudioChunk, CallEnd, CallInfo, Interval, Role

pytestmark = pytest.mark.unit

CALL = CallInfo("c1", 8_000, (Role.AGENT, Role.CUSTOMER))


def chunk(seq: int, start: int, samples: int = 10, *, call: CallInfo = CALL) -> AudioChunk:
    """A chunk whose every sample is its number plus one."""
    return AudioChunk(
        call, seq, start, np.full((samples, call.channels), seq % 1_000 + 1, np.int16)
    )


def end(chunks: int, sample: int) -> CallEnd:
    return CallEnd("c1", chunks, sample)


def shape(chunks: list[AudioChunk]) -> list[tuple[int, int, int]]:
    """Number, start and end; the audio is checked to be all its number's, or all silent."""
    return [(one.seq, one.start, one.end) for one in chunks]


def test_in_order_chunks_come_out_at_once() -> None:
    assembler = ChunkAssembler()
    assert shape(assembler.take(chunk(0, 0))) == [(0, 0, 10)]
    assert shape(assembler.take(chunk(1, 10))) == [(1, 10, 20)]
    assert assembler.finish(end(2, 20)) == []
    assert assembler.gaps == ()
    assert assembler.marks == ()
    assert assembler.position == 20


def test_a_late_chunk_within_the_depth_is_put_right() -> None:
    assembler = ChunkAssembler()
    assert shape(assembler.take(chunk(0, 0))) == [(0, 0, 10)]
    assert assembler.take(chunk(2, 20)) == []
    assert shape(assembler.take(chunk(1, 10))) == [(1, 10, 20), (2, 20, 30)]
    assert assembler.gaps == ()


def test_the_first_of_a_number_wins() -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    waiting = chunk(2, 20)
    assembler.take(waiting)
    other = AudioChunk(CALL, 2, 20, np.full((10, 2), 99, np.int16))
    assert assembler.take(other) == []
    assert assembler.take(chunk(0, 0)) == []
    ready = assembler.take(chunk(1, 10))
    assert ready[-1] is waiting


def test_a_chunk_missing_beyond_the_depth_becomes_silence_of_the_same_length() -> None:
    assembler = ChunkAssembler(reorder=2)
    assembler.take(chunk(0, 0))
    assert assembler.take(chunk(2, 20)) == []
    ready = assembler.take(chunk(3, 30))
    assert shape(ready) == [(1, 10, 20), (2, 20, 30), (3, 30, 40)]
    assert not ready[0].pcm.any()
    assert ready[0].pcm.shape == (10, 2)
    assert assembler.gaps == (Interval(10, 20),)
    assert assembler.marks == ("gap",)
    assert assembler.take(chunk(1, 10)) == []  # too late: the silence stays


def test_several_missing_chunks_share_the_gap() -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    assembler.take(chunk(4, 45))
    ready = assembler.finish(end(5, 55))
    assert shape(ready) == [(1, 10, 21), (2, 21, 33), (3, 33, 45), (4, 45, 55)]
    assert assembler.gaps == (Interval(10, 45),)


def test_chunks_missing_at_the_end_are_filled_up_to_the_stated_end() -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    assert shape(assembler.finish(end(3, 40))) == [(1, 10, 25), (2, 25, 40)]
    assert assembler.gaps == (Interval(10, 40),)


def test_a_clock_that_runs_on_without_a_missing_number_is_a_gap_too() -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    (ready,) = assembler.take(chunk(1, 15))
    assert (ready.start, ready.end) == (10, 25)
    assert ready.pcm[:5].tolist() == [[0, 0]] * 5
    assert ready.pcm[5:].tolist() == [[2, 2]] * 10
    assert assembler.gaps == (Interval(10, 15),)


def test_audio_that_the_end_states_without_a_number_is_silence() -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    assert shape(assembler.finish(end(1, 30))) == [(1, 10, 30)]
    assert assembler.marks == ("gap",)


def test_an_end_before_what_was_given_out_is_marked() -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    assert assembler.finish(end(1, 5)) == []
    assert assembler.marks == ("contradiction",)


def test_what_waits_beyond_the_end_is_dropped_and_marked() -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    assembler.take(chunk(2, 20))
    assert shape(assembler.finish(end(2, 20))) == [(1, 10, 20)]
    assert assembler.marks == ("contradiction", "gap")


def test_a_call_without_chunks_ends_without_audio() -> None:
    assembler = ChunkAssembler()
    assert assembler.finish(end(0, 0)) == []


MONO = CallInfo("c1", 8_000, (Role.MIXED,))


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(chunk(1, 10, 0), id="no samples"),
        pytest.param(chunk(1, 5), id="overlaps what was given out"),
        pytest.param(chunk(1, 15), id="overlaps a later one that waits"),
        pytest.param(chunk(4, 25), id="overlaps an earlier one that waits"),
        pytest.param(chunk(1, 10, call=MONO), id="another channel count"),
        pytest.param(
            chunk(1, 10, call=CallInfo("c1", 16_000, CALL.roles)), id="another sample rate"
        ),
        pytest.param(chunk(1, 10, call=CallInfo("c2", 8_000, CALL.roles)), id="another call"),
        pytest.param(AudioChunk(CALL, 1, 10, np.zeros((10, 1), np.int16)), id="wrong shape"),
        pytest.param(AudioChunk(CALL, 1, 10, np.zeros(10, np.int16)), id="one axis"),
        pytest.param(
            AudioChunk(CALL, 1, 10, np.zeros((10, 2), np.float32)),  # type: ignore[arg-type]
            id="wrong type",
        ),
        pytest.param(chunk(MOST_MISSING + 2, 50), id="number too far ahead"),
        pytest.param(chunk(5, 8_000 * LONGEST_CALL_S + 50), id="start too far ahead"),
    ],
)
def test_a_chunk_that_breaks_the_rules_is_refused_and_then_silenced(bad: AudioChunk) -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    assembler.take(chunk(3, 20))
    with pytest.raises(RecordError):
        assembler.take(bad)
    ready = assembler.finish(end(4, 30))
    assert shape(ready) == [(1, 10, 15), (2, 15, 20), (3, 20, 30)]
    assert not ready[0].pcm.any()
    assert not ready[1].pcm.any()
    assert assembler.marks == ("contradiction", "gap")


def test_what_nobody_listens_to_above_8_khz_is_not_taken() -> None:
    fast = CallInfo("c1", 16_001, CALL.roles)
    with pytest.raises(RecordError, match="up to 16000 Hz"):
        ChunkAssembler().take(chunk(0, 0, call=fast))


def test_the_end_of_another_call_is_refused() -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    with pytest.raises(RecordError):
        assembler.finish(CallEnd("c2", 1, 10))


def test_a_depth_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ChunkAssembler(reorder=0)


@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=12),
    data=st.data(),
    reorder=st.integers(1, 6),
)
def test_whatever_arrives_every_sample_comes_out_once_and_raw_or_silent(
    lengths: list[int], data: st.DataObject, reorder: int
) -> None:
    starts = [sum(lengths[:index]) for index in range(len(lengths))]
    chunks = [chunk(i, starts[i], lengths[i]) for i in range(len(lengths))]
    arriving = data.draw(st.lists(st.sampled_from(chunks), max_size=30))
    assembler = ChunkAssembler(reorder, call=CALL)
    ready: list[AudioChunk] = []
    for one in arriving:
        ready += assembler.take(one)
    ready += assembler.finish(end(len(chunks), sum(lengths)))
    assert [one.seq for one in ready] == list(range(len(chunks)))
    audio = np.concatenate([one.pcm[:, 0] for one in ready])
    truth = np.concatenate([one.pcm[:, 0] for one in chunks])
    assert len(audio) == len(truth)
    silent = np.zeros(len(truth), np.bool_)
    for gap in assembler.gaps:
        silent[gap.start : gap.end] = True
    assert (audio[~silent] == truth[~silent]).all()
    assert not audio[silent].any()
    position = 0
    for one in ready:
        assert one.start == position
        position = one.end
