"""How processes end: every exit code; and the end at once, where going on would risk a loss.

Whatever was not finished is read again.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn

from agents.system.logging import get_logger, place_of
from pipeline.errors import BrokerError, KeyFileError, StoreError

if TYPE_CHECKING:
    import asyncio


class ExitCode(IntEnum):
    """Every exit code of ``hushwire``; docs/operate/workers.md says what to do about each."""

    DONE = 0
    NOT_CLEAN = 1
    """Done, and something is not as it should be."""
    REFUSED = 2
    """An option, a setting, a file or an install that does not fit."""
    NO_MODEL = 3
    AWAY = 4
    """Broker, ledger, vault, key service or a key file; or they do not fit this version."""
    MISSING = 10
    """From here to 15, what is wrong with a certificate or the audit log."""
    UNSIGNED = 11
    NO_PUBLIC_KEY = 12
    WRONG_KEY = 13
    CHANGED = 14
    REWRITTEN = 15
    FAULT = 70
    """Ours; sysexits.h has it for an internal error."""
    BROKER = 81
    """From here to 88, a process that ends at once while calls run."""
    STORE = 82
    MODEL = 83
    KEY = 84
    BUG = 85
    CRASHED = 86
    POLICY = 87
    STOPPED = 88
    INTERRUPTED = 130
    """By SIGINT, as shells have it."""
    TERMINATED = 143
    """By SIGTERM, before it had anything to hand over."""


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
        code: an ``ExitCode``.
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
    import asyncio  # noqa: PLC0415 - commands know the codes, and run no loop

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_ended)
    return task


async def cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    """End tasks that are watched, in order; returns when they have ended."""
    import asyncio  # noqa: PLC0415 - as above

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
    codes = {
        BrokerError: ExitCode.BROKER,
        KeyFileError: ExitCode.KEY,
        StoreError: ExitCode.STORE,
    }
    code = next((code for one, code in codes.items() if isinstance(error, one)), ExitCode.BUG)
    exit_now(code, f"the task for {task.get_name()} ended ({kind}); start the process again")
