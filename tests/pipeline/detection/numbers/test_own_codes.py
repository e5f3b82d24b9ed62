"""Codes that a customer spells and nothing explains."""

from __future__ import annotations

import pytest

from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.numbers.runs import words_from_text
from pipeline.policy.loading import load_policy
from pipeline.records.model import WindowTranscript

RATE = 8_000
AGENT, CUSTOMER = 0, 1

pytestmark = pytest.mark.unit


def muted(text: str, channel: int, customers: frozenset[int]) -> set[str]:
    words = tuple(words_from_text(text, channel=channel, start=RATE, rate=RATE))
    end = words[-1].end + RATE
    call = Conversation(RATE, 2, load_policy("default"), customers=customers)
    for side in (AGENT, CUSTOMER):
        own = words if side == channel else ()
        call.take(WindowTranscript("call", side, side, 0, end, own, heard_until=end))
    spans = call.spans(end)
    return {
        word.text
        for word in words
        for one in spans
        if one.start < word.end and word.start < one.end
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Dental's with you. D N 4 4 0 7 1.", "D N 4 4 0 7 1."),
        ("You towed my car. B Z, double 4, Q F.", "B Z, double 4, Q F."),
        ("Octopus now. A, dash, four four F nine, one C.", "A, dash, four four F nine, one C."),
    ],
)
def test_a_code_that_the_customer_spells_is_silenced(text: str, code: str) -> None:
    assert muted(text, CUSTOMER, frozenset({CUSTOMER})) == set(code.split())


def test_the_same_code_is_audible_where_an_agent_states_it_or_nobody_knows_who_speaks() -> None:
    text = "That's logged for you. M N 6 R W 2."
    assert muted(text, AGENT, frozenset({CUSTOMER})) == set()
    assert muted(text, CUSTOMER, frozenset()) == set()


@pytest.mark.parametrize(
    "text",
    [
        "My tracking number is D N 4 4 0 7 1.",  # says what it is
        "It's a TN 2410, the toner.",  # no letter by itself
        "We're in row C 1 4.",  # too short
        "It was the A 3 and then the M 2.",  # no row
    ],
)
def test_what_is_explained_short_or_not_spelled_stays_audible(text: str) -> None:
    assert muted(text, CUSTOMER, frozenset({CUSTOMER})) == set()
