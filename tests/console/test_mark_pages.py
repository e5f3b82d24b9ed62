"""Marks on the pages: who may make them, from where, and that nothing but a place is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from agents.access.roles import MAY, Permission, Role
from agents.database.call_ledger import CallState
from console.http.forms import MarkForm, fields
from pipeline.errors import InputError
from pipeline.evaluation.corpora.review_marks import Place
from tests.console.serving import HELD_BACK, OTHER, STORED, Console, console, transcript_of

pytestmark = pytest.mark.unit

HERE = {"Sec-Fetch-Site": "same-origin"}
PLACE = {"kind": "missed", "entity": "CARD_NUMBER", "channel": "1", "from": "0.1", "to": "0.9"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path, json=transcript_of("yes")) as made:
        yield made


def browser(served: Console, text: str) -> TestClient:
    """Somebody who is logged in on the pages."""
    made = served.client()
    assert made.post("/login", data={"token": text}).status_code == 303
    return made


def send(visitor: TestClient, place: str, headers: dict[str, str] = HERE, **form: str) -> int:
    answer = visitor.post(f"/{place}/marks", data={**PLACE, **form}, headers=headers)
    if answer.status_code == 303:
        assert answer.headers["location"] == f"/{place}#marks"
    return int(answer.status_code)


def marks(served: Console) -> list[dict[str, object]]:
    found: list[dict[str, object]] = served.role("security").get("/api/marks").json()["marks"]
    return found


def test_a_mark_is_made_shown_and_taken_back(served: Console) -> None:
    ann, bob = (browser(served, served.token("analyst")) for _ in range(2))
    assert send(ann, f"calls/{STORED}", said="what was said") == 303
    (made,) = marks(served)
    assert (made["start_ms"], made["end_ms"], made["entity"]) == (100, 900, "CARD_NUMBER")
    assert "said" not in json.dumps(made)
    page = ann.get(f"/calls/{STORED}").text
    assert "Missed: Card number" in page
    assert "stays audible" in page
    remove = f"/calls/{STORED}/marks/{made['mark_id']}/remove"
    assert remove in page
    assert "Missed: Card number" in bob.get(f"/calls/{STORED}").text
    assert remove not in bob.get(f"/calls/{STORED}").text
    assert bob.post(remove, headers=HERE).status_code == 400
    assert ann.post(remove.replace(STORED, OTHER), headers=HERE).status_code == 400
    assert len(marks(served)) == 1
    assert ann.post(remove, headers=HERE).status_code == 303
    assert marks(served) == []
    for kind in ("mark-added", "mark-removed"):
        ((subject, facts),) = served.audited(kind)
        assert (subject, json.loads(facts)["by"]) == (STORED, made["by"])
    looks = [json.loads(facts) for _, facts in served.audited()]
    assert [one["marks"] for one in looks if one["what"] == "page"] == [1, 1, 1]


@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "cross-site"},
                                  {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"},
                                  {"Origin": "http://testserver"}])  # fmt: skip
def test_a_form_from_elsewhere_is_refused(served: Console, site: dict[str, str]) -> None:
    ann = browser(served, served.token("analyst"))
    assert send(ann, f"calls/{STORED}", site) == 403
    eve = browser(served, served.token("security"))
    assert send(eve, f"quarantine/{HELD_BACK}", site) == 403
    assert marks(served) == []


def test_the_cookie_still_only_reads_elsewhere(served: Console) -> None:
    eve = browser(served, served.token("security"))
    made = eve.post("/api/tokens", json={"role": "analyst", "name": "Ann"}, headers=HERE)
    assert made.status_code == 401
    ann = browser(served, served.token("analyst"))
    place = {"channel": 1, "start_ms": 100, "end_ms": 900, "missed": "card"}
    assert ann.post(f"/api/calls/{STORED}/marks", json=place, headers=HERE).status_code == 401


def test_each_role_marks_on_its_own_side(served: Console) -> None:
    for role in Role:
        visitor = browser(served, served.token(role))
        stored = Permission.MARK_CALL in MAY[role]
        assert send(visitor, f"calls/{STORED}") == (303 if stored else 403), role
        # To others a call on the other side is as one that never was.
        assert send(visitor, f"calls/{HELD_BACK}") == (404 if stored else 403), role
        held_back = Permission.MARK_QUARANTINE in MAY[role]
        assert send(visitor, f"quarantine/{HELD_BACK}") == (303 if held_back else 403), role
        assert send(visitor, f"quarantine/{STORED}") == (404 if held_back else 403), role
    assert [(one["call_id"], one["heard"]) for one in marks(served)] == [
        (STORED, "redacted"), (HELD_BACK, "raw"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "spoken"}, "can be heard or is silent"),
        ({"entity": ""}, "choose the type"),
        ({"entity": "SPOKEN_WORDS"}, "no type"),
        ({"entity": "spoken " * 20}, "choose the type"),
        ({"channel": "spoken"}, "who speaks"),
        ({"channel": "9"}, "no channel 9"),
        ({"from": "spoken"}, "seconds"),
        ({"from": "-1"}, "seconds"),
        ({"from": "1e3"}, "seconds"),
        ({"to": ""}, "seconds"),
        ({"to": "0.05"}, "begins before it ends"),
        ({"to": "999999"}, "within 10.0 s"),
        ({"kind": "wrong"}, "nothing is silent there"),
    ],
)
def test_what_is_no_place_is_told_on_the_page(
    served: Console, change: dict[str, str], told: str
) -> None:
    ann = browser(served, served.token("analyst"))
    answer = ann.post(f"/calls/{STORED}/marks", data=PLACE | change, headers=HERE)
    assert answer.status_code == 400
    (alert,) = re.findall(r'role="alert">([^<]*)<', answer.text)
    assert told in alert
    assert "spoken" not in alert.lower()
    assert marks(served) == []
    # What was filled in is still there.
    assert 'value="0.1"' in answer.text or "from" in change


def test_bodies_that_are_no_form() -> None:
    for body in (b"", b"\xff\xfe", b"a=1&" * 50, b"from=%00", b'{"from": 1}'):
        assert set(fields(body)) <= {"from"}
        with pytest.raises(InputError):
            _ = MarkForm.of(body).place
    form = MarkForm.of(b"kind=wrong&entity=PIN&channel=0&from=+1.25&to=12.3456")
    assert form.place == Place(0, 1_250, 12_345, "")


def test_a_quarantined_call_is_marked_while_its_key_lives(served: Console) -> None:
    eve = browser(served, served.token("security"))
    page = eve.get(f"/quarantine/{HELD_BACK}")
    assert "What failed" in page.text
    assert ">Leaks<" in page.text
    assert "<audio" not in page.text
    assert "Transcript" not in page.text
    assert 'value="wrong" checked' in page.text  # there is nothing to hear
    assert 'value="missed" checked' not in page.text
    assert send(eve, f"quarantine/{HELD_BACK}") == 303
    served.ledger.close_call(HELD_BACK, CallState.QUARANTINED)
    assert served.ledger.end_quarantine(HELD_BACK)
    answer = eve.post(f"/quarantine/{HELD_BACK}/marks", data=PLACE, headers=HERE)
    assert (answer.status_code, "the key of this quarantined call" in answer.text) == (404, True)
    assert len(marks(served)) == 1
    auditor = browser(served, served.token("auditor"))
    text = auditor.get(f"/quarantine/{HELD_BACK}").text
    assert "What failed" in text
    assert "Missed" not in text
    assert "<form class=" not in text
    assert auditor.get(f"/quarantine/{STORED}").status_code == 404


def test_security_begins_at_the_quarantine_and_reads_all_marks(served: Console) -> None:
    visitor = served.client()
    answer = visitor.post("/login", data={"token": served.token("security")})
    assert answer.headers["location"] == "/quarantine"
    assert HELD_BACK in visitor.get("/quarantine").text
    assert STORED not in visitor.get("/quarantine").text
    assert "No marks" in visitor.get("/marks").text
    send(browser(served, served.token("analyst")), f"calls/{STORED}")
    send(visitor, f"quarantine/{HELD_BACK}")
    page = visitor.get("/marks").text
    assert f'href="/quarantine/{HELD_BACK}"' in page
    assert f'title="{STORED}">{STORED}</span>' in page
    last = str(marks(served)[-1]["mark_id"])
    assert "No more marks" in visitor.get("/marks", params={"after": last}).text
    analyst = browser(served, served.token("analyst"))
    assert analyst.get("/marks").status_code == 403
    assert analyst.get("/quarantine").status_code == 403
    for place in ("/marks", "/quarantine", f"/quarantine/{HELD_BACK}"):
        assert "unsafe" not in visitor.get(place).headers["content-security-policy"]
        assert "<script>" not in visitor.get(place).text
        assert " style=" not in visitor.get(place).text
