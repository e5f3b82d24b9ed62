"""The API as an ASGI app: parts in, app out; nothing is started here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from agents.access.api_tokens import Tokens
from agents.access.audit_log import AuditLog
from agents.access.roles import Permission
from agents.app.checks.findings import Finding
from agents.database.engine import Database
from agents.reports.compliance.model import Month
from agents.reports.compliance.report import Report
from agents.vault.mark_store import Marks
from agents.vault.reader import VaultReader
from console.api.administration import UpkeepRoutes
from console.api.calls import CallRoutes
from console.api.marks import MarkRoutes
from console.auth.door import Door
from console.auth.looks import Looks
from console.auth.oidc import Oidc
from console.auth.routing import Routes, refuse_unguarded
from console.http.envelope import ALIVE, Envelope
from console.http.errors import Refusal, answer
from console.http.metrics import ApiMetrics
from console.http.rate_limits import Limiter
from console.pages.call_list import PageRoutes, page_answer
from console.pages.call_page import CallPages
from console.pages.compliance import ComplianceRoutes
from models.registry.known_names import known_names
from pipeline.policy.known_names import Known

_TOLD = {
    404: ("not_found", "there is nothing at this address: /api/openapi.json lists what there is"),
    405: ("method", "this address takes another method: /api/openapi.json lists them"),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the app is made of."""

    reader: VaultReader
    database: Database
    log: AuditLog
    tokens: Tokens
    limiter: Limiter
    examine: Callable[[], list[Finding]]
    """``hushwire doctor``."""
    report: Callable[[Month], Report]
    """The report of a month."""
    oidc: Oidc | None = None
    """None: API tokens only."""
    secure: bool = False
    """Whether callers come over TLS, to us or to a proxy: cookies are for TLS only then."""
    tls: bool = False
    """Whether we speak TLS ourselves."""
    metrics: ApiMetrics = field(default_factory=ApiMetrics)
    known: Known = field(default_factory=known_names)
    """The names that policies may use."""


def create_app(parts: Parts) -> FastAPI:
    """The app.

    Raises:
        SettingsError: a route needs no permission.
    """
    # FastAPI's own pages would be routes without a permission.
    app = FastAPI(title="Hushwire", openapi_url=None, docs_url=None, redoc_url=None)
    looks = Looks(parts.log)
    door = Door(parts.tokens, parts.oidc, parts.limiter, looks)
    routes = Routes(app, door)

    def openapi() -> dict[str, Any]:
        """This interface as OpenAPI."""
        return app.openapi()

    routes.add_open("GET", ALIVE, healthz)
    routes.add("GET", "/api/openapi.json", Permission.WHO_AM_I, openapi)
    CallRoutes(parts.reader, looks, parts.metrics).add_to(routes)
    marks = Marks(parts.database, parts.log)
    MarkRoutes(parts.reader, marks, looks).add_to(routes)
    UpkeepRoutes(
        parts.database, parts.tokens, looks, parts.metrics, parts.examine, parts.known
    ).add_to(routes)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    PageRoutes(parts.reader, looks, parts.metrics, door, parts.secure).add_to(routes)
    ComplianceRoutes(parts.database, parts.report, looks, parts.metrics).add_to(routes)
    CallPages(parts.reader, marks, looks, parts.metrics).add_to(routes)
    app.add_middleware(Envelope, metrics=parts.metrics, tls=parts.tls, answering=_answer)
    refuse_unguarded(app)
    return app


def _answer(path: str, refusal: Refusal) -> Response:
    """A refusal as a page where a page was asked for, as JSON elsewhere."""
    return page_answer(path, refusal) or answer(refusal)


async def healthz() -> Response:
    """That the server lives; nothing else. It waits for no thread."""
    return JSONResponse({"alive": True})


async def _http(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, message = _TOLD.get(status, ("request", "the request can't be read"))
    return answer(Refusal(status, code, message))


async def _invalid(_request: Request, error: Exception) -> Response:
    """Where something is wrong, and what; never the value, which may be anything."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    places = {".".join(str(part) for part in one["loc"][1:]) or "body" for one in found}
    told = "; ".join(sorted(f"{place[:60]}: not allowed" for place in places))
    return answer(Refusal(422, "parameter", f"{told}: /api/openapi.json says what is"))
