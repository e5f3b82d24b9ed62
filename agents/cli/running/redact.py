"""``hushwire redact IN OUT``: one recording, no broker.

Exit codes: 0 redacted and verified; 1 quarantined, there is a certificate and no audio; 2 refused
(the recording, OUT, an option or the policy), nothing was written; 3 a model is missing or
altered; 4 a file can't be written; 70 a fault of ours; 130 stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from agents.cli.shared.extras import need
from agents.cli.shared.pipeline_options import PolicyName
from agents.system.fatal_exit import ExitCode
from agents.system.screen import screen

if TYPE_CHECKING:
    from agents.app.checks.redaction_job import Job
    from agents.app.checks.wanted import Wanted
    from agents.settings.model import Settings


def redact(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A recording.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="Redacted recording: .wav or .flac.")
    ],
    policy: PolicyName = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="HTML report of the call.", metavar="FILE.html")
    ] = None,
    lossy: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--lossy", help="Allow OUT to be .ogg or .opus: every sample changes.")
    ] = False,
    force: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--force", help="Replace files that are there already.")
    ] = False,
) -> None:
    """Redact one recording without a broker; transcript and certificate are laid beside it.

    Exit codes: 0 redacted and verified; 1 quarantined (a certificate, no audio); 2 refused;
    3 a model is missing or altered; 4 a file can't be written.
    """
    need("redact", "speech", "detect")
    from agents.app.checks.wanted import Wanted  # noqa: PLC0415 - --help comes at once

    out, err = screen(), screen(stderr=True)
    wanted = Wanted(source, target, lossy=lossy, report=report, policy=policy, force=force)
    wanted.refuse()
    job, settings = _job(wanted)
    # The models' libraries take seconds to load: only now.
    from agents.app.redact_file import redact_job  # noqa: PLC0415
    from agents.system.logging import configure_logging  # noqa: PLC0415

    configure_logging("warning")
    with Bar(err) as bar:
        stored = redact_job(job, settings, told=bar.told)
    for path in stored.written:
        out.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)
    if stored.pseudonym:
        err.print(
            f"hushwire: IN's name may hold a number or can be no id; its call id is "
            f"{stored.pseudonym}",
            soft_wrap=True,
        )
    if stored.narrowed and stored.passed:
        err.print(
            "hushwire: IN holds more than was analysed; OUT holds 16 bits a sample, at most 16 kHz",
            soft_wrap=True,
        )
    if not stored.passed:
        failed = f" ({', '.join(stored.failed)})" if stored.failed else ""
        err.print(
            f"hushwire: verification failed{failed}; the call is quarantined, no audio was written",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        sys.exit(ExitCode.NOT_CLEAN)


def _job(wanted: Wanted) -> tuple[Job, Settings]:
    from agents.app.checks.redaction_job import job_of  # noqa: PLC0415 - after what is cheaper
    from agents.settings.model import load_settings  # noqa: PLC0415

    settings = load_settings(policy=wanted.policy)
    return job_of(wanted, settings), settings


class Bar(Progress):
    """Progress on a terminal; nothing in a log or a pipe."""

    def __init__(self, console: Console) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._first = self.add_task("starting", total=None)
        self._second = self.add_task("checking the result", total=None, visible=False)

    def told(self, again: bool, done: int, known: int) -> None:  # noqa: FBT001 - see ``Told``
        """Move on."""
        if again:
            self.update(self._second, completed=done, total=known, visible=True)
        else:
            self.update(self._first, completed=done, total=known, description="listening")
