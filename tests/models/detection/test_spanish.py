"""Spanish: numbers come back digit by digit with their words, and labelled calls are covered."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.labels.spanish import FILE, as_lines, below_hundred, cardinal, cases, spell
from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.language.vocabulary import languages, vocabulary
from pipeline.detection.numbers.runs import read, words_from_text
from pipeline.evaluation.corpora.labelled_texts import LabelledCase, parse_cases
from pipeline.evaluation.scoring.text_scoring import lay_out
from pipeline.policy.loading import load_policy

pytestmark = pytest.mark.unit

ES = vocabulary("es")
CASES = cases()

Piece = tuple[str, str]


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("cuatro uno uno uno", "4111"),
        ("treinta y cinco", "35"),
        ("dieciséis veintiuno veintidos", "162122"),
        ("doble cero siete", "007"),
        ("triple cinco", "555"),
        ("doscientos cincuenta y tres", "253"),
        ("ciento cinco", "105"),
        ("mil novecientos ochenta y cinco", "1985"),
        ("dos mil veintiuno", "2021"),
        ("seiscientos doce, treinta y cuatro, cincuenta y seis", "6123456"),
        ("nueve uno dos y luego tres cuatro cinco", "912345"),
        ("diez y seis", "16"),
        ("912 345 678", "912345678"),
        ("quinientos cinco cinco", "50055"),
    ],
)
def test_numbers_are_read(text: str, digits: str) -> None:
    assert [run.digits for run in read(words_from_text(text), voc=ES)] == [digits]


@pytest.mark.parametrize("text", ["y", "o sea", "la de", "a la una de la tarde", "por favor"])
def test_words_are_no_numbers(text: str) -> None:
    assert read(words_from_text(text), voc=ES) == []


digit = st.sampled_from("0123456789")


def pieces() -> st.SearchStrategy[Piece]:
    """A way of saying some digits, and those digits."""
    single = digit.map(lambda d: (next(spell(d)), d))
    # A round ten before "y cinco" would be thirty-five by the ear, too; a hundred goes on likewise.
    pair = st.integers(11, 99).filter(lambda n: n % 10).map(lambda n: (below_hundred(n), str(n)))
    double = digit.map(lambda d: (f"doble {next(spell(d))}", d * 2))
    hundred = st.integers(1, 9).flatmap(
        lambda h: st.integers(11, 99).filter(lambda n: n % 10).map(
            lambda n: (cardinal(100 * h + n), str(100 * h + n))
        )
    )  # fmt: skip
    figures = st.text("0123456789", min_size=2, max_size=5).map(lambda d: (d, d))
    return st.one_of(single, pair, double, hundred, figures)


between = st.sampled_from(["", "", "", "eh", "luego", "entonces", "no perdón"])
stops = st.sampled_from(["", "", ",", "."])


@st.composite
def spoken(draw: st.DrawFn) -> tuple[str, str, int, int]:
    """A text; its digits; the first and the last word of the number."""
    words: list[str] = list(draw(st.sampled_from([[], ["es"], ["mi", "número", "es"]])))
    digits, first, last = "", len(words), 0
    for text, carried in draw(st.lists(pieces(), min_size=2, max_size=9)):
        words += text.split()
        last = len(words) - 1
        digits += carried
        words[-1] += draw(stops)
        words += draw(between).split()
    words += draw(st.sampled_from([[], ["gracias"]]))
    return " ".join(words), digits, first, last


@settings(max_examples=300, deadline=None)
@given(spoken())
def test_every_rendering_comes_back_with_exactly_its_words(
    case: tuple[str, str, int, int],
) -> None:
    text, digits, first, last = case
    (run,) = read(words_from_text(text), voc=ES)
    assert run.digits == digits
    assert (run.first, run.last) == (first, last)


@settings(max_examples=200, deadline=None)
@given(st.integers(11, 999_999))
def test_cardinals_come_back(value: int) -> None:
    runs = read(words_from_text(cardinal(value)), voc=ES)
    if value in (100, 1_000, 1_100, 100_000, 100_100):  # "cien mil cien": no digit word
        assert runs == []
    else:
        assert "".join(run.digits for run in runs) == str(value)


def test_the_file_is_what_the_templates_give() -> None:
    assert FILE.read_text(encoding="utf-8") == as_lines()
    assert parse_cases(as_lines(), origin="spanish") == CASES
    negatives = sum(case.negative for case in CASES)
    assert negatives >= 40
    assert len(CASES) - negatives >= 60


def missed(case: LabelledCase) -> tuple[set[str], int]:
    """Entities with a word left audible, and harmless words silenced, by numbers alone."""
    placed = lay_out(case)
    call = Conversation(
        placed.call.sample_rate, placed.call.channels, load_policy("default"), placed.call.language
    )
    for heard in placed.windows():
        call.take(heard)
    spans = call.spans(placed.ends[-1])
    left: set[str] = set()
    silenced = 0
    for word in (one for turn in placed.words for one in turn):
        middle = (word.word.start + word.word.end) // 2
        covered = any(
            span.start <= middle < span.end and span.channel == word.word.channel for span in spans
        )
        if word.label is not None and not covered:
            left.add(word.label.entity)
        silenced += word.label is None and covered
    return left, silenced


def test_a_labelled_value_is_covered_whole() -> None:
    left = {case.id: missed(case)[0] for case in CASES if not case.negative}
    assert {case: entities for case, entities in left.items() if entities} == {}


def test_harmless_numbers_stay() -> None:
    found = {case.id: missed(case) for case in CASES if case.negative}
    assert {case: wrong for case, wrong in found.items() if wrong != (set(), 0)} == {}


def test_every_language_has_the_same_form() -> None:
    assert languages() == ("en", "es")
    assert vocabulary("es").words.keys() == vocabulary("en").words.keys()
    assert {ES.figures[d] for d in "0123456789"} == {next(spell(d)) for d in "0123456789"}
