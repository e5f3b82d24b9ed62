"""Tells how far a command is: a bar on a terminal, plain lines in a pipe or log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

BEAT_S: Final = 10.0
"""How often a line tells what goes on where no terminal is."""


def plain(console: Console, text: str) -> None:
    """Print one line as it is: nothing in it is markup, and it is not broken."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def lasting(seconds: float) -> str:
    """A time for people, by its two largest units."""
    whole = round(seconds)
    for size, unit, smaller, small in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller} {small}"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"  # noqa: PLR2004 - a minute


class Through:
    """How many of some things a command is through with; a context manager.

    Args:
        console: where it is told.
        total: how many there are.
        things: what they are, such as ``recordings``.
        before: how many of them were through before; then it is told how long the rest will take,
            as fast as the others went.
        beat_s: seconds between the lines that tell what goes on.
        clock: seconds, such as ``time.monotonic``.
    """

    def __init__(
        self,
        console: Console,
        total: int,
        things: str,
        *,
        before: int | None = None,
        beat_s: float = BEAT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._before = before
        self._console, self._total, self._things = console, total, things
        self._beat_s, self._clock = beat_s, clock
        self._done = before or 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._bar: Progress | None = None
        self._beats: threading.Thread | None = None
        if console.is_terminal:
            columns: list[ProgressColumn] = [TextColumn(things), BarColumn(), MofNCompleteColumn()]
            columns += [TimeElapsedColumn()]
            columns += [TimeRemainingColumn()] if before is not None else []
            self._bar = Progress(*columns, console=console, transient=True)
            self._task = self._bar.add_task(things, total=total, completed=before or 0)

    def __enter__(self) -> Self:
        self._began = self._clock()
        if self._bar is not None:
            self._bar.start()
        else:
            self._beats = threading.Thread(target=self._beat, name="beats", daemon=True)
            self._beats.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._bar is not None:
            self._bar.stop()
        if self._beats is not None:
            self._beats.join()

    def through(self, line: str = "") -> None:
        """One more is done; a line tells how it ended, where that is worth one."""
        with self._lock:
            self._done += 1
            if line:
                plain(self._console, line)
        if self._bar is not None:
            self._bar.advance(self._task)

    def tell(self) -> None:
        """Tell what goes on, by a line."""
        with self._lock:
            after = self._clock() - self._began
            told = f"after {after:.0f} s: {self._done} of {self._total} {self._things} are through"
            plain(self._console, told + self._left(after))

    def _left(self, after_s: float) -> str:
        """How long the rest will take, where that is told."""
        if self._before is None:
            return ""
        now, rest = self._done - self._before, self._total - self._done
        return f"; about {lasting(after_s / now * rest)} left" if now and rest else ""

    def _beat(self) -> None:
        while not self._over.wait(self._beat_s):
            self.tell()
