from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from benchmarks.quality.key_tones import alarms, heard, noisy, page
from benchmarks.speech.keypad import pcm16, pressed

pytestmark = pytest.mark.unit


def test_keys_count_as_heard_only_where_all_of_them_is() -> None:
    over = partial(heard, rate=8_000, milliseconds=60, dbfs=-15.0)
    assert over(noisy(15.0)) == 1.0
    assert over(lambda audio, _: np.zeros_like(audio)) == 0.0
    assert 0.0 <= over(noisy(-12.0)) < 0.5


def test_alarms_are_counted_one_by_one() -> None:
    assert alarms(pcm16(pressed("4711")), 8_000) == 4
    assert alarms(np.zeros(16_000, np.int16), 8_000) == 0


def test_the_page_names_every_line_and_speed() -> None:
    result = {
        "machine": "m",
        "when": "2026-01-01",
        "heard": {"clear": 0.5},
        "false": {"1.0": 3},
        "hours": {"1.0": 2.0},
        "cpu_s_an_hour": 1.25,
    }
    told = page(result)
    assert "| clear | 50.0 % |" in told
    assert "| 1.0 | 2.00 | 3 |" in told
    assert "1.2 s" in told or "1.3 s" in told
