"""Slow and silent callers on a real port: they are dropped, and keep nobody out."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import uvicorn

from agents.settings.model import load_settings
from console import server
from console.http.slow_clients import PatientProtocol
from tests.console.serving import Console, console
from tests.waiting import HANG_S

pytestmark = [pytest.mark.slow]

MOST = 4
REQUEST_S = 1.0
ASKED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
BEGUN = b"POST /api/policy/check HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"


@contextmanager
def listening(served: Console, *, most: int = MOST, request_s: float = REQUEST_S) -> Iterator[int]:
    """The console on a port, with few connections and little patience."""
    protocol = partial(PatientProtocol, most=most, request_s=request_s)
    options = server.options(load_settings()) | {"http": protocol, "timeout_keep_alive": 3}
    running = uvicorn.Server(uvicorn.Config(served.app, **options))
    with server._listening("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            running.should_exit = True
            thread.join(HANG_S)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as made:
        yield made


def connected(port: int, sent: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), HANG_S)
    made.sendall(sent)
    return made


def answered(caller: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    received = b""
    try:
        while part := caller.recv(4_096):
            received += part
    except ConnectionResetError:
        pass
    return received


def is_told(caller: socket.socket) -> bool:
    """Whether the server says that it lives; headers and body may come apart."""
    received = b""
    while b'{"alive":true}' not in received:
        part = caller.recv(4_096)
        if not part:
            return False
        received += part
    return True


@pytest.mark.parametrize("sent", [b"", b"GET /hea", BEGUN, BEGUN + b"\r\nname"])
def test_silent_callers_keep_nobody_out(sent: bytes, served: Console) -> None:
    token = served.token("security").encode()
    with listening(served, request_s=600) as port, ExitStack() as held:
        for _ in range(4 * MOST):
            held.enter_context(connected(port, sent))
        with connected(port, ASKED) as caller:
            assert is_told(caller)
        with connected(
            port,
            b"GET /api/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Authorization: Bearer " + token + b"\r\n\r\n",
        ) as caller:
            assert b"HTTP/1.1 200" in answered(caller)


@pytest.mark.parametrize("sent", [b"", b"GET /hea", BEGUN, BEGUN + b"\r\nname"])
def test_a_request_that_does_not_come_is_not_waited_for(sent: bytes, served: Console) -> None:
    with listening(served, most=100) as port, connected(port, sent) as caller:
        assert b"200" not in answered(caller)  # the server ends it: the caller has all the time


def test_a_byte_now_and_then_is_no_request(served: Console) -> None:
    with listening(served, most=100) as port, connected(port, BEGUN) as caller, suppress(OSError):
        for _ in range(round(HANG_S / 0.1)):
            caller.sendall(b"X: y\r\n")
            time.sleep(0.1)
        pytest.fail("it goes on")


def test_whoever_asks_in_time_is_served_again_and_again(served: Console) -> None:
    with listening(served, most=100) as port, connected(port) as caller:
        for _ in range(3):  # longer in all than one request may take
            caller.sendall(ASKED)
            assert is_told(caller)
            time.sleep(REQUEST_S / 2)
        caller.sendall(ASKED + ASKED + BEGUN)  # two at once, and a third that never comes
        assert answered(caller).count(b'{"alive":true}') == 2


def test_the_longest_waiting_gives_way_first(served: Console) -> None:
    with listening(served, request_s=600) as port, ExitStack() as held:
        callers = []
        for _ in range(MOST):  # one after the other, each known to the server before the next comes
            callers.append(held.enter_context(connected(port, ASKED)))
            assert is_told(callers[-1])
        callers[0].sendall(ASKED)
        assert is_told(callers[0])  # its turn begins anew
        assert is_told(held.enter_context(connected(port, ASKED)))
        assert answered(callers[1]) == b""
        callers[0].sendall(ASKED)
        assert is_told(callers[0])
