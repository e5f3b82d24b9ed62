"""Worker processes that are forked off one that has imported everything: no start costs seconds.

Outcomes: as ``subprocess.Popen``. The processes that are forked run ``worker_main.py`` as their
main module, have one thread and no client yet, and end with the tests. There are two of them, used
in turn: a worker goes through sets in another order than the one before it and the one after it.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

MAIN = Path(__file__).with_name("worker_main.py")
_NUMBER = struct.Struct("!q")
_starting = threading.Lock()
_SEEDS = ("1", "2")
"""Of hashes, one of each process that is forked."""
_nests: list[socket.socket] = []
_turn = itertools.count()


def _nest() -> socket.socket:
    """Where the next worker is ordered."""
    with _starting:
        place = next(_turn) % len(_SEEDS)
        if place == len(_nests):
            # A library that starts threads as it is imported has none to start.
            env = {"PYTHONHASHSEED": _SEEDS[place], "OPENBLAS_NUM_THREADS": "1"}
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                started = subprocess.Popen(
                    [sys.executable, str(MAIN), str(theirs.fileno())],
                    env=os.environ | env,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            _nests.append(ours)
            atexit.register(started.wait)
            atexit.register(ours.close)  # before: the last to be registered is the first to go
        return _nests[place]


class Worker:
    """A worker process, as ``subprocess.Popen`` has it.

    Args:
        arguments: of ``worker_main.py``.
        log: where it writes what it logs.
        env: all of its environment.
    """

    def __init__(self, arguments: Sequence[str], log: IO[str], env: Mapping[str, str]) -> None:
        self._told, theirs = socket.socketpair()
        read, write = os.pipe()
        order = {"argv": [str(MAIN), *arguments], "env": dict(env), "cwd": str(Path.cwd())}
        with theirs:
            places = [theirs.fileno(), write, log.fileno()]
            socket.send_fds(_nest(), [json.dumps(order).encode()], places)
        os.close(write)
        self.stdout = os.fdopen(read, encoding="utf-8")
        self.pid = self._number()
        self.returncode: int | None = None
        self._reading = threading.Lock()

    def _number(self) -> int:
        (number,) = _NUMBER.unpack(self._told.recv(_NUMBER.size, socket.MSG_WAITALL))
        return int(number)

    def poll(self) -> int | None:
        """The exit code of a process that has ended."""
        with self._reading:
            if self.returncode is None and select.select([self._told], [], [], 0)[0]:
                self.returncode = self._number()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; ``TimeoutExpired`` if it goes on for so many seconds."""
        while (code := self.poll()) is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(MAIN), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """To a process that goes on."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """End it if it goes on, and let go of it."""
        self.kill()
        self.wait()
        self.stdout.close()
        self._told.close()


def next_order(orders: int) -> None:
    """In the process that is forked: returns in each worker, as the worker that was ordered.

    Args:
        orders: descriptor of the socket where they come.
    """
    threads = len([*Path("/proc/self/task").iterdir()])
    assert threads == 1, f"{threads} threads: those besides this one would be lost"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=orders) as control:
        while True:
            order, places, _, _ = socket.recv_fds(control, 1 << 20, 3)
            if not order:
                os.killpg(0, signal.SIGKILL)  # with all that is left of tests that were killed
            if os.fork():
                for place in places:
                    os.close(place)
                continue
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if _is_worker(places):
                break
    wanted = json.loads(order)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    sys.argv = wanted["argv"]


def _is_worker(places: list[int]) -> bool:
    """Returns in a new process, as the worker; its parent tells how it ends."""
    told, output, log = places
    if pid := os.fork():
        os.close(output)
        os.close(log)
        os.write(told, _NUMBER.pack(pid))
        _, status = os.waitpid(pid, 0)
        os.write(told, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    os.close(told)
    for place, number in ((output, 1), (log, 2)):
        os.dup2(place, number)
        os.close(place)
    return True
