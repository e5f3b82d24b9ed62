"""What an agent would say and what a customer."""

from __future__ import annotations

import pytest

from benchmarks.reader.role_words import Piece, learnt, pieces
from models.speakers.role_words import agent_odds, features
from pipeline.evaluation.corpora.labelled_texts import Label, LabelledCase, LabelledTurn
from pipeline.records.model import Role

pytestmark = pytest.mark.unit


def test_words_pairs_the_first_word_and_a_question_are_looked_at() -> None:
    assert features("Can I help? 42") == {
        "can", "i", "help", "can i", "i help", "^can",
    }  # fmt: skip
    assert features("What\u2019s that?") == {"what's", "that", "what's that", "^what's", "?"}
    assert features("", ["CARD_NUMBER"]) == {"[CARD_NUMBER"}
    assert features("42 7") == set()


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for calling, how can I help you today?",
        "Can I have your date of birth, please?",
        "Is there anything else I can do for you?",
        "¿En qué puedo ayudarle?",
    ],
)
def test_an_agent_s_sentences(text: str) -> None:
    assert agent_odds(text) > 0.5


@pytest.mark.parametrize(
    "text",
    [
        "Hi, I'd like to pay my bill.",
        "My husband is allergic to nuts.",
        "No, that's everything, thanks.",
        "Quiero pagar mi factura.",
    ],
)
def test_a_customer_s_sentences(text: str) -> None:
    assert agent_odds(text) < -0.5


def test_values_are_mostly_a_customer_s_and_nothing_tells_nothing() -> None:
    assert agent_odds("", ["CARD_NUMBER"]) < -0.5
    assert agent_odds("") == agent_odds("42") == agent_odds("xyzzy") == 0


def test_no_stretch_is_surer_than_98_per_cent() -> None:
    assert agent_odds("thank you for calling how can i help you today may i have your name") == 4


def labelled(role: Role, text: str, *values: tuple[int, int, str]) -> LabelledCase:
    labels = tuple(Label(start=a, end=b, entity=name) for a, b, name in values)
    return LabelledCase(id="one", turns=(LabelledTurn(role=role, text=text, labels=labels),))


def test_texts_are_parted_as_in_running_and_no_value_is_learnt() -> None:
    case = labelled(Role.CUSTOMER, "It's 4111 now. Anything else?", (5, 9, "CARD_NUMBER"))
    assert [*pieces([case])] == [
        Piece(("^it's", "it's"), agent=False),
        Piece(("[CARD_NUMBER",), agent=False),
        Piece(("^now", "now"), agent=False),
        Piece(("?", "^anything", "anything", "anything else", "else"), agent=False),
    ]
    assert not [*pieces([labelled(Role.MIXED, "Hello there.")])]


def test_the_same_pieces_give_the_same_weights() -> None:
    some = [Piece(("help", "you"), agent=True), Piece(("my", "you"), agent=False)] * 40
    weights = learnt(some)
    assert weights == learnt(some)
    assert weights["help"] > 0.02 > -0.02 > weights["my"]
    assert "seldom" not in learnt([*some, Piece(("seldom",), agent=True)])
