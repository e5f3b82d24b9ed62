"""From a figure, a bar or a row to the calls behind it: as many as it says, in any zone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from agents.database.tables import CATALOGUE
from agents.vault.analytics import call_filter
from console.http import parameters
from tests.agents.vault.analytics.warehouse.facts_of_calls import enter, facts
from tests.console.serving import Console, console

ZONE = "America/New_York"
DAYS = f"from=2026-02-20&to=2026-03-20&zone={ZONE}"  # clocks go forward on 8 March
FIRST = datetime(2026, 2, 20, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with console(tmp_path_factory.mktemp("links")) as made:
        database = made.ledger.database
        enter(database, _calls())
        with database.writing() as connection:  # or they were listed once more, as not counted yet
            connection.execute(update(CATALOGUE).values(counted=database.stamp()))
        yield made


def _calls() -> Iterator[dict[str, object]]:
    """Calls at all hours, some with nothing that anybody knows; groups of 3 and more."""
    for number in range(1, 121):
        known = number % 5 > 0
        row = facts(
            number,
            (FIRST + timedelta(hours=5.5 * number)).isoformat(timespec="milliseconds"),
            campaign=("spring", "heat & light", "rare")[0 if number > 3 else 2] if known else "",
            line="website" if known else "",
            agent="Ana" if number % 2 else "Bo",
            direction="inbound" if number % 3 else "outbound",
            outcome=("answered", "missed", "voicemail", "")[number % 4],
            caller=f"party-{number}" if number % 2 else f"party-{number % 12}",
            hold_ms=1_000 if number % 7 == 0 else 0,
            interruptions=number % 3,
            sides=2 if number % 4 else 0,
            talk_agent_ms=10_000,
            talk_customer_ms=5_000,
            disclosed=("yes", "no", "")[number % 3],
            precaution_ms=500 if number % 6 == 0 else 0,
            caught_ms=300 if number % 11 == 0 else 0,
            muted_share=1_000 if number % 2 else 0,
            entities=",CARD_NUMBER," if number % 2 else "",
            redactions=(("CARD_NUMBER", 1, 700),) if number % 2 else (),
            topics=(("billing", 1),) if number % 4 == 0 else (),
        )
        yield {**row, "call_id": f"counted-{number}"}


@pytest.fixture(scope="module")
def analyst(served: Console) -> TestClient:
    return served.role("analyst")


def behind(client: TestClient, address: str) -> int:
    """How many calls a link leads to; the page opens, and says as many as the API."""
    address = html.unescape(address)
    assert client.get(address).status_code == 200, address
    told = client.get(f"/api/calls?{urlsplit(address).query}&limit=1").json()
    assert not told["more"]
    return int(told["count"])


def page(client: TestClient, query: str = DAYS) -> str:
    answer = client.get(f"/analytics?{query}")
    assert answer.status_code == 200
    return answer.text


def test_each_row_leads_to_as_many_calls_as_it_says(analyst: TestClient) -> None:
    text = page(analyst)
    seen = 0
    for table in re.findall(r"(?s)<table class=\"table\">.*?</table>", text):
        heads = re.findall(r"<th scope=\"col\"[^>]*>(.*?)</th>", table)
        if "Calls" not in heads:
            continue
        for row in re.findall(r"(?s)<tr>(<th scope=\"row\".*?)</tr>", table):
            cells = re.findall(r"(?s)<t[hd][^>]*>(.*?)</t[hd]>", row)
            said = cells[heads.index("Calls")]
            link = re.search(r'href="([^"]+)"', cells[0])
            if not said.isdigit() or said == "0":
                assert link is None, row
                continue
            assert link, row
            assert behind(analyst, link[1]) == int(said), row
            seen += 1
    assert seen > 100
    assert "fewer than 5" in text


def test_each_bar_leads_to_as_many_calls_as_it_says(analyst: TestClient) -> None:
    text = page(analyst, f"{DAYS}&agent=Ana&direction=inbound")
    found = re.findall(
        r'<a tabindex="-1" href="([^"]+)"><path aria-label="([^"]*?)(?:: (\d+) (\w+))"', text
    )
    told = [(link, int(count)) for link, _, count, unit in found if unit != "redactions"]
    assert len(told) > 50
    for link, count in told[::4]:
        assert behind(analyst, link) == count, link


@pytest.mark.parametrize(
    ("label", "calls"),
    [
        ("Calls", lambda _: True),
        ("Answered", lambda n: n % 4 == 0),
        ("Talk of agents", lambda n: n % 4 > 0),
        ("Interruptions", lambda n: n % 3 > 0),
        ("Hold", lambda n: n % 7 == 0),
        ("Recording disclosed", lambda n: n % 3 == 0),
        ("Repeat callers", lambda n: n % 2 == 0),
        ("Muted", lambda n: n % 2 == 1),
        ("Muted as a precaution", lambda n: n % 6 == 0),
        ("Caught by verification", lambda n: n % 11 == 0),
    ],
)
def test_each_figure_leads_to_its_calls(label: str, calls: object, analyst: TestClient) -> None:
    text = page(analyst)
    link = re.search(rf'<dt>{label}</dt><dd class="figure"><a href="([^"]+)"', text)
    assert link, label
    wanted = sum(map(bool, map(calls, range(1, 121))))  # type: ignore[arg-type]
    assert behind(analyst, link[1]) == wanted


def test_a_group_that_is_too_small_leads_nowhere(analyst: TestClient) -> None:
    text = page(analyst)
    assert "campaign=rare" not in text
    assert '<th scope="row" class="nowrap">rare</th>' in text
    few = page(analyst, f"{DAYS}&campaign=rare")
    assert "fewer than 5" in few
    assert 'href="/?since' not in few


def test_every_word_of_has_and_lacks_has_a_name_and_is_a_condition() -> None:
    assert {*parameters.HAS} == {*call_filter.HAS, call_filter.REPEATED}
    assert {*parameters.LACKS} == {*call_filter.LACKS}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ("hour=9", "weekday"),
        ("weekday=1", "hour"),
        ("weekday=1&hour=9", "hour"),
        ("weekday=8&hour=9&since=2026-03-01&until=2026-03-02", "weekday"),
        ("weekday=1&hour=9&since=1990-01-01&until=2020-01-01", "hour"),
        ("weekday=1&hour=9&since=9999-12-20&until=9999-12-30", "hour"),
        ("weekday=1&hour=9&since=0001-01-02&until=0001-02-01&zone=America/New_York", "hour"),
        ("weekday=1&hour=9&since=2026-03-02&until=2026-03-01", "until"),
        ("has=money", "has.0"),
        ("lacks=hold", "lacks.0"),
        ("topic=%00", "topic"),
    ],
)
def test_what_is_no_such_filter_is_refused(said: str, field: str, analyst: TestClient) -> None:
    answer = analyst.get(f"/api/calls?{said}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert analyst.get(f"/?{said}").status_code == 422


def test_filters_are_told_in_words_and_taken_off(analyst: TestClient) -> None:
    said = f"since=2026-03-01&until=2026-03-08&zone={ZONE}&weekday=7&hour=10&has=hold&lacks=agent"
    text = analyst.get(f"/?{said}").text
    for told in ("Sunday 10:00", "With: a pause of the recorder", "Without: a known agent"):
        assert told in text
    off = re.search(r'href="([^"]+)" title="Remove this filter">Hour of the week', text)
    assert off
    assert "weekday" not in off[1]
    assert analyst.get(html.unescape(off[1])).status_code == 200
    assert f"<strong>{ZONE}</strong>" in text
