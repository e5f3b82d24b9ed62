"""An evaluation for people and for machines: a table, one HTML file, one JSON file.

The HTML file is self-contained; neither file holds a word that was spoken.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from agents.reports.entity_groups import kind_of, label_of
from agents.reports.plots import curves, intervals
from agents.reports.templating import page_template
from pipeline.errors import StoreError
from pipeline.evaluation.figures.comparison import Comparison
from pipeline.evaluation.figures.span_agreement import ALL
from pipeline.evaluation.figures.statistics import Estimate
from pipeline.evaluation.figures.summary import by_entity, by_tag, totals
from pipeline.evaluation.scoring.results import Evaluation, as_data

_MOST: Final = 500
"""Stretches that a page lists."""


def write_json(
    path: Path, evaluation: Evaluation, comparison: Comparison | None, failures: Sequence[str]
) -> None:
    """Write all figures, and the evaluation itself, which ``--compare`` reads again.

    Raises:
        StoreError: the file can't be written.
    """
    data = {
        "schema": "hushwire.evaluation.v1",
        "passed": not failures,
        "gate_failures": list(failures),
        "totals": asdict(totals(evaluation)),
        "entities": [asdict(each) for each in by_entity(evaluation)],
        "negatives": {tag: asdict(share) for tag, share in by_tag(evaluation).items()},
        "comparison": asdict(comparison) if comparison else None,
        "evaluation": as_data(evaluation),
    }
    write_plain(path, json.dumps(_finite(data), indent=1) + "\n")


def write_html(
    path: Path, evaluation: Evaluation, comparison: Comparison | None, failures: Sequence[str]
) -> None:
    """Write the report.

    Raises:
        StoreError: the file can't be written.
    """
    template = page_template(
        "evaluation.html",
        kind=kind_of,
        label=label_of,
        estimate=_estimate,
        percent=_percent,
        amount=_amount,
    )
    entities = by_entity(evaluation)
    kind = "audio" if evaluation.unit == "ms" else "text"
    page = template.render(
        title=f"Evaluation of {evaluation.name} on {kind}",
        subtitle=f"{len(evaluation.calls)} {'calls' if kind == 'audio' else 'cases'}",
        unit=evaluation.unit,
        totals=totals(evaluation),
        entities=entities,
        plot=intervals([(each.entity, each.entities, each.coverage) for each in entities]),
        curves=curves(evaluation.curve),
        tags=by_tag(evaluation),
        comparison=comparison,
        most=_MOST,
        failures=failures,
        notes=_notes(evaluation),
    )
    write_plain(path, page)


def tables(evaluation: Evaluation) -> list[Table]:
    """The figures for a terminal."""
    unit, whole = evaluation.unit, totals(evaluation)
    title = f"{evaluation.name}: {whole.calls} calls or cases"
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("type", no_wrap=True)
    last = "digits\nleaked" if unit == "ms" else "right\n%"
    for name in ("n", "with\nleak", "silent\n%", "clean\n%", last):
        table.add_column(name, justify="right", no_wrap=True)
    for each in by_entity(evaluation):
        digits = f"{each.digits_leaked}/{each.digits}" if each.digits else ""
        precise = f"{100 * each.precision.value:.1f}" if each.found else ""
        table.add_row(
            each.entity, str(each.entities), str(each.leaked), _column(each.coverage),
            _column(each.whole), digits if unit == "ms" else precise,
        )  # fmt: skip
    right = "" if unit == "ms" else "; right: share of what was found that is sensitive"
    table.caption = (
        f"silent: share of the {unit}; clean: share of entities without any leak; "
        f"in brackets 95 % intervals{right}"
    )
    lines = Table(show_header=False, box=None)
    lines.add_row("sensitive, left audible", f"{whole.audible:.0f} of {whole.amount:.0f} {unit}")
    lines.add_row("silenced", _estimate(whole.coverage))
    lines.add_row("entities with any leak", f"{whole.leaked} of {whole.entities}")
    lines.add_row("calls with any leak", f"{whole.calls_with_leak} of {whole.calls}")
    if whole.digits:
        lines.add_row("digits leaked", f"{whole.digits_leaked} of {whole.digits}")
    lines.add_row(f"harmless {unit} muted", _estimate(whole.harmless_muted))
    if whole.negatives:
        lines.add_row(f"negatives flagged, of {whole.negatives}",
                      _estimate(whole.negatives_flagged))  # fmt: skip
    if whole.missing:
        lines.add_row("calls that were not released", str(whole.missing))
    for cause, count in whole.causes.items():
        lines.add_row(f"leaks from: {cause}", str(count))
    for note in _notes(evaluation):
        lines.add_row("note", note)
    return [table, lines]


def comparison_table(comparison: Comparison) -> Table:
    """A comparison for a terminal."""
    audible, harmless, unit = comparison.audible, comparison.harmless, comparison.unit
    title = f"second: {comparison.second}, against first: {comparison.first}"
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("type", no_wrap=True)
    for name in ("n", "leak in\nfirst only", "leak in\nsecond only", "p\n(McNemar)"):
        table.add_column(name, justify="right")
    for each in comparison.entities:
        table.add_row(each.entity, str(each.entities), str(each.only_first),
                      str(each.only_second), f"{each.p:.3g}")  # fmt: skip
    table.caption = "\n".join(
        f"{name}: {each.value:+.0f} {unit} ({each.low:+.0f} to {each.high:+.0f}, p {each.p:.3g})"
        for name, each in (("left audible", audible), ("harmless muted", harmless))
    )
    return table


def agreement_table(comparison: Comparison) -> Table:
    """Stretches that both silence, or only one, for a terminal."""
    table = Table(title="stretches that detection silences, before padding", box=SIMPLE_HEAD)
    table.add_column("type", no_wrap=True)
    for name in (
        "both",
        "first\nonly",
        "second\nonly",
        "both\ns",
        "first\nonly s",
        "second\nonly s",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    table.caption = "types on which both agree wholly are left out"
    for each in comparison.agreement:
        if not each.differs and each.entity != ALL:
            continue
        counts = (each.both, each.only_first, each.only_second)
        seconds = (each.both_ms, each.only_first_ms, each.only_second_ms)
        table.add_row(each.entity, *map(str, counts), *(f"{ms / 1_000:.1f}" for ms in seconds))
    return table


def _notes(evaluation: Evaluation) -> list[str]:
    names = ", ".join(f"{count} {name}" for name, count in evaluation.kept.items())
    kept = [f"not counted, because the policy does not mute them: {names}"] if names else []
    return [*kept, *evaluation.notes]


def _estimate(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "no data"
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{_percent(estimate.value)} ({low:.1f} to {high:.1f})"


def _column(estimate: Estimate) -> str:
    """A share and its interval in percent."""
    if math.isnan(estimate.value):
        return "-"
    value, low, high = (100 * each for each in (estimate.value, estimate.low, estimate.high))
    return f"{value:.1f} ({low:.0f}-{high:.0f})"


def _percent(share: float) -> str:
    return "no data" if math.isnan(share) else f"{100 * share:.1f} %"


def _amount(amount: float, unit: str) -> str:
    return f"{amount / 1_000:.1f} s" if unit == "ms" else f"{amount:.0f}"


def _finite(value: object) -> object:
    """The value with every NaN as null: JSON knows no NaN."""
    match value:
        case float() if math.isnan(value):
            return None
        case dict():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case _:
            return value


def write_plain(path: Path, text: str) -> None:
    """Write a file, with the folders above it.

    Raises:
        StoreError: it can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None
