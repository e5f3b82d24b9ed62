"""``hushwire gateway``: from settings to listening sockets, one event loop for all of them.

Outcomes: ``Gateway`` serves while its context is open; leaving it takes no further connection, ends
the open calls as incomplete within the grace time and waits for the broker. ``run`` does that until
SIGTERM or SIGINT. ``SettingsError``: nothing is configured, or secrets would travel in clear.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from http import HTTPStatus
from typing import Final, Self

from aiohttp import web

from agents.app.gateway.addresses import among, networks
from agents.app.gateway.audiosocket import AudioSocket, AudioSocketRules
from agents.app.gateway.call_feed import Calls, FeedRules
from agents.app.gateway.endpoints import Handler, consent_keys, endpoints
from agents.app.gateway.entrance import NAME as HTTP
from agents.app.gateway.entrance import Entrance
from agents.app.gateway.health import Health
from agents.app.gateway.limits import Limits
from agents.kafka.call_sender import Acknowledged, CallSender
from agents.settings.gateway import GatewaySettings
from agents.system import fatal_exit
from agents.system.logging import get_logger, place_of
from agents.system.metrics import GatewayMetrics
from agents.system.sockets.serving import is_loopback, listening_socket, server_tls
from pipeline.errors import SettingsError
from pipeline.gateways.events import GatewayError
from pipeline.records.model import Role

BACKLOG: Final = 1_024
HEADERS_MOST: Final = 16 * 1024
"""Bytes of a line of a request's head, or of one of its fields."""

log = get_logger("gateway")


class Gateway:
    """All gateways of one process; a context manager.

    Args:
        settings: where it listens, whom it knows, how much it takes.
        sender: where calls go; its ``on_ack`` may be ``acknowledged_in(metrics)``.
        metrics: of this process.
        reach: asks the broker for ``/ready``; blocks, and raises ``BrokerError``.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        sender: CallSender,
        metrics: GatewayMetrics,
        *,
        reach: Callable[[], object],
    ) -> None:
        self._settings, self._metrics, self._reach = settings, metrics, reach
        self._context = tls(settings)
        self.calls = Calls(sender, feed_rules(settings), metrics)
        self.limits = Limits(
            settings.gateway_connections,
            settings.gateway_connections_per_minute,
            metrics,
            unproven=settings.gateway_unproven,
            unproven_each=settings.gateway_unproven_per_address,
        )
        self._handlers = endpoints(settings, self.calls, self.limits)
        if not self._handlers and not settings.gateway_audiosocket_port:
            raise SettingsError(
                "no gateway is configured: set gateway_twilio_secrets, gateway_telnyx_secrets, "
                "gateway_audiohook_secrets or gateway_audiosocket_port (docs/gateways.md)"
            )
        self._proxies = networks(settings.gateway_proxies or "", "gateway_proxies")
        self._closing = False
        self._stack = AsyncExitStack()
        self.port = self.health_port = self.audiosocket_port = 0
        """Where it listens."""

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            SettingsError: a port or an address is not to be had.
        """
        async with AsyncExitStack() as stack:
            watch = fatal_exit.watched("calls", self.calls.watch())
            stack.push_async_callback(fatal_exit.cancelled, [watch])
            if self._handlers:
                await self._listen_http(stack)
            if self._settings.gateway_audiosocket_port:
                await self._listen_audiosocket(stack)
            await self._listen_health(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop: see the module."""
        self._closing = True
        self.limits.close()
        self.calls.stop()
        await self.calls.ended(self._settings.gateway_grace_seconds)
        await self._stack.aclose()

    async def _listen_http(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        entrance: Entrance | None = None

        @web.middleware
        async def entered(request: web.Request, handler: Handler) -> web.StreamResponse:
            if entrance is None:
                raise RuntimeError
            response = await self._entered(entrance, request, handler)
            if not response.prepared:
                response.force_close()
            return response

        app = web.Application(middlewares=[entered])
        for path, handle in self._handlers.items():
            app.router.add_get(path, _coroutine(handle))
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            max_line_size=HEADERS_MOST,
            max_field_size=HEADERS_MOST,
            keepalive_timeout=settings.gateway_first_seconds,
            shutdown_timeout=1.0,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        if runner.server is None:
            raise RuntimeError
        entrance = Entrance(
            runner.server,
            self.limits,
            first_s=settings.gateway_first_seconds,
            context=self._context,
            proxies=self._proxies,
        )
        listening = _listening("gateway", settings.gateway_host, settings.gateway_port)
        self.port = int(listening.getsockname()[1])
        accepting = fatal_exit.watched("connections", entrance.accept(listening))
        stack.push_async_callback(fatal_exit.cancelled, [accepting])

    async def _listen_audiosocket(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        allowed = networks(settings.gateway_audiosocket_from, "gateway_audiosocket_from")
        rules = AudioSocketRules(
            allowed=allowed,
            first_s=settings.gateway_first_seconds,
            most_frame=min(65_535, settings.gateway_frame_kilobytes * 1024),
            keys=consent_keys(settings),
        )
        gateway = AudioSocket(self.calls, self.limits, rules)
        stack.callback(gateway.stop)
        listening = _listening(
            "gateway_audiosocket",
            settings.gateway_audiosocket_host,
            settings.gateway_audiosocket_port,
        )
        self.audiosocket_port = await self._serve(stack, gateway, listening)

    async def _listen_health(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        health = Health(self._metrics.registry, self._reach, lambda: self._closing)
        runner = web.AppRunner(health.app(), access_log=None, handle_signals=False)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        if runner.server is None:
            raise RuntimeError
        listening = _listening(
            "gateway_health", settings.gateway_health_host, settings.gateway_health_port
        )
        self.health_port = await self._serve(stack, runner.server, listening)

    async def _serve(
        self,
        stack: AsyncExitStack,
        factory: Callable[[], asyncio.BaseProtocol],
        listening: socket.socket,
    ) -> int:
        server = await asyncio.get_running_loop().create_server(
            factory, sock=listening, backlog=BACKLOG
        )
        stack.callback(server.close)
        return int(server.sockets[0].getsockname()[1])

    async def _entered(
        self, entrance: Entrance, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Let a request in; what a handler of ours fails by is told without content."""
        try:
            place, address = entrance.heard(request), request.remote or ""
            if among(address, self._proxies):
                place.name(self._address(request, address))
            return await handler(request)
        except GatewayError as error:
            name = request.path.lstrip("/") if request.path in self._handlers else HTTP
            self.limits.refused(name, error)
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=error.reason.value)
        except web.HTTPException as answer:
            answer.force_close()
            raise
        except Exception as error:
            # Its text may hold what a platform sent.
            kind, where = type(error).__name__, place_of(error.__traceback__)
            log.error("fault", error_type=kind, place=where)  # noqa: TRY400 - without content
            raise

    def _address(self, request: web.Request, address: str) -> str:
        """Whose request it is: a known proxy's word is taken, nobody else's.

        Each proxy adds the address that it sees at the end, to the last field or in one of its own.
        """
        for named in reversed(",".join(request.headers.getall("X-Forwarded-For", [])).split(",")):
            if not among(address, self._proxies):
                break
            address = named.strip() or address
        return address


