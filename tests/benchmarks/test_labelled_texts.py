"""The labelled texts are what their templates give, and are as many and as varied as claimed."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.calls.people import luhn_digit
from benchmarks.labels.labelled import (
    FRESH,
    FRESH_DEV,
    FRESH_TUNE,
    HALVES,
    LINES,
    SPANISH_HELD,
    TALK,
    TEXTS,
    as_lines,
    cases,
    talk,
)
from benchmarks.labels.number_words import number
from pipeline.evaluation.corpora.labelled_texts import LabelledCase, parse_cases
from pipeline.evaluation.scoring.text_scoring import lay_out
from pipeline.records.entities import Entity

pytestmark = pytest.mark.unit

RARE = {Entity.NUMBER_SEQUENCE, Entity.NATIONAL_ID, Entity.DTMF}
"""What nobody says on purpose."""


@pytest.fixture(scope="module")
def halves() -> dict[str, list[LabelledCase]]:
    return {half: cases(half) for half in HALVES}


@pytest.mark.parametrize("half", HALVES)
def test_the_files_are_what_the_templates_give(half: str) -> None:
    assert (TEXTS / f"{half}.jsonl").read_text(encoding="utf-8") == as_lines(half)


def test_they_are_enough(halves: dict[str, list[LabelledCase]]) -> None:
    negatives = [case.negative for half in halves.values() for case in half]
    assert sum(negatives) >= 400
    assert len(negatives) - sum(negatives) >= 600
    for half in halves.values():
        found = {label.entity for case in half for turn in case.turns for label in turn.labels}
        assert found == set(Entity) - RARE


@pytest.mark.parametrize(
    ("names", "positive", "negative"),
    [
        (TALK[:2], 100, 40),
        (TALK[2:4], 100, 40),
        (TALK[4:6], 60, 20),
        (TALK[6:8], 250, 100),
        (TALK[8:], 100, 100),
        (LINES, 200, 200),
    ],
)
def test_the_dialogues_are_enough_and_share_none(
    names: tuple[str, str], positive: int, negative: int
) -> None:
    tune, held = (talk(name) for name in names)
    for half in (tune, held):
        negatives = sum(case.negative for case in half)
        assert len(half) - negatives >= positive
        assert negatives >= negative
    assert not {case.id for case in tune} & {case.id for case in held}
    assert not {case.turns for case in tune} & {case.turns for case in held}


def test_half_of_the_fresh_calls_hold_nothing_and_none_is_told_elsewhere() -> None:
    fresh = talk(FRESH)
    others = {case.turns for name in (*TALK, *LINES) for case in talk(name)}
    assert [sum(case.negative for case in fresh), len(fresh)] == [200, 400]
    assert len({case.turns for case in fresh} - others) == 400
    found = {label.entity for case in fresh for turn in case.turns for label in turn.labels}
    assert found == set(Entity) - {Entity.NUMBER_SEQUENCE, Entity.DTMF}
    for name, least in zip(FRESH_TUNE, (700, 1_500), strict=True):
        tune = talk(name)
        assert len(tune) >= least
        assert 0.4 <= sum(case.negative for case in tune) / len(tune) <= 0.6
        assert not {case.turns for case in tune} & {case.turns for case in fresh}


def test_calls_to_look_at_are_learnt_from_by_nobody() -> None:
    looked_at = {case.turns for case in talk(FRESH_DEV)}
    assert len(looked_at) > 4_600
    for name in (FRESH, *FRESH_TUNE):
        assert not {case.turns for case in talk(name)} & looked_at


def test_half_of_the_spanish_calls_hold_nothing_and_none_is_learnt_from() -> None:
    spanish = talk(SPANISH_HELD)
    assert [sum(case.negative for case in spanish), len(spanish)] == [60, 120]
    assert {case.language for case in spanish} == {"es"}
    learnt = {case.turns for name in FRESH_TUNE for case in talk(name)}
    assert not {case.turns for case in spanish} & learnt


def test_the_halves_share_neither_lines_nor_values() -> None:
    tune, held = (
        yaml.safe_load((TEXTS / f"{half}.yaml").read_text(encoding="utf-8")) for half in HALVES
    )
    assert tune["values"].keys() == held["values"].keys()
    for name in tune["values"].keys() - {"mail"}:  # providers of e-mail are the same for all
        assert not set(tune["values"][name]) & set(held["values"][name])
    more = [
        yaml.safe_load((TEXTS / f"{half}_phrasings.yaml").read_text(encoding="utf-8"))
        for half in HALVES
    ]
    assert not set(more[0]["values"]["answer"]) & set(more[1]["values"]["answer"])
    for kind in ("positives", "negatives"):
        parts = [
            set(f"{each[kind].strip()}\n\n{new[kind].strip()}".split("\n\n"))
            for each, new in zip((tune, held), more, strict=True)
        ]
        assert not parts[0] & parts[1]


def test_every_label_begins_and_ends_with_a_word(halves: dict[str, list[LabelledCase]]) -> None:
    for case in (case for half in halves.values() for case in half):
        for turn in case.turns:
            for label in turn.labels:
                text = turn.text[label.start : label.end]
                assert text == text.strip() != ""
                assert label.start == 0 or turn.text[label.start - 1] == " "
        placed = lay_out(case)
        assert parse_cases(case.as_line(), origin="x") == [case]
        assert sum(map(len, placed.words)) == sum(len(t.text.split()) for t in case.turns)


def test_glued_card_numbers_pass_luhn_but_for_lost_digits(
    halves: dict[str, list[LabelledCase]],
) -> None:
    lengths: Counter[int] = Counter()
    for case in (case for half in halves.values() for case in half):
        for turn in case.turns:
            for label in turn.labels:
                digits = turn.text[label.start : label.end].translate(str.maketrans("", "", " -,."))
                if label.entity == Entity.CARD_NUMBER and digits.isdigit() and len(digits) > 13:
                    lengths[len(digits)] += 1
                    if len(digits) == 16:
                        assert luhn_digit(digits[:-1]) == digits[-1]
    assert lengths[16] > 10


@given(
    digits=st.text("0123456789", min_size=3, max_size=16),
    style=st.sampled_from(["grouped", "joined", "dashed", "single"]),
    size=st.integers(1, 5),
)
def test_figures_hold_every_digit(digits: str, style: str, size: int) -> None:
    bits = number(digits, (size,), random.Random(0), style)
    assert "".join(c for bit in bits for c in bit.text if c.isdigit()) == digits
