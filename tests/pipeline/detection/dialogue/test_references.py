"""Numbers that are called an order's, an extension or the like: when they stay audible."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.numbers.runs import words_from_text
from pipeline.policy.loading import load_policy
from pipeline.records.model import Hearing, WindowTranscript

pytestmark = pytest.mark.unit

RATE = 8_000


def silent(policy: str, agent: str, customer: str = "") -> str:
    """The muted words of an agent's line and the customer's answer."""
    first = words_from_text(agent, channel=0, start=RATE, rate=RATE)
    second = words_from_text(customer, channel=1, start=first[-1].end + RATE // 2, rate=RATE)
    conversation = Conversation(RATE, 2, load_policy(policy))
    end = max(word.end for word in [*first, *second]) + RATE
    for channel, words in enumerate((first, second)):
        conversation.take(
            WindowTranscript("call", 0, channel, 0, end, tuple(words), heard_until=end)
        )
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
        ("Here's your confirmation number, 127805.", "thanks"),
        ("Your order number is 512-555-0190.", "thanks"),
    ],
)
def test_harmless_numbers_stay_audible(agent: str, customer: str) -> None:
    assert silent("default", agent, customer) == ""


def test_a_passport_for_a_booking_is_a_passport() -> None:
    number = "five five oh one two nine eight seven six"
    assert silent("default", "And the passport number for the booking?", number) == number


def both(agent: str, other: str, unsure: str, probability: float) -> bool:
    """Whether a digit is muted that two models heard behind different words."""
    conversation = Conversation(RATE, 2, load_policy("default"))
    words = words_from_text(agent, channel=0, start=RATE, rate=RATE)
    second = [
        replace(
            word,
            hearing=Hearing.SECOND,
            probability=probability if word.text == unsure else 0.9,
        )
        for word in words_from_text(other, channel=0, start=RATE, rate=RATE)
    ]
    end = words[-1].end + RATE
    heard = tuple(sorted([*words, *second], key=lambda word: word.start))
    conversation.take(WindowTranscript("call", 0, 0, 0, end, heard, heard_until=end))
    conversation.take(WindowTranscript("call", 1, 1, 0, end, heard_until=end))
    return any(span.start < words[-1].end for span in conversation.spans(end))


def test_a_prompt_that_one_model_doubts_yields_to_a_clear_order_number_of_the_other() -> None:
    numbers = "free to go zero zero three nine one"
    clear, unsure = (
        f"Great, your order number is {numbers}",
        f"Great, your phone number is {numbers}",
    )
    assert not both(clear, unsure, "phone", 0.4)
    assert both(clear, unsure, "phone", 0.9)


def test_a_doubted_prompt_for_card_data_counts() -> None:
    numbers = "four one one one zero zero three nine"
    clear, unsure = f"your order number is {numbers}", f"your card number is {numbers}"
    assert both(clear, unsure, "card", 0.3)


@pytest.mark.parametrize(
    ("agent", "muted"),
    [
        ("Your phone number? I can offer Wednesday October 26 at 945.", ""),
        ("Your phone number? I can offer Wednesday October 26 at 1030.", ""),
        ("Your phone number? October 26 is fine. Yes, 945", "945"),
    ],
)
def test_a_time_of_day_behind_a_date_is_no_answer(agent: str, muted: str) -> None:
    assert silent("default", agent) == muted


def test_amid_the_talk_of_an_order_a_telephone_number_is_one() -> None:
    talk = "I can see the order here. Shall we ring you when it comes, on 512-555-0190?"
    assert silent("default", f"Your order number is 88120. {talk}") == "512-555-0190?"


@pytest.mark.parametrize(
    ("customer", "muted"),
    [
        ("my rego's K L P two nine eight", "K L P two nine eight"),
        ("Plate's K S one five W H V", "K S one five W H V"),
        ("my NI is Q Q one two three four five six C", "Q Q one two three four five six C"),
    ],
)
def test_what_is_named_with_a_contracted_verb(customer: str, muted: str) -> None:
    assert silent("default", "Go ahead.", customer) == muted


@pytest.mark.parametrize(
    ("agent", "customer"),
    [
        ("Your passport number, for the prison visit booking?", "five three three oh one eight"),
        ("Sort code and account, please, in any order.", "four one, double eight, seven two"),
        ("Your driver's licence, including the version number?", "D K four eight one nine oh six"),
    ],
)  # fmt: skip
def test_what_a_value_is_asked_for_explains_no_value(agent: str, customer: str) -> None:
    assert silent("default", agent, customer) == customer


def test_a_reference_beside_an_ask_for_words_explains_its_number() -> None:
    said = "You'd get an e-mail with the contract, order number four four seven one oh nine."
    assert silent("default", said) == ""


@pytest.mark.parametrize(
    ("agent", "number"),
    [
        ("Your OHIP number with the version code, please.", "six oh one two four four eight nine"),
        ("And the suffix?", "zero two"),
    ],
)
def test_numbers_of_health_cover_are_asked_for(agent: str, number: str) -> None:
    assert silent("default", agent, number) == number


def test_who_is_still_insured_under_a_code() -> None:
    assert silent("default", "Insurance still X J B nine zero one one two seven?") == (
        "X J B nine zero one one two seven?"
    )
