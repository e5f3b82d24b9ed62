"""``hushwire evaluate``: what leaks and what is muted for nothing, measured against the truth."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.pipeline_options import PolicyName
from agents.cli.shared.stores import VaultHint, opened
from agents.settings.model import load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.owners import user
from agents.system.screen import print_listing, screen
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.evaluation.figures.comparison import Comparison
    from pipeline.evaluation.scoring.results import Evaluation

app = typer.Typer(
    help="What leaks and what is muted for nothing, measured against the truth.",
    no_args_is_help=True,
)

Html = Annotated[Path | None, typer.Option("--html", help="Write a report with plots here.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write all figures here, for CI.")]
Gate = Annotated[
    list[str] | None,
    typer.Option(
        "--min-recall",
        metavar="TYPE=SHARE",
        help="Exit with 1 when less of a type is silenced, such as card=0.98; ALL for all types "
        "together. May be given several times.",
    ),
]
Compare = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--compare",
        metavar="A B",
        help="Compare two policies, or two files that --json wrote; the gate is B's.",
    ),
]
Publish = Annotated[
    bool,
    typer.Option(
        "--publish",
        help="Store the figures in the ledger, for the console's page of the policy: counts by "
        "type and threshold, no words and no names of cases.",
    ),
]


@app.command()
def text(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Labelled texts: our JSON lines, presidio-research JSON, or BIO."),
    ] = None,
    policy: PolicyName = None,
    compare: Compare = None,
    html: Html = None,
    json: Json = None,
    min_recall: Gate = None,
    publish: Publish = False,  # noqa: FBT002 - a flag of the command line
    vault: VaultHint = None,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Run the detector on labelled texts.

    Exit codes: 0 done; 1 the gate is not met; 2 wrong input.
    """
    from agents.app.evaluation.run_texts import evaluate_text, read_cases  # noqa: PLC0415 - as above
    from agents.settings.detectors import detector_settings  # noqa: PLC0415 - --help comes at once
    from agents.settings.policies import names_known, read_policy  # noqa: PLC0415 - as above

    def evaluate(name: str) -> Evaluation:
        if not files:
            raise InputError("name at least one file of labelled texts")
        settings = load_settings()
        known = names_known(settings).entities
        return evaluate_text(
            read_cases(files, known),
            read_policy(settings, name),
            curves=publish or html is not None,
            own=detector_settings(settings),
            known=known,
        )

    kept = _keeper(policy, compare, vault, state_dir) if publish else None
    _evaluate(evaluate, policy, compare, html, json, min_recall or [], kept)


@app.command()
def audio(
    manifest: Annotated[
        Path | None, typer.Argument(help="Truth: JSON lines, beside the original recordings.")
    ] = None,
    redacted: Annotated[
        Path | None, typer.Option("--redacted", help="Folder with the redacted recordings.")
    ] = None,
    run: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--run", help="Redact the recordings first, in memory.")
    ] = False,
    policy: PolicyName = None,
    compare: Compare = None,
    html: Html = None,
    json: Json = None,
    min_recall: Gate = None,
    publish: Publish = False,  # noqa: FBT002 - a flag of the command line
    vault: VaultHint = None,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Compare redacted recordings with their originals and the truth about them.

    Exit codes: 0 done; 1 the gate is not met; 2 wrong input.
    """
    from agents.app.evaluation.run_calls import (  # noqa: PLC0415 - --help comes at once
        evaluate_folder,
        evaluate_run,
    )
    from agents.settings.policies import names_known  # noqa: PLC0415

    err = screen(stderr=True)

    def evaluate(name: str) -> Evaluation:
        if manifest is None or run == (redacted is not None):
            raise InputError("name a manifest, and either --redacted DIR or --run")
        if redacted is not None:
            if compare:
                raise InputError("--redacted is one result; compare two policies with --run")
            return evaluate_folder(manifest, redacted, names_known(load_settings()).entities)
        told: Callable[[str], None] = lambda call: err.print(  # noqa: E731
            f"{name}: {call}", markup=False, highlight=False
        )
        return evaluate_run(
            manifest, load_settings(policy=name), curves=publish or html is not None, told=told
        )

    kept = _keeper(policy, compare, vault, state_dir) if publish else None
    _evaluate(evaluate, policy, compare, html, json, min_recall or [], kept)


def _evaluate(
    evaluate: Callable[[str], Evaluation],
    policy: str | None,
    compare: tuple[str, str] | None,
    html: Path | None,
    json: Path | None,
    min_recall: list[str],
    keep: Callable[[Evaluation], None] | None,
) -> None:
    """Measure, tell, write and keep what came of it; ends with 1 below the gate."""
    from agents.reports import evaluation_report as report  # noqa: PLC0415 - --help comes at once
    from pipeline.evaluation.figures.summary import gate_failures, parse_gate  # noqa: PLC0415

    out = screen()
    gate = parse_gate(min_recall)
    comparison = None
    if compare:
        result, comparison = _compared(evaluate, compare)
    else:
        result = evaluate(load_settings(policy=policy).policy)
    failures = gate_failures(result, gate)
    for table in report.tables(result):
        print_listing(out, table)
    if comparison:
        print_listing(out, report.comparison_table(comparison))
        if comparison.agreement:
            print_listing(out, report.agreement_table(comparison))
    if json:
        report.write_json(json, result, comparison, failures)
    if html:
        report.write_html(html, result, comparison, failures)
    if keep:
        keep(result)
    for failure in failures:
        screen(stderr=True).print(
            f"gate: {failure}", style="bold red", markup=False, highlight=False
        )
    if failures:
        sys.exit(ExitCode.NOT_CLEAN)


def _keeper(
    policy: str | None,
    compare: tuple[str, str] | None,
    vault: str | None,
    state_dir: Path | None,
) -> Callable[[Evaluation], None]:
    """Publishes a result; whether it can is told before anything is measured."""
    if compare:
        raise InputError("--publish: one result is published; leave --compare out")
    with opened(load_settings(state_dir=state_dir), vault):
        pass  # there is a ledger
    return partial(_publish, policy=policy, vault=vault, state_dir=state_dir)


def _publish(
    result: Evaluation, policy: str | None, vault: str | None, state_dir: Path | None
) -> None:
    from agents.settings.policies import read_policy  # noqa: PLC0415 - --help comes at once
    from agents.upkeep.tuning.evaluations import Evaluations  # noqa: PLC0415

    settings = load_settings(policy=policy, state_dir=state_dir)
    with opened(settings, vault) as parts:
        evaluations = Evaluations(parts.ledger.database, parts.log)
        sha256 = evaluations.publish(result, read_policy(settings), by=user())
    screen().print(f"published: figures {sha256}", highlight=False, soft_wrap=True)


def _compared(
    evaluate: Callable[[str], Evaluation], names: tuple[str, str]
) -> tuple[Evaluation, Comparison]:
    from agents.app.evaluation.run_texts import read_result  # noqa: PLC0415 - --help comes at once
    from pipeline.evaluation.figures.comparison import compare  # noqa: PLC0415

    files = [name.endswith(".json") for name in names]
    if any(files) and not all(files):
        raise InputError("--compare takes two policies or two result files, not one of each")
    first, second = (read_result(Path(n)) if n.endswith(".json") else evaluate(n) for n in names)
    return second, compare(first, second)
