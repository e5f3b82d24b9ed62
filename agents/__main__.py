"""``python -m agents`` is the ``hushwire`` command."""

from __future__ import annotations

import os
import signal
import sys

_SERVING = frozenset({"worker", "gateway", "serve"})
"""Commands that run until they are stopped, often as the first process of a container."""


_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What tells the linear algebra behind NumPy how many threads to take, before it is loaded: several
wait for one another where a container has one core, and round otherwise than one."""


def main() -> None:
    """Entry point of the ``hushwire`` command."""
    if sys.argv[1:2] and sys.argv[1] in _SERVING:
        # Before anything is loaded: a container's first process gets no signal that it does not
        # ask for. Each command asks again, once it has something to hand over.
        signal.signal(signal.SIGTERM, _stopped)
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    # Imported here: the processes of the speech engines import the command's main module, too.
    from agents.cli.main import main as command  # noqa: PLC0415

    command()


def _stopped(number: int, _frame: object) -> None:
    """End in order, with the exit code that a shell gives to a signal."""
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
