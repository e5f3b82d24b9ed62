"""Lets people and programs in: who shows a valid token, within their rate, and with the permission.

The order matters: what an address has failed at before, the token, the rate, the permission. The
permission is checked before anything is looked up, so that whoever may not list calls can't tell a
call that is there from one that is not. Outcomes: a ``Principal``, or a ``Refusal``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import Request

from agents.access.api_tokens import PREFIX, Tokens
from agents.access.roles import MAY, AccessError, Permission
from console.auth.looks import Looks, Principal
from console.auth.oidc import Oidc
from console.http.errors import FORBIDDEN, TOO_MANY, UNAUTHORISED, Refusal
from console.http.rate_limits import FAILURE_MINUTES, Limiter

COOKIE: Final = "hushwire_token"
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

    def admit(self, request: Request, permission: Permission, *, form: bool = False) -> Principal:
        """Let a request in, or not.

        Args:
            request: what is asked.
            permission: what that needs.
            form: whether it is a form of our pages, which may show the cookie.

        Raises:
            Refusal: 401 without a valid token, 403 without the permission or for a form from
                elsewhere, 429 too often, 503 where it can't be checked or written down.
        """
        text = _shown(request, form=form)
        if text is None:
            raise Refusal(
                UNAUTHORISED,
                "no_token",
                "show a token: Authorization: Bearer … (`hushwire tokens create` makes one)",
                _BEARER,
            )
        principal = self.identify(text, origin_of(request))
        if not self.limiter.may_ask(principal.who):
            raise Refusal(
                TOO_MANY, "rate", "too many requests: wait a moment", {"Retry-After": "10"}
            )
        if permission not in principal.permissions:
            self.looks.denied(principal, permission)
            able = ", ".join(role for role, may in MAY.items() if permission in may)
            raise Refusal(
                FORBIDDEN,
                "forbidden",
                f"this needs the permission {permission.value}, which the role {able} has",
            )
        return principal

    def identify(self, text: str, origin: str) -> Principal:
        """Whose token it is.

        Raises:
            Refusal: 401 nobody's; 429 the address showed too many that were nobody's.
        """
        if not self.limiter.may_try(origin):
            raise Refusal(
                TOO_MANY,
                "failures",
                "too many wrong tokens from this address: wait "
                f"{FAILURE_MINUTES} minutes and check the token",
                {"Retry-After": str(FAILURE_MINUTES * 60)},
            )
        try:
            if text.startswith(PREFIX) or self.oidc is None:
                token = self.tokens.check(text)
                return Principal(f"token:{token.token_id}", (token.role,), origin)
            who, roles = self.oidc.check(text)
            return Principal(who, roles, origin)
        except AccessError as error:
            self.limiter.failed(origin)
            self.looks.login_refused(origin, error.reason)
            raise Refusal(UNAUTHORISED, "token", str(error), _BEARER) from None


class Permit:
    """What a route depends on: the permission it needs.

    Args:
        door: checks it.
        permission: what is needed.
        form: whether the route takes a form of our pages.
    """

    def __init__(self, door: Door, permission: Permission, *, form: bool = False) -> None:
        self._door, self.permission, self._form = door, permission, form

    def __call__(self, request: Request) -> Principal:
        """The principal, for routes that need to know who asks; raises ``Refusal``."""
        principal = self._door.admit(request, self.permission, form=self._form)
        request.state.principal = principal
        return principal


def _shown(request: Request, *, form: bool) -> str | None:
    """The token of a request; the cookie only for reading, and for a form of our own pages.

    Raises:
        Refusal: the form was sent from elsewhere, or by a browser that does not say from where.
    """
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer" and text.strip():
        return text.strip()
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
