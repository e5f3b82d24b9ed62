"""What processes cost, read from ``/proc``: processor time and memory of a whole tree."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

_PROC = Path("/proc")
_UTIME, _CSTIME = 11, 15
"""Fields of ``/proc/PID/stat`` behind the name: own and reaped children's user and system time."""


def tree(pid: int) -> list[int]:
    """A process and all that descend from it; those that have ended are left out."""
    found = [pid]
    for one in found:
        for task in (_PROC / str(one) / "task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text(encoding="ascii").split()]
            except OSError:
                continue
    return found


def cpu_s(pid: int) -> float:
    """Processor seconds of a process tree so far, children that were waited for included."""
    return sum(ticks(_read(one, "stat")) for one in tree(pid)) / os.sysconf("SC_CLK_TCK")


def ticks(stat: str) -> int:
    """Clock ticks in the text of ``/proc/PID/stat``; 0 for a process that is gone.

    The second field is the program's name in parentheses and may hold anything.
    """
    return sum(int(field) for field in stat.rpartition(")")[2].split()[_UTIME:_CSTIME])


def resident_mb(pid: int) -> float:
    """Resident memory of one process; 0 when it is gone."""
    found = re.search(r"VmRSS:\s+(\d+) kB", _read(pid, "status"))
    return int(found.group(1)) / 1_024 if found else 0.0


def machine() -> str:
    """Cores, processor and system, for the head of a page."""
    return f"{os.cpu_count()} cores, {_processor()}, {platform.platform()}"


def _processor() -> str:
    """The processor's own name where Linux tells it."""
    try:
        text = (_PROC / "cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def _read(pid: int, name: str) -> str:
    try:
        return (_PROC / str(pid) / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
