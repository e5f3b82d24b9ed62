"""The way in to the pages, and the list of calls; a call's own page is in ``pages.call_page``.

Made on the server, without anything from elsewhere and without inline script, so that a strict
content security policy holds. Whoever logs in pastes a token; the browser keeps it in a cookie that
scripts can't read, other sites can't send, and that ends with the browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from agents.access.roles import Permission
from agents.vault.reader import CallFilter, VaultReader
from console.auth.door import COOKIE, Door, origin_of
from console.auth.looks import Looks, Principal
from console.auth.routing import Routes
from console.http.errors import UNAUTHORISED, Refusal
from console.http.forms import fields
from console.http.metrics import ApiMetrics
from console.http.parameters import After
from console.pages.rendering import page, static

COOKIE_MOST: Final = 3_800
"""Browsers drop a cookie of more than 4096 bytes without a word."""
PAGE: Final = 50
_SEE_OTHER: Final = 303
_OWN_SITE: Final = frozenset({"same-origin", "none", ""})
_PAGES: Final = frozenset({"/", "/quarantine", "/marks", "/compliance"})


@dataclass(frozen=True, slots=True)
class PageRoutes:
    """Answers with pages."""

    reader: VaultReader
    looks: Looks
    metrics: ApiMetrics
    door: Door
    secure: bool
    """Whether callers come over TLS: the cookie is for TLS only then."""

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        routes.add_open("GET", "/login", self.login_page)
        routes.add_open("POST", "/login", self.login)
        routes.add_open("POST", "/logout", self.logout)
        routes.add_open("GET", "/static/{name}", static)
        routes.add("GET", "/", Permission.LIST_CALLS, self.calls, include_in_schema=False)

    def login_page(self) -> Response:
        """Where a token is pasted."""
        return page("login.html", problem="")

    async def login(self, request: Request) -> Response:
        """Take a token, and keep it in the browser."""
        if request.headers.get("sec-fetch-site", "") not in _OWN_SITE:
            raise Refusal(403, "origin", "log in from this server's own page")
        try:
            text = _pasted(await request.body())
            who = await run_in_threadpool(self.door.identify, text, origin_of(request))
            await run_in_threadpool(self.looks.write, who, "login")
        except Refusal as refusal:
            return page("login.html", refusal.status, problem=refusal.message)
        answer = RedirectResponse(_first_page(who), _SEE_OTHER)
        answer.set_cookie(COOKIE, text, httponly=True, samesite="strict", secure=self.secure)
        return answer

    def logout(self) -> Response:
        """Let the browser forget the token."""
        answer = RedirectResponse("/login", _SEE_OTHER)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=self.secure)
        return answer

    def calls(self, request: Request, after: After = None) -> Response:
        """Stored calls, the newest first."""
        listed = self.reader.list_calls(CallFilter(passed=True), limit=PAGE, after=after)
        me: Principal = request.state.principal
        self.looks.write(me, "list", calls=len(listed.calls))
        self.metrics.looks.labels("list").inc()
        return page("calls.html", me=me, page=listed, first=after is None)


def page_answer(path: str, refusal: Refusal) -> Response | None:
    """What a page shows in the place of a refusal; None: the path is no page's."""
    if path not in _PAGES and not path.startswith(("/calls/", "/quarantine/")):
        return None
    if refusal.status == UNAUTHORISED:
        return RedirectResponse("/login", _SEE_OTHER)
    return page("refused.html", refusal.status, refusal=refusal)


def _first_page(who: Principal) -> str:
    """Where somebody begins: at the list that they may see."""
    may = who.permissions
    only_quarantine = Permission.READ_QUARANTINE in may and Permission.LIST_CALLS not in may
    return "/quarantine" if only_quarantine else "/"


def _pasted(body: bytes) -> str:
    """The token of the form.

    Raises:
        Refusal: there is none, or none that fits into a cookie.
    """
    text = fields(body).get("token", "")
    if not text or len(text) > COOKIE_MOST:
        raise Refusal(UNAUTHORISED, "token", "paste a token; one that is longer is for the API")
    return text
