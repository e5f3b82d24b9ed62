"""The figures of a period: one number each, or None where nothing says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from agents.vault.analytics.warehouse.loading import Warehouse
from agents.vault.analytics.warehouse.period import Wanted

_SUMS: Final = {
    "calls": "count(*)",
    "answered": "count_if(outcome = 'answered')",
    "missed": "count_if(outcome = 'missed')",
    "voicemail": "count_if(outcome = 'voicemail')",
    "median": "median(duration_ms)",
    "duration": "sum(duration_ms)",
    "agent": "sum(talk_agent_ms) FILTER (sides = 2)",
    "customer": "sum(talk_customer_ms) FILTER (sides = 2)",
    "talk": "sum(talk_agent_ms + talk_customer_ms + talk_mixed_ms)",
    "silence": "sum(silence_ms)",
    "interruptions": "sum(interruptions)",
    "hold": "sum(hold_ms)",
    "hold_calls": "count_if(hold_ms > 0)",
    "disclosed": "count_if(disclosed = 'yes')",
    "undisclosed": "count_if(disclosed = 'no')",
    "muted": "sum(muted_share * duration_ms) / 1e6",
    "precaution": "sum(precaution_ms)",
    "caught_calls": "count_if(caught_ms > 0)",
    "caught": "sum(caught_ms)",
}
_CALLERS_SQL: Final = """
SELECT count(*), count_if(calls > 1)
FROM (SELECT count(*) AS calls FROM facts JOIN callers_of ON callers_of.call = facts.id
      WHERE {where} GROUP BY caller)
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts, milliseconds, and shares of 1."""

    calls: int
    answered: int
    missed: int
    voicemail: int
    answered_share: float | None
    """Of the calls with an outcome."""
    median_ms: int | None
    duration_ms: int
    talk_share: float | None
    """The agents' part of the talk of both sides, in calls of which both were listened to."""
    silence_share: float | None
    interruptions_per_call: float | None
    hold_ms: int
    hold_calls: int
    disclosed_share: float | None
    """Of the calls in which somebody looked for a notice."""
    callers: int | None
    """With a pseudonym; None: too few to be told."""
    repeat_callers: int | None
    """Of these, with two calls or more; None: they, or the others, are too few to be told."""
    muted_share: float | None
    """Of all channels' time."""
    precaution_share: float | None
    """Muted without an entity, as a part of it and all talk."""
    caught_calls: int
    caught_ms: int


def figures_of(warehouse: Warehouse, wanted: Wanted) -> Figures | None:
    """The figures of the calls that are wanted; None: a filter leaves too few to be told."""
    sql = f"SELECT {', '.join(_SUMS.values())} FROM facts WHERE {wanted.where}"  # noqa: S608 - ours
    (row,) = warehouse.rows(sql, wanted.values)
    found = {name: value or 0 for name, value in zip(_SUMS, row, strict=True)}
    calls, duration = found["calls"], found["duration"]
    if wanted.is_filtered and not _tellable(calls, least=warehouse.least):
        return None
    ((callers, again),) = warehouse.rows(_CALLERS_SQL.format(where=wanted.where), wanted.values)
    repeat = again or 0
    return Figures(
        calls=calls,
        answered=found["answered"],
        missed=found["missed"],
        voicemail=found["voicemail"],
        answered_share=_share(
            found["answered"], found["answered"] + found["missed"] + found["voicemail"]
        ),
        median_ms=round(found["median"]) if calls else None,
        duration_ms=int(duration),
        talk_share=_share(found["agent"], found["agent"] + found["customer"]),
        silence_share=_share(found["silence"], duration),
        interruptions_per_call=_share(found["interruptions"], calls),
        hold_ms=int(found["hold"]),
        hold_calls=found["hold_calls"],
        disclosed_share=_share(found["disclosed"], found["disclosed"] + found["undisclosed"]),
        callers=callers if _tellable(callers, least=warehouse.least) else None,
        repeat_callers=repeat
        if _tellable(repeat, callers - repeat, least=warehouse.least)
        else None,
        muted_share=_share(found["muted"], duration),
        precaution_share=_share(found["precaution"], found["talk"] + found["precaution"]),
        caught_calls=found["caught_calls"],
        caught_ms=int(found["caught"]),
    )


def _tellable(*groups: int, least: int) -> bool:
    return all(count == 0 or count >= least for count in groups)


def _share(part: Any, whole: Any) -> float | None:  # noqa: ANN401 - numbers of DuckDB
    return float(part) / float(whole) if whole else None
