"""Lists of calls on the page and in the API: filters, words, pages, files, views, looks."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from starlette.testclient import TestClient

from agents.access.audit_log import AuditLog
from agents.vault.analytics.call_files import COLUMNS, csv_of_calls, rows_of
from console.http.parameters import LABELS
from pipeline.errors import StoreError
from tests.agents.vault.analytics.said_calls import keep_call, keeper, said_call
from tests.console.serving import OTHER, STORED, Console, console

pytestmark = pytest.mark.unit

SAID = {
    "campaign": "spring",
    "line": "Hotline",
    "agent": "A. Novak",
    "direction": "inbound",
    "outcome": "answered",
}
WORDS = "secretword"
"""Searched for; nobody may write it down."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """Two calls without facts, and five with: a number, a cancellation in each."""
    with console(tmp_path_factory.mktemp("lists")) as made:
        for number in range(5):
            call_id = f"call-{'abcde'[number]}"
            sentences = (f"please cancel my order {WORDS}", "my card is 4111", "ok <b>thanks</b>")
            keep_call(made.vault, made.ledger, said_call(call_id, sentences))
            said = SAID | ({"campaign": "brand", "outcome": "missed"} if number > 2 else {})
            keeper(made.vault).keep(call_id, said)
        yield made


@pytest.fixture
def analyst(served: Console) -> TestClient:
    return served.role("analyst")


def looks(served: Console) -> list[dict[str, object]]:
    return [json.loads(facts) for _, facts in served.audited()]


def ids(client: TestClient, **query: object) -> list[str]:
    answer = client.get("/api/calls", params=query)
    assert answer.status_code == 200, answer.text
    return sorted(one["call_id"] for one in answer.json()["calls"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 7),
        ({"campaign": "spring"}, 3),
        ({"campaign": "brand", "outcome": "missed"}, 2),
        ({"campaign": "brand", "outcome": "answered"}, 0),
        ({"line": "Hotline", "agent": "A. Novak", "direction": "inbound"}, 5),
        ({"type": ["CARD_NUMBER", "PIN"]}, 5),
        ({"type": "PIN"}, 0),
        ({"muted": "no"}, 0),
        ({"muted": "yes"}, 5),
        ({"purpose": "support"}, 2),
        ({"held": "false"}, 7),
        ({"held": "true"}, 0),
        ({"within": "1h"}, 7),
        ({"until": "2000-01-01"}, 0),
        ({"since": "2000-01-01", "until": "2100-01-01"}, 7),
        ({"since": "2000-01-01T10:00", "zone": "Europe/Berlin"}, 7),
        ({"shortest": "0:10", "longest": "10"}, 7),
        ({"shortest": "1:00:00"}, 0),
        ({"q": "cancel"}, 5),
        ({"q": '"cancel my order" [card_number]'}, 5),
        ({"q": "canc"}, 0),
        ({"campaign": "", "q": "", "since": "", "type": ""}, 7),
    ],
)
def test_filters(query: dict[str, object], found: int, analyst: TestClient) -> None:
    answer = analyst.get("/api/calls", params=query).json()
    assert (len(answer["calls"]), answer["count"], answer["more"]) == (found, found, False)
    page = analyst.get("/", params=query)
    assert page.status_code == 200
    assert len(re.findall(r'<th scope="row">', page.text)) == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"campaign": "4111 1111 1111 1111"}, "campaign"),
        ({"line": "none"}, "line"),
        ({"agent": "none"}, "agent"),
        ({"direction": "4111111111111111"}, "direction"),
        ({"outcome": "x"}, "outcome"),
        ({"type": "card number"}, "type"),
        ({"type": ["CARD_NUMBER", "CARD_NUMBR"]}, "type"),
        ({"since": "4111111111111111"}, "since"),
        ({"since": "2026-02-30"}, "since"),
        ({"until": "9999-12-31"}, "until"),
        ({"since": "2026-01-02", "until": "2026-01-01"}, "until"),
        ({"within": "soon"}, "within"),
        ({"zone": "Mars/Olympus", "since": "2026-01-01"}, "zone"),
        ({"zone": "../../etc/passwd", "since": "2026-01-01"}, "zone"),
        ({"shortest": "1:2:3:4"}, "shortest"),
        ({"shortest": "999999999999"}, "shortest"),
        ({"shortest": "20", "longest": "10"}, "longest"),
        ({"sort": "name"}, "sort"),
        ({"after": "../../etc"}, "after"),
        ({"after": "x" * 401}, "after"),
        ({"q": "..."}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"jurisdiction": "germany"}, "jurisdiction"),
        ({"caller": "\x00"}, "caller"),
        ({"subject": "4111"}, "subject"),
    ],
)
def test_what_can_not_be_asked_is_told_and_nothing_shown(
    query: dict[str, str], field: str, analyst: TestClient
) -> None:
    for path in ("/api/calls", "/api/calls.csv", "/api/calls.parquet", "/"):
        if field == "after" and "." in path:
            continue  # a file has no pages
        answer = analyst.get(path, params=query)
        assert answer.status_code == 422, path
        assert "call-a" not in answer.text
        told = answer.text
        if path == "/":  # the form keeps what was said in it; what is told of it does not
            (told,) = re.findall(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
            assert LABELS.get(field, field) in told
        else:
            assert answer.json()["field"].split(".")[0] == field
        assert not any(value in told for value in query.values() if len(value) > 8)


def test_pages_go_on_and_back(analyst: TestClient) -> None:
    first = analyst.get("/api/calls", params={"limit": 3, "sort": "started"}).json()
    assert first["preceding"] is None
    following = {"limit": 3, "sort": "started", "after": first["following"]}
    second = analyst.get("/api/calls", params=following).json()
    back = {"limit": 3, "sort": "started", "after": second["preceding"]}
    assert analyst.get("/api/calls", params=back).json()["calls"] == first["calls"]
    for changed in ({"sort": "-started"}, {"campaign": "spring"}, {"q": "cancel"}):
        other = analyst.get("/api/calls", params=following | changed)
        assert (other.status_code, other.json()["field"]) == (422, "after")


def test_facts_and_places_come_with_calls(analyst: TestClient) -> None:
    (one, *_) = analyst.get("/api/calls", params={"q": "[CARD_NUMBER]", "limit": 1}).json()["calls"]
    assert one["facts"]["campaign"] == "brand"
    assert one["facts"]["redactions"] == [{"type": "CARD_NUMBER", "count": 1, "ms": 0}]
    assert one["snippet"]["role"] == "customer"
    assert "[CARD_NUMBER]" in one["snippet"]["text"]
    plain = analyst.get("/api/calls").json()["calls"]
    assert {one["call_id"]: one["facts"] for one in plain}[STORED] is None
    assert not any(one["snippet"] for one in plain)


def test_a_place_is_shown_on_the_page_without_markup(analyst: TestClient) -> None:
    text = analyst.get("/", params={"q": "thanks"}).text
    assert "<mark>&lt;b&gt;thanks&lt;/b&gt;</mark>" in text
    assert re.search(r'href="/calls/call-e#t=\d+\.\d"', text)
    assert 'class="chip pay"' in analyst.get("/", params={"q": "[card_number]"}).text.replace(
        " hit", ""
    )


def test_looks_say_how_many_and_never_what_was_searched_for(
    served: Console, capfd: pytest.CaptureFixture[str]
) -> None:
    analyst = served.role("analyst")
    before = len(looks(served))
    analyst.get("/", params={"q": WORDS})
    analyst.get("/api/calls", params={"q": f'"{WORDS}"', "limit": 2})
    analyst.get("/api/calls", params={"q": "\x00" + WORDS})
    analyst.get("/api/calls.csv", params={"q": "cancel", "campaign": "spring"})
    analyst.get("/", params={"campaign": "spring"})
    new = looks(served)[before:]
    assert [(one["what"], one.get("calls"), one.get("snippets")) for one in new] == [
        ("search", 5, 5),
        ("search", 2, 2),
        ("export", 3, None),
        ("list", 3, None),
    ]
    state = Path(served.ledger.database.engine.url.database or "").parent
    for file in state.glob("ledger.db*"):
        assert WORDS.encode() not in file.read_bytes()
    assert WORDS not in "".join(capfd.readouterr())


def test_addresses_go_nowhere(analyst: TestClient) -> None:
    answer = analyst.get("/", params={"q": WORDS})
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


def test_words_need_the_permission_to_read_transcripts(served: Console) -> None:
    auditor = served.role("auditor")
    assert ids(auditor, campaign="spring") == ["call-a", "call-b", "call-c"]
    for path in ("/", "/api/calls", "/api/calls.csv", "/api/calls.parquet"):
        answer = auditor.get(path, params={"q": "cancel"})
        assert answer.status_code == 403
        assert "the role analyst" in answer.text
    assert json.loads(served.audited("denied")[-1][1])["what"] == "read-transcript"
    page = auditor.get("/").text
    assert 'name="q"' not in page
    assert 'href="/certificates/call-a"' in page
    assert 'href="/calls/' not in page


def test_csv_has_a_row_per_call_and_no_word(analyst: TestClient) -> None:
    answer = analyst.get("/api/calls.csv", params={"sort": "started"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    rows = [*csv.DictReader(io.StringIO(answer.text))]
    assert len(rows) == 7
    assert [*rows[0]] == [*COLUMNS]
    of = {row["call_id"]: row for row in rows}
    assert (of["call-a"]["campaign"], of["call-a"]["types"]) == ("spring", "CARD_NUMBER")
    assert (of[OTHER]["campaign"], of[OTHER]["muted_ms"]) == ("", "")
    assert "cancel" not in answer.text
    assert len(analyst.get("/api/calls.csv", params={"q": "canc"}).text.splitlines()) == 1


def test_parquet_is_the_same_table(analyst: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "calls.parquet"
    file.write_bytes(analyst.get("/api/calls.parquet").content)
    with duckdb.connect() as made:
        read = made.execute(f"DESCRIBE FROM '{file}'").fetchall()
        assert [one[0] for one in read] == [*COLUMNS]
        kinds = {one[0]: one[1] for one in read}
        assert (kinds["started"], kinds["muted_ms"]) == ("TIMESTAMP WITH TIME ZONE", "BIGINT")
        counts = f"SELECT count(*), count(campaign), sum(duration_ms) FROM '{file}'"  # noqa: S608
        assert made.execute(counts).fetchall() == [(7, 5, 70_000)]
    empty = tmp_path / "empty.parquet"
    empty.write_bytes(analyst.get("/api/calls.parquet", params={"until": "2000-01-01"}).content)
    with duckdb.connect() as made:
        assert made.execute(f"FROM '{empty}'").fetchall() == []


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_takes_no_text_for_a_formula(begins: str, served: Console) -> None:
    (found,) = rows_of(served.ledger.database, ["call-a"])
    agent = COLUMNS.index("agent")
    row = [f"{begins}cmd()" if place == agent else one for place, one in enumerate(found)]
    text = b"".join(csv_of_calls([row])).decode()
    told = next(csv.DictReader(io.StringIO(text, newline="")))
    assert told["agent"] == f"'{begins}cmd()"
    assert told["duration_ms"] == "10000"


def test_an_export_of_too_many_calls_is_refused(
    analyst: TestClient, served: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.api.call_finder.EXPORT_MOST", 4)
    before = len(looks(served))
    for path in ("/api/calls.csv", "/api/calls.parquet"):
        answer = analyst.get(path)
        assert (answer.status_code, answer.json()["code"]) == (422, "too_many")
        assert "export a shorter time" in answer.json()["detail"]
    assert len(looks(served)) == before
    assert analyst.get("/api/calls.csv", params={"campaign": "spring"}).status_code == 200


def test_without_the_audit_log_nothing_is_listed(
    analyst: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("away")

    monkeypatch.setattr(AuditLog, "append", away)
    for path in ("/api/calls", "/api/calls.csv", "/api/calls.parquet", "/", "/?q=cancel"):
        answer = analyst.get(path)
        assert answer.status_code == 503
        assert "call-a" not in answer.text


def test_filters_show_as_chips_that_take_them_away(analyst: TestClient) -> None:
    text = analyst.get(
        "/", params={"campaign": "spring", "type": ["CARD_NUMBER", "PIN"], "sort": "-muted"}
    ).text
    chips = {
        html.unescape(address) for address in re.findall(r'<a class="chip on" href="([^"]+)"', text)
    }
    assert chips == {
        "/?type=CARD_NUMBER&type=PIN&sort=-muted",
        "/?campaign=spring&type=PIN&sort=-muted",
        "/?campaign=spring&type=CARD_NUMBER&sort=-muted",
    }
    assert 'aria-sort="descending"' in text
    assert "sort=muted" in html.unescape(text)


def test_an_empty_list_says_what_to_do(analyst: TestClient, tmp_path: Path) -> None:
    assert "Clear all filters" in analyst.get("/", params={"until": "2000-01-01"}).text
    with console(tmp_path) as empty:
        for call_id in (STORED, OTHER):
            empty.vault.catalogue.begin_erasing(call_id, "erased")
        assert "hushwire run" in empty.role("analyst").get("/").text


def test_views_are_kept_without_the_words(served: Console) -> None:
    analyst = served.role("analyst")
    own = {"Sec-Fetch-Site": "same-origin"}
    address = f"q=cancel&campaign=brand&outcome=missed&caller=pn-{'a' * 32}&party=pn-{'b' * 32}"
    said = {"name": "Missed <b>", "address": address}
    kept = analyst.post("/views", data=said, headers=own)
    assert kept.status_code == 303
    assert kept.headers["location"] == "/?campaign=brand&outcome=missed"
    text = analyst.get("/?campaign=brand&outcome=missed").text
    assert "Missed &lt;b&gt;" in text
    assert 'href="/?campaign=brand&amp;outcome=missed" aria-current="true"' in text
    assert "Missed &lt;b" not in served.role("analyst").get("/").text
    gone = analyst.post("/views/remove", data={"name": "Missed <b>", "address": ""}, headers=own)
    assert gone.headers["location"] == "/?"
    assert "Missed &lt;b&gt;" not in analyst.get("/").text


def test_a_view_is_not_replaced_without_asking(served: Console) -> None:
    analyst, own = served.role("analyst"), {"Sec-Fetch-Site": "same-origin"}
    first = {"name": "Mine", "address": "campaign=brand"}
    other = {"name": "Mine", "address": "outcome=missed&type=CARD_NUMBER"}
    for _ in range(2):  # the same again changes nothing
        assert analyst.post("/views", data=first, headers=own).status_code == 303
    asked = analyst.post("/views", data=other, headers=own)
    assert asked.status_code == 409
    for told in ("Campaign: brand", "Outcome: missed", "Type: Card number", "Keep both"):
        assert told in asked.text
    assert analyst.get("/").text.count('href="/?campaign=brand"') == 1
    both = analyst.post("/views", data={**other, "name": "Mine 2"}, headers=own)
    assert both.status_code == 303
    replaced = analyst.post("/views", data={**other, "replace": "yes"}, headers=own)
    assert replaced.status_code == 303
    text = analyst.get("/").text
    assert 'href="/?campaign=brand"' not in text
    assert text.count('href="/?outcome=missed&amp;type=CARD_NUMBER"') == 2


def test_a_view_is_renamed_by_its_owner_alone(served: Console) -> None:
    analyst, own = served.role("analyst"), {"Sec-Fetch-Site": "same-origin"}
    for name in ("One", "Two"):
        analyst.post("/views", data={"name": name, "address": f"agent={name}"}, headers=own)
    said = {"name": "One", "new": "Uno", "address": ""}
    other = served.role("analyst").post("/views/rename", data=said, headers=own)
    assert other.status_code == 404
    taken = analyst.post("/views/rename", data={**said, "new": "Two"}, headers=own)
    assert (taken.status_code, "another view of this name" in taken.text) == (400, True)
    for bad in ("", "x" * 61, "a\u202eb"):
        wrong = analyst.post("/views/rename", data={**said, "new": bad}, headers=own)
        assert wrong.status_code == 400
    done = analyst.post("/views/rename", data=said, headers=own)
    assert (done.status_code, done.headers["location"]) == (303, "/?")
    text = analyst.get("/").text
    assert ">Uno</a>" in text
    assert ">One</a>" not in text
    assert "view-renamed" in [one["what"] for one in looks(served)]


@pytest.mark.parametrize(
    "address", ["//evil.example", "next=x", "campaign", "sort=name", "a=1&" * 100, "type=x y"]
)
def test_a_view_is_an_address_of_the_list(address: str, analyst: TestClient) -> None:
    answer = analyst.post("/views", data={"name": "x", "address": address})
    assert answer.status_code == 422
    assert "location" not in answer.headers


def test_without_the_token_key_words_are_not_searched(tmp_path: Path) -> None:
    with console(tmp_path, secret=None) as served:
        analyst = served.role("analyst")
        assert 'name="q"' not in analyst.get("/").text
        answer = analyst.get("/api/calls", params={"q": "cancel"})
        assert (answer.status_code, answer.json()["field"]) == (422, "q")
        assert "token key" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"campaign": "sumer"}, "Campaign: no stored call has it"),
        ({"shortest": "long"}, "At least: seconds, 1:30 or 1:00:00"),
        ({"direction": "up"}, "Direction: one of inbound or outbound"),
        ({"since": "2026-03-05", "until": "2026-03-01"}, "Until: is not after the beginning"),
        ({"q": "cancel " * 40}, "Words: at most 200 characters"),
        ({"type": "x y"}, "Type: a type such as CARD_NUMBER"),
        ({"type": "CARD_NUMBR"}, "Type: there is no such type: one is CARD_NUMBER"),
        ({"within": "a week"}, "Begun: so long ago at most, such as 24h, 7d or 4w"),
        ({"zone": "Atlantis", "since": "2026-03-01"}, "Time zone: "),
        ({"held": "perhaps", "caller": "<b>"}, "Legal hold: true or false"),
        ({"party": "+1 555 010 0199"}, "Took part: a pseudonym is needed"),
        ({"caller": "15550100199"}, "Caller: a pseudonym is needed"),
    ],
)
def test_a_filter_that_is_wrong_is_told_beside_the_form(
    asked: dict[str, str], told: str, analyst: TestClient
) -> None:
    answer = analyst.get("/", params={"q": "cancel order", "agent": "A. Novak", **asked})
    shown = answer.text
    assert (answer.status_code, f'role="alert">{told}' in shown) == (422, True), shown
    assert f'name="q" value="{asked.get("q", "cancel order")}"' in shown
    assert 'name="agent" value="A. Novak"' in shown
    assert f'name="campaign" value="{asked.get("campaign", "")}"' in shown
    assert "/reference" not in shown
    assert "<b>" not in shown
    assert "call-a" not in shown


def test_what_the_list_knows_is_offered_where_a_filter_is_wrong(
    served: Console, analyst: TestClient
) -> None:
    shown = analyst.get("/?campaign=sumer").text
    assert '<option value="spring">' in shown
    assert 'name="campaign" value="sumer" aria-invalid="true" aria-describedby="wrong"' in shown
    assert looks(served)[-1]["what"] == "list"


def test_calls_leads_to_the_list(analyst: TestClient) -> None:
    answer = analyst.get("/calls", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
