"""What an expression is ruled out for would not have matched."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import patterns
from models.ownclass import class_at, known_classes
from models.patterns import Worded
from models.recognizers.base import SpokenRecognizer
from models.registry import load_registry
from models.spoken import turn_of

pytestmark = pytest.mark.unit

PLACE = Worded(r"\b(?:[a-z]+ ){1,3}?(?:new york|ohio) \d+\b")
STATED = Worded(r"(?<=had |ter )radiation\b(?! (?:leak|(?:ice|sea) level))|\bmy names?(?: is)?\b")
_WORDS = ("my", "name", "is", "new", "york", "yorker", "ohio", "5", "had", "after", "radiation",
          "leak", "ice", "sea", "level", "names")  # fmt: skip


@settings(deadline=None)  # the first text compiles every expression
@given(st.lists(st.sampled_from(_WORDS), max_size=8).map(" ".join))
def test_whatever_matches_is_opened(text: str) -> None:
    for one in (PLACE, STATED):
        if one.pattern.search(text):
            assert turn_of(text).opens(one)


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("dayton ohio 45402", {PLACE}),
        ("my dayton office", set()),
        ("my old name", {STATED}),
        ("new york 5", {PLACE}),
        ("the new yorker 5", {PLACE}),
        ("the old yorker", set()),
        ("after radiation", {STATED}),
        ("where is the parcel", set()),
        ("", set()),
    ],
)
def test_what_a_turn_opens(text: str, opened: set[Worded]) -> None:
    assert {one for one in (PLACE, STATED) if turn_of(text).opens(one)} == opened


def test_a_search_finds_whole_tokens_or_nothing() -> None:
    turn = turn_of("So, in Dayton, Ohio 45402 it is")
    assert [(one.first, one.last) for one in turn.search(PLACE)] == [(0, 5)]
    assert list(turn.search(STATED)) == []
    assert [(one.first, one.last) for one in turn.search(re.compile("ohio"))] == [(3, 4)]


def test_an_expression_made_later_is_opened_too() -> None:
    turn_of("heron").unsaid  # noqa: B018 - worked out before
    later = Worded(r"\bheron\b")
    assert turn_of("heron").opens(later)


def test_a_class_with_what_is_no_expression_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from models.patterns import Worded\n"
        "from models.recognizers.given import GivenNameRecognizer\n"
        "class Own(GivenNameRecognizer):\n"
        "    PATTERNS = (Worded('(heron'),)\n",
        encoding="utf-8",
    )
    try:
        with pytest.raises(ValueError, match=r"own\.py:Own: no regular expression \(missing \)"):
            class_at("own.py:Own", tmp_path)
    finally:
        patterns._new.pop()  # the other tests' turns ask all that there are


def test_every_recogniser_that_may_be_left_out_says_by_what() -> None:
    gated = {
        one.name: len(one.recognizer.PATTERNS)
        for one in load_registry().registered
        if isinstance(one.recognizer, SpokenRecognizer) and one.recognizer.PATTERNS
    }
    assert gated == {
        "SpokenEmailRecognizer": 4,
        "SpokenAddressRecognizer": 16,
        "SpokenWebRecognizer": 7,
        "SpokenAgeRecognizer": 1,
        "ComplaintRecognizer": 5,
        "SymptomRecognizer": 7,
        "UnwellRecognizer": 16,
        "BodywiseRecognizer": 10,
        "AilmentRecognizer": 18,
        "TroubleRecognizer": 10,
        "EverydayRecognizer": 10,
        "BefallenRecognizer": 12,
        "TreatedRecognizer": 7,
        "ProcedureRecognizer": 4,
        "VehicleRecognizer": 2,
        "HealthCardRecognizer": 1,
        "DeviceRecognizer": 1,
        "SecretRecognizer": 3,
        "SpokenBirthRecognizer": 1,
        "SpokenExpiryRecognizer": 1,
        "SpokenPostcodeRecognizer": 1,
    }


def ours() -> list[Worded]:
    known_classes()
    modules = [one for name, one in sys.modules.items() if name.startswith("models.")]
    found = [one for module in modules for one in vars(module).values() if isinstance(one, Worded)]
    assert len(found) > 100
    return found


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_an_expression_of_ours_matches_is_opened(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(ours()))
    text = " ".join(data.draw(st.from_regex(one.source, fullmatch=True)).split())
    words = text.split(" ")
    if all(word.isalnum() for word in words) and one.pattern.match(text):
        assert not one.mask & patterns.unsaid(words)


def test_every_expression_of_ours_compiles() -> None:
    assert all(one.pattern for one in ours())
