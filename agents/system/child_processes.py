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

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What tells the linear algebra behind NumPy how many threads to take, before it is loaded."""
_PR_SET_PDEATHSIG = 1
"""``prctl(2)``: the signal that this process gets when its parent's thread ends."""
_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
"""``prctl(2)``: whether the kernel may write this process's memory out."""


def without_core_dumps() -> None:
    """Let this process's memory, which may hold speech, never be written to a disk by a crash.

    The limit alone does not stop a dump that the kernel pipes to a program (``core(5)``); a process
    that is not dumpable is never dumped, and can't be attached to by others of its user. Both hold
    for children, the second until they run another program.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def may_dump_core() -> bool:
    """Whether a crash of this process could write its memory to a disk."""
    if sys.platform == "linux":
        return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0))
    return resource.getrlimit(resource.RLIMIT_CORE)[0] != 0


def end_with_parent(parent: int) -> None:
    """Let this process be killed when its parent ends; write no core dumps.

    The kernel watches the *thread* that started this process: start children from a thread that
    lives as long as the process does.

    Args:
        parent: the parent's process id, to notice that it ended before this call.
    """
    without_core_dumps()
    for one in (signal.SIGUSR1, signal.SIGUSR2):  # they are for the parent's log
        signal.signal(one, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def bound_command(program: str, *arguments: str) -> list[str]:
    """The command line that runs a program as a child that ends with this process."""
    return [
        sys.executable,
        "-m",
        "agents.system.child_processes",
        str(os.getpid()),
        program,
        *arguments,
    ]


def _main() -> None:
    end_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the caller names the program


if __name__ == "__main__":
    _main()
