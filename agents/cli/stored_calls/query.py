"""``hushwire query``: one SELECT over the facts of stored calls; no content, no caller."""

from __future__ import annotations

import hashlib
import sys
import uuid
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.extras import need
from agents.cli.shared.stores import VaultHint, opened
from agents.settings.model import load_settings
from agents.system.owners import user
from agents.system.screen import print_list, screen
from pipeline.errors import InputError

if TYPE_CHECKING:
    from agents.access.audit_log import AuditLog
    from agents.vault.analytics.warehouse.asking import Answer

QUERIED: Final = "hushwire.audit.calls-queried.v1"
ROWS: Final = 10_000


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def query(
    sql: Annotated[str, typer.Argument(help="One SELECT; '-' reads it from stdin.")] = "",
    vault: VaultHint = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Default: by the ending of --to, else a table."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="File that is written; default: stdout.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=3_600, help="Seconds that the query may take.")
    ] = 30.0,
    rows: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Rows that are given at most.")
    ] = ROWS,
    schema: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--schema", help="Print the views that can be asked, as Markdown.")
    ] = False,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Ask one SELECT over the facts of stored calls, such as "select * from days".

    It runs on a copy in memory: nothing can be changed or reached by it. Views: calls, redactions,
    topics, callers, days (--schema lists their columns; docs/analytics.md).
    """
    if schema:
        from agents.vault.analytics.warehouse.schema import markdown  # noqa: PLC0415 - --help comes at once

        typer.echo(markdown())
        return
    text = sys.stdin.read() if sql == "-" else sql
    if not text.strip():
        raise InputError('name a query, such as hushwire query "select * from days"')
    chosen = form or _by_ending(to)
    if chosen is Format.PARQUET and to is None:
        raise InputError("Parquet is written to a file: name it by --to FILE.parquet")
    need("query", "console")
    from agents.vault.analytics.warehouse.apart import Asking, answer_of  # noqa: PLC0415 - --help comes at once
    from agents.vault.analytics.warehouse.asking import refuse_other  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    refuse_other(text)
    with opened(settings, vault) as parts:
        _tell(parts.log, text, rows)  # before anything is shown, by an answer or by a mistake
        asking = Asking(
            url=parts.ledger.database.engine.url.render_as_string(hide_password=False),
            zone=settings.analytics_zone,
            least=settings.analytics_least,
            sql=text,
            most=rows,
            parquet=chosen is Format.PARQUET,
        )
        answer = answer_of(asking, timeout)
    _write(answer, chosen, to)
    if answer.cut:
        note = f"only the first {rows} rows are given: --rows {rows * 10} gives more"
        screen(stderr=True).print(note, markup=False, highlight=False)


def _by_ending(to: Path | None) -> Format:
    """The format that a file's name says; a table without one.

    Raises:
        InputError: it says none.
    """
    if to is None:
        return Format.TABLE
    try:
        return Format(to.suffix.removeprefix(".") or "table")
    except ValueError:
        raise InputError(f"{to}: say by --format how it is to be written") from None


def _write(answer: Answer, form: Format, to: Path | None) -> None:
    from agents.vault.analytics.warehouse.files import csv_of, json_of  # noqa: PLC0415
    from agents.vault.exports.files import write_whole  # noqa: PLC0415

    pieces: Iterable[bytes]
    match form:
        case Format.PARQUET:
            pieces = [answer.parquet]
        case Format.CSV:
            pieces = csv_of(answer.names, answer.rows)
        case Format.JSON:
            pieces = json_of(answer.names, answer.rows)
        case Format.TABLE if to is None:
            cells = [["" if one is None else str(one) for one in row] for row in answer.rows]
            print_list(screen(), answer.names, cells, headed=True)
            if not cells:
                screen(stderr=True).print("0 rows", highlight=False)
            return
        case Format.TABLE:
            lines = ["\t".join(answer.names), *("\t".join(map(str, row)) for row in answer.rows)]
            pieces = [("\n".join(lines) + "\n").encode()]
    if to is not None:
        write_whole(to, pieces)
        return
    out = screen()
    for piece in pieces:
        out.file.write(piece.decode())  # print would break and colour


def _tell(log: AuditLog, text: str, rows: int) -> None:
    from agents.access.audit_log import Event  # noqa: PLC0415 - --help comes at once

    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    facts = {"at": log.stamp(), "by": user(), "rows": rows, "query": digest}
    log.append(Event(f"calls/{QUERIED}/{uuid.uuid4()}", "", QUERIED, facts))
