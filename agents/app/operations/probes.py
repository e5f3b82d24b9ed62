"""What a worker answers to whoever watches its process, on a port of its own.

``/startup`` 200 once the models are loaded; ``/ready`` 200 once every stage has its partitions, 503
again while they are lost or the worker stops; ``/live`` 503 when something of the process itself
hangs; ``/metrics`` in Prometheus' text; anything else 404. Bodies are JSON and say why, without
content. A thread of its own answers, so that an event loop that hangs is told.

Outcome of ``ProbeServer``: ``SettingsError`` where the address is taken.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from pipeline.errors import SettingsError

LOOK_S: Final = 1.0
LOOP_S: Final = 60.0
"""An event loop that did not come by for this long hangs: it never waits for anybody."""
STAGE_S: Final = 600.0
"""The same for a stage. Its loop asks the ledger, which is tried for minutes before the process
ends; its core may work on the end of a call of eight hours."""
SPARE_S: Final = 15.0
"""A member that the group gave nothing for this long is one more than there are partitions. Just
after a broker was started it is given nothing, too, until the topics show: see
``agents.app.faust_app.METADATA_MS``."""
_ASKS_S: Final = 10.0
"""How long whoever asks may take to say what."""


@dataclass(frozen=True, slots=True)
class StageLook:
    """One consumer group of the worker, as it is now."""

    group: str
    partitions: int
    joined: bool
    """Whether its group gave it partitions, or nothing, and is not sharing them out anew."""
    still_s: float
    """For how long nothing of it has moved by itself."""


class Joined:
    """Which stages have what their group gives them, look by look."""

    def __init__(self) -> None:
        self._empty_since: dict[str, float] = {}

    def waiting(self, looks: Sequence[StageLook], now: float) -> list[str]:
        """The groups that have no partitions yet, or lost them."""
        empty = {one.group for one in looks if one.joined and not one.partitions}
        self._empty_since = {one: self._empty_since.get(one, now) for one in empty}
        return sorted(one.group for one in looks if not self._has(one, now))

    def _has(self, look: StageLook, now: float) -> bool:
        since = self._empty_since.get(look.group, now)
        return look.joined and (look.partitions > 0 or now - since >= SPARE_S)


Answer = tuple[bool, dict[str, Any]]


class Probes:
    """What is known of one worker process; read from any thread.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.loaded = False
        """Whether the models are loaded."""
        self.stopping = False
        self._clock = clock
        self._beat: float | None = None
        self._stages: tuple[StageLook, ...] = ()
        self._joined, self._waiting = Joined(), list[str]()

    async def keep(self, look: Callable[[], Sequence[StageLook]]) -> None:
        """Look at the stages until cancelled; from the event loop that they run in."""
        while True:
            self.note(look())
            await asyncio.sleep(LOOK_S)

    def note(self, looks: Sequence[StageLook]) -> None:
        """Note how the stages are now, and that the event loop moves."""
        now = self._clock()
        self._stages, self._waiting = tuple(looks), self._joined.waiting(looks, now)
        self._beat = now

    def startup(self) -> Answer:
        """Whether the models are loaded."""
        return self.loaded, {"loaded": self.loaded}

    def ready(self) -> Answer:
        """Whether every stage has its partitions."""
        waiting = self._waiting
        if self.stopping:
            why = "stopping"
        elif not self.loaded:
            why = "the models are not loaded yet"
        elif not self._stages or waiting:
            why = "stages have no partitions yet, or lost them"
        elif not self._moves():
            why = "the event loop hangs"
        else:
            why = ""
        shown = [asdict(one) for one in self._stages]
        return not why, {"ready": not why, "why": why, "waiting": waiting, "stages": shown}

    def live(self) -> Answer:
        """Whether the process moves by itself; waiting for others is no reason."""
        hanging = sorted(one.group for one in self._stages if one.still_s > STAGE_S)
        if not self._moves():
            why = "the event loop hangs"
        elif hanging:
            why = "a stage hangs"
        else:
            why = ""
        return not why, {"live": not why, "why": why, "hanging": hanging}

    def _moves(self) -> bool:
        return self._beat is None or self._clock() - self._beat <= LOOP_S


class ProbeServer:
    """Serves probes and metrics while the block runs.

    Args:
        host: where it listens.
        port: there; 0: any.
        registry: the metrics.
        probes: what is known.

    Raises:
        SettingsError: the address is taken, or is none of this machine.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry, probes: Probes) -> None:
        pages: dict[str, Callable[[], Answer]] = {
            "/startup": probes.startup,
            "/ready": probes.ready,
            "/live": probes.live,
        }

        def page(path: str) -> tuple[HTTPStatus, str, bytes]:
            if path == "/metrics":
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry)
            answer = pages.get(path)
            if answer is None:
                return HTTPStatus.NOT_FOUND, "application/json", b'{"why": "no such page"}'
            good, body = answer()
            status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
            return status, "application/json", json.dumps(body).encode()

        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            server = type("Server", (_Server,), {"address_family": family})
            self._server: ThreadingHTTPServer = server((host, port), partial(_Handler, page))
        except OSError as error:
            raise SettingsError(
                f"metrics_host, metrics_port: {host}:{port} can't be listened on "
                f"({error.strerror}); end what listens there, or set HUSHWIRE_METRICS_PORT to "
                "another port"
            ) from None
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> Self:
        """Begin to answer."""
        threading.Thread(
            target=self._server.serve_forever, name="hushwire-probes", daemon=True
        ).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as it is
        """Nothing: whoever asked went away, and standard error is the log's."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _ASKS_S

    def __init__(self, page: Callable[[str], tuple[HTTPStatus, str, bytes]], *asked: Any) -> None:  # noqa: ANN401 - as it is
        self.page = page
        super().__init__(*asked)  # which answers

    def do_GET(self) -> None:
        """Answer a page."""
        status, kind, body = self.page(self.path.partition("?")[0])
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: probes come every few seconds."""
