"""Prices are no identifiers; whole dates of birth and short codes on one channel and on two."""

from __future__ import annotations

import pytest

from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.numbers.amounts import decimal, parted, price
from pipeline.detection.numbers.runs import NumberRun, read, words_from_text
from pipeline.policy.loading import load_policy
from pipeline.records.entities import Entity
from pipeline.records.model import WindowTranscript, Word

pytestmark = pytest.mark.unit

RATE = 8_000
CARD = "4012 8888 8888 1881."


def only(text: str) -> NumberRun:
    """The only number of a text."""
    (run,) = read(words_from_text(text))
    return run


def muted(script: str, pause: float = 0.6) -> dict[str, set[str]]:
    """What is silenced of a call ("A" and "C" on two channels, "M" on one): word to entities."""
    words: list[Word] = []
    at = RATE
    for line in script.strip().splitlines():
        speaker, _, text = line.strip().partition(": ")
        words += words_from_text(text, channel=int(speaker == "C"), start=at, rate=RATE)
        at = words[-1].end + round(pause * RATE)
    end = at + 30 * RATE
    channels = 1 if script.lstrip().startswith("M") else 2
    call = Conversation(RATE, channels, load_policy("default"))
    for channel in range(channels):
        own = tuple(word for word in words if word.channel == channel)
        call.take(WindowTranscript("c", channel, channel, 0, end, words=own, heard_until=end))
    found: dict[str, set[str]] = {}
    for word in words:
        middle = (word.start + word.end) // 2
        for span in call.spans(end):
            if span.channel == word.channel and span.start <= middle < span.end:
                found.setdefault(word.text, set()).add(span.entity)
    return found


@pytest.mark.parametrize("text", ["39.50", "39 .50", "9 .05.", "thirty nine point five oh"])
def test_a_decimal_is_known(text: str) -> None:
    assert decimal(only(text))


@pytest.mark.parametrize("text", ["3950", "39 50", "39. .50", "4111 .1111", "12 34 .56", "123"])
def test_rows_of_digits_are_no_decimal(text: str) -> None:
    assert not decimal(only(text))


@pytest.mark.parametrize("text", ["$1199.27", "$1199 .27", "£9.99,"])
def test_a_price_is_known(text: str) -> None:
    assert price(only(text))


@pytest.mark.parametrize("text", ["$1199", "1199.27", "$41111 .27", "$1199 .277", "20 $1199 .27"])
def test_what_is_not_wholly_a_price(text: str) -> None:
    assert not price(only(text))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("20 uh $1199 .27", ["20", "119927"]),
        ("20 uh $19.99 12", ["20", "1999", "12"]),
        ("$9.99 $8 .50", ["999", "850"]),
        ("555 $1199", ["5551199"]),
        ("123 $45.67 89", ["123456789"]),
        ("4012 8888 $8888 .18 81", ["4012888888881881"]),
    ],
)
def test_prices_are_parted_from_short_runs_only(text: str, pieces: list[str]) -> None:
    assert [run.digits for run in parted(only(text))] == pieces


def test_a_price_is_no_social_security_number() -> None:
    found = muted(
        """
        A: Can I have your social security number please?
        C: I would rather not say that.
        A: So 20 uh $1199 .27 was the order.
        """
    )
    assert "$1199" not in found
    assert ".27" not in found


@pytest.mark.parametrize(
    "script",
    [
        "C: My frequent flyer number is $7795.77 1",
        "A: Can I have your social security number please?\nC: Sure, $7795.77 1",
        "M: Can I have your social security number please?\nM: Sure, sure.\nM: Then $7795.77 1",
    ],
)
def test_a_value_misheard_as_a_price_stays_silent(script: str) -> None:
    assert {"$7795.77", "1"} <= muted(script).keys()


@pytest.mark.parametrize("text", ["123 $45.67 89", "123 45 $6789", "$123 45 6789"])
def test_a_social_security_number_with_a_stray_sign_stays_silent(text: str) -> None:
    found = muted(f"A: Can I have your social security number please?\nC: It's {text}.")
    for word in f"{text}.".split():
        assert word in found, word


@pytest.mark.parametrize("text", ["47 $3319.90 12", "4733 $19 .90", "20 $1199.27"])
def test_while_a_card_is_asked_for_prices_in_its_digits_stay_silent(text: str) -> None:
    found = muted(f"A: Can I have the card number please?\nC: It's {text}.")
    for word in f"{text}.".split():
        assert word in found, word


PAID = f"""
A: Can I have the card number please?
C: {CARD}
A: Thank you so much for your patience today with everything there, all of it is on file now.
"""


def test_what_the_side_that_asked_for_the_card_states_as_a_decimal_is_no_code() -> None:
    found = muted(PAID + "C: Sure thing.\nA: Then 39 .50 today.")
    assert "39" not in found
    assert ".50" not in found
    assert "1881." in found


@pytest.mark.parametrize("code", ["395", "3950", "1.23", "39 .50"])
def test_what_the_side_that_gave_the_card_says_stays_silent(code: str) -> None:
    found = muted(PAID + f"C: {code}.")
    for word in f"{code}.".split():
        assert word in found, word


def test_a_code_of_the_side_that_asked_stays_silent() -> None:
    assert "395" in muted(PAID + "C: Sure thing.\nA: Then 395 today.")


def test_on_one_channel_a_decimal_after_a_card_stays_silent() -> None:
    found = muted(PAID.replace("A:", "M:").replace("C:", "M:").lstrip() + "M: Then 9 .50 now.")
    assert ".50" in found


@pytest.mark.parametrize("pause", [0.5, 1.2])
def test_on_one_channel_a_whole_past_date_alone_is_a_birth(pause: float) -> None:
    found = muted("M: And you were delivered on?\nM: March 3rd, 1975.\nM: Lovely.", pause)
    assert found["1975."] == {Entity.DATE_OF_BIRTH}
    assert "March" in found


@pytest.mark.parametrize(
    "text",
    [
        "We have been in that same building since March 3rd, 1975 and never moved.",
        "March 3rd, 2024.",
        "March 3rd.",
    ],
)
def test_on_one_channel_other_dates_stay_audible(text: str) -> None:
    assert "March" not in muted(f"M: Tell me about the shop please.\nM: {text}\nM: Lovely.")
