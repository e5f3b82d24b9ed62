"""The pipeline around the models: memory of a call in flight, takeover, and how its cost grows.

Workers hear scripted speech (``tests/broker/fakes.py``: the loudness of a burst is the word), so
that all that is measured is ours: stages, sealing, ledger, vault and the broker's clients. Calls
are telephone calls, 8 kHz in two channels, in chunks of half a second.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from confluent_kafka.admin import AdminClient

from agents.database.call_ledger import CallState
from benchmarks.cost import fits
from benchmarks.cost.processes import cpu_s, resident_mb
from pipeline.records.stages import STAGES
from tests.broker.harness import PARTITIONS, Installation, Script, script

IDLE_S: Final = 3_600.0
"""No call is closed because nothing of it comes."""
_QUIET: Final = 0.3
"""Share of a core below which a worker has nothing left to do; idle, it takes a tenth."""
_LOOK_S: Final = 1.0
_WITHIN_S: Final = 300.0
_WARM: Final = 4
_STAGES: Final = STAGES[1:]


def _installation(
    bootstrap: str, folder: Path, name: str, *, partitions: int = PARTITIONS
) -> Installation:
    own = folder / name
    own.mkdir()
    return Installation(bootstrap, own, f"b{uuid.uuid4().hex[:8]}", partitions=partitions)


def memory(
    bootstrap: str, folder: Path, *, levels: Sequence[int], seconds: Sequence[int]
) -> dict[str, Any]:
    """Resident memory of one worker with all stages over the calls that it has in flight.

    Args:
        bootstrap: a broker.
        folder: for ledger, vault and logs.
        levels: so many calls are open at once, ascending.
        seconds: lengths that the open calls have reached, ascending; the levels are measured at
            the first one, and the last level at all of them.

    Returns:
        ``points`` (calls, seconds, MB of the worker without its engine) and ``mb_per_call`` with
        the fit at the first length, and at each further length from the last level alone.
    """
    made = _installation(bootstrap, folder, "memory")
    try:
        worker = made.start(idle_s=IDLE_S)
        _through(made, _WARM, 10, "warm")
        _settle(worker.pid)
        points = [(0, seconds[0], resident_mb(worker.pid))]
        scripts: list[Script] = []
        for level in levels:
            more = [script(f"held-{n}", seconds=seconds[-1]) for n in range(len(scripts), level)]
            _chunks(made, more, 0, seconds[0])
            scripts += more
            _settle(worker.pid)
            points.append((level, seconds[0], resident_mb(worker.pid)))
        for before, until in pairwise(seconds):
            _chunks(made, scripts, before, until)
            _settle(worker.pid)
            points.append((len(scripts), until, resident_mb(worker.pid)))
        _end(made, scripts)
        _stored(made, [one.info.call_id for one in scripts])
    finally:
        made.close()
    first = [one for one in points if one[1] == seconds[0]]
    fit = fits.line([one[0] for one in first], [one[2] for one in first])
    return {
        "points": points,
        "mb_per_call": fit.slope,
        "r2": fit.r2,
        "mb_per_call_by_seconds": {
            str(one[1]): (one[2] - points[0][2]) / one[0] for one in points if one[0] == levels[-1]
        },
    }


def takeover(bootstrap: str, folder: Path, *, calls: int, repeats: int) -> list[dict[str, float]]:
    """Two workers, calls in flight; one is killed, and all calls have to be stored by the other.

    Returns:
        For each repeat, seconds after the kill: ``noticed_s`` (every group has one member again),
        ``half_s`` and ``all_s`` (half of the calls and all of them are stored).
    """
    return [_takeover(bootstrap, folder, number, calls) for number in range(repeats)]


def _takeover(bootstrap: str, folder: Path, number: int, calls: int) -> dict[str, float]:
    made = _installation(bootstrap, folder, f"takeover-{number}")
    try:
        first, second = made.start(idle_s=IDLE_S), made.start(idle_s=IDLE_S)
        scripts = [script(f"taken-{n}", seconds=10) for n in range(calls)]
        _chunks(made, scripts, 0, 10)
        _settle(first.pid)
        _settle(second.pid)
        groups = _Groups(made)
        first.kill()
        began = time.monotonic()
        first.wait()
        _end(made, scripts)
        found: dict[str, float] = {}
        while "all_s" not in found:
            passed = time.monotonic() - began
            if passed > _WITHIN_S:
                raise TimeoutError(made.log()[-2_000:])
            stored = sum(made.ledger.state(o.info.call_id) is CallState.STORED for o in scripts)
            if stored >= calls / 2:
                found.setdefault("half_s", passed)
            if stored == calls:
                found["all_s"] = passed
            if "noticed_s" not in found and groups.alone():
                found["noticed_s"] = passed
            time.sleep(0.1)
        made.stop(second)
        return found
    finally:
        made.close()


class _Groups:
    """Looks at the consumer groups of an installation."""

    def __init__(self, made: Installation) -> None:
        self._names = [f"{made.prefix}-{stage}" for stage in _STAGES]
        self._admin = AdminClient({"bootstrap.servers": made.bootstrap, "log_level": 0})

    def alone(self) -> bool:
        """Whether every group has exactly one member; False where the broker can't tell."""
        with suppress(Exception):
            told = self._admin.describe_consumer_groups(self._names, request_timeout=2)
            return all(len(one.result().members) == 1 for one in told.values())
        return False


