"""The demo of consent: a call of each outcome through the embedded broker and all stages.

``python -m benchmarks.consent.demo`` prints what became of each call, by which rule and why, and
then the proof: of a refused call nothing can be read any more, of a kept one nothing that may not
be. Exit code 1 when anything is otherwise than ``samples/calls.yaml`` says; 2 when the demo
could not run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from agents.app.run_folder import run_folder
from agents.kafka.embedded_broker import EmbeddedBroker
from agents.kafka.topics import Topics
from agents.reports.call_files import read_calls
from agents.reports.call_report import write_report
from agents.settings.model import Settings, load_settings
from agents.system.screen import screen
from benchmarks.consent.calls import CALLS, Shown, shown_calls
from benchmarks.consent.proof import Became, Installed, became, leaks, unlike
from benchmarks.demo import emptied, export_vault, hushwire
from pipeline.errors import HushwireError
from pipeline.evidence.layout import CERTIFICATE

OURS: Final = Path("build/demo-consent")
RULES: Final = CALLS / "rules.yaml"
_SHOWN: Final = "disclosed"
"""The call whose certificate is shown."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo puts what it makes."""

    folder: Path

    @property
    def vault(self) -> Path:
        """Stored calls, with ledger and keys."""
        return self.folder / "vault"

    @property
    def calls(self) -> Path:
        """Exported, in clear."""
        return self.folder / "calls"

    def incoming(self, policy: str) -> Path:
        """What the recorder left of the calls of one policy."""
        return self.folder / "in" / Path(policy).stem


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=OURS, help="made anew each time")
    place = Place(parser.parse_args(arguments).to)
    console = screen()
    if not emptied(place.folder):
        console.print(f"demo: {place.folder} holds what the demo did not make", style="bold red")
        return 2
    shutil.rmtree(place.folder / "in", ignore_errors=True)
    calls = shown_calls()
    _say(console, f"{len(calls)} made-up calls, by the policies and rules in {CALLS.name}/")
    try:
        with EmbeddedBroker() as broker:
            for policy in dict.fromkeys(call.policy for call in calls):
                _run(place, policy, [call for call in calls if call.policy == policy], broker)
            wrong = _shown(place, calls, broker.bootstrap, console)
    except HushwireError as error:
        console.print(f"demo: {error}", style="bold red", markup=False, highlight=False)
        return 2
    for line in wrong:
        console.print(line, style="bold red", markup=False, highlight=False, soft_wrap=True)
    told = "not all is as it has to be" if wrong else "all as it has to be"
    _say(console, f"{len(calls)} calls, {told}")
    return 1 if wrong else 0


def _settings(policy: str, bootstrap: str) -> Settings:
    return load_settings(
        policy=str(CALLS / policy),
        jurisdictions=RULES,
        purposes=("quality",),
        bootstrap=bootstrap,
    )


def _run(place: Place, policy: str, calls: Sequence[Shown], broker: EmbeddedBroker) -> None:
    """Lay the recordings with their sidecars in a folder, and take them as `hushwire run` does."""
    source = place.incoming(policy)
    source.mkdir(parents=True)
    for call in calls:
        shutil.copyfile(call.audio, source / f"{call.name}.flac")
        shutil.copyfile(call.sidecar, source / f"{call.name}.json")
    quiet = Console(quiet=True)
    run_folder(source, place.vault, _settings(policy, broker.bootstrap), console=quiet)


def _shown(place: Place, calls: Sequence[Shown], bootstrap: str, console: Console) -> list[str]:
    """Print all of it; what is otherwise than it has to be."""
    settings = _settings("policy.yaml", bootstrap)
    installed = Installed(
        place.vault, settings, Topics.named(settings.topic_prefix), settings.partitions
    )
    ended = became(installed, calls)
    export_vault(place.vault, place.calls)
    wrong = [
        line
        for call in calls
        for line in unlike(call, ended[call.name], place.calls, place.incoming(call.policy))
    ]
    console.print(_table(calls, ended))
    certificate = place.calls / _SHOWN / f"{_SHOWN}{CERTIFICATE}"
    if certificate.exists():
        _say(console, f"the consent block of {certificate}:")
        stated = json.loads(certificate.read_text(encoding="utf-8"))["consent"]
        _say(console, json.dumps(stated, indent=1))
    refused = [call for call in calls if not ended[call.name].kept]
    proof = leaks(installed, refused)
    for line in proof.told:
        _say(console, line)
    wrong += proof.wrong
    kept = [call for call in calls if ended[call.name].kept]
    wrong += _certificates(place, kept, console)
    wrong += _reports(place, settings, console)
    return wrong


def _certificates(place: Place, kept: Sequence[Shown], console: Console) -> Iterator[str]:
    """Check every certificate with the command that an auditor has."""
    _say(console, f"hushwire certificate check, {len(kept)} times:")
    for call in kept:
        file = place.vault / "calls" / call.name / f"{call.name}{CERTIFICATE}"
        done = _hushwire("certificate", "check", str(file))
        _say(console, "  " + done.stdout.strip())
        if done.returncode != 0:
            yield f"{call.name}: its certificate does not hold: {done.stderr.strip()}"


def _reports(place: Place, settings: Settings, console: Console) -> Iterator[str]:
    """The kept calls as a page, and the report of the month for auditors."""
    page = write_report(
        place.folder / "report.html",
        read_calls(place.calls),
        title="Calls with consent",
        subtitle="What is kept of them",
    )
    _say(console, f"kept calls: {page.resolve()}")
    file = place.folder / "compliance.html"
    done = _hushwire(
        "compliance", "report", "--month", _month(place.vault, settings), "--out", str(file),
        "--force", "--vault", str(place.vault),
    )  # fmt: skip
    if done.returncode != 0:
        yield f"hushwire compliance report: {done.stderr.strip() or done.stdout.strip()}"
    else:
        _say(console, f"report of the month: {file.resolve()}")


def _month(vault: Path, settings: Settings) -> str:
    """By the clock of the installation's database."""
    from agents.database.open_ledger import opened_ledger  # noqa: PLC0415
    from agents.settings.model import STATE  # noqa: PLC0415 - needed here alone

    with opened_ledger(settings, vault / STATE) as ledger:
        return f"{ledger.database.now():%Y-%m}"


def _hushwire(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "HUSHWIRE_POLICY": str(CALLS / "policy.yaml"),
        "HUSHWIRE_JURISDICTIONS": str(RULES),
        "HUSHWIRE_PURPOSES": "quality",
    }
    return hushwire(*words, environment=environment)


def _table(calls: Sequence[Shown], ended: dict[str, Became]) -> Table:
    table = Table(title="What became of each call")
    for title in ("call", "place", "evidence", "outcome", "rules", "why", "kept"):
        table.add_column(title, no_wrap=title in {"call", "outcome"})
    for call in calls:
        each = ended[call.name]
        table.add_row(
            f"{call.name}\n  {call.shows}",
            each.places,
            each.evidence or "none",
            each.outcome.replace("_", " "),
            each.rules,
            each.why.replace("_", " "),
            each.told,
            end_section=True,
        )
    return table


def _say(console: Console, text: Any) -> None:  # noqa: ANN401 - whatever is printed
    console.print(text, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
