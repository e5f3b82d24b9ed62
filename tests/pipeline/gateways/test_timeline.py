"""Pieces in any order become chunks in order; what is missing is told."""

from __future__ import annotations

import random
from contextlib import suppress
from itertools import pairwise
from time import thread_time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gateways.events import Codec, GatewayError, Reason
from pipeline.gateways.timeline import MOST_HOLES, Cut, Timeline, _shared

pytestmark = pytest.mark.unit


def _timeline(
    channels: int = 1, codec: Codec = Codec.PCMU, *, chunk: int = 80, window: int = 80
) -> Timeline:
    return Timeline(codec, channels, 8_000, chunk=chunk, window=window)


def _places(cuts: list[Cut]) -> list[tuple[int, int]]:
    return [(cut.start, cut.samples) for cut in cuts]


def test_pieces_in_a_row_become_chunks_of_equal_length() -> None:
    timeline, cuts = _timeline(), []
    for start in range(0, 200, 20):
        cuts += timeline.add(0, start, bytes([start]) * 20)
    assert _places(cuts) == [(0, 80), (80, 80)]
    assert cuts[1].audio == b"".join(bytes([start]) * 20 for start in (80, 100, 120, 140))
    assert _places(list(timeline.flush())) == [(160, 40)]
    assert timeline.held == 0


def test_two_channels_are_interleaved() -> None:
    timeline = _timeline(2, Codec.L16, chunk=2)
    assert not timeline.add(0, 0, b"\x01\x01\x02\x02")
    (cut,) = timeline.add(1, 0, b"\x0a\x0a\x0b\x0b")
    assert cut.audio == b"\x01\x01\x0a\x0a\x02\x02\x0b\x0b"


def test_interleaved_pieces_stay_as_they_are() -> None:
    timeline = _timeline(2, chunk=2)
    (cut,) = timeline.add(-1, 0, b"\x01\x0a\x02\x0b")
    assert cut == Cut(0, 2, b"\x01\x0a\x02\x0b")


def test_a_chunk_ends_with_its_last_piece() -> None:
    timeline, cuts = _timeline(2, chunk=480), []
    for start in range(0, 8_000, 1_600):
        cuts += timeline.add(-1, start, bytes(3_200))
    assert _places(cuts) == [(start, 1_600) for start in range(0, 8_000, 1_600)]
    assert timeline.held == 0


def test_a_chunk_of_two_tracks_ends_where_both_have_come() -> None:
    timeline, cuts = _timeline(2, chunk=400, window=8_000), []
    for start in range(0, 2_400, 240):
        cuts += timeline.add(0, start, b"a" * 240)
    assert not cuts, "the other track is waited for"
    for start in range(0, 2_400, 160):
        cuts += timeline.add(1, start, b"b" * 160)
    assert _places(cuts) == [(start, 480) for start in range(0, 2_400, 480)]
    assert b"".join(cut.audio for cut in cuts) == b"ab" * 2_400


def test_a_chunk_does_not_reach_over_what_is_still_waited_for() -> None:
    timeline = _timeline(chunk=400, window=8_000)
    assert not timeline.add(0, 0, b"a" * 160)
    assert not timeline.add(0, 320, b"c" * 160)
    assert not timeline.add(0, 640, b"e" * 160)
    (cut,) = timeline.add(0, 160, b"b" * 160)
    assert (cut.start, cut.audio) == (0, b"a" * 160 + b"b" * 160 + b"c" * 160)
    assert not timeline.add(0, 480, b"d" * 160)
    (cut,) = timeline.flush()
    assert (cut.start, cut.audio) == (480, b"d" * 160 + b"e" * 160)


@given(st.integers(80, 16_000), st.lists(st.integers(1, 30_000), min_size=1, max_size=8))
def test_no_chunk_is_longer_than_a_second_unless_all_are(chunk: int, pieces: list[int]) -> None:
    timeline, cuts, at = _timeline(chunk=chunk), [], 0
    for samples in pieces:
        cuts += timeline.add(0, at, bytes(samples))
        at += samples
    assert all(chunk <= cut.samples <= max(chunk, 8_000) for cut in cuts)
    assert sum(cut.samples for cut in cuts) + timeline.held == at
    assert timeline.held < chunk


