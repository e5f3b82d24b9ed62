"""Charts: what is drawn says what it is, and has nothing that the content policy forbids."""

from __future__ import annotations

import re
from datetime import date
from xml.etree import ElementTree as ET

import pytest

from agents.vault.analytics.warehouse.period import Period
from agents.vault.analytics.warehouse.series import Series
from console.analytics import charts

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
DRAWN = {
    "days": charts.by_day(DAYS, PERIOD, DAYS, 'Calls "by" day'),
    "groups": charts.bars(GROUPS, "Groups", GROUPS),
    "types": charts.bars(TYPES, "Types"),
    "trend": charts.trend(TREND, DAYS, "Trend"),
    "hours": charts.week(HOURS, "Hours"),
}
FORBIDDEN = re.compile(
    r"<style|<script|<foreignObject|\sstyle=|\son\w+=|javascript:|<image|@import"
)


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_is_an_image_with_a_name_and_nothing_forbidden(name: str) -> None:
    svg = DRAWN[name]
    assert FORBIDDEN.search(svg) is None
    root = ET.fromstring(svg)  # noqa: S314 - ours
    assert root.get("role") == "img"
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
    assert "day of 2026-03-01: 2 missed" in marks(DRAWN["days"])
    assert "Not known: 6 calls" in marks(DRAWN["groups"])
    assert "Card number: 8 calls" in marks(DRAWN["types"])
    assert "Payment, 2026-03-01: 13 redactions" in marks(DRAWN["trend"])
    assert "Mon 09:00: 12 calls" in marks(DRAWN["hours"])
    assert len([one for one in marks(DRAWN["hours"]) if one.endswith("calls")]) == 7 * 24


def test_small_groups_are_not_drawn_and_names_are_text() -> None:
    assert "small" not in DRAWN["groups"]
    assert "<script>alert(1)</script>: 9 calls" in marks(DRAWN["groups"])


def test_the_same_is_drawn_once() -> None:
    before = charts._svg.cache_info().misses
    charts.week(HOURS, "another label")
    assert charts._svg.cache_info().misses == before


@pytest.mark.parametrize("most", [1, 2, 3, 7, 40])
def test_counts_have_whole_ticks(most: int) -> None:
    groups = Series(("campaign", "calls"), ("VARCHAR", "BIGINT"), (("a", most),))
    days = Series(DAYS.names, DAYS.types, ((date(2026, 3, 1), most, most, 0, 0, 0),))
    for svg in (charts.bars(groups, "Groups"), charts.by_day(days, PERIOD, None, "Days")):
        told = re.findall(r">([^<>]+)</text>", svg)
        assert "0" in told
        assert not [one for one in told if re.fullmatch(r"\d+\.\d+", one)]
