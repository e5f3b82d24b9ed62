"""Goes through the whole audit log in the background, and says how far it is; one run at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from agents.app.operations.background import Background
from agents.reports.compliance.model import Chain
from agents.system.clock import Clock

Check: TypeAlias = Callable[[bool, Callable[[int], None]], Chain]
"""Goes through the log: whether the vault is compared too, and what is told how far it is."""


@dataclass(frozen=True, slots=True)
class ChainRun:
    """A run, or that there was none yet."""

    state: Literal["none", "running", "done", "failed"] = "none"
    by: str = ""
    began: datetime | None = None
    ended: datetime | None = None
    with_vault: bool = False
    entries: int = 0
    """Number of the log's last entry when it began."""
    reached: int = 0
    result: Chain | None = None
    problem: str = ""
    """Why it could not be gone through."""

    @property
    def percent(self) -> int:
        """How far it is."""
        return min(100, 100 * self.reached // self.entries) if self.entries else 0


@dataclass(slots=True)
class ChainWatch:
    """The last run.

    Args:
        check: goes through the log.
        last: number of the log's last entry.
        now: the time.
    """

    check: Check
    last: Callable[[], int]
    now: Clock
    _run: ChainRun = field(default_factory=ChainRun)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _work: Background = field(default_factory=lambda: Background("chain"))

    def state(self) -> ChainRun:
        """How the last run stands."""
        with self._lock:
            return self._run

    def start(self, by: str, *, with_vault: bool) -> bool:
        """Begin a run; False where one is going on.

        Args:
            by: who asked.
            with_vault: compare with what lies in the vault, which takes longer.
        """
        entries = self.last()
        with self._lock:
            if self._work.running:
                return False
            self._run = ChainRun("running", by, self.now(), with_vault=with_vault, entries=entries)
            return self._work.start(self._go, self._failed)

    def until_done(self, within_s: float) -> ChainRun:
        """The run once it has ended, or after a time."""
        self._work.wait(within_s)
        return self.state()

    def _go(self) -> None:
        run = self.state()
        result = self.check(run.with_vault, lambda seq: self._note(reached=seq))
        self._note(state="done", result=result, reached=run.entries, ended=self.now())

    def _failed(self, why: str) -> None:
        self._note(state="failed", problem=why, ended=self.now())

    def _note(self, **changes: Any) -> None:  # noqa: ANN401 - fields of a run
        with self._lock:
            self._run = replace(self._run, **changes)