def test_a_late_piece_finds_its_place_and_a_repeat_is_dropped() -> None:
    timeline, cuts = _timeline(), []
    for start in (0, 40, 20, 20, 60):
        cuts += timeline.add(0, start, bytes([start + 1]) * 20)
    assert [cut.audio for cut in cuts] == [
        b"".join(bytes([start + 1]) * 20 for start in (0, 20, 40, 60))
    ]
    assert timeline.late == 1


def test_what_all_channels_lack_is_a_gap_and_what_one_lacks_is_silence() -> None:
    timeline, cuts = _timeline(2, chunk=80, window=80), []
    cuts += timeline.add(0, 0, b"a" * 40)
    cuts += timeline.add(1, 0, b"b" * 20)
    cuts += timeline.add(0, 40 + 41, b"a" * 78)
    assert not cuts, "what is missing is waited for"
    cuts += timeline.flush()
    assert cuts[0].audio[40 + 1 :: 2] == b"\xff" * 20, "the second channel's silence"
    assert _places(cuts) == [(0, 40), (81, 78)]


def test_what_is_missing_for_less_than_jitter_is_silence_without_a_gap() -> None:
    timeline = _timeline(chunk=80)
    assert not timeline.add(0, 0, b"a" * 40)
    assert not timeline.add(0, 41, b"a" * 39)
    (cut,) = timeline.flush()
    assert cut.audio == b"a" * 40 + b"\xff" + b"a" * 39


def test_audio_that_begins_a_moment_after_the_call_is_no_gap() -> None:
    timeline = _timeline(2, chunk=80, window=80)
    assert not timeline.add(0, 60, b"a" * 90)
    cuts = [*timeline.add(1, 60, b"b" * 90), *timeline.flush()]
    assert _places(cuts) == [(0, 80), (80, 70)]
    assert cuts[0].audio == b"\xff\xff" * 60 + b"ab" * 20


def test_a_jump_beyond_the_window_gives_out_what_there_was() -> None:
    timeline = _timeline(window=160)
    timeline.add(0, 0, b"a" * 20)
    cuts = list(timeline.add(0, 100_000, b"b" * 80))
    assert _places(cuts) == [(0, 20), (100_000, 80)]
    assert not any(cut.paused for cut in cuts)


def test_a_pause_is_told_apart_from_a_loss() -> None:
    timeline, cuts = _timeline(), []
    cuts += timeline.add(0, 0, b"a" * 30)
    cuts += timeline.pause(30)
    cuts += timeline.add(0, 1_000, b"b" * 80)
    cuts += timeline.lost(1_080, 500)
    cuts += timeline.add(0, 1_580, b"c" * 80)
    assert [(cut.start, cut.samples, cut.paused) for cut in cuts] == [
        (0, 30, False), (1_000, 80, True), (1_580, 80, False),
    ]  # fmt: skip


def test_a_track_that_never_speaks_delays_by_no_more_than_the_window() -> None:
    timeline, cuts = _timeline(2, chunk=80, window=160), []
    for start in range(0, 240, 20):
        cuts += timeline.add(0, start, b"a" * 20)
    assert _places(cuts) == [(0, 80)]
    assert cuts[0].audio == b"a\xff" * 80


@pytest.mark.parametrize(
    ("channel", "payload"),
    [(0, b"abc"), (2, b"ab"), (-1, b"abcd")],
)
def test_what_is_no_piece_of_the_call_is_refused(channel: int, payload: bytes) -> None:
    timeline = _timeline(2, Codec.L16)
    timeline.add(1, 0, b"ab")
    with pytest.raises(GatewayError) as caught:
        timeline.add(channel, 0, payload)
    assert caught.value.reason is Reason.BAD_AUDIO


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=40),
    st.integers(1, 2),
    st.integers(0, 2**32),
    st.sampled_from(Codec),
)
def test_any_order_within_the_window_gives_the_same_audio(
    lengths: list[int], channels: int, seed: int, codec: Codec
) -> None:
    width = 2 if codec is Codec.L16 else 1
    draw = random.Random(seed)
    total = sum(lengths)
    pcm = np.frombuffer(draw.randbytes(total * channels * width), np.uint8)
    pcm = pcm.reshape(total, channels, width)
    pieces, at = [], 0
    for length in lengths:
        pieces += [(c, at, pcm[at : at + length, c].tobytes()) for c in range(channels)]
        at += length
    # Each piece at most four places from its own, some twice.
    order = sorted(range(len(pieces)), key=lambda i: i + draw.uniform(0, 4))
    order = [i for i in order for _ in range(1 + (draw.random() < 0.1))]
    timeline = _timeline(channels, codec, chunk=97, window=60 * 8)
    cuts = [cut for i in order for cut in timeline.add(*pieces[i])]
    cuts += timeline.flush()
    assert b"".join(cut.audio for cut in cuts) == pcm.tobytes()
    assert all(a.start + a.samples == b.start for a, b in pairwise(cuts))


