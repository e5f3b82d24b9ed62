"""What an address asks of analytics: days, a second period beside them, filters.

A field that is empty says nothing, as browsers send forms. Outcomes: an ``Asked``, or ``Refusal``
422 that names the parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from agents.settings.analytics import zone_of
from agents.vault.analytics.warehouse.period import Period, Wanted
from console.http.errors import INVALID, Refusal
from console.http.parameters import Parameters
from pipeline.errors import InputError

DAYS: Final = 30
"""That are shown where nobody says which."""
_PLAIN: Final = r"^[^\x00-\x1f\x7f]*$"
Name = Annotated[str, Field(max_length=128, pattern=_PLAIN)]


class AnalyticsQuery(Parameters):
    """Period, comparison, filters."""

    model_config = ConfigDict(populate_by_name=True)

    first: date | None = Field(
        None, alias="from", description="First day; without it, 30 days before the last one."
    )
    last: date | None = Field(None, alias="to", description="Last day; without it, today.")
    compare: Literal["before", "year", "own", "none"] = Field(
        "before",
        description="Second period: the one before, the same 52 weeks earlier, `compare_from` to "
        "`compare_to`, or none.",
    )
    compare_from: date | None = Field(None, description="First day of the second period.")
    compare_to: date | None = Field(None, description="Its last day.")
    zone: str = Field(
        "", max_length=64, pattern=r"^[A-Za-z0-9_+/-]*$", description="Time zone of days (IANA)."
    )
    campaign: Name = Field("", description="Calls of this one alone.")
    line: Name = Field("", description="Tracking number: its name, or its pseudonym.")
    agent: Name = Field("", description="Who answered, as the recorder says.")
    direction: Literal["inbound", "outbound"] | None = Field(None, description="Who called.")

    def asked(self, now: datetime, zone: ZoneInfo) -> Asked:
        """Which calls are meant.

        Args:
            now: whose day is today.
            zone: of days, where the address names none.

        Raises:
            Refusal: a period or the zone is none.
        """
        if self.zone:
            try:
                zone = zone_of(self.zone)
            except ValueError as error:
                raise _refused("zone", str(error)) from None
        last = self.last or now.astimezone(zone).date()
        first = self.first or date.fromordinal(max(1, last.toordinal() - DAYS + 1))
        wanted = Wanted(
            period=_period("from" if self.first else "to", first, last),
            zone=zone,
            campaign=self.campaign or None,
            line=self.line or None,
            agent=self.agent or None,
            direction=self.direction,
        )
        try:
            return Asked(wanted, self._second(wanted.period))
        except InputError as error:
            raise _refused("compare", str(error)) from None

    def address(self, path: str, **others: str) -> str:
        """This query at a path, with parameters in the place of some; empty ones are left out."""
        said = {**self.model_dump(mode="json", by_alias=True, exclude_defaults=True), **others}
        return f"{path}?{urlencode({name: one for name, one in said.items() if one})}".rstrip("?")

    def _second(self, period: Period) -> Period | None:
        match self.compare:
            case "before":
                return period.before
            case "year":
                return period.year_before
            case "own" if self.compare_from and self.compare_to:
                return _period("compare_from", self.compare_from, self.compare_to)
            case "own":
                raise _refused("compare_from", "name the second period: its first and last day")
            case "none":
                return None


@dataclass(frozen=True, slots=True)
class Asked:
    """Calls of a period, and the second one, if there is one."""

    wanted: Wanted
    second: Period | None

    @property
    def others(self) -> Wanted | None:
        """The same filters on the second period."""
        return self.wanted.of(self.second) if self.second else None


def presets(today: date) -> list[tuple[str, Period]]:
    """Periods that people ask for."""
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    return [
        ("7 days", Period(today - timedelta(days=6), today)),
        ("30 days", Period(today - timedelta(days=DAYS - 1), today)),
        ("90 days", Period(today - timedelta(days=89), today)),
        ("This month", Period(month, today)),
        ("Last month", Period(before.replace(day=1), before)),
        ("12 months", Period(today - timedelta(days=364), today)),
    ]


def _period(field: str, first: date, last: date) -> Period:
    try:
        return Period(first, last)
    except InputError as error:
        raise _refused(field, str(error)) from None


def _refused(field: str, told: str) -> Refusal:
    return Refusal(INVALID, "parameter", f"{field}: {told}", field=field)
