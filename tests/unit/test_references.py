"""Numbers that are called an order's, an extension or the like: when they stay audible."""

from __future__ import annotations

import pytest

from pipeline.conversation import Conversation
from pipeline.numbers import words_from_text
from pipeline.policy import load_policy
from pipeline.records import Heard

pytestmark = pytest.mark.unit

RATE = 8_000


def silent(policy: str, agent: str, customer: str = "") -> str:
    """The muted words of an agent's line and the customer's answer."""
    first = words_from_text(agent, channel=0, start=RATE, rate=RATE)
    second = words_from_text(customer, channel=1, start=first[-1].end + RATE // 2, rate=RATE)
    conversation = Conversation(RATE, 2, load_policy(policy))
    end = max(word.end for word in [*first, *second]) + RATE
    for channel, words in enumerate((first, second)):
        conversation.take(Heard("call", 0, channel, 0, end, tuple(words), heard_until=end))
    spans = conversation.spans(end)
    return " ".join(
        word.text
        for word in [*first, *second]
        if any(
            span.channel == word.channel and span.start <= (word.start + word.end) // 2 < span.end
            for span in spans
            if span.action == "mute"
        )
    )


TRACKED = "seven nine four six one two three three one oh eight two"


@pytest.mark.parametrize(("policy", "muted"), [("default", ""), ("pci", TRACKED)])
def test_a_long_tracking_number_is_silenced_under_the_card_policy_alone(
    policy: str, muted: str
) -> None:
    assert silent(policy, f"The tracking number is {TRACKED}") == muted


def test_what_passes_as_a_card_is_silenced_whatever_it_is_called() -> None:
    card = "four one one one one one one one one one one one one one one one"
    assert silent("default", "Your order number?", card) == card


def test_an_extension_explains_one_short_number() -> None:
    phone = "four one five five five five oh one two three"
    assert silent("default", "I'm at extension four four two one.", f"And mine's {phone}") == phone


@pytest.mark.parametrize(
    ("agent", "customer"),
    [
        ("What's the number on the receipt?", "it says five five oh one two nine eight"),
        ("How much was it?", "thirty nine ninety five"),
        ("What does the meter read?", "seven nine three two four"),
        ("Do you have the booking reference?", "K as in king, H as in Henry, two two nine one"),
        ("Dial nine for an outside line.", "okay"),
        ("We open from three fifteen to twenty past five.", "fine"),
    ],
)
def test_harmless_numbers_stay_audible(agent: str, customer: str) -> None:
    assert silent("default", agent, customer) == ""


def test_a_passport_for_a_booking_is_a_passport() -> None:
    number = "five five oh one two nine eight seven six"
    assert silent("default", "And the passport number for the booking?", number) == number
