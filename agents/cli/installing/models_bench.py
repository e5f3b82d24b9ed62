"""``hushwire models bench``: what this machine carries with which model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agents.settings.model import Settings, load_settings
from agents.system.screen import print_list, screen

if TYPE_CHECKING:
    from agents.app.evaluation.bench_models import Measured, Spoken
    from models.speech.transcriber import TranscriberSettings


def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Speech models; none: all of both catalogues that are here."),
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(
            "--audio",
            help="Folder of own recordings, with manifest.jsonl where it is known what is said; "
            "without it a made-up call of 47 s.",
        ),
    ] = None,
    calls: Annotated[
        int | None,
        typer.Option("--calls", min=1, help="Calls at once that are to be carried; else a core's."),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="cpu or cuda; without it both, where both are.")
    ] = None,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="One JSON object, with everything.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write that object to a file, for sizing.")
    ] = None,
) -> None:
    """Measure what this machine carries with each speech model, and say which to take.

    Takes some minutes for a large model. The settings say which second opinion, pace and
    arithmetic; let nothing else run.
    """
    from agents.cli.shared.extras import need  # noqa: PLC0415 - a command imports what it needs

    need("hushwire models bench", "speech")
    from agents.app.evaluation.bench_models import (  # noqa: PLC0415
        advised,
        as_data,
        bench_model,
        spoken_of,
    )

    settings = load_settings(device=device)
    spoken: Spoken = spoken_of(audio, settings.pace, settings.language)
    measured: list[Measured] = []
    told = screen(stderr=True)
    for one in _ways(settings, names, device):
        told.print(f"{one.main} on {one.device} ({one.compute_type}) …", highlight=False)
        measured.append(bench_model(one, spoken, _engines(settings, one)))
    wanted = calls or settings.engine_processes
    taken = advised(measured, wanted)
    data = json.dumps(as_data(measured, taken, wanted), indent=1)
    if to is not None:
        to.write_text(data + "\n", encoding="utf-8")
    if as_json:
        typer.echo(data)
        return
    _show(measured, taken, wanted, spoken)


def _ways(
    settings: Settings, names: list[str] | None, device: str | None
) -> list[TranscriberSettings]:
    """Each model on each device that is to be measured."""
    from agents.app.wiring import transcriber_settings  # noqa: PLC0415 - as above
    from models.speech.whisper import unusable  # noqa: PLC0415
    from models.store.loader import catalogue_file, here  # noqa: PLC0415
    from models.store.model_catalogue import entries  # noqa: PLC0415

    own = settings.models_catalogue
    if not names:
        known = entries(catalogue_file(settings.models_dir, own))
        names = [
            one.id
            for one in known
            if one.kind == "whisper" and here(one, folder=settings.models_dir)
        ]
    base = transcriber_settings(settings)
    ways = [base]
    if device is None and settings.device == "cpu" and unusable("cuda", "float16") is None:
        ways.append(replace(base, device="cuda", compute_type="float16"))
    return [replace(way, main=name) for name in names for way in ways]


def _engines(settings: Settings, one: TranscriberSettings) -> int:
    device: Literal["cpu", "cuda"] = "cuda" if one.device == "cuda" else "cpu"
    return settings.model_copy(update={"device": device}).engine_processes


def _show(measured: list[Measured], taken: Measured | None, wanted: int, spoken: Spoken) -> None:
    print_list(
        screen(),
        ("model", "device", "second", "s per s", "alone", "engine MB", "engines", "calls", "wrong"),
        [
            (
                one.model,
                f"{one.device} {one.compute_type}",
                one.second_model or "none",
                f"{one.seconds_per_audio_second:.3f}",
                f"{one.alone_seconds_per_audio_second:.3f}",
                str(one.memory_mb),
                str(one.engines),
                str(one.calls),
                "not known" if one.word_error is None else f"{one.word_error:.1f} %",
            )
            for one in measured
        ],
        whole="model",
        headed=True,
    )
    out = screen()
    if taken is None:
        line = f"None carries {wanted} calls at once here: a smaller model, more cores or a GPU."
    else:
        line = f"Take {taken.model} on {taken.device}: it carries {taken.calls} calls at once here."
    out.print(line, markup=False, highlight=False, soft_wrap=True)
    out.print(
        f"Measured on {spoken.seconds:.0f} s of audio; {measured[0].machine if measured else ''}. "
        "docs/models.md says how, and what a figure is worth.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
