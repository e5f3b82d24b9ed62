"""A stranger's SELECT in a process of its own: killed when its time is up, with bounded memory.

DuckDB's own limits do not hold inside one call of a function, nor for memory that is no page of
its; those of a process do. The child opens the ledger itself and hands the answer over in memory.

Outcomes: see ``agents.vault.analytics.warehouse.asking``; ``StoreError`` where the ledger is away.
"""

from __future__ import annotations

import os
import resource
import signal
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from agents.database.engine import Database
from agents.system.child_processes import end_with_parent
from agents.vault.analytics.warehouse.asking import NO_MEMORY, Answer, asked
from agents.vault.analytics.warehouse.loading import opened
from pipeline.errors import HushwireError, InputError, StoreError

LOAD_S: Final = 600
"""Seconds that it may take until the facts are in memory; they do not count as the query's."""
_SPARE: Final = 3 << 29
"""Bytes that a query may take beside what is there when it begins: 1 GB of DuckDB's, and rows."""
_STATM: Final = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked, and of what."""

    url: str
    """Of the ledger's database."""
    zone: str
    least: int
    sql: str
    most: int
    """Rows that are given."""
    parquet: bool = False


def answer_of(asking: Asking, seconds: float) -> Answer:
    """Answer a SELECT.

    Args:
        asking: what is asked.
        seconds: that the query may take.

    Raises:
        InputError, StoreError: see the module's text.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_answer, args=(os.getpid(), theirs, asking), daemon=True)
    child.start()
    theirs.close()
    try:
        _received(ours, LOAD_S, "the facts take too long to be read")
        found = _received(
            ours,
            seconds,
            f"the query took longer than {seconds:g} s and was stopped: ask for less, or give it "
            "more by --timeout",
        )
        assert found is not None  # noqa: S101 - for the type checker
        return found
    finally:
        child.kill()
        child.join()
        ours.close()


def _received(ours: Connection, seconds: float, late: str) -> Answer | None:
    if not ours.poll(seconds):
        raise InputError(late)
    try:
        found: Answer | HushwireError | None = ours.recv()
    except EOFError:  # where memory ends a process ends, too
        raise InputError(NO_MEMORY) from None
    if isinstance(found, HushwireError):
        raise found
    return found


def _answer(parent: int, theirs: Connection, asking: Asking) -> None:
    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    try:
        made = opened(Database(asking.url), ZoneInfo(asking.zone), asking.least)
        theirs.send(None)
        _bound()
        theirs.send(asked(made, asking.sql, most=asking.most, parquet=asking.parquet))
    except (InputError, StoreError) as error:
        theirs.send(error)
    except MemoryError:
        theirs.send(InputError(NO_MEMORY))
    except Exception as error:  # noqa: BLE001 - its words may hold rows
        theirs.send(InputError(f"the query can't be answered: {type(error).__name__}"))


def _bound() -> None:
    if _STATM.exists():
        held = int(_STATM.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + _SPARE, held + _SPARE))
