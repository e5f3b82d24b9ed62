"""``python -m agents`` is the ``hushwire`` command."""

from __future__ import annotations

import os
import signal
import sys

_SERVING = frozenset({"worker", "gateway", "serve"})
"""Commands that run until they are stopped, often as the first process of a container."""


def main() -> None:
    """Entry point of the ``hushwire`` command."""
    if sys.argv[1:2] and sys.argv[1] in _SERVING:
        # Before anything is loaded: a container's first process gets no signal that it does not
        # ask for. Each command asks again, once it has something to hand over.
        signal.signal(signal.SIGTERM, _stopped)
    # Imported here: the processes of the speech engines import the command's main module, too.
    from agents.system.child_processes import THREADS  # noqa: PLC0415

    # Several wait for one another where a container has one core, and round otherwise than one.
    for name in THREADS:
        os.environ.setdefault(name, "1")
    from agents.cli.main import main as command  # noqa: PLC0415

    command()


def _stopped(number: int, _frame: object) -> None:
    """End in order, with the exit code that a shell gives to a signal."""
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
