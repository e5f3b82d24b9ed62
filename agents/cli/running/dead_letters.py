"""``hushwire deadletter``: what no stage could work on, and trying it again while the key lives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from agents.settings.model import STATE, Settings, load_settings
from agents.system.screen import print_list, screen
from pipeline.errors import InputError, SettingsError

if TYPE_CHECKING:
    from agents.runtime.dead_letters import DeadLetter

app = typer.Typer(help="Records that no stage could work on.", no_args_is_help=True)

Bootstrap = Annotated[str | None, typer.Option(help="Kafka bootstrap servers.")]
Call = Annotated[str | None, typer.Option("--call", help="Only letters of this call.")]
Code = Annotated[str | None, typer.Option("--code", help="Only letters with this code.")]


@app.command("list")
def list_letters(
    bootstrap: Bootstrap = None,
    call: Call = None,
    code: Code = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines.")] = False,
) -> None:
    """Show the dead letters: where from, why, and whether they can be replayed. No content."""
    from agents.app.operations.replaying import Records  # noqa: PLC0415 - --help comes at once

    letters = _chosen(load_settings(bootstrap=bootstrap), call, code)
    if as_json:
        for letter in letters:
            typer.echo(json.dumps(_row(letter)))
        return
    rows = []
    for letter in letters:
        row = _row(letter)
        record = f"{letter.topic}/{letter.record_partition}/{letter.record_offset}"
        at = letter.at.isoformat(timespec="seconds")
        short = (str(row[name]) for name in _SHORT)
        sent = f" {letter.replayed.isoformat(timespec='seconds')}" if letter.replayed else ""
        rows.append((at, letter.call_id, record, *short, f"{letter.fate.value}{sent}"))
    console = screen()
    print_list(console, ("at", "call", "record", "stage", "code", "tries", "fate"), rows)
    records = Records.of(letters)
    console.print(
        f"{len(letters)} dead letters of {records.many} records, {records.ready} can be replayed",
        highlight=False,
    )


@app.command()
def replay(
    bootstrap: Bootstrap = None,
    call: Call = None,
    code: Code = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that can be replayed.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Those too that were replayed before.")
    ] = False,
) -> None:
    """Send records again to the topic that they came from; a repeat changes nothing.

    Use it after the reason is gone, such as an older worker that did not know a schema. A record
    whose stretch was given up in the meantime stays silenced. One that was replayed before is left,
    unless --again is given.
    """
    if not (call or code or everything):
        raise SettingsError("name what to replay: --call, --code, or --all")
    from agents.access.audit_log import AuditLog  # noqa: PLC0415 - --help comes at once
    from agents.app.operations.replaying import DeadLetters, Records  # noqa: PLC0415
    from agents.database.open_ledger import opened_ledger  # noqa: PLC0415
    from agents.system.owners import user  # noqa: PLC0415

    settings = load_settings(bootstrap=bootstrap)
    with opened_ledger(settings, STATE) as ledger:
        known = DeadLetters(settings, ledger, AuditLog(ledger.database))
        letters = known.read(call=call, code=code, again=again)
        sent = sum(1 for _ in known.replay(letters, by=user()))
    records = Records.of(letters)
    left, before = records.many - sent, records.told("--again")
    if before and not sent:
        raise InputError(before)
    screen().print(
        f"{sent} records sent again, {left} left; `hushwire deadletter list` says why",
        highlight=False,
    )
    if before:
        screen().print(before, highlight=False)


_SHORT = ("stage", "code", "attempts")


def _row(letter: DeadLetter) -> dict[str, object]:
    return {
        "at": letter.at.isoformat(),
        "call": letter.call_id,
        "topic": letter.topic,
        "partition": letter.record_partition,
        "offset": letter.record_offset,
        "stage": letter.stage,
        "code": letter.code,
        "attempts": letter.attempts,
        "fate": letter.fate.value,
        "replayed": letter.replayed.isoformat() if letter.replayed else None,
        "replayable": letter.sealed is not None,
    }


def _chosen(settings: Settings, call: str | None, code: str | None) -> list[DeadLetter]:
    from agents.access.audit_log import AuditLog  # noqa: PLC0415 - --help comes at once
    from agents.app.operations.replaying import DeadLetters  # noqa: PLC0415
    from agents.database.open_ledger import opened_ledger  # noqa: PLC0415

    with opened_ledger(settings, STATE) as ledger:
        known = DeadLetters(settings, ledger, AuditLog(ledger.database))
        return known.read(call=call, code=code)
