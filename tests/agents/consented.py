"""Rules, decisions and stored calls with a decision, for tests of what becomes of them later."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import update

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import CallState, Ledger
from agents.database.tables import CATALOGUE
from agents.vault.vault import Vault
from pipeline.consent.decision import decide
from pipeline.consent.rules import Needed, Rule, RuleSet, Told
from pipeline.consent.setting import setting_of
from pipeline.policy.loading import parse_policy
from pipeline.policy.model import Policy
from pipeline.records.consent import Answer, Consent, Decision, Evidence, Kind, Party
from tests.agents.storing import new_ledger, stored_call, sweeps

DAY: Final = date(2026, 11, 29)
NOW: Final = datetime(2026, 11, 29, 3, tzinfo=UTC)
PROMPT: Final = Evidence(Kind.NOTICE_PLAYED, at_ms=-3_000)
YES: Final = Evidence(Kind.SPOKEN, Party.CUSTOMER, Answer.YES, 4_000)
KEY: Final = Evidence(Kind.KEY, Party.CUSTOMER, Answer.YES, 4_000)


def rule(name: str, *places: str, version: int = 1, **changes: object) -> Rule:
    """A rule that asks for a notice, after which who stays has consented."""
    plain: dict[str, object] = {
        "id": name,
        "version": version,
        "places": places,
        "name": name,
        "consent": Needed.ALL_PARTIES,
        "notice": Told.OPENING,
        "staying_counts": True,
        "evidence": frozenset(Kind),
        "lawful_bases": frozenset(),
        "valid_from": date(2026, 1, 1),
        "review_by": date(2027, 1, 1),
        "sources": ({"cite": "§ 1", "says": "so"},),
        "confirm_by": "counsel",
        "legal_advice": False,
    }
    return Rule.model_validate(plain | changes)


STRICTEST: Final = rule("strictest", "*", consent=Needed.EXPLICIT, staying_counts=False)
OLD: Final = RuleSet((rule("x-de", "DE"), rule("x-fr", "FR"), STRICTEST))
ASKS: Final = RuleSet(
    (rule("x-de", "DE", version=2, staying_counts=False), rule("x-fr", "FR"), STRICTEST)
)
"""Where staying on the line does not count any more in DE."""


def policy(
    *, name: str = "own", version: str = "1", enforced: bool = True, days: int = 365, more: str = ""
) -> Policy:
    """A policy that enforces consent, or doesn't."""
    return parse_policy(
        f"name: {name}\nversion: '{version}'\nextends: default\nretention: {{default: {days}}}\n"
        f"consent: {{enforced: {str(enforced).lower()}, agents_agreed: true}}\n{more}"
    )


def decided(
    place: str, *evidence: Evidence, rules: RuleSet = OLD, by: Policy | None = None
) -> Decision:
    """The decision that is stored with a call between parties in one place."""
    return decide(
        rules.holding([place] if place else [], DAY),
        Consent((place,) if place else (), "", evidence),
        setting=setting_of(by or policy()),
        sides=True,
        ruleset=rules.digest,
    )


class Site:
    """An installation whose clock stands still, and calls with decisions in its vault."""

    def __init__(self, folder: Path, ledger: Ledger | None = None) -> None:
        self.folder = folder / "vault"
        self.ledger = ledger or new_ledger(self.folder / ".hushwire")
        self.guard = sweeps(self.ledger, NOW)
        self.vault = Vault.opened(self.folder, self.ledger)
        self.log = AuditLog(self.ledger.database)

    def store(
        self,
        call_id: str,
        decision: Decision | str | None,
        *,
        held: bool = False,
        days: int = 365,
        ago: int = 0,
    ) -> None:
        """Store a call as it was ``ago`` days ago, to be kept for ``days`` days from then."""
        self.ledger.open_call(call_id)
        self.vault.store(stored_call(call_id, files={f"{call_id}.json": b"{}"}), keep_days=days)
        self.ledger.close_call(call_id, CallState.STORED)
        text = decision
        if isinstance(decision, Decision):
            text = TypeAdapter(Decision).dump_json(decision).decode()
        stored = NOW - timedelta(days=ago)
        dates = {
            "stored": stored.isoformat(timespec="milliseconds"),
            "retain_until": (stored + timedelta(days=days)).isoformat(timespec="milliseconds"),
        }
        with self.ledger.database.writing() as connection:
            change = update(CATALOGUE).where(CATALOGUE.c.call_id == call_id)
            connection.execute(change.values(consent=text, **dates))
        if held:
            self.vault.catalogue.hold(call_id, NOW)

    def stored(self, calls: Iterable[str]) -> set[str]:
        """Which of some calls lie in the vault with their key and row."""
        return {one for one in calls if self.vault.holds(one) and self.vault.keys.has(one)}
