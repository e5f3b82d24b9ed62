from __future__ import annotations

from collections.abc import Callable

import pytest

from models.recognizers.email import SpokenEmailRecognizer

pytestmark = pytest.mark.models

Find = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (
            "my email is j o h n dot smith at gmail dot com thanks",
            "j o h n dot smith at gmail dot com",
        ),
        ("it's john.smith at gmail.com", "john.smith at gmail.com"),
        ("you can use laura underscore b at yahoo dot com", "laura underscore b at yahoo dot com"),
        ("send it to john.smith@gmail.com please", "john.smith@gmail.com"),
        (
            "it's mike forty two at acme industries dot org",
            "mike forty two at acme industries dot org",
        ),
        ("yes it's sandy at hotmail", "sandy at hotmail"),
        ("It's Linda.Chapman.eggexample.org", "Linda.Chapman.eggexample.org"),
    ],
)
def test_finds_addresses(find: Find, text: str, address: str) -> None:
    assert address in find(SpokenEmailRecognizer(), text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("sure, jay smitt at g male calm", "jay smitt at g male calm"),
        ("it's l b a r r e r a nineteen at aol", "l b a r r e r a nineteen at aol"),
        ("Jaysmithson", "Jaysmithson"),
        (
            "Linda Dolce, chapter in that example doctor",
            "Linda Dolce, chapter in that example doctor",
        ),
        (
            "tim dot jacobs at example dot org / thank you so much / last year we were at nine",
            "tim dot jacobs at example dot org",
        ),
    ],
)
def test_silences_the_answer_where_one_was_asked_for(find: Find, text: str, address: str) -> None:
    assert address in find(SpokenEmailRecognizer(), text, asked="EMAIL_ADDRESS")


@pytest.mark.parametrize(
    "text",
    [
        "meet me at the store at nine",
        "I'll send you an email about it",
        "the price is at an all time low",
        "you can look at the website",
        "you find it all on www.example.com",
    ],
)
def test_leaves_other_talk_alone(find: Find, text: str) -> None:
    assert find(SpokenEmailRecognizer(), text) == []


def test_an_answer_without_an_address_stays(find: Find) -> None:
    assert find(SpokenEmailRecognizer(), "I do not have one", asked="EMAIL_ADDRESS") == []


@pytest.mark.parametrize(
    "text",
    [
        "info at thornbury design dot co dot uk",
        "kate at k a t e designs dot com",
        "d dash evans at bluewave dot io",
        "j as in John, t as in Tom, smith at comcast dot net",
    ],
)
def test_finds_addresses_at_any_domain_whole(find: Find, text: str) -> None:
    assert find(SpokenEmailRecognizer(), f"send it to {text} please")[0] == text


def test_a_spelled_answer_ends_with_the_sentence_of_its_last_sign(find: Find) -> None:
    text = (
        "it's k a r l at example dot com. Thank you. Your claim has a number, and the deductible "
        "is eighty one dollars. We will send it by Friday"
    )
    for address in find(SpokenEmailRecognizer(), text, asked="EMAIL_ADDRESS"):
        assert address in "it's k a r l at example dot com. Thank you"


def test_a_spelled_answer_with_a_domain_that_nobody_understood_stays_whole(find: Find) -> None:
    text = "it's k a r l at the grant will got told"
    found = find(SpokenEmailRecognizer(), text, asked="EMAIL_ADDRESS")
    assert any(address.endswith("k a r l at the grant will got told") for address in found)


@pytest.mark.parametrize(
    ("text", "domain"),
    [("fastmail dot fm", "fastmail dot fm"), ("Yahoo dot com.", "Yahoo dot com")],
)
def test_finds_a_domain_that_is_asked_for(find: Find, text: str, domain: str) -> None:
    assert domain in find(SpokenEmailRecognizer(), text, asked="EMAIL_ADDRESS")


def test_leaves_a_domain_that_nobody_asked_for_alone(find: Find) -> None:
    assert find(SpokenEmailRecognizer(), "Yahoo dot com.") == []
