"""``hushwire serve``: from settings to a running server; ends with SIGTERM or SIGINT.

It listens on the loopback unless callers come over TLS: ours, or a reverse proxy's.
"""

from __future__ import annotations

import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn

from agents.access.api_tokens import Tokens
from agents.access.audit_log import AuditLog
from agents.access.sessions import Sessions
from agents.app.checks.doctor import examine
from agents.crypto.ed25519 import PublicKey
from agents.database import migrate
from agents.database.engine import Database
from agents.database.known_keys import known_token_key
from agents.database.open_ledger import opened_ledger
from agents.reports.compliance.report import Sources, report_of
from agents.settings.model import STATE, Settings
from agents.settings.policies import names_known
from agents.system.logging import configure_logging, get_logger, level_by_signals
from agents.system.private_files import there
from agents.system.screen import screen
from agents.system.sockets.serving import is_loopback, listening_socket, server_tls
from agents.system.tracing.otlp import exporting
from agents.upkeep.audit_checkpoints import publishers
from agents.upkeep.sweep_guard import Bounds, SweepGuard
from agents.vault.file_store import state_inside
from agents.vault.reader import VaultReader
from agents.vault.vault import Vault
from console.app import Parts, create_app
from console.auth.audit_signing import signed
from console.auth.code_flow import ClientConfig, CodeFlow
from console.auth.oidc import Oidc, OidcConfig
from console.http.metrics import ApiMetrics
from console.http.rate_limits import Limiter
from console.http.slow_clients import CONNECTIONS, PatientProtocol
from pipeline.errors import SettingsError

KEEP_ALIVE_S: Final = 15
STOP_S: Final = 10
HEADERS_MOST: Final = 32 * 1024
"""Bytes of a request's headers."""


def serve(settings: Settings, vault: str) -> None:
    """Serve until stopped.

    Args:
        settings: addresses, keys, who is let in.
        vault: folder of the vault, or ``s3://bucket/prefix``.

    Raises:
        SettingsError: the settings do not fit together, or would let tokens go in clear.
        StoreError: the ledger or the vault can't be opened.
    """
    uvicorn_options = options(settings)
    oidc_config, client = OidcConfig.of(settings), ClientConfig.of(settings)
    configure_logging(settings.log_level)
    level_by_signals(settings.log_level)
    silence_server()
    local = None if "://" in vault else Path(vault)
    if local is not None and not local.is_dir():
        raise SettingsError(f"{vault}: there is no such folder; --vault names the vault")
    inside = state_inside(vault)  # as `hushwire run` makes it
    state = settings.state_folder(inside if inside.is_dir() else STATE)
    if settings.ledger_url is None and not (state / "ledger.db").exists():
        raise SettingsError(f"{state}: holds no ledger; name its folder with --state-dir")
    with ExitStack() as stack:
        database = Database(settings.ledger_location(state))
        stack.callback(database.dispose)
        migrate.ready(database)
        ledger = stack.enter_context(opened_ledger(settings, state))
        reader = VaultReader(Vault.opened(vault, ledger))
        log = AuditLog(database)
        oidc = Oidc(oidc_config) if oidc_config is not None else None
        if oidc is not None:
            stack.callback(oidc.close)
        tls = settings.api_certificate is not None
        metrics = ApiMetrics()
        stack.enter_context(exporting(settings.tracing, "hushwire-console", counter=metrics.traced))
        key = settings.signing_key_file(state)
        token_key = settings.token_key_file(state)
        guard = SweepGuard(database, Bounds.of(settings), metrics)
        stack.enter_context(
            signed(
                log,
                key,
                keep_days=settings.audit_days,
                guard=guard,
                metrics=metrics,
                publishers=publishers(settings, vault),
            )
        )
        public = {key.key_id: key for key in map(PublicKey.load, settings.public_keys)}
        sources = Sources(settings, database, log, state, vault, keys=public, compare=False)
        app = create_app(
            Parts(
                reader=reader,
                ledger=ledger,
                sources=sources,
                database=database,
                log=log,
                tokens=Tokens(database, log),
                limiter=Limiter(settings.api_rate_per_minute),
                examine=lambda: examine(settings, state, local),
                report=partial(report_of, sources),
                # Made by whoever stores calls: without it, words are not searched, which is told.
                secret=known_token_key(database).read(token_key) if there(token_key) else None,
                sessions=Sessions(
                    database,
                    log,
                    idle=timedelta(minutes=settings.session_idle_minutes),
                    most=timedelta(hours=settings.session_hours),
                ),
                oidc=oidc,
                code_flow=CodeFlow(oidc, client) if oidc is not None and client else None,
                secure=tls or settings.api_proxies is not None,
                tls=tls,
                metrics=metrics,
                known=names_known(settings),
            )
        )
        listening = stack.enter_context(_listening(settings.api_host, settings.api_port))
        # What uvicorn caught it raises again once it has stopped in order.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        address = f"{'https' if tls else 'http'}://{_host(settings.api_host)}:{settings.api_port}"
        _tell(address)
        uvicorn.Server(uvicorn.Config(app, **uvicorn_options)).run(sockets=[listening])


def options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told.

    Raises:
        SettingsError: tokens would go in clear over a network, or a file can't be used.
    """
    context = server_tls("api", settings.api_certificate, settings.api_key)
    if context is None and settings.api_proxies is None and not is_loopback(settings.api_host):
        raise SettingsError(
            f"api_host {settings.api_host} without TLS would send tokens and calls in clear: set "
            "api_certificate and api_key, or api_proxies where a reverse proxy brings TLS"
        )
    told: dict[str, Any] = {
        "lifespan": "off",
        "access_log": False,  # addresses would name calls; looks are in the audit log
        "log_config": None,
        "server_header": False,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": STOP_S,
        "http": PatientProtocol,
        "h11_max_incomplete_event_size": HEADERS_MOST,
        "ws": "none",
        "proxy_headers": settings.api_proxies is not None,
        "forwarded_allow_ips": settings.api_proxies or "",
    }
    if context is not None:
        told["ssl_context_factory"] = _always(context)
    return told


def silence_server() -> None:
    """The server logs exceptions with their text: keep it quiet; ``Envelope`` tells what failed."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore", "limits"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL)


def _tell(address: str) -> None:
    """That it listens: to people on a terminal, else to whoever reads the log."""
    if sys.stderr.isatty():
        told = f"Serving at {address} (Ctrl-C stops it)"
        screen(stderr=True).print(told, markup=False, highlight=False, soft_wrap=True)
    else:
        get_logger().info("serving", address=address)


def _listening(host: str, port: int) -> socket.socket:
    """A listening socket; uvicorn would end without a word where it gets none."""
    try:
        return listening_socket(host, port, CONNECTIONS)
    except OSError as error:
        told = f"{_host(host)}:{port}: can't listen there ({error.strerror})"
        raise SettingsError(told) from None


def _always(context: ssl.SSLContext) -> Callable[..., ssl.SSLContext]:
    return lambda _config, _default: context


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
