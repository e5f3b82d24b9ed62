"""What an address says of a list of calls: filters, order, page; the same on pages and in the API.

A field that is empty says nothing, as browsers send forms. Outcomes: a ``ListingFilter``, or
``FilterError`` that names the parameter; what has the wrong form is refused before (422).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlencode

from pydantic import Field

from agents.vault.analytics.call_filter import ListingFilter
from agents.vault.analytics.call_listing import PAGE, Sorting, sorting_of
from agents.vault.analytics.filter_texts import filter_of
from console.http.parameters import HAS, LACKS, LIMIT_MOST, Parameters, one_of

_PLAIN = r"^[^\x00-\x1f\x7f]*$"
Name = Annotated[str, Field(max_length=128, pattern=_PLAIN)]
Time = Annotated[str, Field(max_length=40, pattern=_PLAIN)]
Length = Annotated[str, Field(max_length=12, pattern=r"^[0-9:]*$")]
Yes = Literal["yes", "no"]
TYPES_MOST = 40
Has = Annotated[str, Field(pattern=one_of(HAS), json_schema_extra={"enum": [*HAS]})]
Lacks = Annotated[str, Field(pattern=one_of(LACKS), json_schema_extra={"enum": [*LACKS]})]


class ListingQuery(Parameters):
    """Filters and order."""

    q: str = Field(
        "",
        max_length=200,
        pattern=_PLAIN,
        description='Words of the redacted transcript, all of them; "in quotes" as they stand.',
    )
    within: str = Field(
        "", pattern=r"^\d{1,4}[hdw]$", description="Begun so long ago at most: 24h, 7d, 4w."
    )
    since: Time = Field("", description="Begun then or later: a day or a time.")
    until: Time = Field("", description="Begun before; a day is meant to its end.")
    zone: str = Field(
        "",
        max_length=64,
        pattern=r"^[A-Za-z0-9_+/-]*$",
        description="Of days and times (IANA); without it, UTC.",
    )
    stored_since: Time = Field("", description="Stored then or later.")
    stored_until: Time = Field("", description="Stored before.")
    shortest: Length = Field("", description="Seconds, 1:30 or 1:00:00.")
    longest: Length = Field("", description="Seconds, 1:30 or 1:00:00.")
    campaign: Name = Field("", description="As the recorder names it.")
    line: Name = Field("", description="Tracking number: its name, or its pseudonym.")
    agent: Name = Field("", description="Who answered, as the recorder says.")
    direction: Literal["inbound", "outbound"] | None = Field(None, description="Who called.")
    outcome: Literal["answered", "missed", "voicemail"] | None = Field(
        None, description="As the recorder says."
    )
    type: tuple[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,79}$")], ...] = Field(
        (), max_length=TYPES_MOST, description="Types of which at least one was muted."
    )
    muted: Yes | None = Field(None, description="Whether any type was muted.")
    topic: Name = Field("", description="A topic that came up.")
    has: tuple[Has, ...] = Field((), max_length=len(HAS), description="What a call has, all of it.")
    lacks: tuple[Lacks, ...] = Field(
        (), max_length=len(LACKS), description="What nobody knows of it; `notice`: there was none."
    )
    weekday: int | None = Field(
        None, ge=1, le=7, description="Begun on this day of the week, 1 is Monday; with `hour`."
    )
    hour: int | None = Field(
        None, ge=0, le=23, description="Begun in this hour of `weekday`, in `zone`."
    )
    policy: Name = Field("", description="Name of the policy it was redacted by.")
    jurisdiction: str = Field("", pattern=r"^[A-Z-]{2,8}$", description="Such as DE or US-CA.")
    mark: str = Field("", pattern=r"^[a-z][a-z_-]{0,39}$", description="Such as incomplete.")
    held: bool | None = Field(None, description="Under a legal hold.")
    purpose: Name = Field("", description="What the recording is for.")
    caller: str = Field("", max_length=64, pattern=_PLAIN, description="Pseudonym.")
    party: str = Field("", max_length=64, pattern=_PLAIN, description="Pseudonym of anybody in it.")
    sort: Literal["-started", "started", "-duration", "duration", "-muted", "muted"] = Field(
        "-started", description="With a minus the greatest come first."
    )

    @property
    def sorting(self) -> Sorting:
        """The order."""
        return sorting_of(self.sort)

    def wanted(self, now: datetime) -> ListingFilter:
        """Which calls are meant.

        Args:
            now: that ``within`` is counted from.

        Raises:
            FilterError: a time or a length is none, or nothing can lie between two.
        """
        return filter_of(
            now,
            within=self.within,
            since=self.since,
            until=self.until,
            zone=self.zone,
            stored_since=self.stored_since,
            stored_until=self.stored_until,
            shortest=self.shortest,
            longest=self.longest,
            weekday=self.weekday,
            hour=self.hour,
            topic=self.topic,
            has=self.has,
            lacks=self.lacks,
            campaign=self.campaign,
            line=self.line,
            agent=self.agent,
            direction=self.direction or "",
            outcome=self.outcome or "",
            jurisdiction=self.jurisdiction,
            caller=self.caller,
            party=self.party,
            policy=self.policy,
            purpose=self.purpose,
            held=self.held,
            muted=None if self.muted is None else self.muted == "yes",
            types=self.type,
            mark=self.mark,
            words=self.q,
        )

    def address(self, without: str = "", **changed: object) -> str:
        """The query of an address that says the same, without the page.

        Args:
            without: a parameter that is left out, or ``name=value`` for one of several.
            **changed: what it says instead.
        """
        said: list[tuple[str, object]] = []
        dumped = self.model_dump(mode="json", exclude={"after", "limit"}, exclude_defaults=True)
        for name, value in (dumped | changed).items():
            many = value if isinstance(value, list) else [value]
            told = [(name, {True: "true", False: "false"}.get(one, one)) for one in many]
            said += [one for one in told if without not in {name, f"{name}={one[1]}"}]
        return urlencode(said)


class ApiListingQuery(ListingQuery):
    """Filters, order and page."""

    after: str = Field("", max_length=400, description="`following` or `preceding` of a page.")
    limit: int = Field(PAGE, ge=1, le=LIMIT_MOST, description="Calls on a page.")


class PageListingQuery(ListingQuery):
    """The same for the page, whose length is fixed."""

    after: str = Field("", max_length=400)


class SavedAddress(ListingQuery):
    """What is kept of an address: no words, and nobody's pseudonym, which outlived an erasure."""

    @classmethod
    def of(cls, query: ListingQuery) -> Self:
        """Of what was asked."""
        return cls.model_validate(
            query.model_dump(exclude={"q", "caller", "party", "after", "limit"})
        )
