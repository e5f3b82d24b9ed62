"""The way in to the pages and out: at the organisation's issuer, or by pasting a token.

Either opens a session that the server knows; the browser keeps its secret in a cookie that scripts
can't read, other sites can't send, and that ends with the browser. Neither a token nor anything of
the issuer's is kept. Outcomes: the page that was wanted, or the form, which says what was wrong.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response

from agents.access.api_tokens import PREFIX
from agents.access.roles import AccessError, Permission
from agents.access.sessions import Sessions
from console.auth.code_flow import CLIENT_REFUSED, NO_ROLE, CodeFlow
from console.auth.door import COOKIE, Door, origin_of
from console.auth.looks import Looks, Principal
from console.auth.oidc import LEEWAY_S, IssuerError
from console.auth.routing import Routes
from console.http.errors import FORBIDDEN, NOT_FOUND, UNAUTHORISED, UNAVAILABLE, Refusal
from console.http.forms import SEE_OTHER, fields
from console.pages.navigation import first_for
from console.pages.refusals import own_address
from console.pages.rendering import page, static

SEED_COOKIE: Final = "hushwire_login"
"""Binds a login at the issuer to the browser that began it."""
SEED_S: Final = 600
TOKEN_MOST: Final = 200
_WRONG: Final = 400
Next = Annotated[str, Query(alias="next", max_length=4_000)]
Why = Literal["", "ended", "out"]
_OWN_SITE: Final = frozenset({"same-origin", "none", ""})
_CLOCKS: Final = (
    "by this server's clock, what your organisation's login says is not valid now: one of both "
    "clocks is wrong, tell whoever runs this server"
)
_BLAMELESS: Final = {
    NO_ROLE: "you are known, but nothing that your organisation's login says of you gives a role "
    "here: ask your security team, or log in there as somebody else",
    CLIENT_REFUSED: "your organisation's login does not take this server's client id or secret: "
    "tell whoever runs this server",
    "expired": _CLOCKS,
    "ImmatureSignatureError": _CLOCKS,
}
"""Why somebody gets no session whose code was right: nothing that an address could guess."""
_REASONS: Final = {
    **_BLAMELESS,
    "issuer_refused": "your organisation's login let nobody in: try again, or ask whoever runs it",
}
_AWAY: Final = (
    "your organisation's login can't be reached from this server: try again in a minute, or log in "
    "with a token"
)
_NOT_FOR_US: Final = (
    "what came back from your organisation's login is not for this one, which may have taken more "
    "than 10 minutes or begun in another window: begin again"
)


@dataclass(frozen=True, slots=True)
class LoginRoutes:
    """Lets people in and out."""

    door: Door
    sessions: Sessions
    looks: Looks
    flow: CodeFlow | None
    secure: bool
    """Whether callers come over TLS: the cookies are for TLS only then."""

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        routes.add_open("GET", "/login", self.login_page)
        routes.add_open("POST", "/login", self.login)
        routes.add_open("GET", "/login/oidc", self.begin)
        routes.add_open("GET", "/login/oidc/back", self.finish, strict=False)
        routes.add_open("POST", "/logout", self.logout)
        routes.add_open("POST", "/logout/oidc", self.logged_out)
        routes.add_open("GET", "/static/{name}", static)
        routes.add("GET", "/home", Permission.WHO_AM_I, self.home)

    def login_page(self, back: Next = "", why: Why = "") -> Response:
        """Where somebody logs in."""
        out = self.flow.farewell() if self.flow is not None and why == "out" else ""
        return self._form(own_address(back), why=why, farewell=out)

    async def login(self, request: Request) -> Response:
        """Take a token, and open a session."""
        if request.headers.get("sec-fetch-site", "") not in _OWN_SITE:
            raise Refusal(FORBIDDEN, "origin", "log in from this server's own page")
        told = fields(await request.body())
        back = own_address(told.get("next", ""))
        try:
            return await run_in_threadpool(self._by_token, request, told.get("token", ""), back)
        except Refusal as refusal:
            return self._form(back, refusal)

    def begin(self, request: Request, back: Next = "") -> Response:
        """Send the browser to the issuer."""
        flow = self._flow()
        self.door.refuse_beginning(origin_of(request))
        try:
            address, seed = flow.begin()
        except IssuerError as error:
            return self._form(own_address(back), Refusal(UNAVAILABLE, error.code, _AWAY))
        answer = RedirectResponse(address, SEE_OTHER)
        kept = base64.urlsafe_b64encode(own_address(back).encode()).decode()
        # Lax: it has to come along when the issuer sends the browser back.
        answer.set_cookie(
            SEED_COOKIE,
            f"{seed}.{kept}",
            max_age=SEED_S,
            path="/login",
            httponly=True,
            samesite="lax",
            secure=self.secure,
        )
        return answer

    def finish(self, request: Request) -> Response:
        """Open a session for whoever the issuer knows."""
        flow = self._flow()
        seed, _, kept = request.cookies.get(SEED_COOKIE, "").partition(".")
        back = own_address(_decoded(kept))
        try:
            answer = self._by_issuer(flow, request, seed, back)
        except Refusal as refusal:
            out = flow.farewell() if refusal.code == NO_ROLE else ""
            answer = self._form(back, refusal, farewell=out)
        answer.delete_cookie(SEED_COOKIE, path="/login", secure=self.secure, httponly=True)
        return answer

    def logout(self, request: Request) -> Response:
        """End the session."""
        session = self.sessions.check(request.cookies.get(COOKIE, ""))
        if session is not None:
            self.sessions.end(session.session_id, by=session.who)
        answer = RedirectResponse("/login?why=out", SEE_OTHER)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=self.secure)
        return answer

    async def logged_out(self, request: Request) -> Response:
        """End sessions that the issuer says are over (Back-Channel Logout 1.0)."""
        text = fields(await request.body()).get("logout_token", "")
        return await run_in_threadpool(self._over, self._flow(), origin_of(request), text)

    def home(self, request: Request) -> Response:
        """Where somebody begins."""
        return RedirectResponse(first_for(request.state.principal.roles), SEE_OTHER)

    def _over(self, flow: CodeFlow, origin: str, text: str) -> Response:
        try:
            found = flow.over(text)
        except AccessError as error:
            # What is valid is never refused for what came before it: somebody is to be out.
            self.door.refuse_guessing(origin)
            self.door.failed(origin, f"logout_{error.reason}")
            return JSONResponse({"error": "invalid_request"}, _WRONG)
        except IssuerError as error:
            wait = {"Retry-After": "5"}
            raise Refusal(UNAVAILABLE, error.code, str(error), wait) from None
        before = found.at + timedelta(seconds=LEEWAY_S)
        self.sessions.end_at_issuer(found.who, found.session, before=before)
        return Response()

    def _flow(self) -> CodeFlow:
        if self.flow is None:
            raise Refusal(NOT_FOUND, "not_found", "there is no login at an issuer here: see /login")
        return self.flow

    def _by_token(self, request: Request, text: str, back: str) -> Response:
        if not text or len(text) > TOKEN_MOST:
            raise Refusal(
                UNAUTHORISED, "token", f"paste a token, which begins with {PREFIX}", field="token"
            )
        who = self.door.identify(text, origin_of(request))
        prefix, _, token_id = who.who.partition(":")
        if prefix != "token":
            raise Refusal(UNAUTHORISED, "token", "a token of the issuer's is for the API only")
        return self._opened(request, who, back, token_id)

    def _by_issuer(self, flow: CodeFlow, request: Request, seed: str, back: str) -> Response:
        origin = origin_of(request)
        told = dict(request.query_params)
        if not flow.belongs(told, seed):
            # Anybody can send a browser here, so nothing is counted against its address.
            raise Refusal(UNAUTHORISED, "state", _NOT_FOR_US)
        self.door.refuse_guessing(origin)
        self.door.refuse_returning(origin)
        try:
            person = flow.finish(told, seed)
        except AccessError as error:
            why = NO_ROLE if error.reason.startswith(NO_ROLE) else error.reason
            if why in _BLAMELESS:
                # Else a few people without a role would shut out all who come from their address.
                self.looks.login_refused(origin, error.reason)
            else:
                self.door.failed(origin, error.reason)
            code = NO_ROLE if why == NO_ROLE else "issuer_answer"
            raise Refusal(UNAUTHORISED, code, _REASONS.get(why, _NOT_FOR_US)) from None
        except IssuerError as error:
            raise Refusal(UNAVAILABLE, error.code, _AWAY) from None
        who = Principal(person.who, person.roles, origin, person.name)
        return self._opened(request, who, back, None, person.session)

    def _opened(
        self,
        request: Request,
        who: Principal,
        back: str,
        token_id: str | None,
        issuer_session: str | None = None,
    ) -> Response:
        self.door.refuse_haste(who.who)
        self.looks.write(who, "login")
        before = self.sessions.check(request.cookies.get(COOKIE, ""))
        if before is not None:
            self.sessions.end(before.session_id, by=before.who)
        text = self.sessions.open(
            who.who,
            who.name,
            who.roles,
            origin=who.origin,
            token_id=token_id,
            issuer_session=issuer_session,
        )
        answer = RedirectResponse(back or first_for(who.roles), SEE_OTHER)
        answer.set_cookie(COOKIE, text, httponly=True, samesite="strict", secure=self.secure)
        return answer

    def _form(
        self, back: str, refusal: Refusal | None = None, why: Why = "", farewell: str = ""
    ) -> Response:
        answer = page(
            "entry/login.html",
            refusal.status if refusal is not None else 200,
            problem=refusal.message if refusal is not None else "",
            back=back,
            why=why,
            farewell=farewell,
            issuer=self.flow is not None,
        )
        if refusal is not None:
            answer.headers.update(refusal.headers)
        return answer


def _decoded(kept: str) -> str:
    try:
        return base64.urlsafe_b64decode(kept.encode()).decode()
    except ValueError:
        return ""
