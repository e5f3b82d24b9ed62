"""What a check of an installation finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

KEY_DAYS: Final = 365
"""A wrapping key that is older should be replaced: NIST SP 800-57 part 1 rev. 5, table 1, gives a
key-wrapping key at most two years."""
FREE_BYTES: Final = 2 * 1024**3
"""Room that a disk should have left: a day of calls is lost sooner than one thinks."""


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
    page: str = ""
    """Where more of it stands."""
