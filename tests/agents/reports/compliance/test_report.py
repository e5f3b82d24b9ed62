"""The report of a month: a ledger with a few calls of each outcome, and literal figures."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import update

from agents.access.audit_log import AuditLog, Event
from agents.cli import main as cli
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import CallState
from agents.database.tables import ENTRIES
from agents.reports.compliance.model import Count, Month, Outcomes
from agents.reports.compliance.page import html_file
from agents.reports.compliance.report import STEPS, Report, Sources, report_of
from agents.reports.compliance.rules import review
from agents.settings.model import Settings
from agents.vault.call_catalogue import Catalogue
from agents.vault.vault import Vault
from pipeline.errors import InputError, StoreError
from pipeline.policy.loading import load_policy
from pipeline.records.consent import Decision, Evidence, Kind, Outcome, RuleStated, Why
from tests.agents.storing import new_ledger, stored_call

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BEFORE = datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
POLICY = """
name: ours
version: "3"
review_by: 2026-11-19
extends: [default, consent]
consent: {enforced: true, our_places: [DE]}
entities: {PERSON: {action: keep}}
"""


def decision(
    outcome: Outcome, why: Why, *places: str, campaign: str = "spring", told: bool = True
) -> Decision:
    """A decision by the rules of places."""
    evidence = (Evidence(Kind.NOTICE_PLAYED),) if told else ()
    rules = tuple(RuleStated(place.lower(), 1, place) for place in places)
    return Decision(outcome, why, rules, evidence=evidence, campaign=campaign)


class Made:
    """A ledger, a vault and a log, filled by hand."""

    def __init__(self, folder: Path) -> None:
        self.ledger = new_ledger(folder / "state")
        self.database = self.ledger.database
        self.database.now = lambda: NOW
        self.vault = Vault.opened(folder / "vault", self.ledger)
        self.log = AuditLog(self.database)
        (folder / "own.yaml").write_text(POLICY, encoding="utf-8")
        settings = Settings(policy=str(folder / "own.yaml"), quarantine_hours=5)
        self.sources = Sources(
            settings, self.database, self.log, folder / "state", str(folder / "vault")
        )

    def tell(self, kind: str, call: str = "", at: datetime = NOW, **facts: object) -> None:
        """An entry of the log."""
        before, self.database.now = self.database.now, lambda: at
        full = f"hushwire.audit.{kind}.v1"
        told = {"at": self.database.stamp(), "what": kind, **facts}
        self.log.append(Event(f"{call}/{kind}/{len(told)}/{facts}", call, full, told))
        self.database.now = before

    def closed(self, call: str, decided: Decision | None, *, state: str = "stored") -> None:
        """A call that was closed."""
        self.tell("call-closed", call, state=state, **(decided.facts if decided else {}))

    def refused(self, call: str, why: Why, *places: str, **options: object) -> None:
        """A call that a rule refused."""
        decided = decision(Outcome.REFUSED, why, *places, **options)  # type: ignore[arg-type]
        facts = {"code": "consent", "stage": "transcribe", "state": "refused", **decided.facts}
        self.tell("call-refused", call, **facts)

    def store(self, call: str, *, keep_days: int, passed: bool = True) -> None:
        """A call in the vault."""
        self.ledger.open_call(call)
        self.vault.store(stored_call(call, passed=passed), keep_days=keep_days)
        self.ledger.close_call(call, CallState.STORED if passed else CallState.QUARANTINED)

    def report(self, **changed: object) -> Report:
        """The report of November 2026."""
        return report_of(replace(self.sources, **changed), Month(date(2026, 11, 1)))  # type: ignore[arg-type]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    month = Made(tmp_path)
    yield month
    month.ledger.dispose()


@pytest.fixture
def filled(made: Made) -> Made:
    kept = decision(Outcome.KEPT, Why.SATISFIED, "DE", "US-CA")
    made.closed("kept-1", kept)
    made.closed("kept-1", kept)  # a repeat
    made.closed("kept-2", decision(Outcome.KEPT, Why.SATISFIED, "DE", told=False))
    made.closed("text", decision(Outcome.TRANSCRIPT_ONLY, Why.NO_CONSENT, "US-CA"))
    made.closed("side", decision(Outcome.AGENT_SIDE_ONLY, Why.LATE_NOTICE, "US-CA"))
    made.closed("unasked", None)
    made.closed("bad", kept, state="quarantined")
    made.refused("no-1", Why.NO_NOTICE, "DE", told=False)
    made.refused("no-2", Why.NO_NOTICE, "DE", told=False)
    made.refused("no-3", Why.NO_NOTICE, "*", campaign="", told=False)
    made.refused("gone", Why.WITHDRAWN, "DE")
    made.tell("call-refused", "gone", stage="detect", code="internal", state="refused")
    made.tell("call-refused", "broken", stage="detect", code="internal", state="refused")
    made.tell("call-expired", "old")
    made.tell("call-closed", "october", BEFORE, state="stored", **kept.facts)
    made.tell("call-erased", "a", why="retention")
    made.tell("call-erased", "b", why="subject")
    made.tell("erasure-held", "c", why="subject")
    made.tell("call-exported", "kept-1", by="ann")
    for number, who in enumerate(("token:1", "token:1", "token:2")):
        look = {"who": who, "roles": "analyst", "origin": "192.0.2.1"}
        made.tell("looked", "kept-1", **look | {"what": "audio"}, first=number)
        made.tell("looked", "", **look | {"what": "login"}, number=number)
        made.tell("looked", "kept-1", **look | {"what": "page"}, number=number)
    made.tell("denied", "", who="token:2", roles="analyst", origin="", what="read-audit")
    made.tell("login-refused", "", origin="", what="login", reason="unknown")
    return made


def test_each_call_counts_once_by_its_outcome(filled: Made) -> None:
    calls = filled.report().parts.calls.value
    assert calls is not None
    assert calls.outcomes == Outcomes(
        kept=2,
        transcript_only=1,
        agent_side_only=1,
        not_judged=1,
        quarantined=1,
        refused=4,
        failed=2,
    )
    assert (calls.outcomes.total, calls.outcomes.stored, calls.withdrawn) == (12, 5, 1)
    places = {row.place: row.outcomes for row in calls.places}
    assert list(places) == ["DE", "US-CA", "*", ""]
    assert places["DE"] == Outcomes(kept=2, quarantined=1, refused=3)
    assert places["US-CA"] == Outcomes(kept=1, transcript_only=1, agent_side_only=1, quarantined=1)
    assert places["*"] == Outcomes(refused=1)
    assert places[""] == Outcomes(not_judged=1, failed=2)
    assert [row.name for row in calls.places][:2] == ["Germany", "California"]


def test_what_never_happened_is_a_zero(filled: Made) -> None:
    calls = filled.report().parts.calls.value
    assert calls is not None
    refused = {one.what: one.count for one in calls.refused}
    assert refused["no_notice"] == 3
    assert refused["withdrawn"] == 1
    assert {why for why, count in refused.items() if not count} == {
        "late_notice", "no_consent", "agents_not_agreed", "said_no", "no_basis",
        "basis_not_allowed", "profile_not_met", "one_channel",
    }  # fmt: skip
    assert calls.failed == (Count("expired", 1), Count("internal", 1))
    ended = {one.what: one.count for one in calls.ended}
    assert (ended["call-erased retention"], ended["call-erased subject"]) == (1, 1)
    assert (ended["call-erased request"], ended["hold-added"]) == (0, 0)
    assert ended["erasure-held"] == 1


def test_disclosures_by_campaign(filled: Made) -> None:
    calls = filled.report().parts.calls.value
    assert calls is not None
    rows = {one.campaign: (one.calls, one.missing, one.late, one.none) for one in calls.campaigns}
    assert rows == {"": (1, 1, 0, 1), "spring": (8, 2, 1, 3)}


def test_who_was_shown_what(filled: Made) -> None:
    access = filled.report().parts.access.value
    assert access is not None
    rows = {one.role: one for one in access.roles}
    assert list(rows) == ["analyst", "security", "operator", "auditor"]
    analyst = rows["analyst"]
    # Somebody who seeks in a call listened to it once.
    assert (analyst.people, analyst.logins, analyst.listened, analyst.transcripts) == (2, 3, 2, 3)
    assert (analyst.denied, analyst.other, access.logins_refused, access.exported) == (1, 0, 1, 1)
    assert rows["security"].people == 0


def test_what_is_due_held_and_alive(made: Made) -> None:
    made.database.now = lambda: NOW - timedelta(days=15)
    for call, days in (("due", 3), ("held", 3), ("fresh", 90)):
        made.store(call, keep_days=days)
    Catalogue(made.database).hold("held", NOW - timedelta(days=14))
    made.store("bad", keep_days=90, passed=False)
    made.ledger.open_call("open")
    made.database.now = lambda: NOW
    report = made.report()
    kept, keys, quarantine = (
        report.parts.retention.value,
        report.parts.keys.value,
        report.parts.quarantine.value,
    )
    assert kept is not None
    assert (kept.stored, kept.quarantined, kept.due, kept.held, kept.held_due) == (3, 1, 1, 1, 1)
    assert kept.due_since.startswith("2026-11-08")
    # The log was told of none of them.
    assert kept.untold == 4
    assert kept.policies == (Count("default 1", 4),)
    assert keys is not None
    assert (keys.open, keys.quarantined, keys.stray, keys.vault_stray) == (1, 1, 0, 0)
    assert [one.days for one in keys.wrapping] == [15]
    assert quarantine is not None
    assert (quarantine.keys, quarantine.over, quarantine.certificates) == (1, 1, 1)
    assert quarantine.checks == (Count("leaks", 1),)
    named = replace(quarantine, checks=(Count("still_found", 1),))
    parts = replace(report.parts, quarantine=replace(report.parts.quarantine, value=named))
    page = html_file(replace(report, parts=parts))
    assert "Sensitive stretches heard in what was redacted <code>still_found</code>" in page
    told = " ".join(report.points)
    assert "4 calls of the month are in the catalogue, and the audit log tells of no end" in told
    assert "1 call is due and not erased, the oldest since 2026-11-08" in told
    assert "1 quarantine whose time is up still has a key" in told
    assert report.figures["retention_due"].told == "1"


def test_the_log_holds_or_not(filled: Made) -> None:
    key = SigningKey.load_or_create(filled.sources.state / "signing.pem")
    filled.log.checkpoint(key)
    report = filled.report()
    chain = report.parts.chain.value
    assert chain is not None
    assert (chain.holds, chain.first, chain.signed, chain.unsigned) == (True, 1, chain.last, 0)
    assert "The audit log holds" in report.summary
    with filled.database.writing() as connection:
        connection.execute(update(ENTRIES).where(ENTRIES.c.seq == 2).values(subject="other"))
    broken = filled.report()
    assert broken.parts.chain.value is not None
    assert broken.parts.chain.value.problems[0] == "entry 2: changed"
    assert "The audit log does not hold" in broken.summary
    assert broken.points[0].startswith("The audit log does not hold: entry 2: changed")


def test_without_a_key_the_chain_is_not_called_good(filled: Made) -> None:
    report = filled.report()
    assert report.parts.chain.value is None
    assert "no public key is known here" in report.parts.unread["chain"]
    assert "audit chain could not be read" in report.summary


def test_the_console_s_is_compared_with_the_log_s_key_and_not_with_the_vault(filled: Made) -> None:
    SigningKey.load_or_create(filled.sources.state / "signing.pem")
    chain = filled.report(compare=False).parts.chain.value
    assert chain is not None
    assert chain.compared == ("what the signing key remembers",)
    assert chain.last == filled.log.head().seq


def test_it_says_how_far_it_is(filled: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.reports.compliance.events._BATCH", 7)
    monkeypatch.setattr("agents.reports.compliance.standing._PAGE", 1)
    monkeypatch.setattr("agents.access.audit_log._BATCH", 5)
    SigningKey.load_or_create(filled.sources.state / "signing.pem")
    for number in range(3):
        filled.store(f"stored-{number}", keep_days=9)
    filled.store("bad", keep_days=9, passed=False)
    seen: list[tuple[str, int, int]] = []
    sources, month = filled.sources, Month(date(2026, 11, 1))
    report = report_of(sources, month, lambda *far: seen.append(far))
    assert report.parts == filled.report().parts
    steps = list(dict.fromkeys(what for what, _, _ in seen))
    assert steps == list(STEPS)
    for step in STEPS:
        mine = [(done, total) for what, done, total in seen if what == step]
        assert mine == sorted(mine)
        assert all(0 < done <= total for done, total in mine)
    assert [far[1:] for far in seen if far[0] == STEPS[1]] == [(n, 4) for n in (1, 2, 3, 4)]


def test_what_a_set_clock_put_between_others_counts_in_its_month(filled: Made) -> None:
    before = filled.report().parts.calls.value
    filled.tell("call-erased", "x", BEFORE, why="retention")
    filled.tell("call-erased", "y", NOW, why="retention")
    after = filled.report().parts.calls.value
    assert before is not None
    assert after is not None
    assert after.entries == before.entries + 1


def test_a_part_that_can_not_be_read_says_so_and_the_summary_too(
    filled: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("ledger: the database is away")

    def broken(*_: object) -> None:
        raise ValueError("4111 1111 1111 1111")

    monkeypatch.setattr("agents.reports.compliance.events.read_month", away)
    monkeypatch.setattr("agents.reports.compliance.standing.keys", broken)
    report = filled.report()
    assert set(report.parts.unread) == {"calls", "access", "keys", "chain"}
    assert report.parts.unread["keys"] == "could not be read (ValueError)"
    assert "What became of calls in November 2026 is not known." in report.summary
    assert "calls, access, keys, audit chain could not be read" in report.summary
    page = html_file(report)
    assert page.count("This part could not be read.") == 5  # calls stand in two parts
    assert "4111" not in page
    assert report.figures["stored"].told == "could not be read"
    assert json.loads(json.dumps(report.as_json()))["keys"] is None


def test_a_month_whose_beginning_was_pruned_says_so(filled: Made) -> None:
    key = SigningKey.load_or_create(filled.sources.state / "signing.pem")
    filled.log.checkpoint(key)
    filled.tell("hold-added", "x", NOW + timedelta(days=2), by="ann")
    filled.log.checkpoint(key)
    filled.log.prune(key, keep_days=1, now=NOW + timedelta(days=2))
    calls = filled.report().parts.calls.value
    assert calls is not None
    assert calls.missing_before.startswith("2026-11-20")
    assert any("from 2026-11-20 on only" in one for one in filled.report().points)


def test_rules_and_policy_past_their_review_date(filled: Made) -> None:
    report = filled.report()
    policy, rules = report.parts.policy.value, report.parts.rules.value
    assert policy is not None
    assert (policy.name, policy.version, policy.state) == ("ours", "3", "overdue")
    assert dict(policy.consent)["our_places"] == "DE"
    assert "PERSON" not in policy.silenced
    assert "The policy ours is past its review date, 2026-11-19." in report.points
    assert rules is not None
    named = {(one.rule, one.version): one for one in rules.rules}
    assert named["us-ca", 1].calls == 4
    assert named["us-ca", 1].sources
    # Calls were decided by rules of names that none has now.
    assert [(one.rule, one.version, one.calls) for one in rules.gone] == [("*", 1, 1)]


@pytest.mark.parametrize(
    ("by", "state"),
    [
        (date(2026, 11, 19), "overdue"),
        (date(2026, 11, 20), "due"),
        (date(2027, 1, 19), "due"),
        (date(2027, 1, 20), "ok"),
        (None, "none"),
    ],
)
def test_when_a_review_is_due(by: date | None, state: str) -> None:
    assert review(by, date(2026, 11, 20)) == state


def test_months_of_the_calendar() -> None:
    december = Month.parse("2025-12", NOW)
    assert (december.start, december.end) == (
        datetime(2025, 12, 1, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert (december.last, december.title) == (date(2025, 12, 31), "December 2025")
    assert Month.parse("", NOW).name == "2026-11"
    assert Month.parse("2024-02", NOW).last == date(2024, 2, 29)


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "26-11", "2026-12", "now", "1999-01", "²"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="month: "):
        Month.parse(text, NOW)


class _Page(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def test_the_page_needs_nothing_from_elsewhere(filled: Made) -> None:
    page = html_file(filled.report())
    read = _Page()
    read.feed(page)
    assert not {"script", "link", "img", "iframe", "form"} & set(read.tags)
    addresses = [value for name, value in read.attributes if name in {"href", "src", "action"}]
    assert addresses
    ids = {value for name, value in read.attributes if name == "id"}
    assert all(one.startswith("#") and one[1:] in ids for one in addresses)
    assert "style" not in {name for name, _ in read.attributes}
    assert not re.search(r"(?i)https?://|url\(|@import|//[a-z]", page)
    # No call is named, and nobody who looked.
    assert not any(name in page for name in ("kept-1", "token:1", "192.0.2.1", "no-2"))


def test_the_page_holds_every_figure(filled: Made) -> None:
    page = html_file(filled.report())
    assert "Germany <code>DE</code>" in page
    assert "nobody was told of the recording" in page
    assert "12 ended, 4 refused, 2 failed</span>" in page
    assert "5 stored (1 as transcript only" in page
    assert '<span class="state bad">not silenced</span>' in page
    for anchor in ("calls", "campaigns", "quarantine", "retention", "keys", "access", "chain",
                   "policy", "processing", "rules", "controls"):  # fmt: skip
        assert f'id="{anchor}"' in page


def test_what_stands_in_the_log_can_not_break_the_page(made: Made) -> None:
    made.tell("call-closed", "x", state="stored", consent="<b>", campaign="<script>1</script>")
    page = html_file(made.report())
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_policy_that_is_refused_is_a_part_that_is_not_read(made: Made) -> None:
    settings = made.sources.settings.model_copy(update={"policy": "no-such-policy"})
    report = made.report(settings=settings)
    assert {"policy", "processing"} <= set(report.parts.unread)
    assert "policy not read" in html_file(report)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["hushwire", "compliance", "report", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_command(
    filled: Made,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    state = ("--state-dir", filled.sources.state)
    month = f"{filled.ledger.database.now():%Y-%m}"
    assert run(monkeypatch, "--month", month, *state) == 1  # no key: the chain is not known
    assert "12 calls ended" in capsys.readouterr().out
    file = tmp_path / f"compliance-{month}.html"
    assert file.stat().st_mode & 0o077 == 0
    assert run(monkeypatch, "--month", month, *state) == 2
    assert "--force replaces it" in capsys.readouterr().err
    filled.log.checkpoint(SigningKey.load_or_create(filled.sources.state / "signing.pem"))
    assert run(monkeypatch, "--month", month, "--force", *state) == 0
    capsys.readouterr()
    vault = ("--vault", filled.sources.vault)
    assert run(monkeypatch, "--month", month, "--json", *state, *vault) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "hushwire.compliance.v1"
    assert told["figures"]["refused"] == "4"
    assert told["chain"]["compared"][1] == "checkpoints and certificates in the vault"
    assert run(monkeypatch, "--month", "2026-13", *state) == 2
    assert "such as 2026-11" in capsys.readouterr().err
    assert run(monkeypatch, "--month", month, "--state-dir", tmp_path / "none") == 2


def test_policies_together_keep_the_earlier_review_date(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\nversion: '1'\nreview_by: 2027-01-01\n")
    (tmp_path / "b.yaml").write_text("name: b\nversion: '1'\nreview_by: 2026-12-01\n")
    both = load_policy(f"{tmp_path / 'a.yaml'}+{tmp_path / 'b.yaml'}")
    assert both.review_by == date(2026, 12, 1)
    assert load_policy("pci+hipaa").review_by is None
