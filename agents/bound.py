"""Children that end with us, also after ``kill -9`` (Linux).

``end_with_parent`` is for children that run our code, such as the processes of a pool;
``bound_command`` is for foreign programs: it starts them through this module, which asks the
kernel for the signal and then becomes the program.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""``prctl(2)``: the signal that this process gets when its parent's thread ends."""


def end_with_parent(parent: int) -> None:
    """Let this process be killed when its parent ends; write no core dumps.

    The kernel watches the *thread* that started this process: start children from a thread that
    lives as long as the process does.

    Args:
        parent: the parent's process id, to notice that it ended before this call.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def bound_command(program: str, *arguments: str) -> list[str]:
    """The command line that runs a program as a child that ends with this process."""
    return [sys.executable, "-m", "agents.bound", str(os.getpid()), program, *arguments]


def _main() -> None:
    end_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the caller names the program


if __name__ == "__main__":
    _main()
