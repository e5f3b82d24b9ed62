"""Checks of a certificate for people: what each asks, what was measured, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agents.reports.check_words import words_of
from pipeline.evidence.certificate import CheckStated


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


def shown_checks(checks: Iterable[CheckStated]) -> list[ShownCheck]:
    """The checks, those that failed first."""
    made = []
    for one in checks:
        words = words_of(one.name)
        unit = f" {words.unit}" if words.unit else ""
        made.append(
            ShownCheck(
                one.name,
                words.title,
                one.passed,
                f"{one.measured:g}{unit}",
                f"{one.limit:g}{unit}",
                "" if one.passed else words.todo,
            )
        )
    return sorted(made, key=lambda check: check.passed)
