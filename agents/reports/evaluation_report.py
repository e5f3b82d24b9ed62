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

from agents.reports.entity_groups import kind_of, label_of
from agents.reports.plots import curves, intervals
from agents.reports.templating import page_template
from agents.system.screen import Listing
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


def tables(evaluation: Evaluation) -> list[Listing]:
    """The figures for a terminal."""
    unit, whole = evaluation.unit, totals(evaluation)
    rows = []
    for each in by_entity(evaluation):
        digits = f"{each.digits_leaked}/{each.digits}" if each.digits else ""
        precise = f"{100 * each.precision.value:.1f}" if each.found else ""
        rows.append((
            each.entity, str(each.entities), str(each.leaked), _column(each.coverage),
            _column(each.whole), digits if unit == "ms" else precise,
        ))  # fmt: skip
    last = "digits leaked" if unit == "ms" else "right %"
    right = "" if unit == "ms" else "; right: share of what was found that is sensitive"
    figures = Listing(
        ("type", "n", "with leak", "silent %", "clean %", last),
        rows,
        title=f"{evaluation.name}: {whole.calls} calls or cases",
        note=f"silent: share of the {unit}; clean: share of entities without any leak; "
        f"in brackets 95 % intervals{right}",
    )
    lines = [
        ("sensitive, left audible", f"{whole.audible:.0f} of {whole.amount:.0f} {unit}"),
        ("silenced", _estimate(whole.coverage)),
        ("entities with any leak", f"{whole.leaked} of {whole.entities}"),
        ("calls with any leak", f"{whole.calls_with_leak} of {whole.calls}"),
    ]
    if whole.digits:
        lines.append(("digits leaked", f"{whole.digits_leaked} of {whole.digits}"))
    lines.append((f"harmless {unit} muted", _estimate(whole.harmless_muted)))
    if whole.negatives:
        lines.append(
            (f"negatives flagged, of {whole.negatives}", _estimate(whole.negatives_flagged))
        )
    if whole.missing:
        lines.append(("calls that were not released", str(whole.missing)))
    lines += [(f"leaks from: {cause}", str(count)) for cause, count in whole.causes.items()]
    lines += [("note", note) for note in _notes(evaluation)]
    return [figures, Listing(("in all", ""), lines)]


def comparison_table(comparison: Comparison) -> Listing:
    """A comparison for a terminal."""
    audible, harmless, unit = comparison.audible, comparison.harmless, comparison.unit
    return Listing(
        ("type", "n", "leak in first only", "leak in second only", "p (McNemar)"),
        [
            (each.entity, str(each.entities), str(each.only_first), str(each.only_second),
             f"{each.p:.3g}")
            for each in comparison.entities
        ],
        title=f"second: {comparison.second}, against first: {comparison.first}",
        note="\n".join(
            f"{name}: {each.value:+.0f} {unit} ({each.low:+.0f} to {each.high:+.0f}, "
            f"p {each.p:.3g})"
            for name, each in (("left audible", audible), ("harmless muted", harmless))
        ),
    )  # fmt: skip


def agreement_table(comparison: Comparison) -> Listing:
    """Stretches that both silence, or only one, for a terminal."""
    rows = []
    for each in comparison.agreement:
        if not each.differs and each.entity != ALL:
            continue
        counts = (each.both, each.only_first, each.only_second)
        seconds = (each.both_ms, each.only_first_ms, each.only_second_ms)
        rows.append((each.entity, *map(str, counts), *(f"{ms / 1_000:.1f}" for ms in seconds)))
    return Listing(
        ("type", "both", "first only", "second only", "both s", "first only s", "second only s"),
        rows,
        title="stretches that detection silences, before padding",
        note="types on which both agree wholly are left out",
    )


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
