"""What the parameters of an address may be, so that what is no value is told as such (422)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from agents.reports.compliance.model import MONTH

LIMIT_MOST: Final = 200
WHOLE_MOST: Final = 2**63 - 1
"""The largest number that a database knows."""
_TEXT: Final = r"^[^\x00]*$"
"""PostgreSQL has no texts with NUL."""
WITHIN: Final = (
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
    ("90d", "Last 90 days"),
)
"""How long ago calls began, where it is chosen."""
FILTERS: Final = {
    "q": "Words",
    "within": "Begun",
    "since": "From",
    "until": "Until",
    "stored_since": "Stored from",
    "stored_until": "Stored until",
    "shortest": "At least",
    "longest": "At most",
    "campaign": "Campaign",
    "line": "Tracking number",
    "agent": "Agent",
    "direction": "Direction",
    "outcome": "Outcome",
    "type": "Type",
    "topic": "Topic",
    "has": "With",
    "lacks": "Without",
    "weekday": "Weekday",
    "hour": "Hour",
    "muted": "Anything muted",
    "policy": "Policy",
    "jurisdiction": "Jurisdiction",
    "mark": "Mark",
    "held": "Legal hold",
    "purpose": "Purpose",
    "caller": "Caller",
    "party": "Took part",
}
"""What filters of calls are called where they are shown."""
SEVERAL: Final = frozenset({"type", "has", "lacks"})
"""Filters that may be said several times."""
HAS: Final = {
    "hold": "a pause of the recorder",
    "interruption": "an interruption",
    "both-sides": "both sides on channels of their own",
    "notice": "a notice of the recording",
    "precaution": "something muted as a precaution",
    "verification-catch": "something caught by verification",
    "repeat-caller": "a caller who called again",
}
"""What a call can have, in words: all that ``agents.vault.analytics.call_filter`` knows of."""
LACKS: Final = {
    "campaign": "a known campaign",
    "line": "a known tracking number",
    "agent": "a known agent",
    "outcome": "a known outcome",
    "notice": "a notice, though somebody listened for one",
}
"""What a call may lack, in words."""
LABELS: Final = FILTERS | {
    "from": "From",
    "to": "To",
    "compare": "Compare with",
    "compare_from": "Own days from",
    "compare_to": "Own days to",
    "zone": "Time zone",
    "sort": "Order",
    "after": "Page",
    "month": "Month",
    "kind": "Kind",
    "who": "Who",
    "call": "Call",
    "code": "Code",
}
"""What pages call parameters of their addresses."""
REFERENCE: Final = ": /reference says what is allowed"
"""Where programs read on, after what is wrong."""
_TIMES: Final = ("since", "until", "stored_since", "stored_until")
_LENGTH: Final = "seconds, 1:30 or 1:00:00"
_FORMS: Final = {
    "within": "so long ago at most, such as 24h, 7d or 4w",
    "zone": "a time zone such as Europe/Berlin",
    "shortest": _LENGTH,
    "longest": _LENGTH,
    "type": "a type such as CARD_NUMBER",
    "has": f"one of {', '.join(HAS)}",
    "lacks": f"one of {', '.join(LACKS)}",
    "weekday": "1 (Monday) to 7",
    "hour": "0 to 23",
    "jurisdiction": "such as DE or US-CA",
    "mark": "such as incomplete",
    "month": "such as 2026-11",
    "call": "a call's id",
}


def one_of(names: Iterable[str]) -> str:
    """The pattern of one of these names, which are plain; ``allowed`` lists them."""
    return f"^({'|'.join(names)})$"


def allowed(name: str, problem: Mapping[str, Any]) -> str:
    """What a parameter may be, for whoever said something else; without what was said.

    Args:
        name: of the parameter; ``type.0`` is the first of several.
        problem: one of Pydantic's errors.
    """
    name, said = name.split(".", maxsplit=1)[0], problem.get("ctx", {})
    match problem["type"]:
        case "string_pattern_mismatch" if name in _FORMS:
            return _FORMS[name]
        case "string_too_long":
            return _FORMS.get(name, f"at most {said['max_length']} characters")
        case "literal_error":
            return f"one of {said['expected']}".replace("'", "")
        case kind if kind.startswith("date_"):
            return "a day such as 2026-03-01"
        case kind if kind.startswith("bool_"):
            return "true or false"
        case _:
            return "not allowed"


class Parameters(BaseModel):
    """What an address says; a field that is empty, as forms send it, says nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, said: Any) -> Any:  # noqa: ANN401 - whatever came
        if not isinstance(said, Mapping):
            return said
        return {name: one for name, one in said.items() if one not in ("", None, (), [], [""])}

    def in_zone(self, zone: str) -> Self:
        """The same; days and times are those of a zone where it names none. Pages go by it.

        Args:
            zone: of who reads them.
        """
        timed = any(getattr(self, name, "") for name in _TIMES)
        named: str = getattr(self, "zone", "")
        return self.model_copy(update={"zone": zone}) if timed and not named else self


def _utc(moment: datetime) -> datetime:
    """The moment in UTC; without a zone it is the server's."""
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        raise ValueError("outside the years 1 to 9999 in UTC") from None


CallId = Annotated[str, Path(description="The call's id.")]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MOST, description="Calls on a page.")]
After = Annotated[
    str | None,
    Query(max_length=400, pattern=_TEXT, description="`following` of the page before."),
]
Word = Annotated[str | None, Query(max_length=128, pattern=_TEXT)]
Moment = Annotated[datetime, AfterValidator(_utc)]
MarkId = Annotated[str, Query(max_length=16, pattern=_TEXT, description="The last mark known.")]
Id = Annotated[str, Path(max_length=16, pattern=_TEXT, description="Its public id.")]
Entry = Annotated[int, Query(ge=0, le=WHOLE_MOST, description="Number of the last entry known.")]
MonthName = Annotated[
    str,
    Query(max_length=7, pattern=f"^({MONTH})?$", description="Such as 2026-11; without it, now."),
]
