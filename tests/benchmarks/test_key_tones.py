from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality import key_tones
from benchmarks.quality.key_tones import Line, active, alarms, left, page, read, typed
from benchmarks.speech.keypad import key, pcm16, pressed
from pipeline.policy.loading import load_policy

pytestmark = pytest.mark.unit

TALK = np.random.default_rng(7).normal(0.0, 1.0, 60 * 8_000)


def test_typed_keys_are_where_they_are_said_to_be() -> None:
    pcm, places = typed(Line(80, 120, twist_db=3.0), TALK, np.random.default_rng(1))
    assert len(places) == 16
    assert [read(pcm[low:high], 8_000) for low, high, _ in places] == [one[2] for one in places]


def test_nothing_is_left_of_keys_on_a_clear_line() -> None:
    found = left(Line(rest_ms=80), TALK, load_policy("pci"), rounds=1)
    assert (found.keys, found.muting, found.left, found.read, found.passed) == (16, 0, 0, 0, 0)


def test_what_is_left_is_counted_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_tones, "way", lambda _, __, pcm, **___: (pcm, True, []))
    found = left(Line(rest_ms=80), TALK, load_policy("pci"), rounds=1)
    assert (found.muting, found.left, found.passed) == (16, 16, 1)
    assert found.read >= 14


def test_alarms_are_stretches() -> None:
    pcm = np.concatenate([np.zeros(40_000), pressed("4711"), np.zeros(80_000)])
    found = alarms(pcm16(pcm), 8_000)
    assert {count for count, _ in found.values()} == {1}
    assert all(500.0 < ms < 2_500.0 for _, ms in found.values())
    assert alarms(np.zeros(16_000, np.int16), 8_000) == {
        "muting": (0, 0.0),
        "verification": (0, 0.0),
    }


def test_active_speech_has_no_pauses() -> None:
    pcm = np.concatenate([np.zeros(8_000), pcm16(key(0, 0, 1.0)), np.zeros(8_000)])
    assert len(active(pcm.astype(np.int16))) == 8_000


def test_the_page_names_every_line_and_speed() -> None:
    line = {"line": "clear", "keys": 16, "muting": 3, "left": 1, "read": 1, "passed": 1}
    told = page(
        {
            "machine": "m",
            "when": "2026-01-01",
            "lines": [line],
            "false": {"1.0": {"hours": 2.0, "muting": (3, 120.0), "verification": (1, 80.0)}},
            "cpu_s_an_hour": {"muting": 1.25, "verification": 0.5},
        }
    )
    assert "| clear | 16 | 3 | 1 | 1.1 to 28.3 % | 1 | 1 |" in told
    assert "| 1.0 | 2.00 | 3 | 120 | 1 | 80 |" in told
    assert "verification 0.5 s" in told
