"""What a recorder paused on purpose is kept apart from what was lost."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.audio.chunk_assembly import ChunkAssembler
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Interval, Role

pytestmark = pytest.mark.unit

CALL = CallInfo("call-1", 8_000, (Role.AGENT, Role.CUSTOMER))


def chunk(
    seq: int, start: int, samples: int = 1_000, *, paused: bool = False, blank: bool = False
) -> AudioChunk:
    pcm = np.full((samples, 2), 7, np.int16)
    return AudioChunk(CALL, seq, start, pcm, paused, blank)


def test_a_pause_is_silence_of_its_length_and_no_gap() -> None:
    assembler = ChunkAssembler()
    out = assembler.take(chunk(0, 0)) + assembler.take(chunk(1, 5_000, paused=True))
    assert np.concatenate([one.pcm for one in out]).shape == (6_000, 2)
    assert assembler.pauses == (Interval(1_000, 5_000),)
    assert assembler.gaps == ()
    assert assembler.marks == ("paused",)


def test_a_jump_without_the_word_is_a_gap_as_before() -> None:
    assembler = ChunkAssembler()
    for one in (chunk(0, 0), chunk(1, 5_000)):
        assembler.take(one)
    assert (assembler.gaps, assembler.pauses) == ((Interval(1_000, 5_000),), ())


def test_a_pause_is_told_while_it_lasts_and_at_the_end() -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    for seq in (1, 2, 3):
        out = assembler.take(chunk(seq, seq * 4_000, 160, paused=True, blank=True))
        assert not any(one.pcm.any() for one in out), "whatever its samples were"
    assembler.finish(CallEnd("call-1", 4, 12_160))
    assert assembler.pauses == (Interval(1_000, 12_160),)
    assert assembler.marks == ("paused",)


def test_a_loss_at_the_end_is_a_gap_to_the_end_of_its_chunk() -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    assembler.take(chunk(1, 4_000, 160, blank=True))
    assembler.finish(CallEnd("call-1", 2, 4_160))
    assert (assembler.gaps, assembler.pauses) == ((Interval(1_000, 4_160),), ())


@pytest.mark.parametrize("level", [0, 7])
def test_a_paused_chunk_is_no_pause_itself_silent_or_not(level: int) -> None:
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    muted = np.full((1_000, 2), level, np.int16)
    assembler.take(AudioChunk(CALL, 1, 4_000, muted, paused=True))
    assembler.take(chunk(2, 5_000, paused=True))
    assert assembler.pauses == (Interval(1_000, 4_000),)
    assert assembler.marks == ("paused",)


def test_beside_a_lost_chunk_nobody_knows_how_much_was_paused() -> None:
    assembler = ChunkAssembler(reorder=1)
    assembler.take(chunk(0, 0))
    assembler.take(chunk(2, 9_000, paused=True))
    assert (assembler.gaps, assembler.pauses) == ((Interval(1_000, 9_000),), ())
    assert assembler.marks == ("gap",)


def test_the_order_of_arrival_changes_nothing() -> None:
    first = [chunk(0, 0), chunk(1, 4_000, paused=True)]
    chunks = [*first, chunk(2, 9_000), chunk(3, 12_000, paused=True)]
    for order in ((0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 2, 1)):
        assembler = ChunkAssembler()
        for number in order:
            assembler.take(chunks[number])
        assert assembler.pauses == (Interval(1_000, 4_000), Interval(10_000, 12_000))
        assert assembler.gaps == (Interval(5_000, 9_000),)


@pytest.mark.parametrize("paused", [True, False])
def test_what_follows_a_pause_of_hours_is_not_lost(*, paused: bool) -> None:
    """The door takes a place anywhere within a day, and so does what comes behind it."""
    start = 8_000 * 3_600 * 23
    assembler = ChunkAssembler()
    assembler.take(chunk(0, 0))
    out = assembler.take(chunk(1, start, paused=paused))
    out += assembler.take(chunk(2, start + 1_000))
    assert sum(bool(one.pcm.any()) for one in out) == 2
    assert out[-1].end == start + 2_000
    found = assembler.pauses if paused else assembler.gaps
    assert found == (Interval(1_000, start),)
    assert assembler.marks == ("paused" if paused else "gap",)
    # A long silence is one array, many times.
    assert len({id(one.pcm) for one in out}) < 8
