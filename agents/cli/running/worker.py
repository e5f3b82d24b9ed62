"""``hushwire worker STAGE…``: stages against a Kafka cluster."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from agents.cli.shared.extras import need
from agents.cli.shared.pipeline_options import Cluster, Engines, PolicyName, StateDir
from agents.settings.model import load_settings

NEEDS: Final = {
    "transcribe": ("speech",),
    "detect": ("detect",),
    "verify": ("speech", "detect"),
    "all": ("speech", "detect"),
}
"""What stages need beside the base package."""


def worker(
    stages: Annotated[
        list[str], typer.Argument(help="admit, transcribe, detect, mute, verify, vault, or all.")
    ],
    vault: Annotated[
        str | None,
        typer.Option("--to", help="Folder of the vault, or s3://bucket/prefix (vault stage)."),
    ] = None,
    bootstrap: Cluster = None,
    policy: PolicyName = None,
    engines: Engines = None,
    state_dir: StateDir = None,
) -> None:
    """Run stages against a Kafka cluster until stopped."""
    need(
        f"worker {' '.join(stages)}",
        *sorted({one for stage in stages for one in NEEDS.get(stage, ())}),
    )
    from agents.app.wiring import start_worker  # noqa: PLC0415 - --help comes at once

    settings = load_settings(
        bootstrap=bootstrap,
        policy=policy,
        policy_source="settings" if policy else None,
        engines=engines,
        state_dir=state_dir,
    )
    sys.exit(start_worker(stages, vault, settings))
