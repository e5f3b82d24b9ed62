"""The demo: the sample calls through the embedded pipeline, every digit checked against the truth.

``python -m benchmarks.demo`` prints a table and the path of an HTML report; exit code 1 when a
card, CVV or SSN digit stays audible, or a call is not stored. ``--record NAME`` keeps its figures
for README.md (``benchmarks.results``).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from agents.access.audit_log import AuditLog
from agents.app.run_folder import Summary, run_folder
from agents.database.open_ledger import opened_ledger
from agents.reports.call_files import read_calls
from agents.reports.call_report import ReportCall, ReportLeak, write_report
from agents.settings.model import STATE, load_settings
from agents.system.screen import screen
from agents.vault.exports.files import export_calls
from agents.vault.reader import CallFilter, VaultReader
from agents.vault.vault import Vault
from benchmarks.quality.leakcheck import CallResult, LeakReport, check, figures
from benchmarks.results import record
from pipeline.errors import HushwireError

SAMPLES = Path(__file__).parent / "samples"
OURS = Path("build/demo")
_MARK = ".demo"
"""In a folder that the demo made: what is there may go."""


def emptied(folder: Path) -> bool:
    """Remove what an earlier demo left in a folder; False where somebody else uses it."""
    made = [folder / "vault", folder / "calls"]
    if any(one.exists() for one in made) and folder != OURS and not (folder / _MARK).exists():
        return False
    for one in made:
        shutil.rmtree(one, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()
    return True


def main() -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, default=SAMPLES, help="calls with their truth")
    parser.add_argument("--record", metavar="NAME", help="keep the figures by this name for README")
    parser.add_argument("--to", type=Path, default=OURS, help="made anew each time")
    options = parser.parse_args()
    console = screen()
    vault: Path = options.to / "vault"
    if not emptied(options.to):
        console.print(f"demo: {options.to} holds what the demo did not make", style="bold red")
        return 2
    console.print(
        f"{len(list(options.samples.glob('*.flac')))} made-up calls go through all stages into "
        f"{vault}, are exported and compared with what was said in them; some minutes in all",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    try:
        summary = run_folder(options.samples, vault, load_settings(), console=console)
        console.print("exporting, and checking every digit against the truth", highlight=False)
        plain = export_vault(vault, options.to / "calls")
        leaks = check(options.samples / "manifest.jsonl", plain)
        calls = read_calls(
            plain,
            originals={path.stem: path for path in options.samples.glob("*.flac")},
            leaks={one.call_id: _leak(one) for one in leaks.calls if not one.missing},
        )
        report = write_report(
            options.to / "report.html", calls, title="Sample calls", subtitle=_speed(summary)
        )
    except HushwireError as error:
        console.print(f"demo: {error}", style="bold red", markup=False, highlight=False)
        return 2
    console.print(_table(calls, leaks))
    if options.record:
        record(options.record, _command(options.samples), figures(leaks))
    console.print(f"report: {report.resolve()}", markup=False, highlight=False, soft_wrap=True)
    return 0 if summary.clean and leaks.passed else 1


def export_vault(vault: Path, to: Path) -> Path:
    """Decrypt every call of a vault that ``hushwire run`` made; the folder.

    Raises:
        HushwireError: a file does not open, or can't be written.
    """
    with opened_ledger(load_settings(), vault / STATE) as ledger:
        reader = VaultReader(Vault.opened(vault, ledger))
        exported = export_calls(reader, AuditLog(ledger.database), CallFilter(), to, by="demo")
    for error in exported.failed.values():
        raise error
    return to


def hushwire(*words: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of ``hushwire`` to its end, as somebody types it."""
    command = [sys.executable, "-m", "agents", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _leak(result: CallResult) -> ReportLeak:
    sensitive = sum(each.sensitive_ms for each in result.types)
    silenced = sum(each.silenced_ms for each in result.types)
    return ReportLeak(
        audible_digits=result.audible_digits,
        digits=sum(each.digits for each in result.digits),
        silenced_share=silenced / sensitive if sensitive else 1.0,
        harmless_muted_share=(
            result.harmless_muted_ms / result.harmless_ms if result.harmless_ms else 0.0
        ),
    )


def _table(calls: list[ReportCall], leaks: LeakReport) -> Table:
    table = Table(title="Redacted calls, checked against the truth")
    table.add_column("call", no_wrap=True)
    table.add_column("muted intervals, by strongest type", ratio=1)
    for title in (
        "time\nmuted",
        "verified",
        "digits\naudible",
        "sensitive\nsilenced",
        "harmless\nmuted",
    ):
        table.add_column(title, justify="right", no_wrap=True)
    for call in calls:
        types = Counter(mute.entity for mute in call.mutes)
        leak = call.leak
        table.add_row(
            call.call_id,
            ", ".join(f"{name} {count}" for name, count in types.most_common()) or "none",
            f"{call.muted_ms / 1_000:.1f} s",
            "passed" if call.verified else "QUARANTINED",
            f"{leak.audible_digits} of {leak.digits}" if leak else "no audio",
            f"{leak.silenced_share:.1%}" if leak else "",
            f"{leak.harmless_muted_share:.1%}" if leak else "",
        )
    digits = leaks.digits()
    table.caption = (
        f"{sum(one.audible for one in digits)} of {sum(one.digits for one in digits)} card, CVV "
        f"and SSN digits audible; harmless speech muted {leaks.harmless_muted_share:.1%}"
    )
    return table


def _command(samples: Path) -> str:
    return (
        "make demo" if samples == SAMPLES else f"python -m benchmarks.demo --samples {samples.name}"
    )


def _speed(summary: Summary) -> str:
    return (
        f"{len(summary.results)} calls, {summary.audio_seconds:.0f} s of audio in "
        f"{summary.wall_seconds:.0f} s: {summary.speed:.1f} times real time"
    )


if __name__ == "__main__":
    sys.exit(main())
