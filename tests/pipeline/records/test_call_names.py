"""Which names of calls hold a number, and what becomes of them."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records.call_names import PSEUDONYM, holds_number, pseudonym_of, shown
from pipeline.records.cloudevents import valid_call_id

pytestmark = pytest.mark.unit

KEY = bytes(range(32))
NUMBERS = (
    "4111111111111111",
    "4111-1111-1111-1111",
    "4111 1111 1111 1111",
    "4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1",
    "call4111111111111111x",
    "5500000000000004-20260101-120000",
    "20260101-120000-5500000000000004",
    "+15550100199",
    "0015550100199",
    "555-0100",
    "5550100",
    "(555) 555-0100",
    "out-5550100199-100-20260101-120000-1767268800.42",
    "in_2025550199_20260101_120000",
    "20260101-2125550100",
    "20260101_212-555-0100",
    "20260101-120000-555-0100",
    "20260101-120000.555.0100",
    "20260101-1234-5678",
    "202601015550100",
    "2026010199",
    "201011121234",  # +20 10 1112 1234
    "20260101",  # a number of Hong Kong, for all that is said
    "2026-01-01",
    "19850312",  # a day of birth
    "01632960123.5",
    "1767268800",
    "123-45-6789",
    "%34%31%31%31%31%31%31%31",
    "%2534%2531%2531%2531%2531%2531%2531",
    "%25252525252534",
    "".join(chr(0xFF10 + int(digit)) for digit in "41111111"),  # full width
    "".join(chr(0x0660 + int(digit)) for digit in "41111111"),  # Arabic-Indic
    "".join(chr(0x245F + int(digit)) for digit in "1234567"),  # in circles
    "&#53;&#53;&#53;&#48;",
    "12345678-1234-4234-8234-123456789012",
    "41111111111111110000000000000abc",
    "tel:555;0100",
    "fax_555/0100",
)
ORDINARY = (
    "call",
    "order-1",
    "c-000001",
    "agent12-call_345678",
    "20260101-120000",
    "20260101120000",
    "20260101120000123",
    "2026-01-01T12-00-00",
    "2026-01-01T12:00:00.123456Z",
    "2026-01-01_12.00.00",
    "rec-20260101",
    "rec-20260101-0042",
    "20260101-120000-0042",
    "desk-12-20260101-120000-345",
    "queue.7.20260101T1200",
    "f81d4fae-7dec-41d0-a765-00a0c91e6bf6_20260101T12:00_UTC",
    "F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6",
    "CA5ef8732a3c49700934481addd5ce1659",
    "9b74c9897bac770ffc029102a200c5de",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "1767268800.42",
    "pbx1-1767268800.42",
    "call-abcdefghijklmnopabcdefghijklmnop",
)


@pytest.mark.parametrize("name", NUMBERS)
def test_what_may_be_a_number_is_one(name: str) -> None:
    assert holds_number(name)
    assert not any(char.isdecimal() for char in shown(name))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("+15555550100.mp3", "+###########.mp3"),
        ("+15555550100.M4A", "+###########.M4A"),
        ("+15555550100.mp3.4", "+###########.mp#.#"),
        ("+1555555.0100", "+#######.####"),
    ],
)
def test_of_a_masked_name_the_suffix_stays(name: str, told: str) -> None:
    assert shown(name) == told


@pytest.mark.parametrize("name", ORDINARY)
def test_what_machines_draw_and_times_are_none(name: str) -> None:
    assert not holds_number(name)
    assert shown(name) == name


@given(
    digits=st.text("0123456789", min_size=7, max_size=19),
    between=st.text("-_. +()/", max_size=2),
    before=st.sampled_from(["", "call-", "caller_", "20260101-120000-", "x"]),
    behind=st.sampled_from(["", "-in", "_x", "-call_20260101"]),
)
def test_digits_are_found_however_they_are_written(
    digits: str, between: str, before: str, behind: str
) -> None:
    written = between.join(digits)
    if before[-1:].isdigit() or re.match(r"20[1-3]\d", re.sub(r"\D", "", written)):
        return  # times are what the table is for
    assert holds_number(f"{before}{written}{behind}")


@given(st.text(max_size=60))
def test_any_name_has_an_answer(name: str) -> None:
    held = holds_number(name)
    if not held:
        longest = max(map(len, re.findall(r"\d+", name, re.ASCII)), default=0)
        assert longest <= 17
    assert shown(name) == name or held or not name.isprintable()
    assert shown(name).isprintable()
    assert len(shown(name)) == len(name)


@given(st.uuids(version=4))
def test_a_drawn_identifier_is_kept_but_for_chance(drawn: uuid.UUID) -> None:
    digits = max(map(len, re.findall(r"\d+", str(drawn))))
    letters = len({char for char in str(drawn) if char.isalpha()})
    assert holds_number(str(drawn)) <= (digits > 11 or letters < 4)


def test_a_pseudonym_is_stable_an_id_and_holds_no_number() -> None:
    made = {pseudonym_of(name, KEY) for name in NUMBERS}
    assert len(made) == len(NUMBERS)
    for one in made:
        assert PSEUDONYM.fullmatch(one)
        assert valid_call_id(one)
        assert not holds_number(one)
    assert pseudonym_of("5550100", KEY) == pseudonym_of("5550100", KEY)
    assert pseudonym_of("5550100", KEY) != pseudonym_of("5550100", KEY[::-1])
