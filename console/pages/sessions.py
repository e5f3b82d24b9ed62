"""Who is logged in: one's own account for everybody, all sessions for security, and their end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from agents.access.api_tokens import Tokens
from agents.access.roles import Permission
from agents.access.sessions import Session, Sessions
from console.auth.looks import Looks, Principal
from console.auth.names import Names
from console.auth.routing import Routes
from console.http.errors import INVALID, NOT_FOUND, Refusal
from console.http.forms import SEE_OTHER, fields
from console.http.parameters import Id
from console.http.zones import CHOSEN, KEPT_S, known_zone, zone_names
from console.pages.navigation import MAY_DO
from console.pages.rendering import page


@dataclass(frozen=True, slots=True)
class SessionRoutes:
    """Answers with sessions."""

    sessions: Sessions
    tokens: Tokens
    looks: Looks
    secure: bool = False
    """Whether callers come over TLS: cookies are for TLS only then."""

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may = Permission
        routes.add("GET", "/account", may.WHO_AM_I, self.account)
        routes.add_form("/account/sessions/{session_id}/end", may.WHO_AM_I, self.end_own)
        routes.add_form("/account/zone", may.WHO_AM_I, self.choose_zone)
        routes.add("GET", "/sessions", may.MANAGE_TOKENS, self.every)
        routes.add_form("/sessions/{session_id}/end", may.MANAGE_TOKENS, self.end)
        routes.add("GET", "/api/sessions", may.MANAGE_TOKENS, self.as_json)
        routes.add("DELETE", "/api/sessions/{session_id}", may.MANAGE_TOKENS, self.delete)

    def account(self, request: Request) -> Response:
        """Who somebody is here, what they may do, and where they are logged in."""
        me = request.state.principal
        self.looks.write(me, "account")
        return self._account(me, known_zone(request.cookies.get(CHOSEN, "")))

    async def choose_zone(self, request: Request) -> Response:
        """Tell times in the zone that somebody chose; an empty one is the browser's."""
        text = fields(await request.body()).get("zone", "")
        if text and not known_zone(text):
            problem = "there is no such time zone: take one of the list, such as Europe/Berlin"
            return await run_in_threadpool(
                self._account, request.state.principal, text[:64], problem
            )
        answer = RedirectResponse("/account#zone", SEE_OTHER)
        if text:
            answer.set_cookie(
                CHOSEN, text, max_age=KEPT_S, httponly=True, samesite="strict", secure=self.secure
            )
        else:
            answer.delete_cookie(CHOSEN, httponly=True, samesite="strict", secure=self.secure)
        return answer

    def _account(self, me: Principal, chosen: str, problem: str = "") -> Response:
        return page(
            "entry/account.html",
            INVALID if problem else 200,
            me=me,
            sessions=self.sessions.known(me.who),
            chosen=chosen,
            may_do=MAY_DO,
            named=Names.of(self.tokens),
            zones=zone_names(),
            problem=problem,
        )

    def end_own(self, request: Request, session_id: Id) -> Response:
        """End a session of one's own."""
        me = request.state.principal
        self._end(session_id, by=me.who, of=me.who)
        return RedirectResponse("/account", SEE_OTHER)

    def every(self, request: Request) -> Response:
        """Everybody who is logged in."""
        me = request.state.principal
        found = self.sessions.known()
        self.looks.write(me, "sessions", sessions=len(found))
        named = Names.of(self.tokens)
        return page("entry/sessions.html", me=me, sessions=found, named=named)

    def end(self, request: Request, session_id: Id) -> Response:
        """End anybody's session."""
        self._end(session_id, by=request.state.principal.who)
        return RedirectResponse("/sessions", SEE_OTHER)

    def as_json(self, request: Request) -> list[dict[str, Any]]:
        """Everybody who is logged in on the pages, the newest first."""
        found = self.sessions.known()
        self.looks.write(request.state.principal, "sessions", sessions=len(found))
        return [_shown(session) for session in found]

    def delete(self, request: Request, session_id: Id) -> dict[str, bool]:
        """End a session: whoever is logged in with it is not from the next request on."""
        self._end(session_id, by=request.state.principal.who)
        return {"ended": True}

    def _end(self, session_id: str, *, by: str, of: str | None = None) -> None:
        if not self.sessions.end(session_id, by=by, of=of):
            raise Refusal(NOT_FOUND, "unknown_session", "there is no such session: it has ended")


def _shown(session: Session) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "who": session.who,
        "name": session.name,
        "roles": list(session.roles),
        "origin": session.origin,
        "created": session.created.isoformat(),
        "seen": session.seen.isoformat(),
        "expires": session.expires.isoformat(),
    }
