"""``hushwire backfill SOURCE``: redacts an archive beside live calls, and goes on where it was."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, time
from typing import Annotated

import typer

from agents.cli.shared.pipeline_options import Cluster, StateDir
from agents.settings.model import load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.screen import screen
from agents.system.tracing.otlp import exporting
from pipeline.errors import InputError


def backfill(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Folder, or s3://bucket/prefix.")],
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="DATE",
            help="Calls that began then or later, as 2026-01-31 or 2026-01-31T10:00:00+01:00; a "
            "day begins at midnight, UTC.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", help="Calls that began before, written alike."),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(
            "--rate", min=0.01, max=100_000.0, help="Hours of calls that are sent in an hour."
        ),
    ] = 10.0,
    at_once: Annotated[
        int, typer.Option("--at-once", min=1, max=1_000, help="Calls that are in work at once.")
    ] = 8,
    again: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option(
            "--again",
            help="Take anew what was refused, stored in part, or could not be read, as a new call.",
        ),
    ] = False,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="Print the report as JSON; progress goes to stderr.")
    ] = False,
    bootstrap: Cluster = None,
    state_dir: StateDir = None,
) -> None:
    """Redact an archive beside live calls, which go first; see docs/backfill.md.

    State is in the ledger: after an interruption, the same command goes on where it was.

    Exit codes: 0 each recording is stored; 1 some are not; 2 the archive, a date or an option can't
    be used; 4 the broker, the bucket or the ledger is away, or no worker takes archives' calls; 130
    stopped.
    """
    from agents.app.recordings.backfill.plan import Rule  # noqa: PLC0415 - --help comes at once
    from agents.app.recordings.backfill.run_backfill import backfill as run  # noqa: PLC0415

    rule = Rule(_moment("--since", since), _moment("--until", until), rate, at_once, again)
    settings = load_settings(bootstrap=bootstrap, state_dir=state_dir)
    with exporting(settings.tracing, "hushwire-backfill", sender="backfill"):
        report = run(source, settings, rule, console=screen(stderr=as_json))
    if as_json:
        typer.echo(report.as_json())
    else:
        report.print(screen())
    if report.stopped:
        sys.exit(ExitCode.INTERRUPTED)
    sys.exit(ExitCode.DONE if report.clean else ExitCode.NOT_CLEAN)


def _moment(option: str, text: str | None) -> datetime | None:
    """A day or moment of the command line.

    Raises:
        InputError: it is none.
    """
    if text is None:
        return None
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{option} {text!r}: no date; write 2026-01-31 or 2026-01-31T10:00:00+01:00"
        ) from None
    if moment.tzinfo is None:
        raise InputError(f"{option} {text}: needs an offset from UTC, such as {text}Z or +01:00")
    return moment
