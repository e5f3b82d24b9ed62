"""``hushwire serve``: the API and the pages for people.

The console stands above the command line: imports point from it to ``agents`` and never back. So it
is named here and loaded when it is asked for (ADR 9).
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from agents.cli.shared.extras import need
from agents.settings.model import load_settings

SERVER: Final = "console.server"


def serve(
    vault: Annotated[
        str, typer.Option("--vault", help="Folder of the vault, or s3://bucket/prefix.")
    ],
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", help="Folder of the ledger and the keys.")
    ] = None,
) -> None:
    """Serve the console and the API until stopped; see docs/access.md.

    Its pages are for analysts, auditors, security teams and operators: each sees what their roles
    allow.
    """
    need("serve", "console")
    settings = load_settings(api_host=host, api_port=port, state_dir=state_dir)
    console: Any = import_module(SERVER)
    console.serve(settings, vault)
