"""Logging without content: only fields on an allow-list get through, as JSON lines.

A value that is not on the list is dropped and the event is marked, so that a careless log line
shows up in a test instead of showing what was spoken. Events and fields are listed in
``docs/logs.md``; a test compares. Signals change the level, see ``level_by_signals``.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

if TYPE_CHECKING:
    import structlog

ALLOWED = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "dropped_fields",
        "stage",
        "call_id",
        "trace_id",
        "code",
        "topic",
        "partition",
        "offset",
        "seq",
        "state",
        "seconds",
        "count",
        "attempt",
        "exit_code",
        "error_type",
        "workers",
        "bootstrap",
        "address",
        "place",
        "why",
        "records",
        "sent",
        "delay_seconds",
        "stages",
        "version",
        "policy",
        "partitions",
        "waits_for",
    }
)
"""Fields whose values are counts, ids, places, fixed words or sentences of our own (``why``)."""
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_STEPS: Final = tuple(reversed(_LEVELS))
"""Levels, from the one that lets through least."""
_shown = ["info"]
"""The level now."""
_call: ContextVar[str] = ContextVar("call", default="")
_further: list[Callable[[str], Mapping[str, str]]] = []
_FOREIGN = ("faust", "mode", "aiokafka", "aiohttp", "kafka", "asyncio")


def only_allowed(
    _logger: object, _method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Processor: keep the allowed fields, count the others."""
    kept = {name: value for name, value in entry.items() if name in ALLOWED}
    if len(kept) < len(entry):
        kept["dropped_fields"] = len(entry) - len(kept)
    return kept


def about(call_id: str) -> None:
    """From here on, lines of this task and of the threads that it starts are about a call.

    Args:
        call_id: of the call; empty: of none.
    """
    _call.set(call_id)


@contextmanager
def adding(fields: Callable[[str], Mapping[str, str]]) -> Iterator[None]:
    """Lines about a call get further fields while the block runs.

    Args:
        fields: by the call's id; what ``ALLOWED`` does not name is dropped.
    """
    _further.append(fields)
    try:
        yield
    finally:
        _further.remove(fields)


def shows(level: str) -> bool:
    """Whether lines of a level are written now; for lines that come with every record."""
    return _LEVELS[level] >= _LEVELS[_shown[0]]


def _of_its_call(
    _logger: object, _method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Processor: add the call that a line is about, and what is known of it besides."""
    call_id = entry.get("call_id") or _call.get()
    if call_id:
        entry["call_id"] = call_id
        for fields in _further:
            entry.update(fields(call_id))
    return entry


def configure_logging(level: str = "info") -> None:
    """Set up structlog on stderr and silence the libraries that log records or tracebacks."""
    import structlog  # noqa: PLC0415 - it takes as long as half of a command

    _shown[0] = level
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _of_its_call,
            only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_on_stderr,
    )
    silence_libraries()


def level_by_signals(level: str) -> None:
    """SIGUSR1 lets a level more through, SIGUSR2 sets ``level`` again; for the main thread.

    Whoever may signal the process may end it, so nothing new is opened to anybody.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # a process that is another one's part, as in tests
    there, here = os.pipe()
    os.set_blocking(here, False)

    def told(number: int, _frame: object) -> None:
        # A signal comes in the middle of anything, also of a line that is being written.
        with suppress(OSError):
            os.write(here, bytes([number]))

    def follow() -> None:
        while wanted := os.read(there, 1):
            more = _STEPS[min(_STEPS.index(_shown[0]) + 1, len(_STEPS) - 1)]
            changed, before = more if wanted[0] == signal.SIGUSR1 else level, _shown[0]
            loudest = max(changed, before, key=_STEPS.index)
            configure_logging(loudest)  # at which it is told
            get_logger().warning("log level changed", state=changed)
            configure_logging(changed)

    threading.Thread(target=follow, name="hushwire-log-level", daemon=True).start()
    for one in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(one, told)


class _StandardError(io.TextIOBase):
    """What standard error is now; a log that can't be written stops no call."""

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def _on_stderr(*_: object) -> structlog.PrintLogger:
    import structlog  # noqa: PLC0415 - it takes as long as half of a command

    return structlog.PrintLogger(cast("TextIO", _StandardError()))


def silence_libraries() -> None:
    """Faust, aiokafka and aiohttp log messages and exceptions with their values: keep them quiet.

    Their failures are told by us: a crashed app ends the process with a code of its own. What any
    other library logs goes nowhere, unless somebody sets up a handler for it.
    """
    logging.lastResort = logging.NullHandler()
    for name in _FOREIGN:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL)


def content_free_tracebacks() -> None:
    """Tell of an exception that nobody caught by its type and place, in every thread.

    Python's own way prints its message, which may hold what was spoken.
    """
    sys.excepthook = _tell
    threading.excepthook = lambda told: _tell(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = lambda told: _tell(told.exc_type, told.exc_value, told.exc_traceback)


def place_of(trace: TracebackType | None) -> str:
    """``FILE:LINE in FUNCTION`` of where an exception was raised."""
    frames = traceback.extract_tb(trace)
    if not frames:
        return "an unknown place"
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}"


def _tell(kind: type[BaseException], _: BaseException | None, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt | SystemExit):
        sys.stderr.write(f"hushwire: a fault of ours, {kind.__name__} at {place_of(trace)}\n")


def get_logger(stage: str = "") -> Any:  # noqa: ANN401 - structlog's own proxy
    """A logger, bound to a stage; it goes by what is configured when it is used."""
    import structlog  # noqa: PLC0415 - it takes as long as half of a command

    return structlog.get_logger(stage=stage) if stage else structlog.get_logger()
