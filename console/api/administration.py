"""The routes of those who see no content: tokens, metrics, state, policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import ColumnElement, func, select

from agents.access.api_tokens import Tokens
from agents.access.roles import Permission
from agents.app.operations.findings import Finding
from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from console.api.schemas import (
    Checked,
    Me,
    PolicyState,
    Retention,
    TokenMade,
    TokenShown,
    TokenWanted,
)
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.metrics import ApiMetrics
from console.http.parameters import Id
from pipeline.errors import PolicyError
from pipeline.policy.known_names import Known
from pipeline.policy.loading import parse_policy
from pipeline.policy.warnings import warnings


@dataclass(frozen=True, slots=True)
class UpkeepRoutes:
    """Answers what is asked about the installation."""

    database: Database
    tokens: Tokens
    looks: Looks
    metrics: ApiMetrics
    examine: Callable[[], list[Finding]]
    """``hushwire doctor``."""
    known: Known
    """The names that policies may use."""

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may = Permission
        routes.add("GET", "/api/me", may.WHO_AM_I, self.me)
        routes.add("GET", "/api/tokens", may.MANAGE_TOKENS, self.list_tokens)
        routes.add("POST", "/api/tokens", may.MANAGE_TOKENS, self.make_token, status_code=201)
        routes.add("DELETE", "/api/tokens/{token_id}", may.MANAGE_TOKENS, self.revoke_token)
        routes.add("POST", "/api/policy/check", may.CHECK_POLICY, self.check_policy)
        routes.add("GET", "/api/doctor", may.READ_STATE, self.doctor)
        routes.add("GET", "/api/retention", may.READ_RETENTION, self.retention)
        routes.add("GET", "/metrics", may.READ_METRICS, self.metrics_page)

    def me(self, request: Request) -> Me:
        """Who asks, and what they may do."""
        principal = request.state.principal
        return Me(
            who=principal.who,
            roles=principal.roles,
            permissions=tuple(sorted(principal.permissions)),
        )

    def list_tokens(self, request: Request) -> list[TokenShown]:
        """All tokens; never a token itself."""
        self.looks.write(request.state.principal, "tokens")
        now = self.tokens.now()
        return [TokenShown.of(token, now) for token in self.tokens.known()]

    def make_token(self, request: Request, wanted: TokenWanted) -> TokenMade:
        """Make a token: the answer is the only time that it is shown."""
        token, text = self.tokens.create(
            wanted.role, wanted.name, timedelta(days=wanted.days), by=request.state.principal.who
        )
        return TokenMade(token=text, known=TokenShown.of(token, self.tokens.now()))

    def revoke_token(self, request: Request, token_id: Id) -> dict[str, bool]:
        """End a token at once; false: it was revoked before."""
        return {"revoked": self.tokens.revoke(token_id, by=request.state.principal.who)}

    async def check_policy(self, request: Request) -> PolicyState:
        """Validate a policy (YAML, the body) as `hushwire policy check` does."""
        return await run_in_threadpool(policy_state, await request.body(), self.known)

    def doctor(self, request: Request) -> list[Checked]:
        """What is weaker than it should be, as `hushwire doctor` finds it."""
        self.looks.write(request.state.principal, "doctor")
        return [
            Checked(grade=one.grade.value, what=one.what, told=one.told, advice=one.advice)
            for one in self.examine()
        ]

    def retention(self) -> Retention:
        """How many calls are kept, and how long still."""
        now = self.database.stamp()
        table = CATALOGUE.c
        with self.database.reading() as connection:

            def count(*conditions: ColumnElement[bool]) -> int:
                query = select(func.count()).select_from(CATALOGUE).where(*conditions)
                return int(connection.scalar(query) or 0)

            earliest = connection.scalar(
                select(func.min(table.retain_until)).where(table.held.is_(None))
            )
            return Retention(
                stored=count(table.passed.is_(True)),
                quarantined=count(table.passed.is_(False)),
                held=count(table.held.is_not(None)),
                due=count(table.held.is_(None), table.retain_until <= now),
                earliest=datetime.fromisoformat(earliest) if earliest else None,
            )

    def metrics_page(self) -> Response:
        """Metrics for Prometheus: of this server and of the catalogue, without a call's id."""
        kept = self.retention()
        self.metrics.calls.labels("stored").set(kept.stored)
        self.metrics.calls.labels("quarantined").set(kept.quarantined)
        self.metrics.calls.labels("held").set(kept.held)
        return Response(generate_latest(self.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def policy_state(body: bytes, known: Known) -> PolicyState:
    """Validate a policy that somebody sent.

    Other than a file's, it may extend shipped policies only, or it could make the server read its
    own files.
    """
    try:
        policy = parse_policy(body.decode("utf-8"), known=known)
    except PolicyError as error:
        return PolicyState(valid=False, problem=str(error))
    except UnicodeDecodeError:
        return PolicyState(valid=False, problem="policy: not YAML in UTF-8")
    return PolicyState(
        valid=True,
        name=policy.name,
        version=policy.version,
        digest=policy.digest,
        warnings=tuple(warnings(policy)),
    )
