"""What a call costs, as it was measured: on the machine of the benchmark, or on another.

A file is either what ``make bench-pipeline`` writes, all of it, or what ``hushwire models bench
--to FILE`` writes: that names the speech engines' cost on this machine, on CPU or GPU, and takes
the place of the benchmark's.

Outcomes of ``read_costs``: ``Costs``, or ``InputError`` for a file that holds no measurement of
what is asked for. No figure is made up: without a measured GPU there is none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.audio.opening import open_regular
from pipeline.errors import InputError
from pipeline.records import stages
from pipeline.records.stages import SPEECH, TRANSCRIBE, VERIFY

Device: TypeAlias = Literal["cpu", "cuda"]
STAGES: Final = stages.STAGES[1:]
"""But admit, whose cost is nothing beside theirs."""
T = TypeVar("T", bound=BaseModel)
_LARGEST: Final = 1 << 20
_Amount: TypeAlias = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
_Cost: TypeAlias = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class Stage(BaseModel):
    """What one stage takes."""

    model_config = ConfigDict(frozen=True)
    cpu_s: _Cost
    """Of a processor, for a second of a call of two channels."""
    worker_mb: _Amount
    engine_mb: _Amount


class Ledger(BaseModel):
    """What a call asks of PostgreSQL."""

    model_config = ConfigDict(frozen=True)
    transactions: _Cost
    """Reads and writes, for a call."""
    writes: _Cost
    """Of them."""
    wal_bytes: _Cost
    """Written to its log, for a call."""
    per_second: _Cost
    """Calls a second that one server bore in the measurement."""
    when: str
    machine: str


class Costs(BaseModel):
    """A measurement."""

    model_config = ConfigDict(frozen=True)
    when: str
    machine: str
    stages: dict[str, Stage]
    mb_per_call: _Amount
    """Of a worker with all stages, for a call in flight."""
    broker_cpu_s: _Amount
    broker_bytes: _Cost
    """Sealed bytes that a call of two channels writes to the broker in a second."""
    vault_bytes: _Cost
    """FLAC of two channels, a second."""
    latency_factor: Annotated[float, Field(ge=1.0, le=10.0)] | None = None
    """How many times the engine time of pace ``throughput`` the pace ``latency`` takes."""
    ledger: Ledger | None = None

    @property
    def work_s(self) -> float:
        """CPU seconds of all stages for a second of a call; the broker is not counted."""
        return sum(self.stages[name].cpu_s for name in STAGES)


class _Engine(BaseModel):
    """One model on one device, as ``hushwire models bench`` measured it."""

    model: str
    device: Device
    seconds_per_audio_second: _Cost
    memory_mb: _Amount
    machine: str
    date: str


class _Bench(BaseModel):
    measured: list[_Engine]
    advised: str | None = None


@dataclass(frozen=True, slots=True)
class Engines:
    """What the engines of a device take."""

    device: Device
    transcribe_s: float
    """Of an engine, for a second of a call of two channels."""
    verify_s: float
    engine_mb: float
    told: str
    """Where that is from."""

    @property
    def heard_s(self) -> float:
        """Both."""
        return self.transcribe_s + self.verify_s


@dataclass(frozen=True, slots=True)
class Basis:
    """All that a size is reckoned from."""

    costs: Costs
    engines: Engines

    @classmethod
    def of(cls, costs: Costs, *, live: bool = False) -> Self:
        """On the CPUs that were measured; ``live``: at pace ``latency``, where that is known."""
        by_stage = costs.stages
        factor = costs.latency_factor if live and costs.latency_factor else 1.0
        return cls(
            costs,
            Engines(
                "cpu",
                factor * by_stage[TRANSCRIBE].cpu_s,
                by_stage[VERIFY].cpu_s,
                max(by_stage[name].engine_mb for name in SPEECH),
                f"measured on {costs.when}: {costs.machine}"
                + (f"; {factor:.2f} times as much at pace latency" if factor > 1 else ""),
            ),
        )


def shipped_costs() -> Costs:
    """What the benchmark of this version measured."""
    file = resources.files("agents.app.operations.sizing") / "measured.json"
    return Costs.model_validate_json(file.read_bytes())


def read_basis(file: Path | None, device: Device, *, live: bool = False) -> Basis:
    """What a size is reckoned from.

    Args:
        file: of a measurement; None: what ships.
        device: where the speech engines are to run.
        live: at pace ``latency``; a file of engines has the pace at which they were measured.

    Raises:
        InputError: see the module.
    """
    if file is None:
        if device == "cuda":
            raise InputError(
                "no GPU was measured by us, and no figure is made up: run `hushwire models bench "
                "--device cuda --to FILE` on a machine with one, then `hushwire size --device gpu "
                "--measured FILE`"
            )
        return Basis.of(shipped_costs(), live=live)
    content = _content(file)
    if "measured" in content:
        return _with_engines(shipped_costs(), _read(_Bench, content, file), device, file)
    if "stages" not in content:
        raise _no_measurement(file)
    costs = _read(Costs, content, file)
    missing = sorted(set(STAGES) - costs.stages.keys())
    if missing:
        raise InputError(f"{file.name}: stages without a cost: {', '.join(missing)}")
    if device == "cuda":
        raise InputError(
            f"{file.name}: is a measurement of CPUs; a GPU is measured by `hushwire models bench "
            "--device cuda --to FILE`"
        )
    return Basis.of(costs, live=live)


def _with_engines(costs: Costs, bench: _Bench, device: Device, file: Path) -> Basis:
    """The shipped costs with engines that were measured elsewhere."""
    there = [one for one in bench.measured if one.device == device]
    if not there:
        has = ", ".join(sorted({one.device for one in bench.measured})) or "nothing"
        raise InputError(f"{file.name}: has no measurement of {device}, but of {has}")
    one = next((one for one in there if one.model == bench.advised), there[0])
    # What checks the redacted audio is another, smaller model: its share was measured on CPUs.
    share = costs.stages[VERIFY].cpu_s / costs.stages[TRANSCRIBE].cpu_s
    engines = Basis.of(costs).engines
    told = f"{one.model} on {device}, measured on {one.date}: {one.machine}"
    if device == "cuda":
        engines = replace(engines, verify_s=share * one.seconds_per_audio_second)
        told += f"; verify as {share:.0%} of that, the share that was measured on CPUs"
    return Basis(
        costs,
        replace(
            engines,
            device=device,
            transcribe_s=one.seconds_per_audio_second,
            engine_mb=max(one.memory_mb, costs.stages[VERIFY].engine_mb),
            told=told,
        ),
    )


def _content(file: Path) -> dict[str, object]:
    try:
        with open_regular(file) as opened:
            text = opened.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(f"{file.name}: cannot be read ({error.strerror})") from error
    try:
        content = json.loads(text) if len(text) <= _LARGEST else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise _no_measurement(file)
    return content


def _no_measurement(file: Path) -> InputError:
    told = "is no measurement; `hushwire models bench --to FILE` writes one"
    return InputError(f"{file.name}: {told}, and `make bench-pipeline` another")


def _read(kind: type[T], content: dict[str, object], file: Path) -> T:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{file.name}: {where}: {first['msg']}") from None
