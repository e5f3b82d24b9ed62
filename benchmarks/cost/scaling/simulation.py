"""Many live calls at once, simulated by SimPy from measured costs and from what waits for what.

Simulated is one worker after another: between workers nothing is shared but broker and ledger,
which are reckoned. A worker has what ``need`` gives it: engines of transcription and of
verification, and one process each for detecting and muting. Its calls are drawn: every call of the
installation falls into a partition at random, as by its hash, and every worker has partitions in
turn. So all workers' loads are known, and some are simulated: evenly chosen by load, the most
loaded one always among them. Figures of all are weighted by how many workers each stands for.

Chunks come a second apart. What they make ready (``traced``) queues for the engines, first come
first served; a second is released when what it waited for is done. Calls end and the next begins.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import simpy

from agents.app.operations.sizing.costs import Basis
from agents.app.operations.sizing.need import Need, need

WARM_S: Final = 60.0
"""Not counted: the first calls begin in their middle."""
DRAIN_S: Final = 120.0
"""How long after the counted time is waited for what was spoken in it; later is never."""
HOP_S: Final = 0.02
"""From a chunk's last sample to the worker, and for each hop over the broker: producer, broker and
consumer wait a few milliseconds each. Assumed; it is little beside all else."""
NOTICED_S: Final = 6.0
"""After the death of a worker, until its partitions move (the session's time-out)."""
JOINED_S: Final = 3.4
"""Until the others have them: of the 9.4 s of a takeover that was measured, what is left. Nobody of
the group reads meanwhile."""

Trace: TypeAlias = Mapping[str, Any]
"""Of ``traced``, its windows' costs as ``calibrated`` gives them."""
_Event: TypeAlias = Generator[simpy.Event, Any, None]


@dataclass(slots=True)
class Delays:
    """Seconds from the live edge."""

    redacted: list[float] = field(default_factory=list)
    verified: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    """Of windows, in the queue of transcription's engines."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What a simulated worker has; stages are processes beside one another."""

    calls: int
    engines: int
    """Of transcription."""
    checkers: int
    """Engines of verification."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Another worker of the group dies, and this one gets some of its calls."""

    at_s: float
    calls: int


def calibrated(traces: Sequence[Trace], basis: Basis, factor: float | None = None) -> list[Trace]:
    """The traces with costs whose sum is what the whole stages cost, as it was measured.

    A trace has the engines' time alone; the stages' own share, and what a batch saves, are in the
    measured cost of a stage.

    Args:
        traces: of one pace.
        basis: what a second of a call costs.
        factor: of the costs of transcription, where another pace was measured; None: their sum is
            the measured one.
    """
    audio = sum(one["chunks"] for one in traces)
    wanted = {False: basis.engines.transcribe_s, True: basis.engines.verify_s}
    factors = {
        check: wanted[check] * audio / max(engine_s(traces, check=check), 1e-9)
        for check in (False, True)
    }
    factors[False] = factor or factors[False]
    return [
        {
            **one,
            "windows": [(at, check, cost * factors[check]) for at, check, cost in one["windows"]],
        }
        for one in traces
    ]


def engine_s(traces: Sequence[Trace], *, check: bool) -> float:
    """Engine time of all windows of a kind."""
    return float(sum(cost for one in traces for _, kind, cost in one["windows"] if kind is check))


def worker_of(found: Need, calls: int, pace_factor: float = 1.0) -> Worker:
    """A worker with its part of what is needed, and with calls of its own.

    Args:
        found: what all calls need.
        calls: that this one has.
        pace_factor: engines of transcription are needed so many times.
    """
    stages = {one.name: one for one in found.stages}
    heard, checked = stages["transcribe"], stages["verify"]
    return Worker(
        calls,
        engines=_whole(heard.engines * pace_factor / heard.workers),
        checkers=_whole(checked.engines / checked.workers),
    )


def loads(calls: int, partitions: int, workers: int, rng: np.random.Generator) -> list[int]:
    """How many calls each worker has, where every call falls into a partition at random."""
    by_partition = rng.multinomial(calls, [1 / partitions] * partitions)
    found = np.zeros(workers, int)
    for number, count in enumerate(by_partition):
        found[number % workers] += count
    return sorted(found.tolist())


def chosen(found: Sequence[int], most: int) -> list[tuple[int, float]]:
    """Some of the loads, the largest among them, and which share of the workers each stands for."""
    if len(found) <= most:
        return [(load, 1 / len(found)) for load in found]
    edges = np.linspace(0, len(found) - 1, most + 1).astype(int)
    middle = [
        (found[(low + high) // 2], (high - low) / len(found))
        for low, high in itertools.pairwise(edges)
    ]
    return [*middle, (found[-1], 1 / len(found))]


def simulated(
    worker: Worker, traces: Sequence[Trace], basis: Basis, *, seconds: float, seed: int,
    loss: Loss | None = None,
) -> Delays:  # fmt: skip
    """One worker for a while.

    Args:
        worker: what it has.
        traces: calibrated; every call is one of them.
        basis: what detecting and muting cost.
        seconds: that are counted.
        seed: of when calls begin, and which trace each is.
        loss: of another worker.
    """
    return _Simulation(worker, traces, basis, seconds, random.Random(seed), loss).run()


class _Simulation:
    """The clockwork; see the module."""

    def __init__(
        self,
        worker: Worker,
        traces: Sequence[Trace],
        basis: Basis,
        seconds: float,
        rng: random.Random,
        loss: Loss | None,
    ) -> None:
        self._env = simpy.Environment()
        self._engines = simpy.Resource(self._env, max(1, worker.engines))
        self._checkers = simpy.Resource(self._env, max(1, worker.checkers))
        stages = basis.costs.stages
        self._single = {
            name: (simpy.Resource(self._env, 1), stages[name].cpu_s) for name in ("detect", "mute")
        }
        self._worker, self._traces, self._rng, self._loss = worker, traces, rng, loss
        self._until = WARM_S + seconds
        self._told = Delays()

    def run(self) -> Delays:
        """Run it."""
        for _ in range(self._worker.calls):
            self._env.process(self._line())
        if self._loss is not None:
            self._env.process(self._taken_over(self._loss))
        self._env.run(self._until + DRAIN_S)
        return self._told

    def _line(self) -> _Event:
        """One call after another: the first began before the clock did."""
        trace = self._rng.choice(self._traces)
        begun = -self._rng.uniform(0, trace["chunks"])
        while True:
            yield self._env.process(self._call(trace, begun))
            trace, begun = self._rng.choice(self._traces), self._env.now

    def _taken_over(self, loss: Loss) -> _Event:
        """Calls of a worker that died: they are read again from their first record."""
        moved = WARM_S + loss.at_s + NOTICED_S + JOINED_S
        yield self._env.timeout(moved)
        for _ in range(loss.calls):
            trace = self._rng.choice(self._traces)
            begun = self._env.now - self._rng.uniform(0, trace["chunks"])
            self._env.process(self._call(trace, begun, again=True))

    def _call(self, trace: Trace, begun: float, *, again: bool = False) -> _Event:
        """A call whose first second began then; what came before the clock is not counted.

        With ``again``, all that has come of it by now is there at once; what had been released
        before the loss is not counted a second time.
        """
        n = trace["chunks"]
        lost = WARM_S + self._loss.at_s if again and self._loss is not None else float("-inf")
        ready: list[list[tuple[bool, float]]] = [[] for _ in range(n + 1)]
        for at, check, cost in trace["windows"]:
            ready[at].append((check, cost))
        released = {name: _by_chunk(trace[name], n) for name in ("redacted", "verified")}
        if again:
            released = {
                name: {at: found for at, found in each.items() if begun + min(at + 1, n) >= lost}
                for name, each in released.items()
            }
        before: simpy.Event | None = None
        since = self._env.now
        for chunk in range(n + 1):
            comes = begun + min(chunk + 1, n)
            if comes < since and not again:
                continue
            yield self._env.timeout(max(0.0, self._arrival(comes) - self._env.now))
            step = self._after(chunk, ready[chunk], released, begun, before)
            before = self._env.process(step)

    def _arrival(self, comes: float) -> float:
        """When a chunk is there: later while the group is joined anew."""
        arrives = comes + HOP_S
        if self._loss is not None:
            stands = WARM_S + self._loss.at_s + NOTICED_S
            if stands <= arrives < stands + JOINED_S:
                return stands + JOINED_S
        return arrives

    def _after(
        self,
        chunk: int,
        ready: Sequence[tuple[bool, float]],
        released: Mapping[str, Mapping[int, Sequence[int]]],
        begun: float,
        before: simpy.Event | None,
    ) -> _Event:
        """All that follows from a chunk; what follows from the one before it goes first."""
        env = self._env
        heard = [env.process(self._hear(cost)) for check, cost in ready if not check]
        yield env.all_of([*heard, *([before] if before is not None else [])])
        for resource, cost in self._single.values():
            with resource.request() as mine:
                yield mine
                yield env.timeout(cost)
        yield env.timeout(2 * HOP_S)
        self._release(self._told.redacted, released["redacted"].get(chunk, ()), begun)
        checks = [env.process(self._check(cost)) for check, cost in ready if check]
        env.process(self._verified(checks, released["verified"].get(chunk, ()), begun))

    def _verified(
        self, checks: Sequence[simpy.Event], seconds: Sequence[int], begun: float
    ) -> _Event:
        yield self._env.all_of(checks)
        yield self._env.timeout(HOP_S)
        self._release(self._told.verified, seconds, begun)

    def _hear(self, cost: float) -> _Event:
        asked = self._env.now
        with self._engines.request() as mine:
            yield mine
            if WARM_S <= asked < self._until:
                self._told.waited.append(self._env.now - asked)
            yield self._env.timeout(cost)

    def _check(self, cost: float) -> _Event:
        with self._checkers.request() as mine:
            yield mine
            yield self._env.timeout(cost)

    def _release(self, into: list[float], seconds: Sequence[int], begun: float) -> None:
        edges = [begun + second + 1 for second in seconds]
        into += [self._env.now - edge for edge in edges if WARM_S <= edge < self._until]


def _by_chunk(released: Sequence[int], chunks: int) -> dict[int, list[int]]:
    """Which seconds are let go by the coming of which chunk."""
    found: dict[int, list[int]] = {}
    for second, at in enumerate(released[:chunks]):
        found.setdefault(at, []).append(second)
    return found


def percentiles(values: Sequence[float], weights: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 of weighted values."""
    if not values:
        return {}
    order = np.argsort(values)
    sorted_values, share = np.asarray(values)[order], np.cumsum(np.asarray(weights, float)[order])
    share /= share[-1]
    return {
        f"p{part}": float(
            sorted_values[min(len(order) - 1, int(np.searchsorted(share, part / 100)))]
        )
        for part in (50, 95, 99)
    }


def installation(
    calls: int, basis: Basis, traces: Sequence[Trace], *, pace_factor: float,
    sample: int, seconds: float, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """So many calls at once, in what ``need`` says that they need.

    Args:
        calls: how many.
        basis: what was measured.
        traces: calibrated.
        pace_factor: see ``worker_of``.
        sample: workers that are simulated at most.
        seconds: that are counted.
        seed: of everything that is drawn.
    """
    found = need(calls, basis)
    stages = {one.name: one for one in found.stages}
    workers = stages["transcribe"].workers
    every = loads(calls, found.partitions, workers, np.random.default_rng(seed))
    picked = chosen(every, sample)
    cost = sum(c for one in traces for _, check, c in one["windows"] if not check)
    each = cost / sum(one["chunks"] for one in traces)
    made, told, weights = [], Delays(), Delays()
    for number, (load, share) in enumerate(picked):
        worker = worker_of(found, load, pace_factor)
        delays = simulated(worker, traces, basis, seconds=seconds, seed=seed + number)
        made.append((worker, delays))
        for name in ("redacted", "verified", "waited"):
            values = getattr(delays, name)
            getattr(told, name).extend(values)
            # Every worker counts by its calls, however many of its seconds were released.
            getattr(weights, name).extend([share * load / max(1, len(values))] * len(values))
    hottest, its = made[-1]
    lost = simulated(
        worker_of(found, round(calls / workers), pace_factor), traces, basis, seconds=seconds,
        seed=seed,
        loss=Loss(seconds / 3, _whole(calls / workers / max(1, workers - 1))),
    ) if workers > 1 else None  # fmt: skip
    return {
        "calls": calls,
        "workers": workers,
        "partitions": found.partitions,
        "simulated": len(picked),
        "engines_a_worker": hottest.engines,
        "load_mean": calls / workers,
        "taken_over": _whole(calls / workers / max(1, workers - 1)),
        "load_most": every[-1],
        "used_mean": calls / workers * each / hottest.engines,
        "used_most": every[-1] * each / hottest.engines,
        **{
            name: percentiles(getattr(told, name), getattr(weights, name))
            for name in ("redacted", "verified", "waited")
        },
        "most_loaded": {
            name: percentiles(getattr(its, name), [1.0] * len(getattr(its, name)))
            for name in ("redacted", "verified", "waited")
        },
        "after_a_loss": None if lost is None else {
            name: percentiles(getattr(lost, name), [1.0] * len(getattr(lost, name)))
            for name in ("redacted", "verified", "waited")
        },
    }  # fmt: skip


def _whole(amount: float) -> int:
    return int(-(-round(amount, 6) // 1))
