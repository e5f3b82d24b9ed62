"""The benchmark of the gateway, run small: it finds what is wrong, and says what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.gateways import paced
from benchmarks.gateways.__main__ import measure, page

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_a_small_run_has_every_frame_in_order() -> None:
    result = measure(2, 3, "asyncio", 1.0)
    assert result["problems"] == []
    # Both tracks in frames of 20 ms, AudioHook in frames of 200 ms; two streams of 2 s warm up.
    assert result["frames"] == 2 * (3 * 100 + 3 * 5) + 2 * 100 + 2 * 5
    assert result["chunks"] == 2 * 2 * 3 + 2 * 2
    assert 0 < result["completing_ms"]["p50"] < result["waiting_ms"]["p99"]
    assert result["gateway"]["cpu_s"] > 0
    told = page(json.loads(json.dumps(result)))
    assert "each in order on the broker" in told


def test_short_chunks_end_with_frames() -> None:
    result = measure(2, 3, "asyncio", 0.06)
    assert result["problems"] == []
    # Three frames of Twilio's each, one of AudioHook's; 3 s are 50 of the one, 15 of the other.
    assert result["chunks"] == 2 * (50 + 15) + 34 + 10


def test_a_stream_is_known_by_its_name() -> None:
    for step in (paced.TWILIO_MS, paced.AUDIOHOOK_MS):
        assert paced.named(paced.name_of(7, step)) == (7, step)


def test_every_frame_is_another_one() -> None:
    audio = paced.noise()
    assert audio.shape == (4_093, 160)
    assert paced.rows(0, 0, 0, 50) != paced.rows(0, 1, 0, 50) != paced.rows(1, 0, 0, 50)


def test_frames_are_masked_as_clients_have_to(tmp_path: Path) -> None:
    assert paced.frame(1, b"ab") == b"\x81\x82\x00\x00\x00\x00ab"
    assert paced.frame(2, bytes(200))[:8] == b"\x82\xfe\x00\xc8\x00\x00\x00\x00"
    assert paced.frame(2, bytes(70_000))[:10] == b"\x82\xff\x00\x00\x00\x00\x00\x01\x11p"
