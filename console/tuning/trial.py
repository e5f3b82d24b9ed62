"""What a text of a policy says against what is in force: mistakes at their lines, and changes.

Outcomes: values for the templates; nothing is changed.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import Final

from pipeline.errors import PolicyError
from pipeline.evaluation.change.policies import PolicyChange, policy_diff
from pipeline.policy.known_names import Known
from pipeline.policy.loading import parse_policy
from pipeline.policy.model import Policy
from pipeline.policy.warnings import warnings

_LINE: Final = re.compile(r"^policy, line (\d+):\s*(.*)$")
_AROUND: Final = 2
_LINES_MOST: Final = 400
"""Lines of a comparison that are shown."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of the text with what is wrong in it."""

    number: int
    text: str = field(repr=False)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """A text that was read."""

    text: str = field(repr=False)
    policy: Policy | None
    """None: it is refused."""
    problems: tuple[tuple[int, str], ...] = ()
    """Line, or 0 for the whole, and what is wrong; as `hushwire policy check` tells it."""
    warnings: tuple[str, ...] = ()

    @property
    def excerpt(self) -> list[TextLine]:
        """The lines with a mistake, and some around each; a gap in the numbers is left out."""
        wrong: dict[int, list[str]] = {}
        for line, problem in self.problems:
            wrong.setdefault(line, []).append(problem)
        near = {at + step for at in wrong if at for step in range(-_AROUND, _AROUND + 1)}
        return [
            TextLine(number, text, tuple(wrong.get(number, ())))
            for number, text in enumerate(self.text.splitlines(), start=1)
            if number in near
        ]


def checked(text: str, known: Known) -> Checked:
    """Read a text as `hushwire policy check` does; it may extend shipped policies only."""
    try:
        policy = parse_policy(text, known=known)
    except PolicyError as error:
        return Checked(text, None, tuple(map(_problem, str(error).splitlines())))
    return Checked(text, policy, (), tuple(warnings(policy)))


def _problem(told: str) -> tuple[int, str]:
    found = _LINE.match(told)
    return (int(found[1]), found[2]) if found else (0, told)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two texts: what changes in words, and line by line."""

    changes: tuple[PolicyChange, ...]
    lines: tuple[str, ...] = field(repr=False)
    """Of a unified comparison, without its head."""
    more: int
    """Lines that are not shown."""


def compared(old: Policy, old_text: str, new: Policy, new_text: str) -> Compared:
    """What changes from one policy to another."""
    lines = list(difflib.unified_diff(old_text.splitlines(), new_text.splitlines(), lineterm=""))
    lines = lines[2:]
    shown = tuple(lines[:_LINES_MOST])
    return Compared(tuple(policy_diff(old, new)), shown, len(lines) - len(shown))
