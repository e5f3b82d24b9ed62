"""Tokens and people for security: who may come in, a new token, and the end of one.

By the same rules and with the same audit entries as ``hushwire tokens``. A token that is made here
is its maker's: where two people have to approve a policy, both count as one
(``agents.access.second_person``). The secret is on the answer to the form, once, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from agents.access.api_tokens import MOST_DAYS, Token, Tokens
from agents.access.roles import MAY, Permission, Role
from agents.access.sessions import Sessions
from agents.settings.model import Settings
from console.auth.looks import Looks, Principal
from console.auth.names import Names
from console.auth.routing import Routes
from console.http.errors import refusal_of
from console.http.forms import SEE_OTHER, fields
from console.http.parameters import Id
from console.pages.navigation import MAY_DO
from console.pages.rendering import page
from pipeline.errors import InputError

DAYS: Final = 30
"""That a token lives where nobody says how long."""
_WRONG: Final = 400


@dataclass(frozen=True, slots=True)
class WantedToken:
    """A token as the form asks for it."""

    name: str = ""
    role: str = ""
    days: str = str(DAYS)

    @property
    def lives(self) -> timedelta:
        """For how long; raises ``InputError``."""
        if not self.days.isascii() or not self.days.isdecimal() or len(self.days) > len("366"):
            raise InputError(f"days: a whole number from 1 to {MOST_DAYS}")
        return timedelta(days=int(self.days))

    @property
    def of_role(self) -> Role:
        """For whom; raises ``InputError``."""
        if self.role not in set(Role):
            raise InputError("choose what the token is for")
        return Role(self.role)


@dataclass(frozen=True, slots=True)
class TokenPages:
    """Answers with tokens."""

    tokens: Tokens
    sessions: Sessions
    settings: Settings
    looks: Looks

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may = Permission.MANAGE_TOKENS
        routes.add("GET", "/tokens", may, self.listed)
        routes.add_form("/tokens", may, self.make)
        routes.add_form("/tokens/{token_id}/revoke", may, self.revoke)

    def listed(self, request: Request) -> Response:
        """All tokens, and who logs in by the issuer."""
        me = request.state.principal
        self.looks.write(me, "tokens")
        return self._page(me)

    async def make(self, request: Request) -> Response:
        """Make a token; the answer is the only time that it is shown."""
        said = fields(await request.body())
        wanted = WantedToken(
            said.get("name", "")[:200], said.get("role", ""), said.get("days", "")[:10]
        )
        return await run_in_threadpool(self._make, request.state.principal, wanted)

    def revoke(self, request: Request, token_id: Id) -> Response:
        """End a token at once, and who is logged in with it."""
        me = request.state.principal
        try:
            self.tokens.revoke(token_id, by=me.who)
        except InputError as error:
            return self._page(me, problem=refusal_of(error).message)
        return RedirectResponse("/tokens", SEE_OTHER)

    def _make(self, me: Principal, wanted: WantedToken) -> Response:
        try:
            token, text = self.tokens.create(wanted.of_role, wanted.name, wanted.lives, by=me.who)
        except InputError as error:
            return self._page(me, wanted, problem=refusal_of(error).message)
        return self._page(me, made=(token, text))

    def _page(
        self,
        me: Principal,
        wanted: WantedToken | None = None,
        *,
        made: tuple[Token, str] | None = None,
        problem: str = "",
    ) -> Response:
        now, known = self.tokens.now(), self.tokens.known()
        states = [(one, one.state(now)) for one in known]
        settings = self.settings
        return page(
            "entry/tokens.html",
            _WRONG if problem else 200,
            me=me,
            living=[one for one, state in states if state == "valid"],
            over=[(one, state) for one, state in states if state != "valid"],
            named=Names.of(self.tokens),
            wanted=wanted or WantedToken(),
            made=made,
            problem=problem,
            roles={role: sorted(MAY[role]) for role in Role},
            may_do=MAY_DO,
            most_days=MOST_DAYS,
            sessions=len(self.sessions.known()),
            issuer=settings.oidc_issuer,
            claim=settings.oidc_claim,
            claimed=sorted((settings.oidc_roles or {}).items()),
            logs_in=settings.oidc_client_id is not None,
            two=settings.policy_approval == "two",
        )
