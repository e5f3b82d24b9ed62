"""An OpenTelemetry collector for tests: takes OTLP over HTTP, or behaves badly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.waiting import HANG_S

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Seen:
    """A span as it came."""

    name: str
    kind: int
    trace: str
    span: str
    parent: str
    links: tuple[tuple[str, str], ...]
    attributes: dict[str, str | int | float | bool]
    failed: bool
    took: float
    service: str


@dataclass
class Collector:
    """What came to it.

    Args:
        behaviour: ``takes``, ``hangs`` (never answers), ``endless`` (an answer without an end),
            ``busy`` (503, try again next week) or ``redirects`` (to another path).
    """

    behaviour: str = "takes"
    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    answered: int = 0
    """Of the longest answer without an end, bytes that went out: what sockets hold, at least."""
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def spans(self) -> list[Seen]:
        return [one for body in list(self.bodies) for one in _spans(body)]

    @property
    def written(self) -> bytes:
        """Every byte that came."""
        return b"\n".join([*self.heads, *self.bodies])


def _spans(body: bytes) -> Iterator[Seen]:
    request = ExportTraceServiceRequest.FromString(body)
    for of_resource in request.resource_spans:
        about = {one.key: one.value.string_value for one in of_resource.resource.attributes}
        for scope in of_resource.scope_spans:
            for one in scope.spans:
                yield Seen(
                    one.name,
                    one.kind,
                    one.trace_id.hex(),
                    one.span_id.hex(),
                    one.parent_span_id.hex(),
                    tuple((link.trace_id.hex(), link.span_id.hex()) for link in one.links),
                    {each.key: _value(each.value) for each in one.attributes},
                    one.status.code == 2,
                    (one.end_time_unix_nano - one.start_time_unix_nano) / 1e9,
                    about["service.name"],
                )


def _value(value: object) -> str | int | float | bool:
    found: str | int | float | bool = getattr(value, value.WhichOneof("value"))  # type: ignore[attr-defined]
    return found


@contextmanager
def collecting(behaviour: str = "takes") -> Iterator[Collector]:
    """A collector on a port of its own, while the block runs."""
    made = Collector(behaviour)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.heads.append(f"{self.path}\n{self.headers}".encode())
            made.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            with suppress(OSError):
                self._answer()

        def _answer(self) -> None:
            match made.behaviour:
                case "hangs":
                    made.over.wait(HANG_S)
                case "endless":
                    self.send_response(200)
                    self.end_headers()
                    sent = 0
                    while not made.over.is_set():
                        sent += self.wfile.write(b"x" * 65_536)
                        made.answered = max(made.answered, sent)
                case "busy":
                    self.send_response(503)
                    self.send_header("Retry-After", "604800")
                    self.end_headers()
                case "redirects":
                    self.send_response(307)
                    self.send_header("Location", f"http://{HOST}:{made.port}/elsewhere")
                    self.end_headers()
                case _:
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Server((HOST, 0), Handler)
    made.port = int(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        made.over.set()
        server.shutdown()
        server.server_close()
