"""Analytics over HTTP: who may, what is audited, what is shown and what is not."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from starlette.testclient import TestClient

from console.analytics.query import presets
from tests.agents.vault.analytics.warehouse.facts_of_calls import enter, facts
from tests.console.serving import Console, console

DAYS = "from=2026-03-01&to=2026-03-31"
ADDRESSES = (
    "/analytics",
    "/api/analytics/summary",
    "/api/analytics/series/days",
    "/api/analytics/series/days/csv",
    "/api/analytics/series/days/parquet",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with console(tmp_path_factory.mktemp("analytics")) as made:
        enter(made.ledger.database, _calls())
        yield made


def _calls() -> Iterator[dict[str, object]]:
    for number in range(1, 13):
        row = facts(
            number,
            f"2026-03-{number:02}T10:00:00+00:00",
            campaign="=spring" if number <= 9 else "radio",
            outcome="answered",
            caller=f"party-{number % 4}",
            agent="Ana",
        )
        yield {**row, "call_id": f"counted-{number}"}


@pytest.fixture(scope="module")
def analyst(served: Console) -> TestClient:
    return served.role("analyst")


@pytest.mark.parametrize("address", ADDRESSES)
def test_analysts_and_auditors_may_and_every_look_is_audited(served: Console, address: str) -> None:
    for role in ("analyst", "auditor"):
        before = len(served.audited())
        assert served.role(role).get(f"{address}?{DAYS}").status_code == 200
        (entry,) = served.audited()[before:]
        told = json.loads(entry[1])
        assert told["what"] in {"analytics", "analytics-export"}
        assert (told["first"], told["last"]) == ("2026-03-01", "2026-03-31")
    for role in ("security", "operator"):
        assert served.role(role).get(address).status_code == 403


def test_summary(analyst: TestClient) -> None:
    told = analyst.get(f"/api/analytics/summary?{DAYS}&compare=none").json()
    assert told["period"] == {"first": "2026-03-01", "last": "2026-03-31"}
    assert (told["figures"]["calls"], told["figures"]["answered_share"]) == (12, 1.0)
    # Four callers are too few to be told.
    assert (told["figures"]["callers"], told["figures"]["repeat_callers"]) == (None, None)
    assert told["second"] is told["second_figures"] is None


def test_a_filter_tells_no_small_group(analyst: TestClient) -> None:
    told = analyst.get(f"/api/analytics/summary?{DAYS}&campaign=radio").json()
    assert told["figures"] is None
    for name in ("days", "hours", "agents"):
        told = analyst.get(f"/api/analytics/series/{name}?{DAYS}&campaign=radio").json()
        assert told["rows"] == []
    text = analyst.get(f"/analytics?{DAYS}&campaign=radio").text
    assert "fewer than 5" in text
    assert "1:00" not in text  # its length
    assert "<svg role=" not in text


def test_series(analyst: TestClient) -> None:
    told = analyst.get(f"/api/analytics/series/campaigns?{DAYS}").json()
    assert [(row["campaign"], row["calls"]) for row in told["rows"]] == [
        ("=spring", 9),
        ("radio", None),
    ]
    assert told["second"] == {"first": "2026-01-29", "last": "2026-02-28"}
    assert told["second_rows"] == []


def test_files(analyst: TestClient, tmp_path: Path) -> None:
    answer = analyst.get(f"/api/analytics/series/campaigns/csv?{DAYS}")
    named = "hushwire-campaigns-2026-03-01-to-2026-03-31-UTC.csv"
    assert f'filename="{named}"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["campaign"], row["calls"]) for row in rows] == [("'=spring", "9"), ("radio", "")]
    file = tmp_path / "days.parquet"
    file.write_bytes(analyst.get(f"/api/analytics/series/days/parquet?{DAYS}").content)
    assert duckdb.read_parquet(str(file)).sum("calls").fetchall() == [(12,)]


@pytest.mark.parametrize(
    "said",
    [
        "subject=x",
        "from=yesterday",
        "from=2026-03-02&to=2026-03-01",
        "zone=Mars",
        "compare=own",
        "direction=up",
        "from=2026-03-01&from=2026-03-02",
    ],
)
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_wrong_address_is_refused_and_nothing_is_shown(
    analyst: TestClient, address: str, said: str
) -> None:
    answer = analyst.get(f"{address}?{said}")
    assert answer.status_code == 422
    assert "spring" not in answer.text


def test_a_series_that_is_none(analyst: TestClient) -> None:
    for ending in ("", "/csv", "/parquet"):
        assert analyst.get(f"/api/analytics/series/callers{ending}").status_code == 404


def test_the_page_has_figures_charts_tables_and_no_small_group(analyst: TestClient) -> None:
    text = analyst.get(f"/analytics?{DAYS}").text
    assert text.count("<svg role=") >= 4
    assert "fewer than 5" in text
    assert " style=" not in text
    assert "<style" not in text
    assert "party-" not in text


def test_the_page_says_what_to_do_where_there_is_nothing(
    analyst: TestClient, tmp_path: Path
) -> None:
    text = analyst.get("/analytics?from=2020-01-01&to=2020-01-02").text
    assert "2026-03-12" in text
    assert "from=2026-02-11&amp;to=2026-03-12" in text
    with console(tmp_path) as empty:
        assert "Nothing is counted yet" in empty.role("analyst").get("/analytics").text


def test_a_call_dated_wrongly_shuts_nothing(tmp_path: Path) -> None:
    with console(tmp_path) as made:
        days = ("0001-01-01", "1980-01-01", "2026-03-05", "2200-06-01", "9999-12-31")
        rows = [facts(number, f"{day}T10:00:00+00:00") for number, day in enumerate(days, start=1)]
        enter(made.ledger.database, [{**row, "call_id": f"c-{row['id']}"} for row in rows])
        answer = made.role("analyst").get("/analytics?from=2020-01-01&to=2020-01-02")
    assert answer.status_code == 200
    assert "2026-03-05" in answer.text


def test_an_audit_log_that_is_away_shows_nothing(
    served: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = served.role("analyst")

    def away(*_: object, **__: object) -> None:
        from pipeline.errors import StoreError  # noqa: PLC0415

        raise StoreError("away")

    monkeypatch.setattr("agents.access.audit_log.AuditLog.append", away)
    for address in ADDRESSES:
        answer = client.get(f"{address}?{DAYS}")
        assert answer.status_code == 503
        assert "spring" not in answer.text


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("compare=own", "Own days from: name the second period"),
        ("from=2026-03-31&to=2026-03-01", "From: "),
        ("from=soon", "From: a day such as 2026-03-01"),
        ("zone=Atlantis", "Time zone: "),
    ],
)
def test_what_is_no_period_is_told_beside_the_form(
    asked: str, told: str, analyst: TestClient
) -> None:
    answer = analyst.get(f"/analytics?agent=Ana&{asked}")
    shown = answer.text
    assert (answer.status_code, f'role="alert">{told}' in shown) == (422, True), shown
    assert "<option selected>Ana</option>" in shown
    assert "<svg" not in shown.split("<main")[1]
    if asked == "compare=own":
        assert '<option value="own" selected>' in shown
    assert "radio" not in shown


def test_one_preset_is_lit_though_two_name_the_same_days(
    analyst: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = presets(date(2026, 11, 30))
    monkeypatch.setattr("console.analytics.routes.presets", lambda _: named)
    shown = analyst.get("/analytics?from=2026-11-01&to=2026-11-30").text
    assert re.findall(r'aria-current="true">([^<]+)<', shown) == ["30 days"]
