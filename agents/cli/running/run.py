"""``hushwire run``: a folder of recordings through everything, in one command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agents.cli.shared.extras import need
from agents.cli.shared.pipeline_options import Again, Bootstrap, Engines, PolicyName, StateDir
from agents.settings.model import load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.screen import screen
from agents.system.tracing.otlp import exporting


def run(
    source: Annotated[Path, typer.Option("--from", help="Folder (or file) of recordings.")],
    vault: Annotated[
        str,
        typer.Option("--to", help="Folder of the vault, made when missing; or s3://bucket/prefix."),
    ],
    bootstrap: Bootstrap = None,
    policy: PolicyName = None,
    engines: Engines = None,
    state_dir: StateDir = None,
    again: Again = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Redact all recordings of a folder: broker, all stages and ingest in one command.

    Files in the folder that are neither recordings nor their sidecars are named on stderr.

    Exit codes: 0 every recording is stored; 1 some are not; 2 wrong input, or another process
    works on the same ledger or vault.
    """
    settings = load_settings(
        bootstrap=bootstrap,
        policy=policy,
        policy_source="settings" if policy else None,
        engines=engines,
        state_dir=state_dir,
    )
    need("run", "speech", "detect", *(() if settings.bootstrap else ("broker",)))
    from agents.app.run_folder import run_folder  # noqa: PLC0415 - --help comes at once

    with exporting(settings.tracing, "hushwire-run"):
        summary = run_folder(source, vault, settings, console=screen(), again=again)
    sys.exit(ExitCode.DONE if summary.clean else ExitCode.NOT_CLEAN)
