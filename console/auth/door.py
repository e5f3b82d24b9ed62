"""Lets people and programs in: who shows a valid token, within their rate, and with the permission.

A token in the header, or the session of somebody who logged in on the pages. The order matters:
what an address has failed at before, the token, the rate, the permission. The
permission is checked before anything is looked up, so that whoever may not list calls can't tell a
call that is there from one that is not. Outcomes: a ``Principal``, or a ``Refusal``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from fastapi import Request

from agents.access.api_tokens import PREFIX, Tokens
from agents.access.roles import MAY, AccessError, Permission
from agents.access.sessions import Sessions
from console.auth.looks import Looks, Principal
from console.auth.oidc import Oidc
from console.http.errors import FORBIDDEN, TOO_MANY, UNAUTHORISED, Refusal
from console.http.rate_limits import FAILURE_MINUTES, Limiter
from console.http.zones import zone_told

COOKIE: Final = "hushwire_session"
"""The session cookie of the pages; it is taken for reading and for forms of our own pages only, so
no other site can use it."""
_READING: Final = frozenset({"GET", "HEAD"})
_BEARER: Final = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class Door:
    """Checks every request of one server."""

    tokens: Tokens
    oidc: Oidc | None
    limiter: Limiter
    looks: Looks
    sessions: Sessions
    zone: str = "UTC"
    """Time zone of pages whose reader's is not known."""

    def admit(
        self, request: Request, permission: Permission, *, form: bool = False, live: bool = False
    ) -> Principal:
        """Let a request in, or not.

        Args:
            request: what is asked.
            permission: what that needs.
            form: whether it is a form of our pages, which may show the cookie.
            live: whether a page asks by itself, which keeps no session alive.

        Raises:
            Refusal: 401 without a valid token, 403 without the permission or for a form from
                elsewhere, 429 too often, 503 where it can't be checked or written down.
        """
        principal = self._who(request, form=form, live=live)
        principal = replace(principal, zone=zone_told(request.cookies) or self.zone)
        request.scope.setdefault("state", {})["known"] = principal
        self.refuse_haste(principal.who)
        if permission not in principal.permissions:
            self.looks.denied(principal, permission)
            able = " or ".join(role for role, may in MAY.items() if permission in may)
            told = f"this needs the role {able} (permission {permission.value})"
            raise Refusal(FORBIDDEN, "forbidden", told)
        return principal

    def recognised(self, request: Request) -> Principal | None:
        """Whose session a request shows, for a page that refuses it: nothing is let in by this."""
        session = self.sessions.check(request.cookies.get(COOKIE, ""), used=False)
        if session is None:
            return None
        zone = zone_told(request.cookies) or self.zone
        return Principal(
            session.who, session.roles, origin_of(request), session.name, session.session_id, zone
        )

    def _who(self, request: Request, *, form: bool, live: bool) -> Principal:
        origin = origin_of(request)
        text = _bearer(request)
        if text is not None:
            return self.identify(text, origin)
        cookie = _cookie(request, form=form)
        if cookie is None:
            raise Refusal(
                UNAUTHORISED,
                "no_token",
                "show a token: Authorization: Bearer … (`hushwire tokens create` makes one)",
                _BEARER,
            )
        session = self.sessions.check(cookie, used=not live)
        if session is None:
            raise Refusal(
                UNAUTHORISED, "session", "you are not logged in any more: log in again", _BEARER
            )
        return Principal(session.who, session.roles, origin, session.name, session.session_id)

    def identify(self, text: str, origin: str) -> Principal:
        """Whose token it is.

        Raises:
            Refusal: 401 nobody's; 429 the address showed too many that were nobody's.
        """
        self.refuse_guessing(origin)
        try:
            if text.startswith(PREFIX) or self.oidc is None:
                token = self.tokens.check(text)
                return Principal(f"token:{token.token_id}", (token.role,), origin, token.name)
            who, roles = self.oidc.check(text)
            return Principal(who, roles, origin)
        except AccessError as error:
            self.failed(origin, error.reason)
            raise Refusal(UNAUTHORISED, "token", str(error), _BEARER) from None

    def refuse_haste(self, who: str) -> None:
        """Count a request of somebody; refuse it where there were too many; raises ``Refusal``."""
        if not self.limiter.may_ask(who):
            raise _too_many()

    def refuse_beginning(self, origin: str) -> None:
        """The same for logins at the issuer, by address."""
        if not self.limiter.may_begin(origin):
            raise _too_many()

    def refuse_returning(self, origin: str) -> None:
        """The same for those whom the issuer sends back: a login that began counts once in each."""
        if not self.limiter.may_return(origin):
            raise _too_many()

    def refuse_guessing(self, origin: str) -> None:
        """Refuse an address that showed too many tokens that were nobody's; raises ``Refusal``."""
        if not self.limiter.may_try(origin):
            raise Refusal(
                TOO_MANY,
                "failures",
                "too many wrong tokens from this address: wait "
                f"{FAILURE_MINUTES} minutes and check the token",
                {"Retry-After": str(FAILURE_MINUTES * 60)},
            )

    def failed(self, origin: str, reason: str) -> None:
        """Count and write down that somebody was not let in; raises as ``Looks.write`` does."""
        self.limiter.failed(origin)
        self.looks.login_refused(origin, reason)


def _too_many() -> Refusal:
    return Refusal(TOO_MANY, "rate", "too many requests: wait a moment", {"Retry-After": "10"})


class Permit:
    """What a route depends on: the permission it needs.

    Args:
        door: checks it.
        permission: what is needed.
        form: whether the route takes a form of our pages.
        live: whether pages ask it by themselves.
    """

    def __init__(
        self, door: Door, permission: Permission, *, form: bool = False, live: bool = False
    ) -> None:
        self._door, self.permission, self._form, self._live = door, permission, form, live

    def __call__(self, request: Request) -> Principal:
        """The principal, for routes that need to know who asks; raises ``Refusal``."""
        principal = self._door.admit(request, self.permission, form=self._form, live=self._live)
        request.state.principal = principal
        return principal


def _bearer(request: Request) -> str | None:
    """The token in a request's header."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" and text.strip() else None


def _cookie(request: Request, *, form: bool) -> str | None:
    """The session of a request; only for reading, and for a form of our own pages.

    Raises:
        Refusal: the form was sent from elsewhere, or by a browser that does not say from where.
    """
    cookie = request.cookies.get(COOKIE)
    if request.method in _READING or cookie is None:
        return cookie
    if not form:
        return None
    # ``Origin`` says nothing here: with our referrer policy a form's is "null".
    if request.headers.get("sec-fetch-site") != "same-origin":
        raise Refusal(FORBIDDEN, "origin", "send this form from this server's own page")
    return cookie


def origin_of(request: Request) -> str:
    """Address of the caller."""
    return request.client.host if request.client is not None else "unknown"
