"""``hushwire records-of-processing``: the record that GDPR Art. 30 asks for."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.stores import VaultHint
from agents.settings.model import STATE, load_settings


def records_of_processing(
    vault: VaultHint = None,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="JSON instead of Markdown.")
    ] = False,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Print the record of processing activities (GDPR Art. 30) of this configuration.

    It lists what the settings and the policy say, and ends with what no program can know.
    """
    from agents.reports.gdpr_record import record_of  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    record = record_of(settings, settings.state_folder(STATE), vault)
    if as_json:
        typer.echo(json.dumps(record.as_json(), indent=2, ensure_ascii=False))
    else:
        typer.echo(record.markdown(), nl=False)
