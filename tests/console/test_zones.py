"""In which zone pages tell times: chosen, the browser's, or the installation's."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from console.http.zones import BROWSERS, CHOSEN, zone_names
from tests.console.serving import Console, console

pytestmark = pytest.mark.unit

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
PAGES = {
    "analyst": ("/", "/analytics", "/account", "/calls/call-1"),
    "security": ("/quarantine", "/marks", "/policy/versions", "/sessions"),
    "operator": ("/operations", "/dead-letters", "/retention"),
    "auditor": ("/certificates", "/audit", "/retention", "/nowhere"),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with console(tmp_path_factory.mktemp("zones")) as made:
        yield made


@pytest.mark.parametrize("role", PAGES)
def test_every_page_names_the_zone_of_its_reader(role: str, served: Console) -> None:
    visitor = served.visitor(role)
    for cookies, zone in (
        ({}, "UTC"),
        ({BROWSERS: "Asia/Kathmandu"}, "Asia/Kathmandu"),
        ({BROWSERS: "Asia/Kathmandu", CHOSEN: "Europe/Berlin"}, "Europe/Berlin"),
        ({BROWSERS: "<b>", CHOSEN: "../etc/passwd"}, "UTC"),
    ):
        for name, value in cookies.items():
            visitor.cookies.set(name, value)
        for where in PAGES[role]:
            text = visitor.get(where).text
            assert f"Times on this page: <strong>{zone}</strong>" in text, where
            assert f'data-zone="{zone}"' in text
            assert "<b>" not in text.split("<main")[0]
        visitor.cookies.delete(BROWSERS)
        if CHOSEN in visitor.cookies:
            visitor.cookies.delete(CHOSEN)


def test_times_stand_in_that_zone_without_a_script_too(served: Console) -> None:
    visitor = served.visitor("auditor")
    at = served.ledger.database.now()
    visitor.cookies.set(CHOSEN, "Pacific/Kiritimati")  # 14 hours before UTC: another day
    text = visitor.get("/certificates").text
    there = at.astimezone(ZoneInfo("Pacific/Kiritimati"))
    assert f">{there:%Y-%m-%d}" in text
    assert 'name="zone" value="Pacific/Kiritimati"' in text


def test_a_zone_of_the_address_counts_before_the_reader_s(served: Console) -> None:
    visitor = served.visitor("auditor")
    visitor.cookies.set(CHOSEN, "Europe/Berlin")
    for where in ("/", "/analytics", "/audit", "/certificates"):
        text = visitor.get(f"{where}?zone=America/New_York").text
        assert "<strong>America/New_York</strong>, as its address says" in text, where
        assert 'value="America/New_York"' in text or where == "/analytics"
    assert "Days and hours are those of Europe/Berlin" in visitor.get("/analytics").text


def test_days_of_a_filter_are_those_of_the_zone(served: Console) -> None:
    visitor = served.visitor("auditor")
    stored = served.ledger.database.now()
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        day = f"{stored.astimezone(ZoneInfo(zone)):%Y-%m-%d}"
        said = {"stored_since": day, "stored_until": day, "zone": zone}
        assert "call-1" in visitor.get("/", params=said).text


def test_days_without_a_zone_are_the_reader_s_on_pages_and_utc_in_the_api(served: Console) -> None:
    visitor, now = served.visitor("auditor"), served.ledger.database.now()
    # It is another day there than in UTC.
    zone = "Pacific/Kiritimati" if now.hour >= 11 else "Pacific/Pago_Pago"
    there, here = f"{now.astimezone(ZoneInfo(zone)):%Y-%m-%d}", f"{now:%Y-%m-%d}"
    visitor.cookies.set(CHOSEN, zone)
    for where, shown in (("/", ">call-1<"), ("/certificates", ">call-1<"), ("/audit", "<tbody>")):
        for day, found in ((there, True), (here, False)):
            page = visitor.get(where, params={"since": day, "until": day})
            assert page.status_code == 200
            assert (shown in page.text) is found, (where, day)
    linked = visitor.get("/", params={"since": there, "sort": "started"}).text
    assert f"zone={quote(zone, safe='')}" in linked  # what it leads to has the same days
    for day, calls in ((there, 0), (here, 2)):
        told = visitor.get("/api/calls", params={"since": day, "until": day}).json()
        assert told["count"] == calls


def test_a_view_that_was_kept_without_a_zone_is_the_current_one(served: Console) -> None:
    visitor = served.visitor("auditor")
    visitor.cookies.set(CHOSEN, "Europe/Berlin")
    visitor.post("/views", data={"name": "Old", "address": "since=2026-03-01"}, headers=OWN_PAGE)
    page = visitor.get("/?since=2026-03-01").text
    assert 'aria-current="true">Old</a>' in page
    assert 'value="since=2026-03-01&amp;zone=Europe%2FBerlin"' in page  # as it would be kept now


def test_a_zone_is_chosen_and_left_to_the_browser_again(served: Console) -> None:
    visitor = served.visitor("operator")
    chosen = visitor.post("/account/zone", data={"zone": "Europe/Berlin"}, headers=OWN_PAGE)
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/account#zone")
    assert "HttpOnly" in chosen.headers["set-cookie"]
    page = visitor.get("/account").text
    assert 'value="Europe/Berlin"' in page
    wrong = visitor.post("/account/zone", data={"zone": "Mars/Olympus"}, headers=OWN_PAGE)
    assert (wrong.status_code, "no such time zone" in wrong.text) == (422, True)
    assert CHOSEN in visitor.cookies
    visitor.post("/account/zone", data={"zone": ""}, headers=OWN_PAGE)
    assert CHOSEN not in visitor.cookies
    assert visitor.post("/account/zone", data={"zone": "UTC"}).status_code == 403


def test_places_are_offered() -> None:
    offered = zone_names()
    assert offered[0] == "UTC"
    assert "Europe/Berlin" in offered
    assert not [one for one in offered[1:] if "/" not in one]
