"""Runs ``hushwire tune``: the detector over labelled texts, the choice, and the policy file.

Raises ``HushwireError`` for files, policies and models that can't be used.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from agents.app.evaluation.run_texts import detect
from agents.reports.evaluation_report import write_plain
from agents.system.screen import Listing
from models.detection.detector import Detector, DetectorSettings
from pipeline.errors import InputError, StoreError
from pipeline.evaluation.corpora.labelled_texts import LabelledCase
from pipeline.evaluation.corpora.review_marks import Kind, Mark, read_marks, wrong_scores
from pipeline.evaluation.figures.threshold_choice import (
    FOLDS,
    EntityProposal,
    Proposal,
    Verdict,
    propose,
    scored,
)
from pipeline.evaluation.scoring.results import Evaluation
from pipeline.evaluation.scoring.text_scoring import lay_out, open_policy, score
from pipeline.policy.known_names import BUILT_IN, Known
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.policy.model import Policy, RecognizerRule
from pipeline.records.scores import Recognizer


@dataclass(frozen=True, slots=True)
class Tuned:
    """A proposal, the policy that carries it, and what that policy does."""

    base: str
    """The policy in force, as it was named."""
    proposal: Proposal
    policy: Policy
    checked: Evaluation
    """The same texts under the proposed policy, run in earnest."""
    missed: dict[str, int]
    """Places that reviewers marked as missed, by type: they have no words to tune with."""


def read_mark_files(paths: Sequence[Path]) -> list[Mark]:
    """Read files that ``hushwire marks list --json`` wrote.

    Raises:
        InputError: one can't be read, or holds something else.
    """
    marks = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as text ({type(error).__name__})") from None
        marks += read_marks(text, origin=path.name)
    return marks


def tune(
    cases: Sequence[LabelledCase],
    base: str,
    target: float,
    *,
    only: frozenset[str] = frozenset(),
    folds: int = FOLDS,
    marks: Sequence[Mark] = (),
    own: DetectorSettings | None = None,
    known: Known = BUILT_IN,
) -> Tuned:
    """Propose thresholds, and run the texts under them.

    Args:
        cases: labelled texts.
        base: the policy to begin from, by path or name.
        target: recall that each type has to reach.
        only: types to be tuned; empty: all that are labelled.
        folds: in how many parts the cases are split.
        marks: reviewers' marks.
        own: own recognisers and reader.
        known: the names that the policy may use.
    """
    policy = load_policy(base, known)
    placed = [lay_out(case) for case in cases]
    opened = detect(Detector(open_policy(policy), settings=own), placed)
    proposal = propose(
        scored(opened, policy, folds=folds), policy, target, only=only, marks=wrong_scores(marks)
    )
    tuned = with_thresholds(policy, proposal)
    checked = score(tuned.name, detect(Detector(tuned, settings=own), placed), tuned)
    missed: dict[str, int] = {}
    for mark in marks:
        if mark.kind is Kind.MISSED:
            missed[mark.entity] = missed.get(mark.entity, 0) + 1
    return Tuned(base, proposal, tuned, checked, missed)


def with_thresholds(policy: Policy, proposal: Proposal) -> Policy:
    """The policy with the proposed thresholds."""
    entities = dict(policy.entities)
    reader = policy.recognizers.get(Recognizer.READER, RecognizerRule())
    for name, threshold in proposal.thresholds.items():
        entities[name] = policy.rule(name).model_copy(update={"threshold": threshold})
    by_type = {"entities": {**reader.entities, **proposal.thresholds}}
    return policy.model_copy(
        update={
            "name": f"{policy.name}-tuned",
            "entities": entities,
            "recognizers": {
                **policy.recognizers,
                Recognizer.READER.value: reader.model_copy(update=by_type),
            },
        }
    )


def write_policy(path: Path, tuned: Tuned, known: Known = BUILT_IN) -> None:
    """Write the proposal as a policy that extends the one in force.

    Raises:
        StoreError: it can't be written.
        PolicyError: it would not be accepted: a fault of ours, and nothing is written.
    """
    names = [tuned.base] if Path(tuned.base).is_file() else tuned.base.split("+")
    bases = [_from(path.parent, name) for name in names]
    data = {
        "name": tuned.policy.name,
        "version": tuned.policy.version,
        "extends": bases if len(bases) > 1 else bases[0],
        "entities": {
            name: {"threshold": threshold}
            for name, threshold in sorted(tuned.proposal.thresholds.items())
        },
        "recognizers": {
            Recognizer.READER.value: tuned.policy.recognizers[Recognizer.READER].model_dump(
                exclude_none=True
            ),
        },
    }
    lines = [
        f"# Proposed by `hushwire tune` for a recall of {tuned.proposal.target:g}.",
        *(f"# {line}" for line in _price(tuned.proposal)),
        yaml.safe_dump(data, sort_keys=False, allow_unicode=True),
    ]
    text = "\n".join(lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent}: cannot be made ({error.strerror})") from None
    parse_policy(text, origin=path.name, folder=path.parent, known=known)
    write_plain(path, text)


def _from(folder: Path, name: str) -> str:
    """A base as a file in a folder has to name it."""
    if Path(name).suffix in {".yaml", ".yml"}:
        return os.path.relpath(name, folder)
    return name


def table(tuned: Tuned) -> Listing:
    """The proposal for a terminal."""
    proposal = tuned.proposal
    rows = []
    for one in proposal.entities:
        low, high = 100 * one.held_out.low, 100 * one.held_out.high
        rows.append(
            (
                one.entity,
                str(one.entities),
                _change(f"{one.now.threshold:.2f}", f"{one.then.threshold:.2f}"),
                _change(f"{100 * one.now.recall:.1f}", f"{100 * one.then.recall:.1f}"),
                f"{100 * one.held_out.value:.1f} ({low:.0f}-{high:.0f})",
                _change(str(one.now.alarms), str(one.then.alarms)),
            )
        )
    return Listing(
        ("type", "n", "threshold", "recall %", "held-out %", "alarms"),
        rows,
        title=f"recall of {proposal.target:g}, from {tuned.base}",
        note="alarms: harmless words that spans of the type cover. held-out: recall on cases "
        "that the threshold was not chosen on",
    )


def notes(tuned: Tuned) -> list[str]:
    """What else there is to say, a line each."""
    proposal, checked = tuned.proposal, tuned.checked
    lines = _price(proposal)
    for verdict, told in (
        (Verdict.SHORT, "no threshold reaches the target; the best one is proposed"),
        (Verdict.DOUBTFUL, "below the target on cases that nothing was chosen on"),
        (Verdict.FEW, f"too few to tune, fewer than {proposal.least} in the texts: left as is"),
    ):
        if names := [one.entity for one in proposal.entities if one.verdict is verdict]:
            lines.append(f"{told}: {', '.join(names)}")
    if not proposal.thresholds:
        lines.append("no threshold is worth changing on these texts")
    words = sum(item.amount for item in checked.items)
    silenced = sum(item.covered for item in checked.items)
    muted = sum(call.harmless_muted for call in checked.calls)
    lines.append(
        f"run again under the proposal: {silenced:.0f} of {words:.0f} sensitive words silenced, "
        f"{muted:.0f} harmless words muted"
    )
    wrong = [one for one in proposal.entities if one.now.marks]
    lines += [
        f"marked as wrongly muted, {one.entity}: {one.now.marks} now, {one.then.marks} then"
        for one in wrong
    ]
    lines += [
        f"marked as missed, {entity}: {count}; a mark has no words, so add cases like it"
        for entity, count in sorted(tuned.missed.items())
    ]
    return lines


def _price(proposal: Proposal) -> list[str]:
    held = proposal.held_out_muted
    shares = [f"{100 * share:.2f}" for share in (held.value, held.low, held.high)]
    return [
        (
            f"harmless words muted: {proposal.muted_now} now, {proposal.muted_then} then, of "
            f"{proposal.harmless}"
        ),
        f"of cases that nothing was chosen on: {shares[0]} % ({shares[1]} to {shares[2]}) muted",
    ]


def as_data(tuned: Tuned) -> dict[str, object]:
    """Plain values for JSON."""
    proposal = tuned.proposal
    return {
        "schema": "hushwire.tuning.v1",
        "base": tuned.base,
        "target": proposal.target,
        "harmless_words": proposal.harmless,
        "muted_now": proposal.muted_now,
        "muted_then": proposal.muted_then,
        "entities": [_row(one) for one in proposal.entities],
    }


def _row(one: EntityProposal) -> dict[str, object]:
    return {
        "entity": one.entity,
        "entities": one.entities,
        "words": one.words,
        "threshold_now": one.now.threshold,
        "threshold_then": one.then.threshold,
        "recall_now": one.now.recall,
        "recall_then": one.then.recall,
        "recall_held_out": [one.held_out.low, one.held_out.value, one.held_out.high],
        "alarms_now": one.now.alarms,
        "alarms_then": one.then.alarms,
        "verdict": one.verdict.value,
    }


def _change(before: str, after: str) -> str:
    return before if before == after else f"{before} > {after}"
