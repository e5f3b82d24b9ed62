"""All commands by name, and where they begin; ``errors`` is how they end.

Exit codes: ``agents.system.fatal_exit.ExitCode``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Final

import typer

from agents.cli.errors import errors
from agents.cli.lazy_group import Command, LazyGroup
from agents.system.child_processes import without_core_dumps
from agents.system.logging import configure_logging, content_free_tracebacks

HELP: Final = {"help_option_names": ["-h", "--help"]}
QUICK: Final = frozenset({"redact", "-h", "--help"})
"""What says all that it has to say before it would write a log; ``redact`` sets one up later."""
COMMANDS: Final[Mapping[str, Command]] = {
    "run": Command(
        "running.run:run",
        "Redact all recordings of a folder: broker, all stages and ingest in one command.",
    ),
    "worker": Command("running.worker:worker", "Run stages against a Kafka cluster until stopped."),
    "ingest": Command(
        "running.ingest:ingest",
        "Send recordings to a Kafka cluster; with a public key this host can open nothing.",
    ),
    "redact": Command(
        "running.redact:redact",
        "Redact one recording without a broker; transcript and certificate are laid beside it.",
    ),
    "watch": Command(
        "running.watch:watch",
        "Send what a recorder drops; see docs/connect/folder.md. This host can open nothing.",
    ),
    "backfill": Command(
        "running.backfill:backfill",
        "Redact an archive beside live calls, which go first; see docs/backfill.md.",
    ),
    "gateway": Command(
        "running.gateway:gateway",
        "Take calls of telephone platforms until stopped; see docs/gateways.md.",
    ),
    "serve": Command(
        "running.serve:serve", "Serve the console and the API until stopped; see docs/access.md."
    ),
    "doctor": Command(
        "running.doctor:doctor",
        "Check a cluster and this installation; exit code 1 when something is weaker than it "
        "should.",
    ),
    "deadletter": Command("running.dead_letters:app", "Records that no stage could work on."),
    "webhooks": Command("running.webhooks:app", "Webhooks that tell others what became of calls."),
    "notice": Command(
        "running.notice:notice",
        "Print the prompt to play, its id and version, when to play it, and the rule that asks "
        "for it.",
    ),
    "settings": Command(
        "installing.settings:settings",
        "List every setting: its meaning, its default and the value in force.",
    ),
    "models": Command("installing.models:app", "The speech and language models."),
    "keys": Command(
        "installing.keys:app",
        "The keys of an installation: the wrapping key, the pair by which calls come in, and token "
        "key and signing key where they are lost.",
    ),
    "tokens": Command("installing.tokens:app", "Tokens of the API; see docs/access.md."),
    "ledger": Command("installing.ledger:app", "The ledger's database."),
    "topics": Command("installing.topics:app", "The topics on a Kafka cluster."),
    "calls": Command("stored_calls.calls:app", "The calls in the vault."),
    "export": Command(
        "stored_calls.export_and_erase:export",
        "Decrypt stored calls into plain files: FLAC, transcript, subtitles, certificate, facts.",
    ),
    "erase": Command(
        "stored_calls.export_and_erase:erase",
        "Destroy keys, files and catalogue entries of a call, or of all calls of a person.",
    ),
    "hold": Command(
        "stored_calls.hold:app",
        "Legal holds: neither retention nor `hushwire erase` touches a held call.",
    ),
    "retention": Command("stored_calls.retention:app", "How long stored calls are kept."),
    "quarantine": Command(
        "stored_calls.quarantine:app",
        "Calls whose verification failed: not stored, their key kept for a while.",
    ),
    "consent": Command("stored_calls.consent:app", "Consent of stored calls."),
    "analytics": Command("stored_calls.analytics:app", "What is counted of stored calls."),
    "query": Command(
        "stored_calls.query:query",
        'Ask one SELECT over the facts of stored calls, such as "select * from days".',
    ),
    "certificate": Command("evidence.certificate:app", "Certificates of redacted calls."),
    "audit": Command("evidence.witness:app", "The audit log: who did what to which call."),
    "compliance": Command("evidence.compliance:app", "What an auditor reads of a month."),
    "records-of-processing": Command(
        "evidence.gdpr_record:records_of_processing",
        "Print the record of processing activities (GDPR Art. 30) of this configuration.",
    ),
    "scan-leaks": Command(
        "evidence.scan_leaks:scan_leaks",
        "Search every byte for made-up numbers, words and sounds that were sent through the "
        "pipeline.",
    ),
    "policy": Command("measuring.policy_versions:app", "Policies."),
    "recognizers": Command(
        "measuring.recognizers:app", "What searches a call, and recognisers of your own."
    ),
    "reader": Command("measuring.reader:app", "A reader of your own."),
    "evaluate": Command(
        "measuring.evaluate:app",
        "What leaks and what is muted for nothing, measured against the truth.",
    ),
    "tune": Command(
        "measuring.tune:tune",
        "Propose a threshold per type for a target recall; nothing in force is changed.",
    ),
    "shadow": Command(
        "measuring.shadow:app", "A candidate policy beside the live one (HUSHWIRE_SHADOW_POLICY)."
    ),
    "marks": Command("measuring.marks:app", "Missed and wrong places in redacted calls."),
    "size": Command(
        "measuring.size:size",
        "Tell what so many calls at once need: workers, partitions, memory, bytes, machines and "
        "cost.",
    ),
    "version": Command("installing.settings:show_version", "Print the version."),
}
"""In the order in which they are shown; what is said of each stands in its own help, too."""

app = typer.Typer(
    name="hushwire",
    cls=LazyGroup.of(COMMANDS),
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables would show spoken words
    context_settings=HELP,
)


def main() -> None:
    """Run the command that the arguments name; exits."""
    without_core_dumps()
    content_free_tracebacks()
    with errors():
        if sys.argv[1:] and sys.argv[1] not in QUICK:
            configure_logging("warning")  # for commands that set up nothing of their own
        app()


def _version(*, asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - --help comes at once

        typer.echo(version("hushwire"))
        raise typer.Exit


@app.callback(
    help="Silences card numbers, health data and other personal data in recorded calls "
    "before anything is persisted."
)
def hushwire(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda asked: _version(asked=asked),
            help="Print the version.",
        ),
    ] = False,
) -> None:
    """What every command begins with: nothing."""
