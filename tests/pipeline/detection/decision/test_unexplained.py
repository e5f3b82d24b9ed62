"""Speech without a word, and words of low probability, beside a sensitive number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.numbers.runs import words_from_text
from pipeline.policy.model import Policy, UnexplainedRule
from pipeline.records.model import Hearing, Interval, Reason, Span, WindowTranscript, Word

pytestmark = pytest.mark.unit

RATE = 8_000
CARD = "my card number is four one one one one one one one one one one one"


def suspected(
    rule: UnexplainedRule,
    text: str = CARD,
    *,
    odd: str = "",
    probability: float = 1.0,
    gap_s: float | None = None,
) -> list[Span]:
    """What only suspicion finds: an odd word directly behind a card number, or wordless speech."""
    policy = Policy(name="x", version="1", unexplained=rule)
    words = words_from_text(text, rate=RATE)
    end = words[-1].end
    if odd:
        behind = words_from_text(odd, start=end + 400, rate=RATE)
        words += [replace(word, probability=probability) for word in behind]
    unexplained = ()
    if gap_s is not None:
        start = end + round(gap_s * RATE)
        unexplained = (Interval(start, start + 4_000),)
    conversation = Conversation(RATE, 1, policy)
    until = end + 20 * RATE
    conversation.take(
        WindowTranscript(
            "x", 0, 0, 0, until, tuple(words), unexplained=unexplained, heard_until=until
        )
    )
    return [span for span in conversation.spans(until) if span.reason is Reason.UNEXPLAINED]


def test_speech_without_a_word_beside_a_number_is_silenced() -> None:
    (span,) = suspected(UnexplainedRule(), gap_s=1.0)
    assert (span.entity, span.recognizer, span.end - span.start) == (
        "CARD_NUMBER", "unexplained-speech", 4_000,
    )  # fmt: skip


def test_how_near_it_has_to_stand_is_the_policys() -> None:
    # All sixteen digits: nothing more is awaited, so that only nearness counts.
    text = "my card number is " + "four " + "one " * 15
    near = UnexplainedRule(within_ms=3_000)
    assert suspected(near, text, gap_s=2.5)
    assert not suspected(near, text, gap_s=4.5)
    assert suspected(UnexplainedRule(within_ms=5_000), text, gap_s=4.5)


def test_a_word_of_low_probability_beside_a_number_is_silenced() -> None:
    found = suspected(UnexplainedRule(), odd="battery", probability=0.2)
    assert {span.recognizer for span in found} == {"doubtful-word"}
    assert suspected(UnexplainedRule(), odd="battery", probability=0.9) == []


def test_how_unlikely_it_has_to_be_is_the_policys() -> None:
    assert suspected(UnexplainedRule(unsure_below=0.1), odd="battery", probability=0.2) == []
    assert suspected(UnexplainedRule(unsure_below=0.95), odd="battery", probability=0.9)


@pytest.mark.parametrize(
    ("text", "probability", "heard"),
    [
        ("my social is bun fun four five nine three six one five", 0.7, True),
        ("my social is bun fun four five nine three six one five", 0.9, False),
        ("my social is bun fun four five nine three six one five two one", 0.7, False),
        ("my account number is bun fun four five nine three six one five", 0.7, False),
    ],
    ids=["lacks digits", "both are sure", "is whole", "may have any length"],
)
def test_what_both_models_wrote_is_doubted_where_a_number_lacks_digits(
    text: str, probability: float, *, heard: bool
) -> None:
    words = [
        replace(word, probability=probability) if word.text in {"bun", "fun"} else word
        for word in words_from_text(text, rate=RATE)
    ]
    assert suspects(words) == (["bun", "fun"] if heard else [])


@pytest.mark.parametrize(
    ("text", "probabilities", "silent"),
    [
        ("my card number is full full three six two", [0.2, 0.001], ["full", "full"]),
        ("my card number is full full three six two", [0.001, 0.2], ["full", "full"]),
        ("my card number is full full three six two", [0.1, 0.001], []),
        ("my card number is three six two full", [0.2], ["full"]),
        ("my card number is full three six two " + "one " * 12, [0.2], ["full"]),
        ("my card number is full " + "one " * 16, [0.2], []),
        ("is full three six two one one one one one one one one one one one one", [0.2], ["full"]),
        ("my address is full three six two maple street", [0.2], []),
    ],
    ids=[
        "the first one",
        "the same word said again",
        "as little as any word",
        "behind it",
        "lacks one digit",
        "is whole",
        "nobody said what it is",
        "a street",
    ],
)
def test_what_was_nearly_a_number_beside_one_is_silenced(
    text: str, probabilities: list[float], silent: list[str]
) -> None:
    given = iter(probabilities)
    words = [
        replace(word, number_probability=next(given)) if word.text == "full" else word
        for word in words_from_text(text, rate=RATE)
    ]
    assert suspects(words) == silent


@pytest.mark.parametrize(
    ("text", "probability", "silent"),
    [
        ("well full full three six two four eight five four five eight four three five", 0.7, 2),
        ("is full full full three six two four eight five four five eight four three", 0.7, 3),
        ("well full full three six two four eight five four five eight four three five", 0.8, 0),
        ("well full then three six two four eight five four five eight four three five", 0.7, 0),
        ("well full " + "one " * 16, 0.7, 0),
        ("my card number is full full three six two", 0.7, 2),
        ("my card number is full full " + "one " * 16, 0.7, 0),
    ],
    ids=[
        "nobody asked",
        "three times",
        "sure",
        "said once",
        "once before sixteen digits",
        "asked for",
        "is whole",
    ],
)
def test_a_word_that_is_said_twice_beside_a_number_is_silenced(
    text: str, probability: float, silent: int
) -> None:
    """Nobody speaks so: "full full" was "four four"."""
    words = [
        replace(word, probability=probability) if word.text == "full" else word
        for word in words_from_text(text, rate=RATE)
    ]
    assert suspects(words) == ["full"] * silent


def test_a_word_said_twice_hides_no_odd_one() -> None:
    words = words_from_text("my card number is three six two four eight bun yeah yeah", rate=RATE)
    doubtful = {"bun": 0.2, "yeah": 0.7}
    words = [replace(word, probability=doubtful.get(word.text, 1.0)) for word in words]
    longer = words_from_text("yeah that is it", start=words[-1].end + 400, rate=RATE)
    assert suspects([*words, replace(longer[0], probability=0.7), *longer[1:]]) == ["bun"]


def test_what_was_nearly_a_number_beside_a_long_one_is_silenced_whatever_its_length() -> None:
    words = [
        replace(word, number_probability=0.2) if word.text == "full" else word
        for word in words_from_text("well so full " + "one " * 16, rate=RATE)
    ]
    assert suspects(words) == ["full"]


def test_digits_behind_a_pause_are_not_those_of_a_card_that_nobody_asked_for() -> None:
    card = "well full full three six two four eight five four five eight four three five eight four"
    words = [
        replace(word, probability=0.7) if word.text == "full" else word
        for word in words_from_text(card, rate=RATE)
    ]
    code = words_from_text("nine eight five", start=words[-1].end + 2 * RATE, rate=RATE)
    assert suspects([*words, *code]) == ["full", "full"]


def test_what_stands_between_a_number_and_what_was_nearly_one_is_silenced_with_it() -> None:
    for between, odd in (("uh", 1.0), ("bun", 0.2)):
        words = [
            replace(word, number_probability=0.2 if word.text == "full" else 0.0)
            for word in words_from_text(f"my card number is full {between} three six", rate=RATE)
        ]
        words = [replace(one, probability=odd) if one.text == between else one for one in words]
        assert suspects(words) == ["full", between]


def test_how_near_to_a_number_a_word_was_depends_on_how_likely_the_word_was() -> None:
    text = words_from_text("my card number is full three six two", rate=RATE)
    for probability, silent in ((0.9, []), (0.5, ["full"]), (0.0, [])):
        number = 0.07 if probability else 0.0
        words = [
            replace(word, probability=probability, number_probability=number)
            if word.text == "full"
            else word
            for word in text
        ]
        rule = UnexplainedRule(unsure_below=0.0)
        assert suspects(words, rule=rule) == silent


@pytest.mark.parametrize(("probability", "silent"), [(0.2, True), (0.1, False)])
def test_an_answer_without_a_digit_that_was_nearly_one_is_silenced(
    probability: float, *, silent: bool
) -> None:
    asked = words_from_text("what is the security code on the back", rate=RATE)
    answer = [
        replace(word, channel=1, number_probability=probability)
        for word in words_from_text("fine found full", start=asked[-1].end + RATE, rate=RATE)
    ]
    assert suspects(asked, answer) == (["fine", "found", "full"] if silent else [])


def suspects(*channels: list[Word], rule: UnexplainedRule | None = None) -> list[str]:
    """Which words, of which both models are sure, are silenced on suspicion."""
    until = max(word.end for words in channels for word in words) + 20 * RATE
    policy = Policy(name="x", version="1", unexplained=rule or UnexplainedRule())
    conversation = Conversation(RATE, len(channels), policy)
    for number, words in enumerate(channels):
        both = (*words, *(replace(word, hearing=Hearing.SECOND) for word in words))
        conversation.take(WindowTranscript("x", number, number, 0, until, both, heard_until=until))
    spans = [span for span in conversation.spans(until) if span.reason is Reason.UNEXPLAINED]
    return [
        word.text
        for number, words in enumerate(channels)
        for word in words
        if any(
            span.channel == number and span.start <= word.start and word.end <= span.end
            for span in spans
        )
    ]


def test_both_can_be_switched_off() -> None:
    off = UnexplainedRule(mute=False)
    assert suspected(off, gap_s=1.0) == []
    assert suspected(off, odd="battery", probability=0.2) == []


@pytest.mark.parametrize("text", ["thank you and good bye", "it costs forty two dollars"])
def test_away_from_anything_sensitive_nothing_is_suspected(text: str) -> None:
    assert suspected(UnexplainedRule(), text, gap_s=0.5) == []
    assert suspected(UnexplainedRule(), text, odd="battery", probability=0.1) == []


def test_a_sign_that_is_no_figure_is_not_counted_with() -> None:
    text = "numbers 5 \u00b2 3"
    assert suspects(words_from_text(text, rate=RATE)) == []
