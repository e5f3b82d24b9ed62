"""Marks: what a reviewer heard that should be silent, or missed that should not; never words."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog
from agents.cli import main
from agents.database.call_ledger import CallState, Ledger
from agents.upkeep.erasure import REQUEST, erase
from agents.vault.mark_store import Marks
from agents.vault.vault import Vault
from pipeline.errors import InputError, UnknownCallError
from pipeline.evaluation.corpora.review_marks import Kind, Place, judge, read_marks, wrong_scores
from pipeline.evidence.certificate import build_certificate, certificate_json
from pipeline.evidence.stored_call import StoredCall
from pipeline.policy.loading import load_policy
from pipeline.records.model import CallEnd, CallInfo, Check, Mute, Reason, Role, Span, Verdict
from tests.agents.storing import new_ledger
from tests.console.serving import HELD_BACK, OTHER, STORED, Console, console

pytestmark = pytest.mark.unit

CARD = Span("CARD_NUMBER", 1, 16_000, 24_000, 0.8, "spoken-card")
NAME = Span("PERSON", 0, 40_000, 44_000, 0.45, "name-list")
UNHEARD = Span("UNHEARD", 1, 60_000, 64_000, 1.0, "unheard", reason=Reason.UNHEARD)
SPANS = (CARD, NAME, UNHEARD)
MUTES = {Mute(one.channel, one.start - 800, one.end + 800, (one,)) for one in SPANS}
"""100 ms of padding at 8 kHz."""


def call(call_id: str, *, passed: bool = True) -> StoredCall:
    info = CallInfo(call_id, 8_000, (Role.AGENT, Role.CUSTOMER))
    check = Check("leaks", passed=passed, measured=0.0, limit=0.0)
    verdict = Verdict(info, passed=passed, checks=(check,), end=CallEnd(call_id, 1, 80_000))
    files = {f"{call_id}.flac": b"audio"} if passed else {}
    certificate = build_certificate(
        verdict, load_policy("default"), spans=SPANS, mutes=MUTES, models={"ear@1"},
        length=80_000, files=files,
    )  # fmt: skip
    name = f"{call_id}.certificate.json"
    return StoredCall(
        call_id, passed, certificate, {**files, name: certificate_json(certificate)}, "", ()
    )


STATED = call("call-1").certificate


@pytest.mark.parametrize(
    ("place", "kind", "entity", "spans"),
    [
        (Place(0, 1_000, 1_500, "card"), Kind.MISSED, "CARD_NUMBER", []),
        (Place(1, 1_000, 2_100, "cvv"), Kind.MISSED, "CARD_SECURITY_CODE", ["CARD_NUMBER"]),
        (Place(1, 2_200, 2_300), Kind.WRONG, "", ["CARD_NUMBER"]),
        (Place(1, 3_050, 3_090), Kind.WRONG, "", ["CARD_NUMBER"]),  # in the padding
        (Place(1, 0, 10_000), Kind.WRONG, "", ["CARD_NUMBER", "UNHEARD"]),
    ],
)
def test_a_place_is_judged_by_the_certificate(
    place: Place, kind: Kind, entity: str, spans: list[str]
) -> None:
    judged = judge(place, STATED)
    assert (judged.kind, judged.entity) == (kind, entity)
    assert [span.entity for span in judged.spans] == spans


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (Place(2, 0, 10), "no channel 2"),
        (Place(0, 10, 10), "begins before it ends"),
        (Place(0, 0, 10_001), "within 10.0 s"),
        (Place(0, 1_000, 1_100), "nothing is silent there"),
        (Place(1, 2_100, 2_900, "card"), "silent already"),
        (Place(0, 1_000, 1_100, "spoken words"), "no type"),
    ],
)
def test_what_can_not_be_marked_is_refused(place: Place, message: str) -> None:
    with pytest.raises(InputError, match=message):
        judge(place, STATED)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = new_ledger(tmp_path / "vault" / ".hushwire")
    yield ledger
    ledger.dispose()


@pytest.fixture
def vault(tmp_path: Path, ledger: Ledger) -> Vault:
    vault = Vault.opened(tmp_path / "vault", ledger)
    for call_id, state in (("call-1", CallState.STORED), ("call-q", CallState.QUARANTINED)):
        ledger.open_call(call_id)
        vault.store(call(call_id, passed=state is CallState.STORED), keep_days=3)
        ledger.close_call(call_id, state)
    return vault


def told(log: AuditLog) -> list[tuple[str, dict[str, object]]]:
    lines = [json.loads(line) for line in log.export()]
    return [(one["subject"], one["facts"]) for one in lines]


def test_a_mark_is_audited_exported_and_goes_with_the_call(ledger: Ledger, vault: Vault) -> None:
    log = AuditLog(ledger.database)
    marks = Marks(ledger.database, log)
    facts = vault.catalogue.get("call-1")
    wrong = marks.add(facts, vault.certificate, Place(1, 2_200, 2_300), by="ann")
    missed = marks.add(facts, vault.certificate, Place(0, 0, 500, "dob"), by="ann")
    assert (missed.policy, missed.models, missed.heard) == ("default", ("ear@1",), "redacted")
    text = "\n".join(one.as_line() for one in marks.known())
    read = read_marks(text, origin="marks.jsonl")
    assert read == marks.known("call-1") == [wrong, missed]
    assert wrong_scores(read) == {"CARD_NUMBER": (0.8,)}
    assert marks.known(after=wrong.mark_id) == [missed]
    marks.remove(missed.mark_id, by="bob")
    assert [(one["what"], one["by"]) for _, one in told(log)] == [
        ("mark-added", "ann"), ("mark-added", "ann"), ("mark-removed", "bob"),
    ]  # fmt: skip
    erase(vault, ledger, log, "call-1", REQUEST)
    assert marks.known() == []
    with pytest.raises(UnknownCallError):
        marks.add(facts, lambda _: certificate_json(STATED), Place(1, 2_200, 2_300), by="ann")
    assert [one["what"] for _, one in told(log)][3:] == ["call-erased"]
    with pytest.raises(InputError):
        marks.remove(wrong.mark_id, by="ann")


def test_a_quarantined_call_is_marked_while_its_key_lives(ledger: Ledger, vault: Vault) -> None:
    marks = Marks(ledger.database, AuditLog(ledger.database))
    facts = vault.catalogue.get("call-q")
    mark = marks.add(facts, vault.certificate, Place(0, 0, 500, "card"), by="eve")
    assert mark.heard == "raw"
    ledger.end_quarantine("call-q")
    with pytest.raises(UnknownCallError, match="key"):
        marks.add(facts, vault.certificate, Place(0, 0, 500, "card"), by="eve")


@pytest.mark.parametrize("line", ["{}", "[]", "x", '{"schema": "hushwire.mark.v1"}'])
def test_a_file_of_something_else_is_no_list_of_marks(line: str) -> None:
    with pytest.raises(InputError, match="line 2"):
        read_marks(f"\n{line}", origin="marks.jsonl")


def test_the_command(
    vault: Vault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        place = ["--vault", str(tmp_path / "vault")]
        monkeypatch.setattr(sys, "argv", ["hushwire", "marks", *arguments, *place])
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    where = ["--channel", "0", "--from", "1.25", "--to", "2"]
    assert "no marks" in run("list")[1]
    code, text = run("add", "call-1", *where, "--missed", "card")
    assert (code, "can still be heard" in text) == (0, True)
    assert run("add", "call-1", *where)[0] == 2
    assert run("add", "call-1", *where, "--wrong")[0] == 2  # nothing is silent there
    assert run("add", "nobody", *where, "--missed", "card")[0] == 2
    _, text = run("list", "--json")
    mark = json.loads(text)
    assert (mark["start_ms"], mark["entity"]) == (1_250, "CARD_NUMBER")
    assert mark["mark_id"] in run("list", "--call", "call-1")[1]
    assert run("remove", mark["mark_id"])[0] == 0
    assert "no marks" in run("list")[1]


# -- the API -------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as made:
        yield made


def test_the_api_takes_marks_of_who_may_hear(served: Console) -> None:
    place = {"channel": 1, "start_ms": 100, "end_ms": 900, "missed": "card"}
    analyst, security = served.role("analyst"), served.role("security")
    made = analyst.post(f"/api/calls/{STORED}/marks", json=place)
    assert made.status_code == 201
    assert made.json()["schema"] == "hushwire.mark.v1"
    assert security.post(f"/api/calls/{STORED}/marks", json=place).status_code == 403
    assert analyst.post(f"/api/quarantine/{HELD_BACK}/marks", json=place).status_code == 403
    # The calls of these tests were not closed, so the key of the quarantined one lives.
    held_back = security.post(f"/api/quarantine/{HELD_BACK}/marks", json=place)
    assert (held_back.status_code, held_back.json()["heard"]) == (201, "raw")
    assert analyst.post(f"/api/calls/{HELD_BACK}/marks", json=place).status_code == 404
    assert security.post(f"/api/quarantine/{STORED}/marks", json=place).status_code == 404
    assert len(analyst.get(f"/api/calls/{STORED}/marks").json()["marks"]) == 1
    assert analyst.get("/api/marks").status_code == 403
    page = security.get("/api/marks", params={"limit": 1}).json()
    rest = security.get("/api/marks", params={"after": page["following"]}).json()
    assert [one["call_id"] for one in (*page["marks"], *rest["marks"])] == [STORED, HELD_BACK]
    assert {subject for subject, _ in served.audited("mark-added")} == {STORED, HELD_BACK}
    assert [json.loads(facts)["what"] for _, facts in served.audited()].count("marks") == 3


@pytest.mark.parametrize(
    ("change", "status"),
    [({"missed": "x" * 81}, 422), ({"said": "words"}, 422), ({"end_ms": 0}, 422),
     ({"end_ms": 50}, 400), ({"missed": "words"}, 400), ({"channel": 9}, 400)],
)  # fmt: skip
def test_the_api_refuses_what_is_no_place(
    served: Console, change: dict[str, object], status: int
) -> None:
    place = {"channel": 1, "start_ms": 100, "end_ms": 900, "missed": "card", **change}
    answer = served.role("analyst").post(f"/api/calls/{OTHER}/marks", json=place)
    assert answer.status_code == status
    assert served.audited("mark-added") == []
