"""Processes that are forked off one that has imported everything: no start costs seconds.

``Worker`` is a worker with scripted speech, as ``subprocess.Popen``. ``hushwire`` gives a command
line that does what ``hushwire`` does with its arguments, for whoever starts it in whatever way: a
small program (``command.py``) hands over its descriptors, environment and folder, passes signals on
and ends as the command ends; where it is killed, the command is.

The processes that are forked run ``worker_main.py`` as their main module, have one thread and no
client yet, and end with the tests. There are two of them, used in turn by workers: one goes through
sets in another order than the one before it and the one after it.
"""

from __future__ import annotations

import atexit
import gc
import itertools
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from agents.cli.main import COMMANDS

MAIN = Path(__file__).with_name("worker_main.py")
LOADED = (
    "structlog.dev",  # which logging loads in any case
    *(f"agents.cli.{one.place.partition(':')[0]}" for one in COMMANDS.values()),
    # What commands load when they are called; no detector, whose libraries may start threads.
    "agents.app.in_memory_pipeline",
    "agents.app.run_folder",
    "agents.reports.compliance.page",
    "agents.vault.analytics.call_listing",
    "agents.vault.analytics.warehouse.asking",
    "agents.vault.exports.vcons",
    "console.server",
    "duckdb",
)
"""What a process has imported beside scripted workers before it is forked."""
_COMMAND = Path(__file__).with_name("command.py")
_NUMBER = struct.Struct("!q")
_starting = threading.Lock()
_SEEDS = ("1", "2")
"""Of hashes, one of each process that is forked."""
_nests: dict[int, Path] = {}
_turn = itertools.count()


def _nest(place: int) -> Path:
    """The socket where the next process is ordered."""
    with _starting:
        if place not in _nests:
            folder = Path(tempfile.mkdtemp(prefix="hushwire-"))  # sockets have short names
            orders = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            orders.bind(str(folder / "orders"))
            # A library that starts threads as it is imported has none to start.
            env = {"PYTHONHASHSEED": _SEEDS[place], "OPENBLAS_NUM_THREADS": "1"}
            ours, theirs = socket.socketpair()
            with theirs, orders:
                given = [orders.fileno(), theirs.fileno()]
                started = subprocess.Popen(
                    [sys.executable, str(MAIN), *map(str, given)],
                    env=os.environ | env,
                    pass_fds=given,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            _nests[place] = folder / "orders"
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            atexit.register(started.wait)
            atexit.register(ours.close)  # before: the last to be registered is the first to go
        return _nests[place]


def hushwire(*words: str | Path) -> list[str]:
    """The command line of ``hushwire`` with its arguments, in a process that is forked."""
    return [sys.executable, "-IS", str(_COMMAND), str(_nest(0)), *map(str, words)]


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
        place = _nest(next(_turn) % len(_SEEDS))
        with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as orders:
            places = [theirs.fileno(), write, log.fileno()]
            orders.connect(str(place))
            socket.send_fds(orders, [json.dumps(order).encode()], places)
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


class Started(subprocess.Popen[str]):
    """The same, started anew: for who asks what a worker imports."""

    def __init__(self, arguments: Sequence[str], log: IO[str], env: Mapping[str, str]) -> None:
        code = f"import sys; sys.path.insert(0, {str(MAIN.parent)!r}); import worker; worker.main()"
        super().__init__(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=env,
            text=True,
        )

    def close(self) -> None:
        """End it if it goes on, and let go of it."""
        self.kill()
        self.wait()
        assert self.stdout is not None
        self.stdout.close()


def next_order(orders: int, lives: int) -> bool:
    """In the process that is forked: returns in each process that was ordered.

    Args:
        orders: descriptor of the socket where they come.
        lives: descriptor of one that is at its end when the tests are.

    Returns:
        Whether it is to be a command, and no worker.
    """
    threads = len([*Path("/proc/self/task").iterdir()])
    assert threads == 1, f"{threads} threads: those besides this one would be lost"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # what is there already is not looked at, and not copied, in each process
    with socket.socket(fileno=orders) as control:
        while True:
            if lives in select.select([control.fileno(), lives], [], [])[0]:
                os.killpg(0, signal.SIGKILL)  # with all that is left of tests that were killed
            order, places, _, _ = socket.recv_fds(control, 1 << 20, 4)
            if os.fork():
                for place in places:
                    os.close(place)
                continue
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if _is_ordered(*places):
                break
    os.close(lives)
    wanted = json.loads(order)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    sys.argv = wanted["argv"]
    return sys.argv[0] != str(MAIN)


def _is_ordered(told: int, *places: int) -> bool:
    """Returns in a new process, as what was ordered; its parent tells how it ends.

    Args:
        told: where it is told; at its end, the new process is killed.
        places: what becomes standard output, error and, where there is one, input.
    """
    if pid := os.fork():
        for place in places:
            os.close(place)
        os.write(told, _NUMBER.pack(pid))
        ended = os.pidfd_open(pid)
        if ended not in select.select([ended, told], [], [])[0]:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        with suppress(OSError):
            os.write(told, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    os.close(told)
    for place, number in zip(places, (1, 2, 0), strict=False):
        os.dup2(place, number)
        os.close(place)
    return True
