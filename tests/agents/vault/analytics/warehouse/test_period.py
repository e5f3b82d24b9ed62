"""Days, buckets and bounds from literal dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from agents.vault.analytics.warehouse.period import Bucket, Period, Wanted, hours_of, spans_of
from pipeline.errors import InputError

pytestmark = pytest.mark.unit
BERLIN = ZoneInfo("Europe/Berlin")


def test_the_period_before_ends_where_this_one_begins() -> None:
    period = Period(date(2026, 3, 1), date(2026, 3, 30))
    assert period.days == 30
    assert period.before == Period(date(2026, 1, 30), date(2026, 2, 28))
    assert period.year_before == Period(date(2025, 3, 2), date(2025, 3, 31))
    assert period.year_before.first.weekday() == period.first.weekday()


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 3, 2), date(2026, 3, 1)),
        (date(1, 1, 1), date(1, 1, 2)),
        (date(9999, 12, 1), date(9999, 12, 31)),
        (date(2010, 1, 1), date(2026, 1, 1)),
    ],
)
def test_what_is_no_period_is_refused(first: date, last: date) -> None:
    with pytest.raises(InputError):
        Period(first, last)


def test_the_period_before_the_first_one_is_refused() -> None:
    with pytest.raises(InputError):
        _ = Period(date(1990, 1, 1), date(1990, 1, 5)).before


def test_a_day_lasts_from_midnight_to_midnight_of_its_zone() -> None:
    spring = Period(date(2026, 3, 29), date(2026, 3, 29)).bounds(BERLIN)
    assert spring == (
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),  # 23 hours
    )
    autumn = Period(date(2026, 10, 25), date(2026, 10, 25)).bounds(BERLIN)
    assert (autumn[1] - autumn[0]).total_seconds() == 25 * 3_600
    beirut = Period(date(2026, 3, 29), date(2026, 3, 29)).bounds(ZoneInfo("Asia/Beirut"))
    assert (beirut[1] - beirut[0]).total_seconds() == 23 * 3_600  # there is no 00:30


@pytest.mark.parametrize(
    ("period", "bucket", "count", "first"),
    [
        (Period(date(2026, 1, 1), date(2026, 3, 31)), Bucket.DAY, 90, date(2026, 1, 1)),
        (Period(date(2026, 1, 1), date(2026, 4, 30)), Bucket.WEEK, 18, date(2025, 12, 29)),
        (Period(date(2023, 1, 31), date(2026, 3, 1)), Bucket.MONTH, 39, date(2023, 1, 1)),
    ],
)
def test_long_periods_have_wider_buckets(
    period: Period, bucket: Bucket, count: int, first: date
) -> None:
    buckets = list(period.buckets())
    assert (period.bucket, len(buckets), buckets[0]) == (bucket, count, first)
    assert buckets == sorted(set(buckets))
    assert buckets[-1] <= period.last


def test_filters_are_parameters_and_no_part_of_the_statement() -> None:
    wanted = Wanted(Period(date(2026, 1, 1), date(2026, 1, 1)), BERLIN, campaign="' OR 1=1 --")
    assert "OR 1=1" not in wanted.where
    assert wanted.values["campaign"] == "' OR 1=1 --"


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"]
)
def test_clocks_do_not_change_within_a_span(name: str) -> None:
    zone = ZoneInfo(name)
    since, until = Period(date(2025, 1, 1), date(2026, 12, 31)).bounds(zone)
    spans = [*spans_of(since, until, zone)]
    assert (spans[0][0], spans[-1][1]) == (since, until)
    assert [one[1] for one in spans[:-1]] == [one[0] for one in spans[1:]]
    assert all(one[2] != other[2] for one, other in pairwise(spans))
    assert len(spans) == (1 if name == "UTC" else 5)
    for begun, ended, ahead in spans:
        for at in (begun, begun + (ended - begun) / 2, ended - timedelta(microseconds=1)):
            assert at.astimezone(zone).utcoffset() == ahead


def test_an_hour_is_as_long_as_clocks_show_it() -> None:
    howe = ZoneInfo("Australia/Lord_Howe")  # from 2:00 back to 1:30
    autumn = [*hours_of(*Period(date(2026, 4, 5), date(2026, 4, 5)).bounds(howe), howe, 7, 1)]
    assert sum((high - low for low, high in autumn), timedelta()) == timedelta(minutes=90)
    spring = Period(date(2026, 3, 29), date(2026, 3, 29)).bounds(BERLIN)
    assert [*hours_of(*spring, BERLIN, 7, 2)] == []
    assert [*hours_of(*spring, BERLIN, 7, 3)] == [
        (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 29, 2, tzinfo=UTC))
    ]
    assert [*hours_of(*spring, BERLIN, 1, 3)] == []
