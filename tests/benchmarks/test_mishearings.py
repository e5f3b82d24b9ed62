"""The benchmark of hearings that disagree counts what is audible."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from benchmarks.calls.mishearings import INFO, audible, made_up, measure, of_main, page
from pipeline.records.model import (
    Action,
    CallEnd,
    CallInfo,
    Findings,
    Hearing,
    Reason,
    Span,
    WindowTranscript,
)

pytestmark = pytest.mark.unit


class Silences:
    """Stands in for the detector: silences the first so many of what the main model wrote."""

    def __init__(self, words: int) -> None:
        self._words = words

    def open(self, info: CallInfo) -> Silences:
        assert info == INFO
        return self

    def take(self, transcript: WindowTranscript) -> Sequence[Findings]:
        heard = [word for word in transcript.words if word.channel == 1]
        heard = [word for word in heard if word.hearing is Hearing.MAIN][: self._words]
        spans = tuple(
            Span("PIN", 1, word.start, word.end, 1.0, "test", Action.MUTE, Reason.RECOGNISED)
            for word in heard
        )
        return [Findings("made-up", transcript.seq, spans)]

    def finish(self, end: CallEnd) -> Sequence[Findings]:
        return []


def test_equal_seeds_give_equal_calls_whose_windows_are_in_order() -> None:
    call = made_up("What is your PIN?", 4, random.Random(3))
    assert call == made_up("What is your PIN?", 4, random.Random(3))
    assert call != made_up("What is your PIN?", 4, random.Random(4))
    assert len(call.digits) == 4
    assert [window.seq for window in call.windows] == [0, 1, 2, 3]
    starts = [word.start for word in call.windows[1].words]
    assert starts == sorted(starts)


def test_the_main_hearing_alone_leaves_more_unexplained() -> None:
    calls = [made_up("What is your PIN?", 4, random.Random(seed)) for seed in range(20)]
    alone = [of_main(call) for call in calls]
    assert {word.hearing for call in alone for word in call.windows[1].words} == {Hearing.MAIN}
    left = [sum(map(len, call.windows[1].unexplained)) for call in calls]
    more = [sum(map(len, call.windows[1].unexplained)) for call in alone]
    assert all(one <= other for one, other in zip(left, more, strict=True))
    assert sum(left) < sum(more)


def test_what_nobody_silences_is_audible_and_counted_by_question() -> None:
    call = made_up("What is your PIN?", 4, random.Random(3))
    assert audible(Silences(0), call) == [True] * 4
    nothing = measure(Silences(0), 12, 1)
    assert nothing["sensitive"]["all"] == nothing["sensitive"]["digits"] > 0
    assert nothing["harmless"]["main"] == nothing["harmless"]["digits"] > 0
    some = measure(Silences(100), 12, 1)
    assert 0 < some["sensitive"]["all"] < some["sensitive"]["digits"]
    assert "| What is your PIN? |" in page(some)
