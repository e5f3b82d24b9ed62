"""Words as they are compared, queries, and the place where they stand."""

from __future__ import annotations

import pytest

from pipeline.analytics.snippets import BEFORE, WORDS, Snippet, snippet_of
from pipeline.analytics.terms import TERMS_MOST, WordQuery, parse_query, word_terms
from pipeline.errors import InputError
from pipeline.evidence.redacted_transcript import ReadTranscript, ReadTurn, Word

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("refund", [("refund",)]),
        ("  Refund, ORDER. ", [("refund",), ("order",)]),
        ('"cancel my order" now', [("cancel", "my", "order"), ("now",)]),
        ('"cancel my order', [("cancel", "my", "order")]),
        ("e-mail", [("e",), ("mail",)]),
        ('"e-mail"', [("e", "mail")]),
        ("[card_number]", [("[CARD_NUMBER]",)]),
        ('"is [CARD_NUMBER] thanks"', [("is", "[CARD_NUMBER]", "thanks")]),
        ("card_number", [("card",), ("number",)]),
        ("Straße STRASSE", [("strasse",)]),
        ("ﬁx \u2019s don\u2019t", [("fix",), ("s",), ("don't",)]),
        ("route 66", [("route",), ("66",)]),
        ("refund refund", [("refund",)]),
    ],
)
def test_queries(text: str, runs: list[tuple[str, ...]]) -> None:
    query = parse_query(text)
    assert list(query.runs) == runs
    assert query.has_phrases is any(len(run) > 1 for run in runs)


@pytest.mark.parametrize(
    "text", ["", " ", '""', "... -", "[]", " ".join(map(str, range(TERMS_MOST + 1)))]
)
def test_queries_that_are_none_are_told_without_them(text: str) -> None:
    with pytest.raises(InputError, match="type 1 to 16 words"):
        parse_query(text)


def test_a_placeholder_is_no_word() -> None:
    assert word_terms(word("[CVV]", "CVV")) == ("[CVV]",)
    assert word_terms(word("[CVV]")) == ("cvv",)
    assert word_terms(word("-")) == ()


def word(text: str, entity: str = "", at: int = 0) -> Word:
    return Word(text=text, start_ms=at, end_ms=at + 300, confidence=0.9, entity=entity)


def told(*turns: str) -> ReadTranscript:
    """Turns of agent and customer; a word in brackets is a placeholder."""
    made = []
    for number, text in enumerate(turns):
        words = tuple(
            word(one, one.strip("[],.") if one.startswith("[") else "", 10_000 * number + 400 * at)
            for at, one in enumerate(text.split())
        )
        made.append(
            ReadTurn(
                channel=number % 2,
                role=("agent", "customer")[number % 2],
                start_ms=10_000 * number,
                end_ms=10_000 * number + 9_000,
                text=text,
                words=words,
            )
        )
    return ReadTranscript(
        call_id="call-1",
        language="en-US",
        duration_ms=100_000,
        incomplete=False,
        roles=("agent", "customer"),
        turns=tuple(made),
    )


def shown(found: Snippet | None) -> str:
    assert found
    return " ".join(f"*{one.text}*" if one.found else one.text for one in found.pieces)


CALL = told(
    "how can I help you",
    "I want to cancel my order please",
    "your order is gone",
    "my card is [CARD_NUMBER] and a refund, please",
)


@pytest.mark.parametrize(
    ("query", "role", "start_ms", "text"),
    [
        ("order", "customer", 12_000, "I want to cancel my *order* please"),
        ('"my order"', "customer", 11_600, "I want to cancel *my* *order* please"),
        ("order please", "customer", 12_000, "I want to cancel my *order* *please*"),
        ("[card_number]", "customer", 31_200, "my card is *[CARD_NUMBER]* and a refund, please"),
        ('"a refund"', "customer", 32_000, "my card is [CARD_NUMBER] and *a* *refund,* please"),
        ("gone refund", "agent", 21_200, "your order is *gone*"),
    ],
)
def test_the_turn_where_most_of_it_stands(query: str, role: str, start_ms: int, text: str) -> None:
    found = snippet_of(CALL, parse_query(query))
    assert found
    assert (found.role, found.start_ms, shown(found)) == (role, start_ms, text)
    assert found.begins
    assert found.ends


@pytest.mark.parametrize("query", ["zebra", "order zebra", '"order my"', '"please your"', '"ref"'])
def test_what_is_nowhere_has_no_place(query: str) -> None:
    assert snippet_of(CALL, parse_query(query)) is None


def test_a_long_turn_is_cut_around_the_place() -> None:
    words = [f"w{number}" for number in range(100)]
    found = snippet_of(told(" ".join(words)), WordQuery((("w50",),)))
    assert found
    assert [one.text for one in found.pieces] == words[50 - BEFORE : 50 - BEFORE + WORDS]
    assert not found.begins
    assert not found.ends


def test_words_are_in_no_repr() -> None:
    query = parse_query("secret")
    found = snippet_of(told("my secret"), query)
    assert "secret" not in repr(query) + repr(found)
