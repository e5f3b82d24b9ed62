"""The audit log's page, its export, and going through it."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog, Event
from agents.access.hash_chain import read_export
from agents.access.roles import Role
from agents.crypto.ed25519 import SigningKey
from agents.database.tables import ENTRIES
from agents.reports.compliance.model import Chain
from agents.system.clock import system_clock
from console.audit.chain_watch import ChainWatch
from console.auth.looks import Looks, Principal
from pipeline.errors import InputError
from tests.console.serving import STORED, Console, console
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

FORM = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as made:
        yield made


def until_over(auditor: object) -> dict[str, object]:
    for _ in range(500):
        run: dict[str, object] = auditor.get("/api/audit/verification").json()["run"]  # type: ignore[attr-defined]
        if run["state"] != "running":
            return run
    raise AssertionError(run)


def test_it_is_searched_and_names_who_it_was(served: Console) -> None:
    served.role("analyst").get(f"/api/calls/{STORED}/transcript")
    auditor = served.role("auditor")
    page = auditor.get("/audit", params={"kind": "all"}).text
    assert "transcript" in page
    assert ">analyst</a>" in page  # the token's name, not its id alone
    only = auditor.get("/audit", params={"call": STORED, "since": "", "kind": "looked"})
    assert f"/audit?call={STORED}" in only.text
    assert "token-created" not in only.text.split("<tbody>")[1]
    made = auditor.get("/audit", params={"kind": "token-created"}).text.split("<tbody>")[1]
    assert "transcript" not in made
    by_name = auditor.get("/audit", params={"who": "analyst", "kind": "all"}).text.split("<tbody>")[
        1
    ]
    assert by_name.count("<tr>") == 1
    looks = [json.loads(facts) for _, facts in served.audited()]
    assert [one["what"] for one in looks if one["what"] == "audit-log"] == ["audit-log"] * 4


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "soon"},
        {"until": "2026-02-30"},
        {"kind": "no-kind"},
        {"zone": "No/Where", "since": "2026-01-01"},
        {"call": "../x"},
        {"before": "-1"},
        {"before": str(2**70)},
        {"q": "x"},
    ],
)
def test_what_is_no_search_is_refused_and_says_which_field(
    asked: dict[str, str], served: Console
) -> None:
    answer = served.role("auditor").get("/audit", params=asked)
    assert answer.status_code == 422
    assert next(iter(asked)) in answer.text
    program = served.role("auditor").get("/api/audit/export", params=asked)
    assert program.status_code == 422
    assert served.audited() == []


def test_the_export_is_whole_or_what_was_searched(served: Console) -> None:
    auditor = served.role("auditor")
    whole = auditor.get("/api/audit/export")
    assert whole.headers["content-disposition"].endswith('"audit.jsonl"')
    entries, _ = read_export(whole.content.splitlines())
    assert [one.seq for one in entries] == list(range(1, len(entries) + 1))
    part = auditor.get("/api/audit/export", params={"kind": "looked"})
    assert part.headers["content-disposition"].endswith('"audit-part.jsonl"')
    found, _ = read_export(part.content.splitlines())
    assert {one.kind for one in found} == {"hushwire.audit.looked.v1"}
    assert served.role("operator").get("/api/audit/export").status_code == 403


def test_the_log_is_gone_through_and_the_result_stays(served: Console, tmp_path: Path) -> None:
    auditor = served.visitor("auditor")
    assert "Not checked since" in auditor.get("/audit").text
    begun = auditor.post("/audit/verification", headers=FORM)
    assert (begun.status_code, begun.headers["location"]) == (303, "/audit#verification")
    run = until_over(auditor)
    # No signing key lies here: it is said, and nothing is claimed.
    assert run["state"] == "failed"
    assert "no public key" in str(run["problem"])

    key = SigningKey.load_or_create(tmp_path / "state" / "signing.pem")
    AuditLog(served.ledger.database).adopt(key, by="test")
    program = served.role("auditor")
    assert program.post("/api/audit/verification").status_code == 202
    run = until_over(auditor)
    assert run["state"] == "done", run
    assert "The audit log holds" in auditor.get("/audit").text
    # The made-up calls in the vault have certificates that nobody signed.
    program.post("/api/audit/verification", params={"vault": "true"})
    run = until_over(auditor)
    assert "vault" in str(run["result"])
    assert run["result"]["holds"] is False  # type: ignore[index]

    with served.ledger.database.writing() as connection:
        connection.execute(ENTRIES.update().where(ENTRIES.c.seq == 2).values(subject="another"))
    auditor.post("/audit/verification", headers=FORM)
    run = until_over(auditor)
    assert run["result"]["holds"] is False  # type: ignore[index]
    page = auditor.get("/audit").text
    assert "does not hold" in page
    assert "entry 2: changed" in page
    asked = [json.loads(facts) for _, facts in served.audited() if "audit-verify" in facts]
    assert [one["vault"] for one in asked] == ["no", "no", "yes", "no"]


def test_one_run_at_a_time_that_says_how_far_it_is() -> None:
    may_go, at = threading.Event(), threading.Event()

    def check(with_vault: bool, seen: Callable[[int], None]) -> Chain:  # noqa: FBT001
        assert with_vault
        seen(30)
        at.set()
        assert may_go.wait(HANG_S)
        return Chain(
            holds=True, first=1, last=40, signed=40, signed_at="", unsigned=0, problems=(),
            compared=(),
        )  # fmt: skip

    watch = ChainWatch(check, lambda: 40, system_clock)
    assert watch.start("token:a", with_vault=True)
    assert at.wait(HANG_S)
    assert (watch.state().state, watch.state().percent) == ("running", 75)
    assert not watch.start("token:b", with_vault=False)
    may_go.set()
    done = watch.until_done(10)
    assert (done.state, done.by, done.percent) == ("done", "token:a", 100)


def test_a_run_that_breaks_says_so_without_content() -> None:
    def known(_: bool, __: Callable[[int], None]) -> Chain:  # noqa: FBT001
        raise InputError("no public key")

    def unknown(_: bool, __: Callable[[int], None]) -> Chain:  # noqa: FBT001
        raise ValueError("4111111111111111")

    for check, told in ((known, "no public key"), (unknown, "a fault of ours")):
        watch = ChainWatch(check, lambda: 1, system_clock)
        watch.start("token:a", with_vault=False)
        run = watch.until_done(10)
        assert run.state == "failed"
        assert told in run.problem
        assert "4111" not in run.problem


def rows(text: str) -> list[str]:
    return re.findall(r"(?s)<tr>(.*?)</tr>", text.split("<tbody>")[1])


def test_looks_are_left_out_until_they_are_asked_for_and_counted(served: Console) -> None:
    analyst = served.role("analyst")
    for _ in range(3):
        analyst.get(f"/api/calls/{STORED}/transcript")
    auditor = served.role("auditor")
    text = auditor.get("/audit").text
    assert "transcript" not in text.split("<tbody>")[1]
    assert "Token created" in text
    # Three, and the page's own.
    assert re.search(r'<span data-number="4">4</span> looks between them are not shown', text)
    assert 'href="/audit?kind=all">show looks too' in text
    one = auditor.get("/audit", params={"call": STORED}).text  # which is a look at it, too
    assert '<span data-number="4">4</span> looks' in one
    assert "No entry fits" not in one


def test_looks_of_one_person_at_one_call_are_one_line(served: Console) -> None:
    analyst = served.role("analyst")
    for what in ("transcript", "transcript", "subtitles"):
        analyst.get(f"/api/calls/{STORED}/{what}")
    analyst.get("/api/calls/call-2/transcript")
    served.role("analyst").get(f"/api/calls/{STORED}/transcript")  # somebody else
    text = served.role("auditor").get("/audit", params={"kind": "looked"}).text
    lines = [row for row in rows(text) if "call-" in row]
    assert len(lines) == 3
    (line,) = [row for row in lines if "3 looks" in row]
    assert "subtitles, transcript 2" in line
    assert len(re.findall(r"<dt>\d+</dt>", line)) == 3  # each entry is still there
    assert "2 of them are folded" in text
    assert len([1 for subject, _ in served.audited() if subject]) == 5  # in the log as ever
    every = served.role("auditor").get("/api/audit", params={"limit": 1_000}).json()["entries"]
    assert sum(one["kind"] == "hushwire.audit.looked.v1" for one in every) >= 5


def test_looks_from_another_address_or_in_other_roles_are_lines_of_their_own(
    served: Console,
) -> None:
    text = served.token("analyst")
    addresses = ("192.0.2.7", "198.51.100.66", "192.0.2.7")
    for address in addresses:
        served.client(text, address=address).get(f"/api/calls/{STORED}/transcript")
    person = Principal("oidc:1", (Role.ANALYST,), "203.0.113.9")
    looks = Looks(AuditLog(served.ledger.database))
    for roles in ((Role.ANALYST,), (Role.SECURITY,)):
        looks.write(replace(person, roles=roles), "transcript", STORED)
    lines = rows(served.role("auditor").get(f"/audit?kind=looked&call={STORED}").text)
    behind = [line for line in lines if "<details>" in line]
    told = [line.split("<details>")[1] for line in behind[-4:]]
    assert [re.findall(r"\d+\.\d+\.\d+\.\d+", one) for one in told] == [
        ["203.0.113.9"],
        ["203.0.113.9"],
        ["192.0.2.7", "192.0.2.7"],
        ["198.51.100.66"],
    ]
    assert "security" in told[0]


def test_logins_and_exports_are_shown_unasked(served: Console) -> None:
    for _ in range(2):
        served.visitor("analyst")
    served.role("analyst").get("/api/calls.csv")
    auditor = served.role("auditor")
    auditor.get("/api/audit/export")
    page = auditor.get("/audit").text
    shown = re.findall(r"<td>([a-z-]+)</td>", page)
    assert [one for one in shown if one not in set(Role)] == [
        "audit-export", "export", "login", "login",
    ]  # fmt: skip
    assert "are folded" not in page
    assert '<span data-number="1">1</span> look between them is not shown' in page


def test_an_entry_says_in_words_what_it_was_about(served: Console) -> None:
    served.token("operator")
    assert served.role("analyst").get("/quarantine").status_code == 403
    AuditLog(served.ledger.database).append(
        Event("e", "call-9", "hushwire.audit.call-closed.v1", {"state": "quarantined"})
    )
    page = served.role("auditor").get("/audit").text
    for told in ("operator", "see quarantined calls", "quarantined"):
        assert f"<td>{told}</td>" in page


def test_an_export_has_looks_too(served: Console) -> None:
    served.role("analyst").get(f"/api/calls/{STORED}/transcript")
    auditor = served.role("auditor")
    text = auditor.get("/audit", params={"call": STORED, "zone": "UTC"}).text
    link = re.search(r'href="(/api/audit/export[^"]*)"', text)
    assert link
    assert "looks too" in text
    assert b"transcript" in auditor.get(html.unescape(link[1])).content
    assert auditor.get("/api/audit/export?kind=all").status_code == 422
