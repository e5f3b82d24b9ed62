"""Figures and series of literal calls."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import astuple
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agents.vault.analytics.warehouse.figures import Figures, figures_of
from agents.vault.analytics.warehouse.loading import Warehouse
from agents.vault.analytics.warehouse.period import Period, Wanted, hours_of
from agents.vault.analytics.warehouse.series import KINDS, choices_of, latest_day, series_of
from tests.agents.vault.analytics.warehouse.facts_of_calls import database, facts

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = Period(date(2026, 3, 28), date(2026, 3, 30))
WANTED = Wanted(DAYS, BERLIN)


def rows() -> Iterator[dict[str, object]]:
    """Twelve calls: ten of campaign "spring", one of "radio", one before the period."""
    for number in range(1, 11):
        yield facts(
            number,
            "2026-03-28T23:30:00+00:00",  # 0:30 on the 29th in Berlin
            campaign="spring",
            outcome="answered" if number <= 8 else "missed",
            caller=f"party-{(number + 1) // 2}",  # five callers, two calls each
            direction="inbound",
            duration_ms=10_000 * number,
            talk_agent_ms=3_000,
            talk_customer_ms=1_000,
            silence_ms=2_000,
            interruptions=2,
            hold_ms=4_000 if number == 1 else 0,
            disclosed="yes" if number <= 3 else "no" if number == 4 else "",
            muted_share=100_000,
            precaution_ms=400,
            caught_ms=900 if number <= 2 else 0,
            redactions=[("CARD_NUMBER", 2, 700)],
            topics=[("refund", 1)],
        )
    yield facts(
        11,
        "2026-03-30T21:59:59+00:00",
        campaign="radio",
        redactions=[("IBAN", 1, 5)],
        talk_agent_ms=9_000,
        sides=1,  # of the customer nothing was recorded
    )
    yield facts(12, "2026-03-30T22:00:00+00:00", campaign="late", agent="Zed")  # the 31st


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    made = database(tmp_path_factory.mktemp("ledger"), rows())
    yield Warehouse(made, BERLIN, 5)
    made.dispose()


def told(warehouse: Warehouse, wanted: Wanted) -> Figures:
    found = figures_of(warehouse, wanted)
    assert found is not None
    return found


def test_figures(warehouse: Warehouse) -> None:
    found = told(warehouse, WANTED)
    assert (found.calls, found.answered, found.missed, found.voicemail) == (11, 8, 2, 0)
    assert found.answered_share == 0.8
    assert found.duration_ms == 550_000 + 60_000
    assert found.median_ms == 60_000
    assert found.talk_share == 0.75
    assert found.silence_share == pytest.approx(20_000 / 610_000)
    assert found.interruptions_per_call == pytest.approx(20 / 11)
    assert (found.hold_ms, found.hold_calls) == (4_000, 1)
    assert found.disclosed_share == 0.75
    assert (found.callers, found.repeat_callers) == (5, 5)
    assert found.muted_share == pytest.approx(55_000 / 610_000)
    assert found.precaution_share == pytest.approx(4_000 / 53_000)
    assert (found.caught_calls, found.caught_ms) == (2, 1_800)


def test_filters(warehouse: Warehouse) -> None:
    assert told(warehouse, Wanted(DAYS, BERLIN, direction="inbound")).calls == 10
    assert told(warehouse, Wanted(DAYS, BERLIN, agent="Zed")).calls == 0
    assert told(warehouse, Wanted(DAYS, BERLIN, line="'; DROP TABLE facts; --")).calls == 0


def test_a_filter_that_leaves_too_few_shows_nothing_of_them(warehouse: Warehouse) -> None:
    radio = Wanted(DAYS, BERLIN, campaign="radio")
    assert figures_of(warehouse, radio) is None
    assert all(series_of(warehouse, name, radio).rows == () for name in KINDS)
    one_day = Wanted(Period(date(2026, 3, 30), date(2026, 3, 30)), BERLIN)
    assert told(warehouse, one_day).calls == 1  # of all that came on it


def test_a_period_without_calls_has_no_shares(warehouse: Warehouse) -> None:
    empty = told(warehouse, WANTED.of(Period(date(2020, 1, 1), date(2020, 1, 2))))
    assert set(astuple(empty)) == {0, None}


def test_groups_of_callers_below_the_least_are_not_told(tmp_path: Path) -> None:
    def callers(once: int, twice: int) -> Iterator[dict[str, object]]:
        names = [f"once-{n}" for n in range(once)] + [f"twice-{n}" for n in range(twice)] * 2
        for number, name in enumerate(names, start=1):
            yield facts(number, "2026-03-29T10:00:00+00:00", caller=name)

    groups = {}
    for once, twice in ((9, 5), (9, 4), (4, 9), (0, 5), (5, 0), (3, 1)):
        made = database(tmp_path / f"{once}-{twice}", callers(once, twice))
        found = told(Warehouse(made, BERLIN, 5), WANTED)
        groups[once, twice] = (found.callers, found.repeat_callers)
        made.dispose()
    assert groups == {
        (9, 5): (14, 5),
        (9, 4): (13, None),
        (4, 9): (13, None),  # who called once would be told by what is left
        (0, 5): (5, 5),
        (5, 0): (5, 0),
        (3, 1): (None, None),
    }


def test_days_are_of_the_zone_and_days_without_calls_are_there(warehouse: Warehouse) -> None:
    assert series_of(warehouse, "days", WANTED).rows == (
        (date(2026, 3, 28), 0, 0, 0, 0, 0),
        (date(2026, 3, 29), 10, 8, 2, 0, 0),
        (date(2026, 3, 30), 1, 0, 0, 0, 1),
    )
    utc = series_of(warehouse, "days", Wanted(DAYS, ZoneInfo("UTC")))
    assert [row[1] for row in utc.rows] == [10, 0, 2]


def test_small_groups_keep_their_name_alone(warehouse: Warehouse) -> None:
    assert series_of(warehouse, "campaigns", WANTED).rows == (
        ("spring", 10, 8, 2, 55_000, 750, 36),
        ("radio", None, None, None, None, None, None),
    )
    assert series_of(warehouse, "redactions", WANTED).rows == (
        ("CARD_NUMBER", 10, 20, 7_000),
        ("IBAN", None, None, None),
    )
    trend = series_of(warehouse, "redaction-days", WANTED).rows
    assert trend == ((date(2026, 3, 29), "CARD_NUMBER", 10, 20, 7_000),)
    assert series_of(warehouse, "topics", WANTED).rows == (("refund", 10, 10),)


def test_hours_of_the_week(warehouse: Warehouse) -> None:
    assert series_of(warehouse, "hours", WANTED).rows == ((1, 23, 1), (7, 0, 10))


def test_days_and_hours_are_those_of_one_list_of_zones(tmp_path: Path) -> None:
    # A zone whose rules DuckDB's list has otherwise, as lists of different years do.
    head = struct.pack(">4s16x6l", b"TZif", 0, 0, 0, 0, 1, 6)  # RFC 8536: always +05:45
    rules = io.BytesIO(head + struct.pack(">lbb", 20_700, 0, 0) + b"+0545\0")
    zone = ZoneInfo.from_file(rules, key="America/New_York")
    made = database(
        tmp_path,
        [
            facts(number, f"2026-03-27T18:{14 + number}:00+00:00", redactions=[("IBAN", 1, 5)])
            for number in range(1, 7)  # from 0:00 on the 28th, at +05:45
        ],
    )
    held = Warehouse(made, BERLIN, 5)
    day = Wanted(Period(date(2026, 3, 28), date(2026, 3, 28)), zone)
    assert series_of(held, "days", day).rows == ((date(2026, 3, 28), 6, 0, 0, 0, 6),)
    assert series_of(held, "hours", day).rows == ((6, 0, 6),)
    assert series_of(held, "redaction-days", day).rows == ((date(2026, 3, 28), "IBAN", 6, 6, 30),)
    weeks = Wanted(Period(date(2025, 12, 1), date(2026, 3, 28)), zone)
    assert series_of(held, "days", weeks).rows[-1][:2] == (date(2026, 3, 23), 6)
    assert latest_day(held, zone, date(2026, 4, 1)) == date(2026, 3, 28)
    made.dispose()


@pytest.mark.parametrize(
    ("name", "around"),
    [
        ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour twice
        ("Pacific/Chatham", date(2026, 9, 27)),  # from 2:45 to 3:45
        ("America/Havana", date(2026, 11, 1)),  # midnight twice
        ("Pacific/Apia", date(2011, 12, 30)),  # a day that never was
        ("America/St_Johns", date(2010, 11, 7)),  # back from 0:01 to the day before
    ],
)
def test_no_call_falls_between_days_or_hours(name: str, around: date, tmp_path: Path) -> None:
    zone, first = ZoneInfo(name), around - timedelta(days=2)
    period = Period(first, around + timedelta(days=2))
    since, until = period.bounds(zone)
    step = timedelta(minutes=10)
    begun = [since + step * number for number in range((until - since) // step)]
    made = database(tmp_path, (facts(n, at.isoformat()) for n, at in enumerate(begun, start=1)))
    held, wanted = Warehouse(made, BERLIN, 5), Wanted(period, zone)
    days = {row[0]: row[1] for row in series_of(held, "days", wanted).rows}
    for day, calls in days.items():
        low, high = Period(day, day).bounds(zone)
        assert calls == sum(low <= at < high for at in begun), day
    assert sum(days.values()) == len(begun)
    hours = {row[:2]: row[2] for row in series_of(held, "hours", wanted).rows}
    assert sum(hours.values()) == len(begun)
    for (weekday, hour), calls in hours.items():
        slots = [*hours_of(since, until, zone, weekday, hour)]
        assert calls == sum(any(low <= at < high for low, high in slots) for at in begun)
        assert calls == sum(
            (at.astimezone(zone).isoweekday(), at.astimezone(zone).hour) == (weekday, hour)
            for at in begun
        )
    made.dispose()


def test_types_are_those_of_the_rows(warehouse: Warehouse) -> None:
    python = {"BIGINT": int, "VARCHAR": str, "DATE": date}
    for name in KINDS:
        series = series_of(warehouse, name, WANTED)
        assert series.rows, name
        for row in series.rows:
            for value, kind in zip(row, series.types, strict=True):
                assert value is None or type(value) is python[kind], (name, row)


def test_what_can_be_filtered_by_and_the_latest_day(warehouse: Warehouse) -> None:
    choices = choices_of(warehouse)
    assert choices["campaign"] == ("late", "radio", "spring")
    assert choices["agent"] == ("Zed",)
    today = date(2026, 4, 1)
    assert latest_day(warehouse, BERLIN, today) == date(2026, 3, 31)
    assert latest_day(warehouse, ZoneInfo("UTC"), today) == date(2026, 3, 30)
    assert latest_day(warehouse, BERLIN, date(2026, 3, 30)) == date(2026, 3, 30)  # not tomorrow


def test_an_empty_ledger(tmp_path: Path) -> None:
    made = database(tmp_path)
    empty = Warehouse(made, BERLIN, 5)
    assert set(astuple(told(empty, WANTED))) == {0, None}
    assert all(series_of(empty, name, WANTED).rows == () for name in KINDS if name != "days")
    assert latest_day(empty, BERLIN, date(2026, 4, 1)) is None
    made.dispose()
