"""The API as an ASGI app: parts in, app out; nothing is started here."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Scope

from agents.access.api_tokens import Tokens
from agents.access.audit_log import AuditLog
from agents.access.policy_versions import PolicyVersions
from agents.access.roles import Permission
from agents.access.sessions import Sessions
from agents.app.operations.findings import Finding
from agents.app.operations.health import HealthWatch
from agents.app.operations.overview import Operations
from agents.app.operations.replaying import DeadLetters
from agents.cli.shared.extras import need
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.reports.compliance.chain import chain, known_keys
from agents.reports.compliance.model import Chain, Month
from agents.reports.compliance.report import Report, Sources, Told
from agents.upkeep.tuning.evaluations import Evaluations
from agents.vault.analytics.call_listing import CallListing
from agents.vault.analytics.call_search import CallSearch
from agents.vault.analytics.fact_store import FactStore
from agents.vault.analytics.saved_views import SavedViews
from agents.vault.analytics.search_index import SearchIndex
from agents.vault.file_store import open_place
from agents.vault.mark_store import Marks
from agents.vault.reader import VaultReader
from agents.vault.shadow_results import ShadowResults
from console.analytics.routes import analytics_routes
from console.api.administration import UpkeepRoutes
from console.api.call_finder import CallFinder
from console.api.call_lists import CallListRoutes
from console.api.calls import CallRoutes
from console.api.marks import MarkRoutes
from console.api.openapi import described
from console.audit.certificates import CertificateRoutes
from console.audit.chain_watch import ChainWatch
from console.audit.compliance import ComplianceRoutes
from console.audit.kept_reports import KeptReports
from console.audit.log import LogRoutes
from console.audit.verification import VerificationRoutes
from console.auth.code_flow import CodeFlow
from console.auth.door import Door
from console.auth.looks import Looks
from console.auth.oidc import Oidc
from console.auth.routing import Routes, refuse_unguarded
from console.http.envelope import ALIVE, Envelope
from console.http.errors import INVALID, Refusal, answer
from console.http.metrics import ApiMetrics
from console.http.parameters import REFERENCE, allowed
from console.http.rate_limits import Limiter
from console.http.request_spans import Traced
from console.operations.dead_letters import DeadLetterRoutes
from console.operations.overview import OverviewRoutes
from console.operations.quarantine import QuarantineRoutes
from console.operations.retention import RetentionRoutes
from console.pages.api_docs import ApiPages
from console.pages.call_list import CallListPages
from console.pages.call_page import CallPages
from console.pages.login import LoginRoutes
from console.pages.refusals import is_page, page_answer
from console.pages.sessions import SessionRoutes
from console.pages.tokens import TokenPages
from console.tuning.editor import EditorRoutes
from console.tuning.measured import MeasuredRoutes
from console.tuning.programs import PolicyApi
from console.tuning.recognisers import RegistryWatch
from console.tuning.versions import VersionRoutes
from models.registry.known_names import known_names
from pipeline.errors import HushwireError
from pipeline.policy.known_names import Known

Answering: TypeAlias = Callable[[Scope, Refusal], Awaitable[Response]]
_TOLD = {
    404: ("not_found", "there is nothing at this address: /reference lists what there is"),
    405: ("method", "this address takes another method: /reference lists them"),
}

BROKER_S: Final = 5.0
"""How long the broker may take while somebody waits for a page."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the app is made of."""

    reader: VaultReader
    ledger: Ledger
    sources: Sources
    """Settings and places of the installation."""
    database: Database
    log: AuditLog
    tokens: Tokens
    limiter: Limiter
    examine: Callable[[], list[Finding]]
    """``hushwire doctor``."""
    report: Callable[[Month, Told], Report]
    """Makes the report of a month, and is told how far it is."""
    sessions: Sessions
    """Who is logged in on the pages."""
    secret: bytes | None = field(default=None, repr=False)
    """The installation's token key; None: this server has none, and finds no words."""
    oidc: Oidc | None = None
    """None: API tokens only."""
    code_flow: CodeFlow | None = None
    """Logging in at the issuer; None: by pasting a token only."""
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
    zone = parts.sources.settings.analytics_zone
    door = Door(parts.tokens, parts.oidc, parts.limiter, looks, parts.sessions, zone)
    routes = Routes(app, door)

    def openapi() -> dict[str, Any]:
        """This interface as OpenAPI."""
        return described(app)

    routes.add_open("GET", ALIVE, healthz)
    routes.add("GET", "/api/openapi.json", Permission.WHO_AM_I, openapi)
    listing = CallListing(parts.database, parts.secret or secrets.token_bytes(32))
    index = SearchIndex(parts.secret) if parts.secret else None
    search = CallSearch(parts.database, listing, index, parts.reader.transcript)
    finder = CallFinder(parts.database, listing, search, looks, parts.metrics)
    CallListRoutes(finder).add_to(routes)
    CallRoutes(parts.reader, looks, parts.metrics).add_to(routes)
    marks = Marks(parts.database, parts.log)
    MarkRoutes(parts.reader, marks, looks).add_to(routes)
    UpkeepRoutes(
        parts.database, parts.tokens, looks, parts.metrics, parts.examine, parts.known
    ).add_to(routes)
    answering = partial(_answer, door)
    app.add_exception_handler(HTTPException, partial(_http, answering))
    app.add_exception_handler(RequestValidationError, partial(_invalid, answering))
    LoginRoutes(door, parts.sessions, looks, parts.code_flow, parts.secure).add_to(routes)
    SessionRoutes(parts.sessions, parts.tokens, looks, parts.secure).add_to(routes)
    TokenPages(parts.tokens, parts.sessions, parts.sources.settings, looks).add_to(routes)
    ApiPages(app, looks).add_to(routes)
    CallListPages(finder, listing, SavedViews(parts.database)).add_to(routes)
    facts = FactStore(parts.database)
    CallPages(parts.reader, marks, facts, parts.tokens, looks, parts.metrics).add_to(routes)
    settings = parts.sources.settings
    analytics_routes(
        parts.database, looks, parts.metrics, settings.analytics_zone, settings.analytics_least
    ).add_to(routes)
    _add_operations(parts, looks, routes)
    _add_audit(parts, looks, routes)
    _add_tuning(parts, looks, routes)
    app.add_middleware(Envelope, metrics=parts.metrics, tls=parts.tls, answering=answering)
    app.add_middleware(Traced)
    refuse_unguarded(app)
    return app


