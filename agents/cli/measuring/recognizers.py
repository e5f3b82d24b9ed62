"""``hushwire recognizers``: what searches a call, and the check of a file of your own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.shared.listing import AsJson, show_rows
from agents.settings.model import load_settings
from agents.system.screen import screen

if TYPE_CHECKING:
    from models.registry.registry import Registered

app = typer.Typer(help="What searches a call, and recognisers of your own.", no_args_is_help=True)

PolicyName = Annotated[
    str | None,
    typer.Option("--policy", help="Policy whose entity types and thresholds are to fit."),
]


@app.command("list")
def list_recognizers(policy: PolicyName = None, *, as_json: AsJson = False) -> None:
    """List the recognisers in use: the shipped ones and those of HUSHWIRE_RECOGNIZERS."""
    from agents.settings.policies import read_policy  # noqa: PLC0415 - --help comes at once
    from models.registry.registry import load_registry  # noqa: PLC0415 - as above

    settings = load_settings(policy=policy)
    registry = load_registry(settings.recognizers, read_policy(settings))
    show_rows(_rows(registry.registered), as_json=as_json)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Registry file of own recognisers.")],
    policy: PolicyName = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Validate a file of own recognisers and list what it adds.

    Its classes are imported. Exit codes: 0 it can be used; 2 it is refused, with file, line and
    reason.
    """
    from agents.settings.policies import read_policy  # noqa: PLC0415 - --help comes at once
    from models.registry.registry import load_registry  # noqa: PLC0415 - as above

    settings = load_settings(policy=policy, recognizers=file)
    registry = load_registry(file, read_policy(settings))
    off = {one.name for one in load_registry().registered} - {
        one.name for one in registry.registered
    }
    show_rows(_rows([one for one in registry.registered if not one.shipped]), as_json=as_json)
    if off:
        screen(stderr=as_json).print(f"switched off: {', '.join(sorted(off))}", highlight=False)


def _rows(registered: Sequence[Registered]) -> list[dict[str, object]]:
    rows: dict[str, list[Registered]] = {}
    for one in registered:
        rows.setdefault(one.name, []).append(one)
    return [
        {
            "recogniser": name,
            "finds": sorted({entity for one in ones for entity in one.entities}),
            "languages": sorted({one.language for one in ones}),
            "from": "Hushwire" if ones[0].shipped else "your file",
        }
        for name, ones in rows.items()
    ]