def _coroutine(handler: Handler) -> Handler:
    """A handler that is an object, as the router wants it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    return handle


def feed_rules(settings: GatewaySettings) -> FeedRules:
    """What the settings say of calls."""
    return FeedRules(
        chunk_s=settings.gateway_chunk_seconds,
        window_s=settings.gateway_window_seconds,
        idle_s=settings.gateway_idle_seconds,
        longest_s=settings.gateway_longest_seconds,
        broker_s=settings.gateway_broker_seconds,
        agree_s=settings.gateway_agree_seconds,
        roles=track_roles(settings),
    )


def track_roles(settings: GatewaySettings) -> dict[str, Role]:
    """Who speaks on which track, by its name: the usual ones, unless they are named otherwise."""
    usual = GatewaySettings.model_fields["gateway_roles"].default
    pairs = (one.split("=", 1) for one in (*usual, *settings.gateway_roles))
    return {track: Role(role) for track, role in pairs}


def acknowledged_in(metrics: GatewayMetrics) -> Callable[[Acknowledged], None]:
    """What a sender tells the metrics."""
    return lambda one: metrics.acknowledged.observe(one.at - one.sent)


def tls(settings: GatewaySettings) -> ssl.SSLContext | None:
    """The context of the listening socket; None: in clear, on the loopback or behind a proxy.

    Raises:
        SettingsError: secrets and calls would travel in clear, or a file can't be used.
    """
    context = server_tls("gateway", settings.gateway_certificate, settings.gateway_key)
    if context is None and not settings.gateway_proxies and not is_loopback(settings.gateway_host):
        raise SettingsError(
            f"gateway_host {settings.gateway_host} without TLS would take calls in clear: set "
            "gateway_certificate and gateway_key, or gateway_proxies where a reverse proxy brings "
            "TLS"
        )
    return context


def _listening(name: str, host: str, port: int) -> socket.socket:
    try:
        return listening_socket(host, port, BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"{name}_host, {name}_port: can't listen on {host} port {port} ({error.strerror})"
        ) from None


async def run(gateway: Gateway, *, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        gateway: not listening yet.
        ready: called when it listens.

    Raises:
        SettingsError: see ``Gateway``.
    """
    stop = asyncio.Event()
    with _signals(stop):
        async with gateway:
            ready()
            await stop.wait()
            log.info("stopping", count=len(gateway.calls))


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    try:
        yield
    finally:
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(one)
