"""How far a command is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from agents.system.progress import Through, lasting
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit


def test_a_pipe_gets_one_line_a_thing_and_no_control_characters() -> None:
    out = io.StringIO()
    with Through(Console(file=out, width=20), 2, "recordings") as progress:
        progress.through("sent: [a] " + "x" * 60)
        progress.tell()
        progress.through("refused: b")
    lines = out.getvalue().splitlines()
    assert lines == [
        "sent: [a] " + "x" * 60,
        "after 0 s: 1 of 2 recordings are through",
        "refused: b",
    ]
    assert all(line.isprintable() for line in lines)


def test_a_line_tells_what_goes_on_while_one_thing_takes_long() -> None:
    told = threading.Event()

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            if "after 30 s: 0 of 5 calls are through" in text:
                told.set()
            return super().write(text)

    times = iter([0.0])
    with Through(
        Console(file=Watched()), 5, "calls", beat_s=0.001, clock=lambda: next(times, 30.0)
    ):
        assert told.wait(HANG_S)


def test_a_terminal_gets_a_bar_and_the_lines_above_it() -> None:
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, width=80)
    with Through(terminal, 3, "recordings") as progress:
        progress.through("sent: a")
    assert "sent: a\n" in out.getvalue()
    assert "1/3" in out.getvalue()
    assert threading.active_count() < 20


def test_it_ends_with_an_error() -> None:
    before = set(threading.enumerate())
    with (
        pytest.raises(ValueError, match="x"),
        Through(Console(file=io.StringIO()), 3, "recordings"),
    ):
        raise ValueError("x")
    assert not set(threading.enumerate()) - before


def test_how_long_the_rest_takes_is_told_by_how_fast_this_run_was() -> None:
    out, now = io.StringIO(), 0.0
    with Through(
        Console(file=out), 100, "recordings", before=40, beat_s=1_000, clock=lambda: now
    ) as progress:
        progress.tell()
        for _ in range(10):
            progress.through()
        now = 120.0
        progress.tell()
    assert out.getvalue().splitlines() == [
        "after 0 s: 40 of 100 recordings are through",
        "after 120 s: 50 of 100 recordings are through; about 10 min 0 s left",
    ]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (59.6, "1 min 0 s"),
        (3_599, "59 min 59 s"),
        (3_700, "1 h 1 min"),
        (1e5, "1 d 3 h"),
    ],
)
def test_a_time_for_people(seconds: float, told: str) -> None:
    assert lasting(seconds) == told
