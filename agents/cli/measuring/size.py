"""``hushwire size``: what so many calls at once need, reckoned from measured costs."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.system.progress import plain
from agents.system.screen import print_list, screen

if TYPE_CHECKING:
    from agents.app.operations.sizing.need import Need


class Where(StrEnum):
    """Where the speech engines run."""

    CPU = "cpu"
    GPU = "gpu"


def size(
    calls: Annotated[int, typer.Option("--calls", min=1, max=10_000_000, help="Calls at once.")],
    channels: Annotated[
        int, typer.Option("--channels", min=1, max=8, help="Channels of a call.")
    ] = 2,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.1, max=1_440.0, help="Mean length of a call.")
    ] = 5.0,
    device: Annotated[
        Where, typer.Option("--device", help="Where the speech engines run.")
    ] = Where.CPU,
    live: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option(
            "--live",
            help="At pace latency, which takes more engine time than throughput does.",
        ),
    ] = False,
    measured: Annotated[
        Path | None,
        typer.Option(
            "--measured",
            help="File of `hushwire models bench --to FILE`, for a machine of your own; a GPU is "
            "reckoned from such a file alone.",
        ),
    ] = None,
    core_price: Annotated[
        float | None,
        typer.Option("--price-per-core-hour", min=0.0, help="In whatever currency."),
    ] = None,
    gpu_price: Annotated[
        float | None, typer.Option("--price-per-gpu-hour", min=0.0, help="The same, of a GPU.")
    ] = None,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="One JSON object.")
    ] = False,
) -> None:
    """Tell what so many calls at once need: workers, partitions, memory, bytes, machines and cost.

    It is arithmetic on measured costs, at 70% of each core; docs/scaling.md simulates what waits.
    """
    from agents.app.operations.sizing.costs import read_basis  # noqa: PLC0415 - --help comes at once
    from agents.app.operations.sizing.need import HOURS_A_MONTH, need  # noqa: PLC0415

    basis = read_basis(measured, "cuda" if device is Where.GPU else "cpu", live=live)
    found = need(calls, basis, channels=channels, call_s=minutes * 60)
    hour = None
    if core_price is not None or gpu_price is not None:
        hour = found.price(core_price or 0.0, gpu_price or 0.0)
    if as_json:
        told = asdict(found) | {"workers": found.workers, "device": device.value}
        told |= {"cost_per_hour": hour} if hour is not None else {}
        typer.echo(json.dumps(told, indent=1))
        return
    _show(found, hour, HOURS_A_MONTH)


def _show(found: Need, hour: float | None, hours: int) -> None:
    out = screen()
    print_list(
        out,
        ("stage", "workers", "cores", "engines", "memory GB"),
        [
            (
                one.name,
                f"{one.workers:,}",
                f"{one.cores:,}",
                f"{one.engines:,}" if one.engines else "",
                f"{one.memory_gb:,.1f}",
            )
            for one in found.stages
        ],
        headed=True,
    )
    rows = [
        ("calls at once", f"{found.calls:,} of {found.channels} channels"),
        ("cores", f"{found.cores:,}, of them {found.engine_cores:,} under speech engines"),
        ("GPUs", f"{found.gpus:,}" if found.gpus else ""),
        ("machines", f"{found.machines:,} of 32 cores"),
        ("memory", f"{found.memory_gb:,.0f} GB"),
        ("partitions", f"{found.partitions:,} (HUSHWIRE_PARTITIONS), of every topic"),
        ("calls a worker", f"{found.calls_in_flight:,} (HUSHWIRE_CALLS_IN_FLIGHT)"),
        ("broker", f"{found.broker_mb_s:,.1f} MB/s written, before copies"),
        ("broker's disks", f"{found.broker_disk_gb:,.0f} GB: three copies, kept for a day"),
        ("vault", f"{found.vault_gb_day:,.0f} GB a day, while so many calls go on"),
        ("ledger", f"{found.ledger_calls_s:,.1f} calls a second"),
    ]
    if hour is not None:
        rows.append(("cost", f"{hour:,.2f} an hour, {hour * hours:,.0f} a month"))
    print_list(out, ("what", "how much"), [row for row in rows if row[1]])
    for note in found.notes:
        plain(out, f"note: {note}")
