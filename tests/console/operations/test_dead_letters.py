"""Dead letters on the page and for programs; what the broker says is made up here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.app.operations.replaying import DeadLetters
from agents.runtime.dead_letters import DeadLetter, Depth, Fate, Record
from agents.settings.model import Settings
from pipeline.errors import BrokerError
from tests.console.serving import Console, console

pytestmark = pytest.mark.unit

LETTER = DeadLetter(
    0, 7, datetime(2026, 3, 1, tzinfo=UTC), "call-1", "hushwire.audio.raw", 3, 41, "mute", "seal", 1
)
LETTERS = [
    LETTER,
    replace(LETTER, offset=8, code="record", record_offset=42),
    replace(LETTER, offset=9, call_id="call-2", code="record", record_offset=43, fate=Fate.CLOSED),
]
FORM = {"Sec-Fetch-Site": "same-origin"}
LATER = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    sent: list[DeadLetter] = []

    def read(
        _: DeadLetters,
        *,
        call: str | None = None,
        code: str | None = None,
        depth: Depth = Depth.OPENED,
        newest: int | None = None,
        most: int | None = None,
        again: bool = False,
    ) -> list[DeadLetter]:
        assert depth is not Depth.OPENED  # the console asks for no transit key
        assert newest
        assert most
        found = [one for one in LETTERS if call in {None, one.call_id} and code in {None, one.code}]
        before = {one.offset for one in sent}
        fate = Fate.REPLAYABLE if again else Fate.REPLAYED
        found = [replace(x, replayed=LATER, fate=fate) if x.offset in before else x for x in found]
        if depth is Depth.CALL:
            return found
        there = Record({}, b"sealed")
        return [replace(x, sealed=there if x.fate is Fate.REPLAYABLE else None) for x in found]

    def replay(_: DeadLetters, letters: list[DeadLetter], *, by: str) -> Iterator[DeadLetter]:
        assert by.startswith("token:")
        for letter in letters:
            sent.append(letter)
            yield letter

    monkeypatch.setattr(DeadLetters, "read", read)
    monkeypatch.setattr(DeadLetters, "replay", replay)
    with console(tmp_path) as made:
        made.sent = sent  # type: ignore[attr-defined]
        yield made


def test_a_code_is_told_in_words(served: Console) -> None:
    shown = served.visitor("operator").get("/dead-letters").text
    assert "its seal does not open" in shown
    assert 'href="/dead-letters?code=seal"' in shown


def test_they_are_listed_without_content_and_chosen_by_call_and_code(served: Console) -> None:
    operator = served.role("operator")
    listed = operator.get("/api/dead-letters").json()
    assert [one["offset"] for one in listed] == [43, 42, 41]
    assert listed[1]["fate"] == "can be replayed"
    assert [one["code"] for one in operator.get("/api/dead-letters?code=seal").json()] == ["seal"]
    page = operator.get("/dead-letters?call=call-2").text
    assert "its call is closed" in page
    assert "call-1" not in page
    assert operator.get("/dead-letters?code=No%20code").status_code == 422
    facts = [json.loads(facts) for _, facts in served.audited()]
    assert [one["letters"] for one in facts] == [3, 1, 1]


def test_a_question_comes_before_they_are_sent_again(served: Console) -> None:
    operator = served.visitor("operator")
    asked = operator.get("/dead-letters/replay?call=call-1")
    assert "<strong>2</strong> of 2 records" in asked.text
    assert served.sent == []  # type: ignore[attr-defined]
    done = operator.post("/dead-letters/replay", data={"call": "call-1"}, headers=FORM)
    assert (done.status_code, done.headers["location"]) == (
        303,
        "/dead-letters?call=call-1&sent=2",
    )
    assert len(served.sent) == 2  # type: ignore[attr-defined]
    assert "2 records sent again" in operator.get(done.headers["location"]).text
    subject, facts = next(one for one in served.audited() if "replay-dead-letters" in one[1])
    assert subject == "call-1"
    assert json.loads(facts)["code"] == "all"


def test_what_was_replayed_says_so_and_is_replayed_again_on_purpose_alone(served: Console) -> None:
    operator, sent = served.visitor("operator"), served.sent  # type: ignore[attr-defined]
    only = {"call": "call-1", "code": "seal"}
    assert operator.post("/dead-letters/replay", data=only, headers=FORM).status_code == 303
    page = operator.get("/dead-letters?call=call-1").text
    assert page.count("replayed at <time") == page.count("again=yes") == 1
    assert page.count(">Replay…</a>") == 2  # the page's, and the other letter's
    asked = operator.get("/dead-letters/replay?call=call-1&code=seal").text
    assert "Replayed already" in asked
    assert '<form method="post" action="/dead-letters' not in asked
    refused = operator.post("/dead-letters/replay", data=only, headers=FORM)
    assert (refused.status_code, "1 record was replayed before" in refused.text) == (409, True)
    assert "/dead-letters/replay?call=call-1&amp;code=seal&amp;again=yes" in refused.text
    program = served.role("operator")
    problem = program.post("/api/dead-letters/replay", json=only)
    assert (problem.status_code, problem.json()["code"]) == (409, "replayed")
    assert "again: true" in problem.json()["detail"]
    assert len(sent) == 1
    # What is new goes, and what went before is counted.
    assert "1 more was replayed before" in operator.get("/dead-letters/replay?call=call-1").text
    both = program.post("/api/dead-letters/replay", json={"call": "call-1"}).json()
    assert both == {"sent": 1, "left": 1, "before": 1}
    once_more = operator.get("/dead-letters/replay?call=call-1&code=seal&again=yes").text
    assert '<input type="hidden" name="again" value="yes">' in once_more
    done = operator.post("/dead-letters/replay", data={**only, "again": "yes"}, headers=FORM)
    assert (done.status_code, len(sent)) == (303, 3)


def test_a_record_with_two_letters_is_one_record(
    served: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.console.operations.test_dead_letters.LETTERS",
        [*LETTERS, replace(LETTER, offset=10, stage="verify")],
    )
    monkeypatch.setattr(DeadLetters, "replay", once)
    operator = served.visitor("operator")
    asked = operator.get("/dead-letters/replay?call=call-1").text
    assert "<strong>2</strong> of 2 records" in asked
    assert "Replay 2 records</button>" in asked
    done = served.role("operator").post("/api/dead-letters/replay", json={"call": "call-1"})
    assert done.json() == {"sent": 2, "left": 0, "before": 0}


def once(_: DeadLetters, letters: list[DeadLetter], *, by: str) -> Iterator[DeadLetter]:
    """Sends each record once, as the broker is sent it."""
    assert by
    yield from {one.place: one for one in letters}.values()


def test_nothing_is_sent_unless_it_is_named_or_by_another_site(served: Console) -> None:
    operator = served.visitor("operator")
    assert operator.post("/dead-letters/replay", data={}, headers=FORM).status_code == 400
    elsewhere = operator.post(
        "/dead-letters/replay", data={"all": "yes"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert elsewhere.status_code == 403
    program = served.role("operator")
    assert program.post("/api/dead-letters/replay", json={}).status_code == 422
    assert program.post("/api/dead-letters/replay", json={"else": 1}).status_code == 422
    assert served.role("auditor").post("/api/dead-letters/replay", json={}).status_code == 403
    assert served.sent == []  # type: ignore[attr-defined]
    done = program.post("/api/dead-letters/replay", json={"everything": True}).json()
    assert done == {"sent": 2, "left": 1, "before": 0}


def test_a_broker_that_is_away_is_told_on_the_page(
    served: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> list[DeadLetter]:
        raise BrokerError("broker:9092: the broker is away or refuses (no answer)")

    monkeypatch.setattr(DeadLetters, "read", away)
    operator = served.visitor("operator")
    for address in ("/dead-letters", "/dead-letters/replay?call=call-1"):
        answer = operator.get(address)
        assert answer.status_code == 200
        assert "the broker is away or refuses" in answer.text
    sent = operator.post("/dead-letters/replay", data={"call": "call-1"}, headers=FORM)
    assert (sent.status_code, "is away" in sent.text) == (503, True)
    program = served.role("operator").get("/api/dead-letters")
    assert (program.status_code, program.json()["code"]) == (503, "broker")


def test_without_a_broker_the_page_says_what_to_set(tmp_path: Path) -> None:
    assert Settings().bootstrap is None
    with console(tmp_path) as served:
        page = served.role("operator").get("/dead-letters")
        assert page.status_code == 200
        assert "HUSHWIRE_BOOTSTRAP" in page.text
        assert "--bootstrap" not in page.text
