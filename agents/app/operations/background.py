"""One thing at a time in a thread of its own, while whoever asked goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from agents.system.logging import get_logger, place_of
from pipeline.errors import HushwireError

FAULT: Final = "a fault of ours: tell the operator when it was"


class Background:
    """Runs work.

    Args:
        name: what it is, for the log and the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether work is going on."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def start(self, work: Callable[[], None], failed: Callable[[str], None]) -> bool:
        """Begin work; False where some is going on.

        Args:
            work: what is done.
            failed: is told why it could not be, in words that may be shown.
        """
        with self._lock:
            if self.running:
                return False
            self._thread = threading.Thread(
                target=self._go, args=(work, failed), name=f"hushwire-{self._name}", daemon=True
            )
            self._thread.start()
        return True

    def wait(self, within_s: float) -> None:
        """Wait for work that is going on, for so long at most."""
        thread = self._thread
        if thread is not None:
            thread.join(within_s)

    def _go(self, work: Callable[[], None], failed: Callable[[str], None]) -> None:
        try:
            work()
        except HushwireError as error:
            failed(str(error))
        except Exception as error:  # noqa: BLE001 - a thread that ends must not show its text
            get_logger(self._name).error(
                "background work failed",
                error_type=type(error).__name__,
                place=place_of(error.__traceback__),
            )
            failed(FAULT)