@given(
    st.lists(
        st.tuples(
            st.integers(-1, 2), st.integers(0, 3_000), st.binary(max_size=100), st.integers(0, 9)
        ),
        max_size=60,
    )
)
def test_whatever_comes_time_runs_forward_and_memory_is_bounded(
    steps: list[tuple[int, int, bytes, int]],
) -> None:
    timeline, cuts = _timeline(2, chunk=100, window=200), []
    for channel, start, payload, what in steps:
        with suppress(GatewayError):
            if what == 0:
                cuts += timeline.pause(start)
            elif what == 1:
                cuts += timeline.lost(start, len(payload))
            else:
                cuts += timeline.add(channel, start, payload)
        assert timeline.held <= 2 * (100 + 200 + 100)
    cuts += timeline.flush()
    assert all(cut.samples > 0 and len(cut.audio) == 2 * cut.samples for cut in cuts)
    assert all(a.start + a.samples <= b.start for a, b in pairwise(cuts))
    assert timeline.held == 0


def test_a_pause_that_lasts_is_told_by_blank_cuts_and_goes_on_behind_them() -> None:
    timeline = _timeline(chunk=80)
    timeline.add(0, 0, b"a" * 40)
    cuts = [*timeline.pause(40), *timeline.blank(1_000), *timeline.blank(2_000)]
    assert not timeline.blank(2_000), "nothing more to tell"
    cuts += [*timeline.add(0, 2_400, b"a" * 20), *timeline.flush()]
    assert [(one.start, one.samples, one.paused, one.blank) for one in cuts] == [
        (0, 40, False, False), (920, 80, True, True), (1_920, 80, True, True),
        (2_400, 20, True, False),
    ]  # fmt: skip
    assert cuts[1].audio == b"\xff" * 80


def test_a_loss_at_the_end_is_told_by_a_blank_cut() -> None:
    timeline = _timeline(2)
    timeline.add(-1, 0, b"a" * 80)
    cuts = [*timeline.lost(40, 960), *timeline.blank(timeline.at)]
    assert [(one.start, one.samples, one.paused, one.blank) for one in cuts] == [
        (0, 40, False, False), (920, 80, False, True),
    ]  # fmt: skip


def test_many_holes_take_no_time_and_too_many_are_refused() -> None:
    timeline, began = _timeline(2, chunk=8_000, window=8_000), thread_time()
    for start in range(0, 48_000, 16):
        for channel in (0, 1):
            timeline.add(channel, start, b"a")
    assert thread_time() - began < 4, "it took 14 s"
    timeline = _timeline(chunk=80_000, window=80_000)
    for start in range(0, 2 * (MOST_HOLES + 1), 2):
        timeline.add(0, start, b"a")
    with pytest.raises(GatewayError, match="holes") as caught:
        timeline.add(0, 2 * (MOST_HOLES + 1), b"a")
    assert caught.value.reason is Reason.BAD_AUDIO
    assert timeline.held < 5_000


@given(*[st.lists(st.integers(0, 60), max_size=12, unique=True)] * 2)
def test_what_two_lists_of_holes_share_is_what_both_hold(one: list[int], two: list[int]) -> None:
    some, others = (
        list(zip(places[::2], places[1::2], strict=False)) for places in (sorted(one), sorted(two))
    )
    both = {x for a, b in some for x in range(a, b)} & {x for a, b in others for x in range(a, b)}
    assert {x for a, b in _shared(some, others) for x in range(a, b)} == both
