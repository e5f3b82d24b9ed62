"""Fragments of known numbers that come again, and what a call remembers of them."""

from __future__ import annotations

import pytest

from pipeline.detection.dialogue.model import Reading, Verdict
from pipeline.detection.dialogue.read_back import Fragments
from pipeline.detection.numbers.runs import read, words_from_text
from pipeline.records.entities import Entity
from pipeline.records.scores import Basis

pytestmark = pytest.mark.unit


def verdict(text: str, entity: Entity | None = None) -> Verdict:
    """The only number of a text."""
    (run,) = read(words_from_text(text))
    return Verdict(run, None, entity, Basis.ASKED_FOR if entity else Basis.NONE)


def test_a_fragment_of_a_card_number_is_recognised_before_and_after_it() -> None:
    early, late, other = verdict("1881"), verdict("4012"), verdict("9999")
    card = verdict("4012 8888 8888 1881", Entity.CARD_NUMBER)
    Fragments().recognise([Reading([early, card, late, other])])
    assert [one.entity for one in (early, late, other)] == [
        Entity.CARD_NUMBER,
        Entity.CARD_NUMBER,
        None,
    ]


def test_a_price_has_to_share_more_than_chance_explains() -> None:
    price = verdict("$401288")
    likely = verdict("$40128")
    card = verdict("4012 8888 8888 1881", Entity.CARD_NUMBER)
    Fragments().recognise([Reading([price, likely, card])])
    assert price.entity is Entity.CARD_NUMBER
    assert likely.entity is None


def test_what_ended_before_is_remembered_as_digests_only() -> None:
    fragments = Fragments()
    card = verdict("4012 8888 8888 1881", Entity.CARD_NUMBER)
    fragments.remember([Reading([card])], card.run.end)
    early = verdict("1881")
    fragments.recognise([Reading([early])])
    assert early.entity is None
    fragments.remember([Reading([card])], card.run.end + 1)
    fragments.recognise([Reading([early])])
    assert early.entity is Entity.CARD_NUMBER
    assert "1881" not in repr(vars(fragments))


def test_what_is_no_secret_leaves_no_fragment() -> None:
    place, again = verdict("90210 1234", Entity.ZIP_CODE), verdict("1234")
    Fragments().recognise([Reading([place, again])])
    assert again.entity is None
