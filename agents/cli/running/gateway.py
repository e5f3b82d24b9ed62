"""``hushwire gateway``: what recorders and telephone platforms connect to."""

from __future__ import annotations

from typing import Annotated

import typer

from agents.settings.model import load_settings


def gateway(
    bootstrap: Annotated[str | None, typer.Option(help="Kafka bootstrap servers.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    state_dir: Annotated[
        str | None, typer.Option("--state-dir", help="Folder of the public key.")
    ] = None,
) -> None:
    """Take calls of telephone platforms until stopped; see docs/gateways.md.

    It holds the public key of the door and opens nothing: no ledger, no other key.
    """
    from agents.app.gateway.process import serve  # noqa: PLC0415 - --help comes at once

    serve(
        load_settings(
            bootstrap=bootstrap, gateway_host=host, gateway_port=port, state_dir=state_dir
        )
    )
