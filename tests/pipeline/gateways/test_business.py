"""What recorders state of how a call came about, and what may travel on of it."""

from __future__ import annotations

import pytest

from pipeline.errors import RecordError
from pipeline.gateways.business import WITHHELD, StatedBusiness
from pipeline.records.consent import Business
from pipeline.records.pseudonyms import pseudonym

pytestmark = pytest.mark.unit

KEY = b"k" * 32
OURS, THEIRS, ANOTHER = "+1 555 010 0100", "+1 555 010 0199", "+1 555 010 0123"


def named(number: str) -> str:
    return pseudonym(number, KEY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("direction", "sideways"),
        ("outcome", "lost"),
        ("campaign", "Spring Sale"),
        ("campaign", "call-5550100199"),
        ("agent", "Ann 555 010 0199"),
        ("agent", "Ann ٥٥٥٠١٠٠١٩٩"),
        ("agent", "55 51 x 23 4567"),
        ("agent", "4111 1111 Ann 1111 1111"),
        ("campaign", "c411111a111111b1111"),
        ("campaign", "spring-20260301"),
        ("agent", " Ann"),
        ("agent", "A" * 81),
        ("agent", "Ann\u202e"),
        ("tracking_number", "+" * 257),
        ("caller", "+1 555\n010"),
    ],
)
def test_what_is_none_of_its_kind_or_may_hold_a_number_is_refused(field: str, value: str) -> None:
    with pytest.raises(RecordError, match=f"^{field}: ") as refused:
        StatedBusiness(**{field: value})
    assert value.strip() not in str(refused.value)


@pytest.mark.parametrize("agent", ["Ann B.", "agent-1042", "Müller", "ann@example.com", "队列"])
def test_names_of_agents_are_kept_as_they_are(agent: str) -> None:
    assert StatedBusiness(agent=agent).known(named, {}).agent == agent


def test_numbers_become_names_or_pseudonyms() -> None:
    stated = StatedBusiness("inbound", "", OURS, "Ann", "answered")
    known = stated.known(named, {"+15550100100": "web"}, numbers=[THEIRS, OURS], campaign="spring")
    assert known == Business("inbound", "spring", "web", "Ann", "answered", named(THEIRS))
    assert stated.known(named, {}).line == named(OURS)


@pytest.mark.parametrize(
    ("numbers", "caller", "expected"),
    [
        ([THEIRS], "", THEIRS),
        ([THEIRS, "tel:+1-555-010-0100"], "", THEIRS),
        ([THEIRS, THEIRS, OURS], "", THEIRS),
        ([THEIRS, ANOTHER], "", None),
        ([THEIRS, ANOTHER], ANOTHER, ANOTHER),
        ([], "", None),
        ([OURS], "", None),
        (["  "], "", None),
        (["sip:anna@example.com"], "", "sip:anna@example.com"),
    ],
)
def test_the_caller_is_who_is_left_beside_the_company(
    numbers: list[str], caller: str, expected: str | None
) -> None:
    known = StatedBusiness(tracking_number=OURS, caller=caller).known(named, {}, numbers=numbers)
    assert known.caller == (named(expected) if expected else "")


@pytest.mark.parametrize("withheld", [[], ["anonymous"]])
def test_the_company_itself_is_never_a_caller(withheld: list[str]) -> None:
    lines = {"+15550100100": "web"}
    known = StatedBusiness("inbound").known(named, lines, numbers=[OURS, *withheld])
    assert (known.line, known.caller) == ("web", "")
    known = StatedBusiness(caller=OURS).known(named, lines, numbers=[OURS])
    assert (known.line, known.caller) == ("web", "")
    known = StatedBusiness("inbound").known(named, lines, numbers=[OURS, THEIRS])
    assert (known.line, known.caller) == ("web", named(THEIRS))


def test_the_line_is_no_caller_in_another_form_either() -> None:
    national = StatedBusiness("inbound", tracking_number="0301 234567")
    assert national.known(named, {}, numbers=["+49301234567", "anonymous"]).caller == ""
    assert national.known(named, {}, numbers=["+49301234567", THEIRS]).caller == named(THEIRS)


@pytest.mark.parametrize("word", [*sorted(WITHHELD), "Anonymous", "sip:anonymous@x.invalid"])
def test_withheld_numbers_are_no_repeat_caller(word: str) -> None:
    assert StatedBusiness(caller=word).known(named, {}).caller == ""


def test_with_a_direction_both_numbers_have_their_place() -> None:
    inbound = StatedBusiness("inbound").between(THEIRS, OURS)
    outbound = StatedBusiness("outbound").between(OURS, THEIRS)
    for stated in (inbound, outbound):
        assert (stated.tracking_number, stated.caller) == (OURS, THEIRS)
    assert StatedBusiness().between(THEIRS, OURS) == StatedBusiness()
    said = StatedBusiness("inbound", tracking_number=ANOTHER).between(THEIRS, OURS)
    assert said.tracking_number == ANOTHER


def test_no_number_shows_in_what_is_printed() -> None:
    assert "555" not in repr(StatedBusiness(tracking_number=OURS, caller=THEIRS))


def test_what_is_told_is_what_is_read() -> None:
    stated = StatedBusiness("outbound", "spring", OURS, "Ann", "missed", THEIRS)
    assert StatedBusiness(**stated.told) == stated
    assert StatedBusiness().told == {}
