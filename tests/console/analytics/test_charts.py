"""Charts: what is drawn says what it is, and has nothing that the content policy forbids."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from agents.vault.analytics.warehouse.period import Period, Wanted
from agents.vault.analytics.warehouse.series import Series
from console.analytics import charts
from console.analytics.links import CallLinks

pytestmark = pytest.mark.unit
PERIOD = Period(date(2026, 3, 1), date(2026, 3, 2))
DAYS = Series(
    ("day", "calls", "answered", "missed", "voicemail", "unknown"),
    ("DATE", *["BIGINT"] * 5),
    ((date(2026, 3, 1), 7, 5, 2, 0, 0), (date(2026, 3, 2), 4, 4, 0, 0, 0)),
)
GROUPS = Series(
    ("campaign", "calls"),
    ("VARCHAR", "BIGINT"),
    (("<script>alert(1)</script>", 9), (None, 6), ("small", None)),
)
TYPES = Series(("type", "calls"), ("VARCHAR", "BIGINT"), (("CARD_NUMBER", 8), ("PERSON", 5)))
TREND = Series(
    ("day", "type", "calls", "redactions", "ms"),
    ("DATE", "VARCHAR", *["BIGINT"] * 3),
    ((date(2026, 3, 1), "CARD_NUMBER", 5, 6, 1), (date(2026, 3, 1), "CARD_EXPIRY", 5, 7, 1)),
)
HOURS = Series(("weekday", "hour", "calls"), ("BIGINT",) * 3, ((1, 9, 12),))
LINKS = CallLinks(
    Wanted(PERIOD, ZoneInfo("Europe/Berlin"), agent="A & B"), 5, may=True, second=PERIOD.before
)
FORBIDDEN = re.compile(
    r"<style|<script|<foreignObject|\sstyle=|\son\w+=|javascript:|<image|@import"
)
CHARTS: dict[str, Callable[[], str]] = {
    "days": lambda: charts.by_day(DAYS, PERIOD, DAYS, 'Calls "by" day', LINKS),
    "groups": lambda: charts.bars(GROUPS, "Groups", LINKS, GROUPS),
    "types": lambda: charts.bars(TYPES, "Types", LINKS),
    "trend": lambda: charts.trend(TREND, DAYS, "Trend", LINKS),
    "hours": lambda: charts.week(HOURS, "Hours", LINKS),
}


@cache
def drawn(name: str) -> str:
    """One chart, which takes its time: not while tests are collected."""
    return CHARTS[name]()


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_a_name_and_nothing_forbidden(name: str) -> None:
    svg = drawn(name)
    assert FORBIDDEN.search(svg) is None
    root = ET.fromstring(svg)  # noqa: S314 - ours
    assert root.get("role") == "group"
    assert root.get("aria-label")
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg))
    assert all(one.startswith("var(--") or one in {"none", "transparent"} for one in colours), (
        colours
    )


def marks(svg: str) -> list[str]:
    return [
        node.get("aria-label", "")
        for node in ET.fromstring(svg).iter()  # noqa: S314 - ours
        if node.get("role") == "graphics-symbol"
        and "axis" not in node.get("aria-roledescription", "")
    ]


def test_marks_say_their_numbers() -> None:
    assert "day of 2026-03-01: 2 missed" in marks(drawn("days"))
    assert "Not known: 6 calls" in marks(drawn("groups"))
    assert "Card number: 8 calls" in marks(drawn("types"))
    assert "Payment, 2026-03-01: 13 redactions" in marks(drawn("trend"))
    assert "Mon 09:00: 12 calls" in marks(drawn("hours"))
    assert len([one for one in marks(drawn("hours")) if one.endswith("calls")]) == 7 * 24


def leads(svg: str) -> dict[str, dict[str, list[str]]]:
    """What each mark that leads somewhere says, and the filters that it leads to."""
    found = {}
    for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}a"):  # noqa: S314 - ours
        address = urlsplit(node.get("href", ""))
        assert (address.scheme, address.netloc, address.path) == ("", "", "/")
        assert node.get("tabindex") == "-1"
        found[node[0].get("aria-label", "")] = parse_qs(address.query)
    return found


def test_marks_lead_to_their_calls() -> None:
    whole = {"since": ["2026-03-01"], "until": ["2026-03-02"], "zone": ["Europe/Berlin"]}
    whole |= {"agent": ["A & B"]}
    days = leads(drawn("days"))
    day = whole | {"until": ["2026-03-01"]}
    assert days["day of 2026-03-01: 2 missed"] == day | {"outcome": ["missed"]}
    groups = leads(drawn("groups"))
    assert groups["<script>alert(1)</script>: 9 calls"] == whole | {
        "campaign": ["<script>alert(1)</script>"]
    }
    before = whole | {"since": ["2026-02-27"], "until": ["2026-02-28"]}
    assert groups["Not known, second period: 6 calls"] == before | {"lacks": ["campaign"]}
    assert groups["Not known: 6 calls"] == whole | {"lacks": ["campaign"]}
    assert leads(drawn("types"))["Card number: 8 calls"] == whole | {"type": ["CARD_NUMBER"]}
    trend = leads(drawn("trend"))
    assert trend["Payment, 2026-03-01: 13 redactions"] == day | {
        "type": ["CARD_EXPIRY", "CARD_NUMBER"]
    }
    assert leads(drawn("hours")) == {
        "Mon 09:00: 12 calls": whole | {"weekday": ["1"], "hour": ["9"]}
    }


def test_nobody_is_led_to_calls_that_they_may_not_list() -> None:
    links = CallLinks(LINKS.wanted, 5, may=False)
    for svg in (
        charts.bars(TYPES, "Types", links),
        charts.by_day(DAYS, PERIOD, None, "Days", links),
        charts.trend(TREND, DAYS, "Trend", links),
        charts.week(HOURS, "Hours", links),
    ):
        assert leads(svg) == {}
        assert "invalid" not in svg


def test_small_groups_are_not_drawn_and_names_are_text() -> None:
    assert "small" not in drawn("groups")
    assert "<script>alert(1)</script>: 9 calls" in marks(drawn("groups"))


def test_the_same_is_drawn_once() -> None:
    before = charts._svg.cache_info().misses
    charts.week(HOURS, "another label", LINKS)
    assert charts._svg.cache_info().misses == before


@pytest.mark.parametrize("most", [1, 2, 3, 7, 40])
def test_counts_have_whole_ticks(most: int) -> None:
    groups = Series(("campaign", "calls"), ("VARCHAR", "BIGINT"), (("a", most),))
    days = Series(DAYS.names, DAYS.types, ((date(2026, 3, 1), most, most, 0, 0, 0),))
    for svg in (
        charts.bars(groups, "Groups", LINKS),
        charts.by_day(days, PERIOD, None, "Days", LINKS),
    ):
        told = re.findall(r">([^<>]+)</text>", svg)
        assert "0" in told
        assert not [one for one in told if re.fullmatch(r"\d+\.\d+", one)]
