"""From what a call costs to what so many calls at once need: arithmetic, nothing is simulated here.

Everything is taken as proportional to calls and channels. That is measured for two channels and
small numbers (docs/sizing.md); where it ends, docs/scaling.md simulates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from agents.app.operations.sizing.costs import STAGES, Basis
from pipeline.records.stages import SPEECH, TRANSCRIBE, VERIFY

HEADROOM: Final = 0.7
"""Share of a core that is planned for: the load of `make soak`, at which nothing grows."""
IN_FLIGHT: Final = 64
"""Calls that a worker process takes at once (`calls_in_flight`)."""
CORES_A_MACHINE: Final = 32
MOST_PARTITIONS: Final = 512
"""As the setting `partitions` allows: a stage has at most as many workers that do something."""
CHANNELS: Final = 2
"""Of the calls that were measured."""
RETENTION_S: Final = 86_400
"""How long the broker keeps records (`raw_retention_seconds`)."""
REPLICATION: Final = 3
CALL_S: Final = 300.0
"""Length of a call, for what is needed once a call: assumed, and an option of the command."""
HOURS_A_MONTH: Final = 730


@dataclass(frozen=True, slots=True)
class StageNeed:
    """What one stage needs."""

    name: str
    workers: int
    cores: int
    """With its engines on CPUs; on a GPU without them."""
    engines: int
    """Engine processes: a core each, or a GPU."""
    memory_gb: float


@dataclass(frozen=True, slots=True)
class Need:
    """What so many calls at once need."""

    calls: int
    channels: int
    stages: tuple[StageNeed, ...]
    cores: int
    """All stages, at ``HEADROOM``."""
    engine_cores: int
    """Those of them under speech engines, one engine process of one thread each; 0 on GPUs."""
    gpus: int
    memory_gb: float
    partitions: int
    calls_in_flight: int
    """The setting for each worker."""
    broker_mb_s: float
    """Written; every record is read once or twice as well, and replicas come on top."""
    broker_disk_gb: float
    """Of ``REPLICATION`` copies, for ``RETENTION_S``."""
    vault_gb_day: float
    ledger_calls_s: float
    """Calls that begin and end in a second."""
    machines: int
    """Of ``CORES_A_MACHINE`` cores."""
    notes: tuple[str, ...]

    @property
    def workers(self) -> int:
        """Of the stage with the most."""
        return max(one.workers for one in self.stages)

    def price(self, core_hour: float, gpu_hour: float = 0.0) -> float:
        """What an hour costs: whole machines, and GPUs."""
        return self.machines * CORES_A_MACHINE * core_hour + self.gpus * gpu_hour


def calls_per_core(basis: Basis) -> float:
    """Calls at once that a core bears at ``HEADROOM``, the broker not counted."""
    return HEADROOM / basis.costs.work_s


def need(calls: int, basis: Basis, *, channels: int = CHANNELS, call_s: float = CALL_S) -> Need:
    """What so many calls at once need.

    Args:
        calls: how many.
        basis: what was measured.
        channels: of each call; costs are taken as proportional to them.
        call_s: mean length of a call.
    """
    costs, engines = basis.costs, basis.engines
    scale = calls * channels / CHANNELS
    on_gpu = engines.device == "cuda"
    heard = {TRANSCRIBE: engines.transcribe_s, VERIFY: engines.verify_s}
    cpu = {name: heard.get(name, costs.stages[name].cpu_s) for name in STAGES}
    processes = {name: _whole(scale * heard[name] / HEADROOM) for name in SPEECH}
    gpus = _whole(scale * engines.heard_s / HEADROOM) if on_gpu else 0
    by_calls = _whole(calls / IN_FLIGHT)
    workers = {}
    for name in STAGES:
        # One process of Python fills one core; engines are processes of their own.
        room = CORES_A_MACHINE if name in SPEECH and not on_gpu else 1
        busy = processes[name] if name in SPEECH else _whole(scale * cpu[name] / HEADROOM)
        workers[name] = min(MOST_PARTITIONS, max(by_calls, _whole(busy / room)))
    most = max(workers.values())
    in_flight = max(IN_FLIGHT, _whole(calls / min(workers.values()) / HEADROOM))
    in_flight = IN_FLIGHT if by_calls <= min(workers.values()) else in_flight
    if on_gpu:
        # A GPU's engine process takes a core; the rest of these stages was measured on CPUs.
        work = scale * sum(cpu[name] for name in STAGES if name not in SPEECH) + gpus * HEADROOM
        engine_cores = 0
    else:
        work, engine_cores = scale * sum(cpu.values()), _whole(scale * engines.heard_s / HEADROOM)
    cores = _whole(work / HEADROOM)
    parts = tuple(_stage(name, workers[name], cpu, processes, scale, basis) for name in STAGES)
    engine_processes = gpus or engine_cores
    workers_mb = sum(one.workers * costs.stages[one.name].worker_mb for one in parts)
    in_flight_mb = scale * costs.mb_per_call
    bytes_s = scale * costs.broker_bytes
    return Need(
        calls=calls,
        channels=channels,
        stages=parts,
        cores=cores,
        engine_cores=engine_cores,
        gpus=gpus,
        memory_gb=(engine_processes * engines.engine_mb + workers_mb + in_flight_mb) / 1_024,
        partitions=_partitions(most),
        calls_in_flight=in_flight,
        broker_mb_s=bytes_s / 1e6,
        broker_disk_gb=bytes_s * RETENTION_S * REPLICATION / 1e9,
        vault_gb_day=scale * costs.vault_bytes * 86_400 / 1e9,
        ledger_calls_s=calls / call_s,
        machines=_whole(cores / CORES_A_MACHINE),
        notes=_notes(calls, channels, by_calls, basis, calls / call_s),
    )


def _stage(
    name: str,
    workers: int,
    cpu: dict[str, float],
    processes: dict[str, int],
    scale: float,
    basis: Basis,
) -> StageNeed:
    costs, on_gpu = basis.costs.stages[name], basis.engines.device == "cuda"
    engines = processes.get(name, 0)
    cores = engines if on_gpu and name in processes else _whole(scale * cpu[name] / HEADROOM)
    megabytes = workers * costs.worker_mb + engines * basis.engines.engine_mb
    return StageNeed(name, workers, cores, engines, megabytes / 1_024)


def _partitions(workers: int) -> int:
    """A multiple of the workers, twice as many where that is allowed: a lost one's are shared."""
    wanted = workers * 2 if workers * 2 <= MOST_PARTITIONS else workers
    return max(8, wanted)


def _notes(
    calls: int, channels: int, by_calls: int, basis: Basis, ledger_calls_s: float
) -> tuple[str, ...]:
    notes = [f"speech engines: {basis.engines.told}"]
    if channels != CHANNELS:
        notes.append(
            f"{channels} channels: costs are taken as proportional; calls of two were measured"
        )
    if by_calls > MOST_PARTITIONS:
        notes.append(
            f"{calls:,} calls are more than {MOST_PARTITIONS} partitions bear at {IN_FLIGHT} calls "
            "a worker: raise calls_in_flight as shown, or divide the calls among installations "
            "(HUSHWIRE_TOPIC_PREFIX)"
        )
    ledger = basis.costs.ledger
    if ledger is not None and ledger_calls_s > HEADROOM * ledger.per_second:
        notes.append(
            f"ledger: {ledger_calls_s:,.0f} calls a second are more than the "
            f"{HEADROOM * ledger.per_second:,.0f} that one PostgreSQL is planned for (it bore "
            f"{ledger.per_second:,.0f} on {ledger.machine.partition(',')[0]}, with nothing else)"
        )
    return tuple(notes)


def _whole(amount: float) -> int:
    """Rounded up, but not by what floating point adds to a whole number."""
    return math.ceil(round(amount, 6))
