"""What the parameters of an address may be, so that what is no value is told as such (422)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from agents.reports.compliance.model import MONTH

LIMIT_MOST: Final = 200
WHOLE_MOST: Final = 2**63 - 1
"""The largest number that a database knows."""
_TEXT: Final = r"^[^\x00]*$"
"""PostgreSQL has no texts with NUL."""


class Parameters(BaseModel):
    """What an address says; a field that is empty, as forms send it, says nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, said: Any) -> Any:  # noqa: ANN401 - whatever came
        if not isinstance(said, Mapping):
            return said
        return {name: one for name, one in said.items() if one not in ("", None, (), [], [""])}


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
