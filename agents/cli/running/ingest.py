"""``hushwire ingest PATH…``: sends recordings to a Kafka cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agents.cli.shared.pipeline_options import Again, Cluster, StateDir
from agents.settings.model import load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.screen import screen
from agents.system.tracing.otlp import exporting


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Recordings, or folders of them.")],
    bootstrap: Cluster = None,
    state_dir: StateDir = None,
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key",
            help="Public key for which calls are sealed: this host then needs no ledger and "
            "no other key.",
        ),
    ] = None,
    again: Again = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Send recordings to a Kafka cluster; with a public key this host can open nothing.

    Files in a folder that are neither recordings nor their sidecars are named on stderr.

    Exit codes: 0 each was sent now or is stored already; 1 some were refused, or were sent before
    and are not stored; 2 there are no recordings, or a folder can't be read.
    """
    settings = load_settings(
        bootstrap=bootstrap, state_dir=state_dir, transit_public_key=public_key
    )
    if settings.transit_public_key is not None:
        from agents.app.recordings.ingest_by_door import send_paths as send  # noqa: PLC0415 - as below
    else:
        from agents.app.wiring import ingest_paths as send  # noqa: PLC0415 - --help comes at once
    with exporting(settings.tracing, "hushwire-ingest"):
        missing = send(paths, settings, console=screen(), again=again)
    sys.exit(ExitCode.NOT_CLEAN if missing else ExitCode.DONE)