def _add_operations(parts: Parts, looks: Looks, routes: Routes) -> None:
    settings, database, metrics = parts.sources.settings, parts.database, parts.metrics
    letters = DeadLetters(settings, parts.ledger, parts.log, within_s=BROKER_S)
    health = HealthWatch(parts.examine, database.now)
    OverviewRoutes(Operations(settings, parts.ledger), health, looks, metrics).add_to(routes)
    DeadLetterRoutes(letters, looks, metrics).add_to(routes)
    QuarantineRoutes(
        parts.reader, parts.ledger, parts.log, settings.quarantine_hours, looks, metrics
    ).add_to(routes)
    RetentionRoutes(database, settings, looks, metrics).add_to(routes)


def _add_audit(parts: Parts, looks: Looks, routes: Routes) -> None:
    sources = parts.sources

    def gone_through(with_vault: bool, seen: Callable[[int], None]) -> Chain:  # noqa: FBT001
        vault = open_place(sources.vault) if with_vault and sources.vault else None
        return chain(
            parts.log,
            sources.settings,
            sources.state,
            keys=sources.keys,
            vault=vault,
            seen=seen,
        )

    reports = KeptReports(parts.report, parts.log)
    ComplianceRoutes(parts.database, reports, looks, parts.metrics).add_to(routes)
    watch = ChainWatch(gone_through, lambda: parts.log.head().seq, parts.database.now)
    CertificateRoutes(
        parts.reader,
        parts.log,
        lambda: known_keys(sources.settings, sources.state, sources.keys, parts.database),
        looks,
        parts.metrics,
    ).add_to(routes)
    LogRoutes(parts.database, parts.tokens, watch, looks, parts.metrics).add_to(routes)
    VerificationRoutes(watch, parts.tokens, looks, parts.metrics).add_to(routes)


def _add_tuning(parts: Parts, looks: Looks, routes: Routes) -> None:
    settings, database, metrics = parts.sources.settings, parts.database, parts.metrics
    versions = PolicyVersions.of(settings, parts.ledger)

    def registered() -> Sequence[Any]:
        from models.registry.registry import load_registry  # noqa: PLC0415 - 500 MB and seconds

        return load_registry(settings.recognizers, versions.own).registered

    EditorRoutes(versions, parts.reader, looks, metrics).add_to(routes)
    VersionRoutes(versions, parts.tokens, looks, metrics).add_to(routes)
    PolicyApi(versions, looks).add_to(routes)
    MeasuredRoutes(
        versions,
        Evaluations(database, parts.log),
        ShadowResults(database),
        parts.tokens,
        partial(need, "the page of recognisers", "detect"),
        RegistryWatch(registered),
        looks,
        metrics,
    ).add_to(routes)


async def _answer(door: Door, scope: Scope, refusal: Refusal) -> Response:
    """A refusal as a page where a page was asked for, as JSON elsewhere.

    Who is logged in keeps the bar, whatever went wrong before anybody asked who they are.
    """
    if is_page(scope) and "known" not in scope.setdefault("state", {}) and refusal.code != "busy":
        with suppress(HushwireError):  # the page is shown without
            known = await run_in_threadpool(door.recognised, Request(scope))
            if known is not None:
                scope["state"]["known"] = known
    return page_answer(scope, refusal) or answer(refusal)


async def healthz() -> Response:
    """That the server lives; nothing else. It waits for no thread."""
    return JSONResponse({"alive": True})


async def _http(answering: Answering, request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, message = _TOLD.get(status, ("request", "the request can't be read"))
    return await answering(request.scope, Refusal(status, code, message))


async def _invalid(answering: Answering, request: Request, error: Exception) -> Response:
    """Where something is wrong, and what; never the value, which may be anything."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    places = {".".join(str(part) for part in one["loc"][1:])[:60] or "body": one for one in found}
    told = "; ".join(sorted(f"{place}: {allowed(place, one)}" for place, one in places.items()))
    field = next(iter(places)) if len(places) == 1 else ""
    refusal = Refusal(INVALID, "parameter", f"{told}{REFERENCE}", field=field)
    return await answering(request.scope, refusal)