def growth(
    bootstrap: str, folder: Path, *, counts: Sequence[int], lengths: Sequence[int]
) -> dict[str, Any]:
    """CPU seconds of a worker against the number of calls and their length.

    Args:
        bootstrap: a broker.
        folder: for ledger, vault and logs.
        counts: so many calls of 10 s.
        lengths: eight calls of so many seconds.

    Returns:
        For ``calls`` and ``length``: ``points``, ``exponent`` of a power law and its ``r2``.
    """
    made = _installation(bootstrap, folder, "growth")
    try:
        pid = made.start(idle_s=IDLE_S).pid
        _through(made, _WARM, 10, "warm")
        by_count = [(n, _cost(made, pid, n, 10, f"count-{n}")) for n in counts]
        by_length = [(s, _cost(made, pid, 8, s, f"length-{s}")) for s in lengths]
    finally:
        made.close()
    return {"calls": _law(by_count), "length": _law(by_length)}


def scaling(bootstrap: str, folder: Path, *, workers: Sequence[int]) -> dict[str, Any]:
    """Calls a second that so many workers get through, of 24 calls of 20 s; like ``growth``."""
    return _law([(n, _speed(bootstrap, folder, workers=n)) for n in workers])


def spread(bootstrap: str, folder: Path, *, partitions: Sequence[int]) -> dict[str, Any]:
    """The same for one worker and so many partitions of every topic."""
    return _law([(n, _speed(bootstrap, folder, partitions=n)) for n in partitions])


def _law(points: Sequence[tuple[int, float]]) -> dict[str, Any]:
    fit = fits.power([one[0] for one in points], [one[1] for one in points])
    return {"points": points, "exponent": fit.slope, "r2": fit.r2}


def _cost(made: Installation, pid: int, calls: int, seconds: int, name: str) -> float:
    """CPU seconds of a worker for so many calls."""
    _settle(pid)
    before = cpu_s(pid)
    _through(made, calls, seconds, name)
    return cpu_s(pid) - before


def _speed(
    bootstrap: str, folder: Path, *, workers: int = 1, partitions: int = PARTITIONS
) -> float:
    """Calls a second that so many workers get through."""
    name = f"workers-{workers}-{partitions}"
    made = _installation(bootstrap, folder, name, partitions=partitions)
    try:
        for _ in range(workers):
            made.start(idle_s=IDLE_S)
        _through(made, 2 * _WARM, 10, "warm")
        for worker in made.workers:
            _settle(worker.pid)
        began = time.monotonic()
        _through(made, 24, 20, "timed")
        return 24 / (time.monotonic() - began)
    finally:
        made.close()


def _through(made: Installation, calls: int, seconds: int, name: str) -> None:
    """Send whole calls and wait until all are stored."""
    scripts = [script(f"{name}-{n}", seconds=seconds, first=n) for n in range(calls)]
    made.interleave(scripts)
    _stored(made, [one.info.call_id for one in scripts])


def _stored(made: Installation, calls: Sequence[str]) -> None:
    states = made.until_closed(calls, within_s=_WITHIN_S)
    if set(states.values()) != {CallState.STORED}:
        raise RuntimeError("a call was not stored")


def _chunks(made: Installation, scripts: Sequence[Script], start_s: int, until_s: int) -> None:
    """Send a stretch of every call, chunk by chunk in turn."""
    seals = {one.info.call_id: made.ledger.open_call(one.info.call_id).seal for one in scripts}
    for number in range(2 * start_s, 2 * until_s):
        for one in scripts:
            if number < len(one.chunks):
                made.producer.send(one.chunks[number], seals[one.info.call_id])
    made.producer.flush()


def _end(made: Installation, scripts: Sequence[Script]) -> None:
    for one in scripts:
        made.send(one.info.call_id, [one.end])
    made.producer.flush()


def _settle(pid: int) -> None:
    """Wait until a worker has nothing to do: little processor time, twice in a row."""
    _until(_Quiet(pid), _WITHIN_S)


class _Quiet:
    """True after the second look in a row at which a process did next to nothing."""

    def __init__(self, pid: int) -> None:
        self._pid, self._seen, self._quiet = pid, cpu_s(pid), 0

    def __call__(self) -> bool:
        used = cpu_s(self._pid)
        self._quiet = self._quiet + 1 if used - self._seen < _QUIET * _LOOK_S else 0
        self._seen = used
        return self._quiet >= 2


def _until(true: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        time.sleep(_LOOK_S)
        if true():
            return
    raise TimeoutError("a worker does not come to rest")
