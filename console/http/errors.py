"""What the API answers when it does not answer: typed, short, and saying what to do.

A ``Refusal`` goes from wherever it is raised to ``answer`` (RFC 9457), or to a page. Errors of the
layers below are translated once, in ``refusal_of``; what is not ours shows as ``fault`` without any
of its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi.responses import JSONResponse

from agents.vault.analytics.call_filter import FilterError
from pipeline.errors import HushwireError, InputError, UnknownCallError

UNAUTHORISED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
TOO_MANY: Final = 429
INVALID: Final = 422
UNAVAILABLE: Final = 503
PROBLEM: Final = "application/problem+json"

CODES: Final[Mapping[str, str]] = {
    "no_token": "401: no token was shown",
    "token": "401: it is wrong, expired, revoked or for another service; which one is in the "
    "audit log",
    "session": "401: whoever was logged in is not any more",
    "forbidden": "403: the roles of whoever asks do not allow it; says which role may",
    "origin": "403: a form was not sent from this server's own page",
    "not_found": "404: there is nothing at this address",
    "unknown_call": "404: there is no such call to look at",
    "unknown_session": "404: there is no such session, or it has ended",
    "unknown_view": "404: there is no such view, or it was removed",
    "method": "405: the address takes another method",
    "input": "400: what was sent is not allowed; says what is",
    "replayed": "409: all that is meant was sent again before; `again` sends it once more",
    "too_large": "413: the body is too long",
    "range": "416: the range begins behind the end",
    "parameter": "422: a parameter is unknown or not allowed; `field` names it",
    "rate": "429: too many requests: wait",
    "failures": "429: too many wrong tokens from this address: wait",
    "audit": "503: the audit log can't be written, so nothing is shown",
    "store": "503: the database or the vault is away",
    "seal": "503: a file in the vault was changed",
    "issuer": "503: the OpenID Connect issuer is away",
    "busy": "503: too many requests at once, or a report that is still being made",
    "fault": "500: a fault of ours",
}
"""Codes of problems and what they mean; errors of the layers below bring their own beside them."""


class Refusal(Exception):  # noqa: N818 - an answer more than a mistake
    """An answer that is not what was asked for.

    Args:
        status: of HTTP.
        code: stable, for programs.
        message: what to do, for people; no content.
        headers: that the answer carries.
        field: the parameter that is wrong, where it is one.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        field: str = "",
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.field = status, code, message, field
        self.headers = dict(headers or {})

    @property
    def title(self) -> str:
        """What kind of answer it is, in the words of HTTP."""
        return HTTPStatus(self.status).phrase


def answer(refusal: Refusal) -> JSONResponse:
    """A refusal as a problem of RFC 9457."""
    body: dict[str, str | int] = {
        "type": f"/reference#{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.message,
        "code": refusal.code,
    }
    if refusal.field:
        body["field"] = refusal.field
    return JSONResponse(body, refusal.status, headers=refusal.headers, media_type=PROBLEM)


def refusal_of(error: HushwireError) -> Refusal:
    """What an error of the layers below means to a caller."""
    if isinstance(error, UnknownCallError):
        return unknown_call()
    if isinstance(error, FilterError):
        return Refusal(INVALID, error.code, str(error), field=error.name)
    if isinstance(error, InputError) and error.code == InputError.code:
        return Refusal(400, error.code, str(error))
    # Which file or key it was is for the operator's log.
    return Refusal(
        UNAVAILABLE,
        error.code,
        "something that this needs is away or does not open: try again; if it lasts, tell the "
        "operator the code",
        {"Retry-After": "5"} if error.retryable else {},
    )


def unknown_call() -> Refusal:
    """The one answer for calls that never were, were erased, or are quarantined."""
    return Refusal(
        NOT_FOUND, "unknown_call", "there is no such call to look at: list the calls to find one"
    )
