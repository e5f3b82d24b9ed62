"""What the API answers when it does not answer: typed, short, and saying what to do.

A ``Refusal`` goes from wherever it is raised to ``answer``. Errors of the layers below are
translated once, in ``refusal_of``; what is not ours shows as ``fault`` without any of its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi.responses import JSONResponse

from pipeline.errors import HushwireError, InputError, UnknownCallError

UNAUTHORISED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
TOO_MANY: Final = 429
UNAVAILABLE: Final = 503


class Refusal(Exception):  # noqa: N818 - an answer more than a mistake
    """An answer that is not what was asked for.

    Args:
        status: of HTTP.
        code: stable, for programs.
        message: what to do, for people; no content.
        headers: that the answer carries.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})


def answer(refusal: Refusal) -> JSONResponse:
    """A refusal as JSON: ``{"error": {"code": …, "message": …}}``."""
    body = {"error": {"code": refusal.code, "message": refusal.message}}
    return JSONResponse(body, refusal.status, headers=refusal.headers)


def refusal_of(error: HushwireError) -> Refusal:
    """What an error of the layers below means to a caller."""
    if isinstance(error, UnknownCallError):
        return unknown_call()
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
