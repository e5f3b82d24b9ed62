"""``hushwire doctor``: what is weaker than it should be, and what to do about it.

Exit codes: 0 nothing is weak; 1 something is, or with ``--strict`` was not checked.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.shared.listing import AsJson, show_rows
from agents.settings.model import STATE, load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.screen import screen
from agents.vault.file_store import state_inside

if TYPE_CHECKING:
    from agents.app.operations.findings import Finding

_COLOURS = {"ok": "green", "weak": "bold red", "not checked": "yellow"}


def _mend(finding: Finding) -> str:
    return f"{finding.advice} ({finding.page})" if finding.advice else ""


def doctor(
    vault: Annotated[
        str | None, typer.Option("--to", help="Folder of the vault, or s3://bucket/prefix.")
    ] = None,
    bootstrap: Annotated[str | None, typer.Option(help="Kafka bootstrap servers.")] = None,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", help="Folder of the ledger and the wrapping key.")
    ] = None,
    folder: Annotated[
        list[Path] | None,
        typer.Option(
            "--folder",
            help="One more folder that is written here, such as one that is watched, or where "
            "exports go: its disk is looked at, too. May be given several times.",
        ),
    ] = None,
    *,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit code 1 also when something could not be checked."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check a cluster and this installation; exit code 1 when something is weaker than it should.

    Nothing is changed. Run it as the user that runs the workers. What is not here, or not named, is
    not checked and told; with --strict it counts like something weak.
    """
    from agents.app.checks.doctor import examine  # noqa: PLC0415 - --help comes at once
    from agents.app.operations.findings import Grade  # noqa: PLC0415

    settings = load_settings(bootstrap=bootstrap, state_dir=state_dir)
    inside = state_inside(vault)
    fallback = inside if inside.exists() else STATE
    findings = examine(settings, settings.state_folder(fallback), vault, folder or ())
    console = screen(stderr=as_json)
    rows = [
        {"grade": one.grade, "check": one.what, "found": one.told, "what_to_do": _mend(one)}
        for one in findings
    ]
    show_rows(rows, as_json=as_json, styles=_COLOURS)
    weak = sum(one.grade is Grade.WEAK for one in findings)
    unseen = sum(one.grade is Grade.SKIPPED for one in findings)
    told = f"{weak} of {len(findings)} weak" if weak else "nothing is weak"
    told += f", {unseen} not checked" if unseen else ""
    console.print(told, highlight=False)
    sys.exit(ExitCode.NOT_CLEAN if weak or (strict and unseen) else ExitCode.DONE)
