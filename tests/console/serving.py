"""A console over a real ledger and a real vault in a folder, asked without a socket."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from agents.access.api_tokens import Tokens
from agents.access.audit_log import AuditLog
from agents.access.roles import Role
from agents.access.sessions import Sessions
from agents.app.operations.findings import Finding, Grade
from agents.database.call_ledger import Ledger
from agents.database.tables import ENTRIES
from agents.reports.compliance.report import Sources, report_of
from agents.settings.model import Settings
from agents.vault.reader import VaultReader
from agents.vault.vault import Vault
from console.app import Parts, create_app
from console.auth.code_flow import ClientConfig, CodeFlow
from console.auth.oidc import Oidc
from console.http.rate_limits import Limiter
from tests.agents.storing import stored_call

SECRET = b"s" * 32
ADDRESS = "192.0.2.7"
STORED, OTHER, HELD_BACK = "call-1", "call-2", "call-q"


@dataclass(eq=False)
class Console:
    """What a test needs of a console."""

    app: FastAPI
    ledger: Ledger
    tokens: Tokens
    vault: Vault
    sessions: Sessions

    def token(self, role: str, *, lives: timedelta = timedelta(days=1)) -> str:
        """A new token of a role, which is its name too; of further ones with a number."""
        of_role = sum(one.role == role for one in self.tokens.known())
        name = f"{role} {of_role + 1}" if of_role else role
        return self.tokens.create(Role(role), name, lives, by="test")[1]

    def client(self, text: str | None = None, *, address: str = ADDRESS) -> TestClient:
        """Somebody who shows a token."""
        headers = {"Authorization": f"Bearer {text}"} if text is not None else {}
        return TestClient(
            self.app, headers=headers, client=(address, 50_000), follow_redirects=False
        )

    def role(self, role: str) -> TestClient:
        """Somebody with a new token of a role."""
        return self.client(self.token(role))

    def visitor(self, role: str) -> TestClient:
        """Somebody who logged in on the pages with a new token of a role."""
        made = self.client()
        assert made.post("/login", data={"token": self.token(role)}).status_code == 303
        return made

    def audited(self, kind: str = "looked") -> list[tuple[str, str]]:
        """Subjects and facts of the audit log's entries of a kind."""
        query = select(ENTRIES.c.subject, ENTRIES.c.facts).where(
            ENTRIES.c.kind == f"hushwire.audit.{kind}.v1"
        )
        with self.ledger.database.reading() as connection:
            rows = connection.execute(query.order_by(ENTRIES.c.seq)).all()
        return [(row.subject, row.facts) for row in rows]


def transcript_of(*texts: str) -> str:
    """A transcript: the agent asks, the customer says the texts and a number."""
    turns = [("AGENT", "Your card number?"), *(("CUSTOMER", text) for text in texts)]
    turns.append(("CUSTOMER", "It is [CARD_NUMBER] thanks"))
    return json.dumps(
        {
            "Transcript": [
                {
                    "ParticipantId": who,
                    "ParticipantRole": who,
                    "BeginOffsetMillis": 2_000 * place,
                    "EndOffsetMillis": 2_000 * place + 1_900,
                    "Content": text,
                    "Items": _items(text, 2_000 * place),
                }
                for place, (who, text) in enumerate(turns)
            ]
        }
    )


def _items(text: str, start: int) -> list[dict[str, object]]:
    """Words of 300 ms, 400 ms apart, with their punctuation, as the pipeline writes them."""
    items: list[dict[str, object]] = []
    for place, word in enumerate(text.split()):
        times = {"BeginOffsetMillis": start + 400 * place}
        times["EndOffsetMillis"] = times["BeginOffsetMillis"] + 300
        bare = word.rstrip(",.?")
        muted = {"Redactions": [{"Type": bare[1:-1]}]} if bare.startswith("[") else {}
        items.append({"Type": "pronunciation", "Content": bare, **times, **muted})
        if bare != word:
            items.append({"Type": "punctuation", "Content": word[len(bare) :]})
    return items


@cache
def _filled(files: str) -> Path:
    """Ledger and vault of a console, made once for the process; ``files`` as a JSON object."""
    kept = tempfile.TemporaryDirectory(prefix="console-")
    atexit.register(kept.cleanup)
    folder = Path(kept.name)
    ledger = Ledger.embedded(folder / "state")
    vault = Vault.opened(folder / "vault", ledger)
    contents = {name: text.encode() for name, text in json.loads(files).items()}
    for call_id in (STORED, OTHER, HELD_BACK):
        ledger.open_call(call_id)
        passed = call_id != HELD_BACK
        call = stored_call(call_id, passed=passed, purpose="support", **contents)
        vault.store(call, keep_days=30)
    ledger.dispose()
    return folder


@contextmanager
def console(
    folder: Path,
    *,
    per_minute: int = 10_000,
    failures: int = 10,
    oidc: Oidc | None = None,
    secure: bool = False,
    secret: bytes | None = SECRET,
    client: ClientConfig | None = None,
    two: bool = False,
    **files: str,
) -> Iterator[Console]:
    """A console with two stored calls and a quarantined one; ``files`` by their ending."""
    shutil.copytree(_filled(json.dumps(files)), folder, dirs_exist_ok=True)
    ledger = Ledger.embedded(folder / "state")
    vault = Vault.opened(folder / "vault", ledger)
    log = AuditLog(ledger.database)
    tokens = Tokens(ledger.database, log)
    settings = Settings(
        policy_approval="two" if two else "one", oidc_issuer=oidc.issuer if oidc else None
    )
    sources = Sources(settings, ledger.database, log, folder / "state", str(folder / "vault"))
    sessions = Sessions(ledger.database, log, idle=timedelta(minutes=30), most=timedelta(hours=10))
    app = create_app(
        Parts(
            reader=VaultReader(vault),
            ledger=ledger,
            sources=sources,
            database=ledger.database,
            log=log,
            tokens=tokens,
            limiter=Limiter(per_minute, failures=failures),
            report=partial(report_of, sources),
            examine=lambda: [Finding(Grade.WEAK, "vault", "others may get at it", "chmod")],
            sessions=sessions,
            secret=secret,
            oidc=oidc,
            code_flow=CodeFlow(oidc, client) if oidc is not None and client is not None else None,
            secure=secure,
        )
    )
    try:
        yield Console(app, ledger, tokens, vault, sessions)
    finally:
        ledger.dispose()
