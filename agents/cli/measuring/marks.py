"""``hushwire marks``: what reviewers heard that should be silent, or missed that should not."""

from __future__ import annotations

from typing import Annotated

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.stores import VaultHint, VaultOption, opened, opened_vault
from agents.settings.model import load_settings
from agents.system.owners import user
from agents.system.screen import print_list, screen
from agents.vault.file_store import same_place
from pipeline.errors import InputError

app = typer.Typer(help="Missed and wrong places in redacted calls.", no_args_is_help=True)


@app.command()
def add(
    call: Annotated[str, typer.Argument(help="Call id.")],
    vault: VaultOption,
    channel: Annotated[int, typer.Option(min=0, help="From 0, as in the certificate.")],
    start: Annotated[float, typer.Option("--from", min=0.0, help="Seconds.")],
    end: Annotated[float, typer.Option("--to", min=0.0, help="Seconds.")],
    missed: Annotated[
        str | None, typer.Option(help="Something of this type can be heard: card, name, dob, …")
    ] = None,
    wrong: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--wrong", help="What is silent there is harmless.")
    ] = False,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Mark a place in a call; its words are stored nowhere.

    Of a quarantined call a place can be marked while its key lives.
    """
    from agents.vault.mark_store import Marks  # noqa: PLC0415 - --help comes at once
    from pipeline.evaluation.corpora.review_marks import Kind, Place  # noqa: PLC0415

    if wrong == bool(missed):
        raise InputError("say either --missed TYPE or --wrong")
    place = Place(channel, round(start * 1_000), round(end * 1_000), missed or "")
    with opened_vault(load_settings(state_dir=state_dir), vault) as (parts, reader):
        facts = reader.catalogue.get(call)
        mark = Marks(parts.ledger.database, parts.log).add(
            facts, reader.certificate, place, by=user()
        )
    out = screen()
    out.print(f"marked: {mark.mark_id}", highlight=False)
    if mark.kind is Kind.MISSED and facts.passed:
        out.print(
            "it can still be heard in the stored call: a mark changes nothing there. "
            f"`hushwire erase --call {call} --vault {vault}` removes the call.",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip


@app.command("list")
def list_marks(
    vault: VaultHint = None,
    call: Annotated[str | None, typer.Option(help="Only marks of this call.")] = None,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="One JSON object per line, for `hushwire tune --marks`.")
    ] = False,
    state_dir: public_keys.StateDir = None,
) -> None:
    """List marks, the oldest first."""
    from agents.vault.mark_store import PAGE, Marks  # noqa: PLC0415 - --help comes at once

    with opened(load_settings(state_dir=state_dir), vault) as parts:
        marks = Marks(parts.ledger.database, parts.log)
        found = page = marks.known(call)
        while len(page) == PAGE:
            page = marks.known(call, after=page[-1].mark_id)
            found = found + page
        marks.listed(len(found), by=user())
    if as_json:
        for one in found:
            typer.echo(one.as_line())
        return
    rows = []
    for one in found:
        spans = ", ".join(sorted({f"{span.entity} {span.score:.2f}" for span in one.spans}))
        rows.append((
            one.mark_id, one.call_id, str(one.channel), f"{one.start_ms / 1_000:.1f}",
            f"{one.end_ms / 1_000:.1f}", f"{one.kind.value} {one.entity}".strip(), spans, one.by,
        ))  # fmt: skip
    if not rows:
        screen().print("no marks; `hushwire marks add` makes one")
        return
    titles = ("mark", "call", "ch", "from s", "to s", "what", "stands there", "by")
    print_list(screen(), titles, rows, whole="mark")


@app.command()
def remove(
    mark: Annotated[str, typer.Argument(help="Its id; `marks list` shows it.")],
    vault: VaultHint = None,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Take a mark back."""
    from agents.vault.mark_store import Marks  # noqa: PLC0415 - --help comes at once

    with opened(load_settings(state_dir=state_dir), vault) as parts:
        try:
            Marks(parts.ledger.database, parts.log).remove(mark, by=user())
        except InputError as error:
            told = f"{error}: `hushwire marks list{same_place(vault, state_dir)}` shows them"
            raise InputError(told) from None
    screen().print("removed", highlight=False)
