"""Labels of written turns on the words that were heard of them."""

from __future__ import annotations

import pytest

from benchmarks.labels.carrying import SpokenTurn, carried
from pipeline.evaluation.corpora.labelled_texts import LabelledTurn, parse_cases
from pipeline.records.model import Role, Word

pytestmark = pytest.mark.unit

CHANNELS = {Role.AGENT: 0, Role.CUSTOMER: 1}
WORD = 2_400
"""Samples from one word to the next: 0.3 s at 8 kHz."""
TURN = 80_000
"""Samples from one turn to the next: 10 s."""


def written(text: str) -> list[SpokenTurn]:
    """The turns of a dialogue, 10 s from each one's beginning to the next one's."""
    turns = parse_cases(text, origin="test")[0].turns
    return [
        SpokenTurn(turn, CHANNELS[turn.role], at * TURN, at * TURN + len(turn.text.split()) * WORD)
        for at, turn in enumerate(turns)
    ]


def said(at: int, channel: int, text: str) -> list[Word]:
    """Words heard from the beginning of a turn on."""
    starts = range(at * TURN, (at + 1) * TURN, WORD)
    return [
        Word(channel, start, start + WORD, word)
        for start, word in zip(starts, text.split(), strict=False)
    ]


def marked(turn: LabelledTurn) -> str:
    """A turn as dialogues are written by hand; an optional label has a "?" before its type."""
    text = turn.text
    for label in sorted(turn.labels, key=lambda one: -one.start):
        name = f"?{label.entity}" if label.optional else label.entity
        value = text[label.start : label.end]
        text = f"{text[: label.start]}{{{name}|{value}}}{text[label.end :]}"
    return text


@pytest.mark.parametrize(
    ("text", "heard", "expected"),
    [
        pytest.param(
            "it's {PASSWORD|plum} I think",
            "It's plum, I think.",
            "It's {PASSWORD|plum}, I think.",
            id="exact words",
        ),
        pytest.param(
            "pin is {PIN|four four one seven} okay",
            "pin is 4417 okay",
            "pin is {PIN|4417} okay",
            id="a digit run heard as figures",
        ),
        pytest.param(
            "pin is {PIN|4417} okay",
            "pin is four four one seven okay",
            "pin is {PIN|four four one seven} okay",
            id="figures heard as number words",
        ),
        pytest.param(
            "pin is {PIN|four four one seven} okay",
            "pin is four for one seven okay",
            "pin is {PIN|four for one seven} okay",
            id="a digit heard as a word that sounds like it",
        ),
        pytest.param(
            "pin is {PIN|four four one seven} okay",
            "pin is four one seven okay",
            "pin is {PIN|four one seven} okay",
            id="a labelled word lost",
        ),
        pytest.param(
            "well it's {PASSWORD|plum} I think",
            "it's plum I think",
            "it's {PASSWORD|plum} I think",
            id="a word beside the label lost",
        ),
        pytest.param(
            "it's {PASSWORD|plum} I think",
            "it's prune I think",
            "it's {PASSWORD|prune} I think",
            id="a word misheard opposite a labelled one",
        ),
        pytest.param(
            "it's {PASSWORD|plum} I think",
            "it's the plum I think",
            "it's {?PASSWORD|the} {PASSWORD|plum} I think",
            id="surplus word before a label",
        ),
        pytest.param(
            "it's {PASSWORD|plum} I think",
            "it's plum yeah I think",
            "it's {PASSWORD|plum} {?PASSWORD|yeah} I think",
            id="surplus word after a label",
        ),
        pytest.param(
            "pin is {PIN|four four one seven} okay",
            "pin is four four um one seven okay",
            "pin is {PIN|four four um one seven} okay",
            id="surplus word inside a label",
        ),
        pytest.param(
            "it's {PASSWORD|plum} I think",
            "it's plum I really think",
            "it's {PASSWORD|plum} I really think",
            id="surplus word elsewhere",
        ),
        pytest.param(
            "it's {PASSWORD|plum} I think so",
            "it's I think so",
            "it's I think so",
            id="a label whose words were not heard",
        ),
    ],
)
def test_a_heard_word_has_the_label_of_what_it_stands_opposite(
    text: str, heard: str, expected: str
) -> None:
    (turn,) = carried(written(f"C: {text}"), said(0, 1, heard))
    assert turn.role is Role.CUSTOMER
    assert marked(turn) == expected


def test_what_is_read_back_on_the_other_channel_is_labelled_there() -> None:
    spoken = written(
        "C: {PIN|four four one seven} please\nA: that was {PIN|four four one seven} right\nC: yes\n"
    )
    heard = said(0, 1, "4417 please") + said(1, 0, "that was 4 4 1 7 right") + said(2, 1, "yes")
    turns = carried(spoken, heard)
    assert [turn.role for turn in turns] == [Role.CUSTOMER, Role.AGENT, Role.CUSTOMER]
    assert [marked(turn) for turn in turns] == [
        "{PIN|4417} please",
        "that was {PIN|4 4 1 7} right",
        "yes",
    ]


def test_words_on_the_other_channel_take_no_label() -> None:
    spoken = written("C: {PIN|four four one seven} please\nA: thank you\n")
    heard = sorted(
        said(0, 1, "4417 please") + said(0, 0, "4417") + said(1, 0, "thank you"),
        key=lambda word: word.start,
    )
    turns = carried(spoken, heard)
    assert [(turn.role, turn.text) for turn in turns] == [
        (Role.CUSTOMER, "4417 please"),
        (Role.AGENT, "4417 thank you"),
    ]
    assert [len(turn.labels) for turn in turns] == [1, 0]


def test_a_turn_of_which_nothing_was_heard_is_gone() -> None:
    spoken = written("C: {PIN|four four one seven}\nA: thank you\n")
    assert [marked(turn) for turn in carried(spoken, said(1, 0, "thank you"))] == ["thank you"]
    assert carried(spoken, []) == ()
