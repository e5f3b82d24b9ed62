"""Topics: what counts, and lists that are refused with the line."""

from __future__ import annotations

import pytest

from pipeline.analytics.topics import counted, normal_words, parse_topics, shipped_topics
from pipeline.errors import PolicyError
from pipeline.records.model import Mute, Span
from tests.pipeline.analytics.stored_calls import stored, word

pytestmark = pytest.mark.unit
LIST = """topics:
  cancellation: [cancel, cancel my order, don't want it]
  refund: [money back, Rückzahlung]
"""


def call(*texts: str, mutes: tuple[Mute, ...] = ()) -> dict[str, int]:
    words = [
        word(channel, 300 * place + 9_000 * channel, 300 * place + 9_000 * channel + 200, one)
        for channel, text in enumerate(texts)
        for place, one in enumerate(text.split())
    ]
    found = counted(stored(words, mutes, length=20_000), parse_topics(LIST, origin="t.yaml"))
    return dict(found)


def test_phrases_count_without_case_and_punctuation() -> None:
    said = "I want to CANCEL, cancel my order. I don\u2019t want it!"
    assert call(said, "Money, back? RÜCKZAHLUNG.") == {"cancellation": 3, "refund": 2}


def test_a_part_of_a_word_is_no_word() -> None:
    assert call("cancelled the money for my back") == {}


def test_a_phrase_does_not_go_across_turns_or_placeholders() -> None:
    assert call("money", "back") == {}
    span = Span("PERSON", 0, 300, 500, 0.9, "names")
    muted = call("money Smith back", mutes=(Mute(0, 300, 500, (span,)),))
    assert muted == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("topics:\n  a: [my card 4111]", "line 2: topics.a.0: no number"),
        ("topics:\n  a:\n    - fine\n    - '٤'", "line 4: topics.a.1: no number"),
        ("topics:\n  a: ['[PERSON]']", "line 2: topics.a.0: no placeholder"),
        ("topics:\n  a: [the CARD_NUMBER is]", "line 2: topics.a.0: no placeholder"),
        ("topics:\n  a: [4111]", "line 2: topics.a.0: a phrase is a text"),
        ("topics:\n  a: ['...']", "line 2: topics.a.0: a phrase has 1 to 8 words"),
        ("topics:\n  a: [one, One]", "line 2: topics.a.1: this phrase stands here twice"),
        ("topics:\n  A b: [one]", "line 2: topics.A b: a name has small letters"),
        ("topics:\n  a: []", "line 2: topics.a: a topic has a list"),
        ("topics:\n  a: one", "line 2: topics.a: a topic has a list"),
        ("topics: [a]", "line 1: a list of topics is a mapping"),
        ("topic: {}", "a list of topics is a mapping"),
        ("topics:\n  a: [x]\n  a: [y]", "line 3: a stands here a second time"),
        ("topics:\n\t", "line 2"),
    ],
)
def test_a_wrong_list_is_refused_with_its_line(text: str, told: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_topics(text, origin="own.yaml")
    assert told in str(refused.value)
    assert str(refused.value).startswith("own.yaml")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(PolicyError) as refused:
        parse_topics("topics:\n  a: ['1', '[X]']\n  B: [x]", origin="own.yaml")
    assert len(str(refused.value).splitlines()) == 3


def test_the_shipped_list_is_read_and_its_digest_follows_its_content() -> None:
    shipped = shipped_topics()
    assert {"appointment", "payment", "refund"} <= {topic.name for topic in shipped.topics}
    assert shipped.digest != parse_topics(LIST, origin="t").digest
    assert parse_topics(LIST, origin="t").digest == parse_topics(LIST, origin="u").digest


def test_words_are_compared_in_one_form() -> None:
    text = "Co-pay, \uff21\uff22\uff23 don\u2019t\u2014stop_it"
    assert " ".join(normal_words(text)) == "co pay abc don't stop it"
