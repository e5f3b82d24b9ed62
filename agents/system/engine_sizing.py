"""How many speech engines a machine bears, and how they share the windows that wait.

One process of one thread per core: two threads in one process gain at most a fifth (measured), and
results are bit-identical for one thread only. A GPU is fed by one process and large batches.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pipeline.transcription.windows import WindowSettings

Pace: TypeAlias = Literal["latency", "balanced", "throughput"]
Device: TypeAlias = Literal["cpu", "cuda"]

CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Batch:
    """How windows of all calls are put together for one engine process."""

    most: int = 1
    """Windows that a process gets at once."""
    wait_s: float = 0.0
    """How long a process that is free waits for a batch to fill. Where all processes are busy,
    windows gather anyway."""


_MOST: dict[Pace, int] = {"latency": 4, "balanced": 4, "throughput": 8}
"""A batch of 4 on one CPU thread saves a tenth to a quarter of decoding and keeps its first window
waiting for its last; 8 save 7 % of the whole stage more, 16 no more than 8 (measured)."""
_MOST_ON_GPU = 32
_WAIT_S: dict[Pace, float] = {"latency": 0.02, "balanced": 0.05, "throughput": 0.2}
_WINDOWS: dict[Pace, WindowSettings] = {
    "latency": WindowSettings.latency(),
    "balanced": WindowSettings(),
    "throughput": WindowSettings.throughput(),
}


def window_settings(pace: Pace) -> WindowSettings:
    """How a pace cuts windows."""
    return _WINDOWS[pace]


def batching(pace: Pace, device: Device) -> Batch:
    """How a pace puts windows together. On the CPU nothing is won by waiting."""
    return Batch(_MOST[pace], 0.0) if device == "cpu" else Batch(_MOST_ON_GPU, _WAIT_S[pace])


def engine_count(wanted: int, device: Device, *, cgroup: Path = CGROUP) -> int:
    """Engine processes to start.

    Args:
        wanted: what is set; 0 for as many as the machine bears.
        device: where the models run; one process feeds a GPU.
        cgroup: where this process's limits stand.
    """
    if wanted:
        return wanted
    return 1 if device == "cuda" else cores(cgroup)


def cores(cgroup: Path = CGROUP) -> int:
    """Whole cores that this process may use: its affinity, and its container's CPU limit."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limit = _limit(cgroup)
    return max(1, min(usable or 1, math.floor(limit) if limit else usable or 1))


def memory_bytes(cgroup: Path = CGROUP, meminfo: Path = Path("/proc/meminfo")) -> int:
    """Memory that processes of ours may still take: what is free, within the container's limit."""
    words = _words(meminfo)
    free = words[words.index("MemAvailable:") + 1] if "MemAvailable:" in words else ""
    found = [int(free) * 1024] if free.isdigit() else []
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = _words(cgroup / name)[:1]
        found += [int(one) for one in limit if one.isdigit()]
    return min(found, default=0)


def _limit(cgroup: Path) -> float | None:
    """Cores of the CPU quota, of cgroup v2 or v1; None without one."""
    both = _words(cgroup / "cpu.max") or [
        *_words(cgroup / "cpu" / "cpu.cfs_quota_us"),
        *_words(cgroup / "cpu" / "cpu.cfs_period_us"),
    ]
    if len(both) < 2 or not both[0].isdigit() or not both[1].isdigit() or not int(both[1]):  # noqa: PLR2004 - quota and period
        return None
    return int(both[0]) / int(both[1])


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
