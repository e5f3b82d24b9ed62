"""Ends the process at once when going on would risk a loss: everything unfinished is read again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

BROKER, STORE, MODEL, KEY, BUG, CRASHED, POLICY = 81, 82, 83, 84, 85, 86, 87
"""Exit codes, apart from the ones that shells and signals use."""


class FatalError(BaseException):
    """What tests see in place of the end of their process."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


_hook: list[Callable[[int, str], None]] = []
"""What is told first; a test's hook raises ``FatalError``."""


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
