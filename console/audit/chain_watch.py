"""Goes through the whole audit log in the background, and says how far it is; one run at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeAlias

from agents.reports.compliance.model import Chain
from agents.system.clock import Clock
from agents.system.logging import get_logger, place_of
from pipeline.errors import HushwireError

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
    _thread: threading.Thread | None = None

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
            if self._run.state == "running":
                return False
            self._run = ChainRun("running", by, self.now(), with_vault=with_vault, entries=entries)
            self._thread = threading.Thread(target=self._go, name="hushwire-chain", daemon=True)
            self._thread.start()
        return True

    def until_done(self, within_s: float) -> ChainRun:
        """The run once it has ended, or after a time."""
        thread = self._thread
        if thread is not None:
            thread.join(within_s)
        return self.state()

    def _go(self) -> None:
        try:
            result = self.check(self.state().with_vault, self._seen)
        except HushwireError as error:
            self._end(state="failed", problem=str(error))
        except Exception as error:  # noqa: BLE001 - a thread that ends must not show its text
            get_logger().error(
                "audit log not gone through",
                error_type=type(error).__name__,
                place=place_of(error.__traceback__),
            )
            self._end(state="failed", problem="a fault of ours: tell the operator when it was")
        else:
            self._end(state="done", result=result, reached=self.state().entries)

    def _seen(self, seq: int) -> None:
        with self._lock:
            self._run = replace(self._run, reached=seq)

    def _end(
        self,
        *,
        state: Literal["done", "failed"],
        result: Chain | None = None,
        problem: str = "",
        reached: int | None = None,
    ) -> None:
        with self._lock:
            run = self._run
            self._run = replace(
                run,
                state=state,
                ended=self.now(),
                result=result,
                problem=problem,
                reached=run.reached if reached is None else reached,
            )
