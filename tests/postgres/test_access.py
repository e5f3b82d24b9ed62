"""Tokens, looks and what operators and auditors read, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from agents.access.api_tokens import Tokens
from agents.access.audit_log import AuditLog
from agents.access.roles import AccessError, Role
from agents.access.sessions import Sessions, people
from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import Ledger
from agents.database.tables import PEOPLE
from agents.reports.compliance.model import Month
from agents.reports.compliance.report import Report, Sources, Told
from agents.settings.model import Settings
from agents.system.clock import stamp
from agents.vault.reader import VaultReader
from agents.vault.vault import Vault
from console.app import Parts, create_app
from console.http.rate_limits import Limiter
from tests.agents.storing import stored_call
from tests.waiting import HANG_S

HOUR = timedelta(hours=1)


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(ledger_url, KeyEncryptionKey.load_or_create(tmp_path / "kek.json"))
    yield made
    made.dispose()


def _nobody_asks(month: Month, _: Told) -> Report:
    raise AssertionError(month)


def test_tokens_and_what_they_open(ledger: Ledger, tmp_path: Path) -> None:
    vault_folder = tmp_path / "vault"
    vault = Vault.opened(vault_folder, ledger)
    ledger.open_call("call-1")
    vault.store(stored_call("call-1"), keep_days=0)
    log = AuditLog(ledger.database)
    tokens = Tokens(ledger.database, log)
    app = create_app(
        Parts(
            reader=VaultReader(vault),
            ledger=ledger,
            sources=Sources(Settings(), ledger.database, log, tmp_path, str(vault_folder)),
            database=ledger.database,
            log=log,
            tokens=tokens,
            limiter=Limiter(100),
            examine=list,
            report=_nobody_asks,
            sessions=Sessions(ledger.database, log, idle=HOUR, most=HOUR),
        )
    )

    def asks(role: Role) -> TestClient:
        text = tokens.create(role, role.value, HOUR, by="test")[1]
        return TestClient(app, headers={"Authorization": f"Bearer {text}"})

    assert asks(Role.ANALYST).get("/api/calls/call-1/transcript").status_code == 200
    kept = asks(Role.OPERATOR).get("/api/retention").json()
    assert (kept["stored"], kept["quarantined"], kept["due"]) == (1, 0, 1)
    page = asks(Role.AUDITOR).get("/api/audit", params={"limit": 1_000}).json()
    assert [one["seq"] for one in page["entries"]] == list(range(1, len(page["entries"]) + 1))
    assert page["entries"][-1]["kind"] == "hushwire.audit.looked.v1"

    made, text = tokens.create(Role.SECURITY, "Ann", HOUR, by="test")
    assert tokens.check(text) == made
    assert tokens.revoke(made.token_id, by="test")
    with pytest.raises(AccessError):
        tokens.check(text)
    assert {one.name for one in tokens.known()} == {"Ann", "analyst", "operator", "auditor"}


def test_one_person_may_log_in_twice_at_once(ledger: Ledger) -> None:
    database = ledger.database
    sessions = Sessions(database, AuditLog(database), idle=HOUR, most=HOUR)

    def login(name: str) -> str:
        return sessions.open("oidc:ann", name, (Role.ANALYST,), origin="192.0.2.7")

    with ThreadPoolExecutor(1) as threads:
        with database.writing() as connection:  # as a login that is under way
            row = {"who": "oidc:ann", "name": "Ann", "seen": stamp(database.now())}
            connection.execute(insert(PEOPLE).values(row))
            second = threads.submit(login, "Ann B")
            with pytest.raises(TimeoutError):  # it waits for the first
                second.result(timeout=1)
        assert sessions.check(second.result(timeout=HANG_S)) is not None
    assert people(database) == {"oidc:ann": "Ann B"}
    login("")
    assert people(database) == {}  # the issuer tells it no more
