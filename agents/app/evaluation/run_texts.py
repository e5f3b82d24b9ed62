"""Runs what is to be evaluated: the real detector on labelled texts.

Raises ``HushwireError`` for files and models that can't be used; a case whose analysis fails is
silenced whole like in a call, and counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from models.detection.detector import Detector, DetectorSettings
from pipeline.errors import InputError
from pipeline.evaluation.corpora.entity_aliases import no_type
from pipeline.evaluation.corpora.labelled_texts import LabelledCase, parse_cases, unknown_types
from pipeline.evaluation.scoring.results import Evaluation, from_json
from pipeline.evaluation.scoring.text_scoring import (
    Case,
    Detected,
    curve,
    lay_out,
    open_policy,
    score,
)
from pipeline.policy.known_names import BUILT_IN
from pipeline.policy.model import Policy
from pipeline.records.model import CallEnd, CallInfo, Reason, Span, WindowTranscript


def read_cases(
    paths: Iterable[Path], known: Collection[str] = BUILT_IN.entities
) -> list[LabelledCase]:
    """Read labelled texts, one after another.

    Args:
        paths: the files.
        known: the entity types that are found here.

    Raises:
        InputError: a file can't be read, is no labelled text, names a type that is not known, or
            repeats an identifier.
    """
    cases: list[LabelledCase] = []
    seen: set[str] = set()
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as text ({type(error).__name__})") from None
        for case in parse_cases(text, origin=path.name, known=known):
            if case.id in seen:
                raise InputError(f"{path.name}: the case {case.id} is there twice")
            seen.add(case.id)
            cases.append(case)
    if not cases:
        raise InputError("there are no labelled texts in what was named")
    return cases


def read_result(path: Path) -> Evaluation:
    """Read what ``--json`` wrote.

    Raises:
        InputError: it can't be read, or is something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({type(error).__name__})") from None
    # Two results of one policy, such as of two models, are told apart by their files.
    return replace(from_json(text, origin=path.name), name=path.stem)


def detect(detector: Detector, cases: Iterable[Case]) -> list[Detected]:
    """Run a detector over cases, each as a call of its own."""
    return [Detected(case, spans_of(detector, case)) for case in cases]


def spans_of(detector: Detector, case: Case) -> tuple[Span, ...]:
    """Every span of one case."""
    end = CallEnd(case.call.call_id, len(case.ends), case.ends[-1])
    return spans_in(detector, case.call, case.windows(), end)


def spans_in(
    detector: Detector, info: CallInfo, windows: Iterable[WindowTranscript], end: CallEnd
) -> tuple[Span, ...]:
    """Every span that a detector finds in the windows of a call."""
    call = detector.open(info)
    findings = [one for heard in windows for one in call.take(heard)]
    findings += call.finish(end)
    return tuple(span for one in findings for span in one.spans)


def evaluate_text(
    cases: Sequence[LabelledCase],
    policy: Policy,
    *,
    curves: bool,
    own: DetectorSettings | None = None,
    known: Collection[str] = BUILT_IN.entities,
) -> Evaluation:
    """Run the detector under a policy and compare with the labels.

    Args:
        cases: the truth.
        policy: what is muted, and from which scores.
        curves: also run with thresholds at zero, for precision and recall per threshold.
        own: own recognisers and reader.
        known: the entity types that are found here, as for ``read_cases``.
    """
    placed = [lay_out(case) for case in cases]
    detected = detect(Detector(policy, settings=own), placed)
    result = score(policy.name, detected, policy)
    notes = [
        f"{count} labels are not counted: {no_type(name, known)}"
        for name, count in unknown_types(cases, known).items()
    ]
    failed = sum(any(span.reason is Reason.UNHEARD for span in one.spans) for one in detected)
    if failed:
        notes.append(f"the analysis of {failed} cases failed; they were silenced whole or in part")
    opened = Detector(open_policy(policy), settings=own) if curves else None
    points = curve(detect(opened, placed)) if opened else ()
    return replace(result, curve=points, notes=tuple(notes))
