"""Numbers after a stretch that nobody heard may answer a question that was in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.detection.call_detector import CallDetector
from models.detection.turn_reader import ScriptedAnalyses, ScriptedReads
from pipeline.detection.decision.conversation import Conversation
from pipeline.policy.model import EntityRule, Policy
from pipeline.records.entities import Entity
from pipeline.records.model import (
    Action,
    CallEnd,
    Interval,
    Reason,
    Role,
    Span,
    WindowTranscript,
    Word,
)
from pipeline.records.scores import Recognizer
from tests.pipeline.detection.talked import RATE, spans_of
from tests.pipeline.detection.talked import said as words_of

pytestmark = pytest.mark.unit

LOST = (1.0, 2.5)
"""Seconds of the agent that nobody heard."""


def said(text: str, at: float, channel: int = 1) -> list[Word]:
    """By the customer, unless it is the agent."""
    return words_of(text, at, channel)


def found(
    *words: list[Word],
    lost: tuple[float, float] | None = LOST,
    policy: Policy | None = None,
    channels: int = 2,
) -> tuple[Span, ...]:
    conversation = Conversation(RATE, channels, policy or Policy(name="test", version="1"))
    if lost:
        conversation.lose(0, round(lost[0] * RATE), round(lost[1] * RATE))
    return spans_of(conversation, *words, channels=channels)


def silent(words: list[Word], spans: tuple[Span, ...]) -> list[bool]:
    return [
        any(s.channel == w.channel and s.start <= w.start and w.end <= s.end for s in spans)
        for w in words
    ]


def test_digits_said_one_by_one_after_a_lost_question_are_silent() -> None:
    digits = [said(text, at) for text, at in (("seven", 3), ("three", 10), ("nine", 17))]
    spans = found(*digits)
    assert [silent(one, spans) for one in digits] == [[True]] * 3
    assert {(s.entity, s.recognizer, s.reason) for s in spans} == {
        (Entity.NUMBER_SEQUENCE, Recognizer.AFTER_UNHEARD, Reason.UNEXPLAINED)
    }


def test_the_same_digits_are_heard_where_nothing_was_lost() -> None:
    assert found(said("seven", 3), said("three", 10), lost=None) == ()


@pytest.mark.parametrize(
    ("lost", "why"),
    [
        ((1.0, 1.4), "nothing is asked in less than half a second"),
        ((20.0, 22.0), "it came after them"),
    ],
)
def test_what_can_hold_no_question_asks_nothing(lost: tuple[float, float], why: str) -> None:
    assert found(said("seven", 3), said("three", 6), lost=lost) == (), why


def test_long_after_it_a_number_answers_something_else() -> None:
    assert found(said("seven", 16)) == ()


def test_once_the_asker_has_said_other_things_it_is_over() -> None:
    other = said("today the weather will be lovely so everybody walks along the beach again", 3, 0)
    assert found(other, said("seven", 9)) == ()


@pytest.mark.parametrize(
    "text", ["it costs seven dollars", "ten percent of it", "that one is lovely"]
)
def test_numbers_that_say_what_they_are_stay(text: str) -> None:
    assert found(said(text, 3)) == ()


def test_a_year_may_be_a_pin() -> None:
    year = said("nineteen eighty four", 3)
    assert all(silent(year, found(year)))


def test_what_a_policy_does_with_numbers_changes_nothing() -> None:
    """Nobody knows what it is, as nobody knows what is in the stretch itself."""
    kept = Policy(
        name="test", version="1", entities={Entity.NUMBER_SEQUENCE: EntityRule(action=Action.KEEP)}
    )
    digits = said("seven", 3)
    spans = found(digits, policy=kept)
    assert silent(digits, spans) == [True]
    assert [span.action for span in spans] == [Action.MUTE]


def test_on_one_mixed_channel_the_question_is_on_the_same() -> None:
    digits = said("seven", 3, 0)
    assert silent(digits, found(digits, channels=1)) == [True]


def detected(transcript: WindowTranscript, *words: Word) -> list[bool]:
    """Whether words of the other side are silent after a window of the agent."""
    policy = Policy(name="test", version="1")
    call = CallDetector(
        "call",
        sample_rate=RATE,
        channels=2,
        policy=policy,
        analyses=ScriptedAnalyses([]),
        reads=ScriptedReads(),
        roles=(Role.AGENT, Role.CUSTOMER),
        conversation=Conversation(RATE, 2, policy),
    )
    end = 30 * RATE
    findings = call.take(transcript)
    findings += call.take(WindowTranscript("call", 1, 1, 0, end, words, heard_until=end))
    findings += call.finish(CallEnd("call", 30, end))
    return silent(list(words), tuple(span for one in findings for span in one.spans))


@pytest.mark.parametrize(
    "lost",
    [{"unheard": (Interval(8_000, 20_000),)}, {"unexplained": (Interval(8_000, 36_000),)}],
    ids=["unheard", "not understood"],
)
def test_windows_that_were_not_heard_or_not_understood_may_hold_a_question(
    lost: dict[str, tuple[Interval, ...]],
) -> None:
    window = WindowTranscript(
        "call", 0, 0, 0, 240_000, speech=(Interval(8_000, 36_000),), heard_until=240_000
    )
    digits = said("seven three", 5)
    assert detected(replace(window, **lost), *digits) == [True, True]
    assert detected(replace(window, speech=()), *digits) == [False, False]
