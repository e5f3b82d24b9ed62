"""``hushwire watch PATH…``: sends the recordings that a recorder drops, until it is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agents.app.recordings.watching.places import After
from agents.settings.model import load_settings
from agents.system.screen import screen
from agents.system.tracing.otlp import exporting
from pipeline.errors import InputError


def watch(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Folders, or s3://bucket/prefix.")
    ],
    after: Annotated[
        After, typer.Option("--after", help="What becomes of an original once its call is stored.")
    ] = After.MOVE,
    no_sidecar: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option(
            "--no-sidecar", help="Take recordings without waiting for <id>.json beside them."
        ),
    ] = False,
    settle: Annotated[
        float | None,
        typer.Option(
            "--settle",
            min=0.0,
            help="Seconds for which a file may not have changed; 2, or 10 with --no-sidecar.",
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=64, help="Recordings that are sent at once.")
    ] = 4,
    bootstrap: Annotated[str | None, typer.Option(help="Kafka bootstrap servers.")] = None,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", help="Folder of the public key.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="Public key for which calls are sealed.")
    ] = None,
) -> None:
    """Send what a recorder drops; see docs/connect/folder.md. This host can open nothing.

    An original is put away only after its call is stored; one of which nothing is kept goes to
    refused/, with the reason beside it.

    Exit codes: 0 stopped by SIGTERM or SIGINT; 2 a place is unusable; 4 the public key is missing,
    or the broker or the bucket is away at the start.
    """
    from agents.app.recordings.watching import run_watch  # noqa: PLC0415 - --help comes at once
    from agents.app.recordings.watching.watcher import Rule  # noqa: PLC0415

    if any(not one for one in paths):
        raise InputError("PATH: name a folder, or s3://bucket/prefix")
    patience = settle if settle is not None else 10.0 if no_sidecar else 2.0
    rule = Rule(after, not no_sidecar, patience, concurrency)
    settings = load_settings(
        bootstrap=bootstrap, state_dir=state_dir, transit_public_key=public_key
    )
    with exporting(settings.tracing, "hushwire-watch", sender="watch"):
        run_watch.watch(paths, settings, rule, console=screen())
