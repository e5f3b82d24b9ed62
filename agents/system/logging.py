"""Logging without content: only fields on an allow-list get through, as JSON lines.

A value that is not on the list is dropped and the event is marked, so that a careless log line
shows up in a test instead of showing what was spoken.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO, cast

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
    }
)
"""Fields whose values are counts, ids, places, fixed words or sentences of our own (``why``)."""
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_FOREIGN = ("faust", "mode", "aiokafka", "aiohttp", "kafka", "asyncio")


def only_allowed(
    _logger: object, _method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Processor: keep the allowed fields, count the others."""
    kept = {name: value for name, value in entry.items() if name in ALLOWED}
    if len(kept) < len(entry):
        kept["dropped_fields"] = len(entry) - len(kept)
    return kept


def configure_logging(level: str = "info") -> None:
    """Set up structlog on stderr and silence the libraries that log records or tracebacks."""
    import structlog  # noqa: PLC0415 - it takes as long as half of a command

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_on_stderr,
    )
    silence_libraries()


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
