"""``hushwire tune``: thresholds for a target recall, and their price in false alarms."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from agents.cli.shared.extras import need
from agents.settings.model import load_settings
from agents.system.screen import print_listing, screen


def tune(
    texts: Annotated[
        list[Path],
        typer.Option("--texts", help="Labelled texts, as for `evaluate text`; may be repeated."),
    ],
    target: Annotated[float, typer.Option(help="Recall that each type has to reach.")] = 0.98,
    policy: Annotated[
        str | None, typer.Option("--policy", help="Policy to begin from; else the one in force.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Tune this type only; may be repeated.")
    ] = None,
    marks: Annotated[
        list[Path] | None,
        typer.Option("--marks", help="What `marks list --json` printed; may be repeated."),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, max=20, help="Parts of the cases.")] = 5,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write a policy with the thresholds here.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write all figures here.")] = None,
) -> None:
    """Propose a threshold per type for a target recall; nothing in force is changed."""
    need("tune", "detect")
    from agents.app.evaluation import tune_policy  # noqa: PLC0415 - --help comes at once
    from agents.app.evaluation.run_texts import read_cases  # noqa: PLC0415
    from agents.reports.evaluation_report import write_plain  # noqa: PLC0415
    from agents.settings.detectors import detector_settings  # noqa: PLC0415
    from agents.settings.policies import names_known  # noqa: PLC0415
    from pipeline.evaluation.corpora.entity_aliases import entity_name  # noqa: PLC0415

    settings = load_settings(policy=policy)
    known = names_known(settings)
    tuned = tune_policy.tune(
        read_cases(texts, known.entities),
        settings.policy,
        target,
        only=frozenset(map(entity_name, only or ())),
        folds=folds,
        marks=tune_policy.read_mark_files(marks or ()),
        own=detector_settings(settings),
        known=known,
    )
    console = screen()
    print_listing(console, tune_policy.table(tuned))
    for line in tune_policy.notes(tuned):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if out:
        tune_policy.write_policy(out, tuned, known)
        console.print(f"written: {out}", markup=False, highlight=False, soft_wrap=True)
    if json:
        write_plain(json, jsonlib.dumps(tune_policy.as_data(tuned), indent=1) + "\n")
