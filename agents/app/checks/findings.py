"""What a check of an installation finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How a check ended."""

    OK = "ok"
    WEAK = "weak"
    SKIPPED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    grade: Grade
    what: str
    told: str
    advice: str = ""
    """What to do; empty unless weak."""
