"""What an address asks for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from agents.vault.analytics.warehouse.period import Period
from console.analytics.query import AnalyticsQuery, presets
from console.http.errors import Refusal

pytestmark = pytest.mark.unit
NOW = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
LINES = ZoneInfo("UTC")


def query(**said: str) -> AnalyticsQuery:
    return AnalyticsQuery.model_validate(said)


def test_thirty_days_until_today_where_nobody_says_which() -> None:
    asked = query().asked(NOW, LINES)
    assert asked.wanted.period == Period(date(2026, 3, 2), date(2026, 3, 31))
    assert asked.second == Period(date(2026, 1, 31), date(2026, 3, 1))
    berlin = query(zone="Europe/Berlin").asked(NOW, LINES)
    assert berlin.wanted.period.last == date(2026, 4, 1)  # where it is tomorrow


def test_second_periods() -> None:
    days = {"from": "2026-03-01", "to": "2026-03-07"}
    assert query(**days, compare="none").asked(NOW, LINES).second is None
    year = query(**days, compare="year").asked(NOW, LINES)
    assert year.second == Period(date(2025, 3, 2), date(2025, 3, 8))
    own = query(**days, compare="own", compare_from="2026-01-01", compare_to="2026-01-02")
    assert own.asked(NOW, LINES).second == Period(date(2026, 1, 1), date(2026, 1, 2))
    assert own.asked(NOW, LINES).others is not None


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"from": "1990-01-01", "to": "1990-01-05"}, "compare"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "Europe"}, "zone"),
        ({"zone": "localtime"}, "zone"),
        ({"zone": "posixrules"}, "zone"),
        ({"zone": "right/UTC"}, "zone"),
        ({"zone": "posix/UTC"}, "zone"),
        ({"to": "0001-01-05"}, "to"),
        ({"zone": "/etc/passwd"}, "zone"),
        ({"zone": "-/-"}, "zone"),
        ({"compare": "own"}, "compare_from"),
        (
            {"compare": "own", "compare_from": "2026-01-02", "compare_to": "2026-01-01"},
            "compare_from",
        ),
    ],
)
def test_what_is_no_period_or_zone_is_refused_by_name(said: dict[str, str], field: str) -> None:
    with pytest.raises(Refusal) as refused:
        query(**said).asked(NOW, LINES)
    assert (refused.value.status, refused.value.field) == (422, field)


@pytest.mark.parametrize(
    "said", [{"frm": "x"}, {"from": "today"}, {"compare": "all"}, {"direction": "up"}]
)
def test_what_is_unknown_or_has_the_wrong_form_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        query(**said)


def test_empty_fields_say_nothing_and_an_address_leaves_them_out() -> None:
    assert query(campaign="", direction="", **{"from": ""}) == query()
    said = query(**{"from": "2026-03-01"}, campaign="a & b")
    assert said.address("/analytics") == "/analytics?from=2026-03-01&campaign=a+%26+b"
    assert (
        said.address("/x", **{"from": "", "to": "2026-04-01"})
        == "/x?campaign=a+%26+b&to=2026-04-01"
    )
    assert query().address("/analytics") == "/analytics"


def test_presets() -> None:
    found = dict(presets(date(2026, 3, 31)))
    assert found["7 days"] == Period(date(2026, 3, 25), date(2026, 3, 31))
    assert found["This month"] == Period(date(2026, 3, 1), date(2026, 3, 31))
    assert found["Last month"] == Period(date(2026, 2, 1), date(2026, 2, 28))
