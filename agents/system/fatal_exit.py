"""Ends the process at once when going on would risk a loss: everything unfinished is read again."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, NoReturn

from agents.system.logging import get_logger, place_of
from pipeline.errors import BrokerError, StoreError

BROKER, STORE, MODEL, KEY, BUG, CRASHED, POLICY, STOPPED = 81, 82, 83, 84, 85, 86, 87, 88
"""Exit codes, apart from the ones that shells and signals use."""


class FatalError(BaseException):
    """What tests see in place of the end of their process."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


_hook: list[Callable[[int, str], None]] = []
"""What is told first; a test's hook raises ``FatalError``."""
_late: list[threading.Timer] = []
"""What ends the process if it takes longer."""


def exit_now(code: int, message: str) -> NoReturn:
    """Say why on stderr and end the process, without waiting for anything.

    Args:
        code: one of this module's exit codes.
        message: content-free, one line.
    """
    for told in _hook:
        told(code, message)
    with suppress(OSError, ValueError):  # a full disk under the log must not keep us alive
        sys.stderr.write(f"hushwire: {message} (exit {code})\n")
        sys.stderr.flush()
    os._exit(code)


def exit_after(seconds: float, code: int, message: str) -> None:
    """``exit_now`` unless the process, or ``in_time``, comes before."""
    late = threading.Timer(seconds, exit_now, (code, message))
    late.daemon = True  # it ends with a process that stops in time
    late.start()
    _late.append(late)


def in_time() -> None:
    """What ``exit_after`` is for has ended, and the process goes on."""
    while _late:
        _late.pop().cancel()


def watched(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A background task that has no end of its own: when it ends, the process does.

    Args:
        name: what it is, for the log.
        work: what it does until ``cancelled``.
    """
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_ended)
    return task


async def cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    """End tasks that are watched, in order; returns when they have ended."""
    mine = list(tasks)
    for task in mine:
        task.remove_done_callback(_ended)
        task.cancel()
    await asyncio.gather(*mine, return_exceptions=True)


def _ended(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, FatalError):
        return  # a test was told already
    kind = type(error).__name__ if error is not None else "none"
    place = place_of(error.__traceback__) if error is not None else ""
    get_logger().error("background task ended", state=task.get_name(), error_type=kind, place=place)
    codes = {BrokerError: BROKER, StoreError: STORE}
    code = next((code for one, code in codes.items() if isinstance(error, one)), BUG)
    exit_now(code, f"the task for {task.get_name()} ended ({kind}); start the process again")
