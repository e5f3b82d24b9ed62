"""Checks of a certificate for people: what each asks, what was measured, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from agents.reports.check_words import words_of
from pipeline.evidence.certificate import Certificate
from pipeline.verification.review_state import REFUSED_MARKS


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """A check as it is shown."""

    name: str
    title: str
    passed: bool
    measured: str
    limit: str
    todo: str
    """What to do next; empty where it passed."""


def shown_checks(stated: Certificate) -> list[ShownCheck]:
    """The checks of a certificate, those that failed first; refused marks are named."""
    made = []
    refused = ", ".join(mark for mark in stated.marks if mark in REFUSED_MARKS)
    for one in stated.checks:
        words = words_of(one.name)
        named = f": {refused}" if refused and one.name == "refused_marks" else ""
        made.append(
            ShownCheck(
                one.name,
                (words.holds or words.title) if one.passed else words.title + named,
                one.passed,
                _shown(one.measured, words.unit),
                _shown(one.limit, words.unit),
                "" if one.passed else words.todo,
            )
        )
    return sorted(made, key=lambda check: check.passed)


def _shown(value: float, unit: str | None) -> str:
    if unit == "":
        return ""  # a question that is answered by yes or no
    if unit == "%":
        return f"{value * 100:.1f} %"
    return f"{value:g} {unit or ''}".rstrip()
