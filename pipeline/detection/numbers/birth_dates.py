"""Dates that are a birth rather than an appointment: whole, and of the past.

Outcome: a plain answer about a run; nothing is raised.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.detection.numbers.runs import NumberRun
from pipeline.detection.numbers.tokens import Flag

_BORN_BY: Final = "2019"
"""Later dates are more often appointments than births."""
_YEAR: Final = 4
_SHORT_YEAR: Final = "35"
"""Years of two digits from which the last century is meant; cards and contracts run out before."""
_LONGEST: Final = 6
_FIGURES: Final = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-]\d\d\W*")
_LAST_DAY: Final = 31


def birth_date(run: NumberRun) -> bool:
    """Whether a run is day, month and year of a birth, by its form and its year alone."""
    if Flag.YEAR in run.flags:
        whole = Flag.DATE in run.flags and len(run.digits) > _YEAR
        return whole and "1900" <= run.digits[-_YEAR:] <= _BORN_BY
    return _short(run)


def old_figures(run: NumberRun) -> bool:
    """Whether a birth date is written in figures, with a year before 2000: enough by itself."""
    return len(run.parts) == 1 and run.digits[-2:] >= _SHORT_YEAR


def _short(run: NumberRun) -> bool:
    """Whether a run is a date whose year has two digits of the last century.

    "2/14/62", "the third of June sixty two", "second of the tenth ninety eight"; a price such as
    "the first five ninety nine" has nothing between its first two numbers.
    """
    said = run.flags - {Flag.PAIRED}
    dated = bool(said) and said <= {Flag.DATE, Flag.ORDINAL}
    if not dated or not _YEAR <= len(run.digits) <= _LONGEST or run.digits[-2:] < _SHORT_YEAR:
        return False
    if len(run.parts) == 1:
        found = _FIGURES.fullmatch(run.parts[0].word.text.strip())
        return found is not None and max(map(int, found.groups())) <= _LAST_DAY
    filled = [index for index, part in enumerate(run.parts) if part.digits]
    return Flag.ORDINAL in run.flags and len(filled) > 1 and filled[1] > filled[0] + 1
