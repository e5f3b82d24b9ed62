"""Which stored calls are wanted, as conditions on their facts and on the catalogue; no content.

A call that was stored by an earlier version has no facts until ``hushwire analytics rebuild`` has
made them: it is found by what the catalogue knows, and not by what only facts know. Outcomes:
``FilterError``, which names the parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, false, func, or_, select

from agents.database.analytics_tables import CALL_FACTS, CALL_REDACTIONS, CALL_TOPICS
from agents.database.tables import CATALOGUE, PARTIES
from agents.settings.analytics import zone_of
from agents.system.clock import stamp
from pipeline.errors import InputError
from pipeline.records.consent import DIRECTIONS, OUTCOMES

_BACK: Final = re.compile(r"(\d{1,4})([hdw])")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LENGTH: Final = re.compile(r"(?:(\d{1,3}):)?(?:(\d{1,4}):)?(\d{1,6})")


class FilterError(InputError):
    """A filter that can't be; ``name`` is the parameter's."""

    code: ClassVar[str] = "parameter"

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


class Order(StrEnum):
    """By what calls are listed."""

    STARTED = "started"
    DURATION = "duration"
    MUTED = "muted"
    """By the share that is muted; unknown is none."""


@dataclass(frozen=True, slots=True)
class ListingFilter:
    """Which calls are wanted; all that is said holds at once, an empty text says nothing."""

    passed: bool | None = True
    since: datetime | None = None
    """Begun at or after; stored, where the recorder did not say when it began."""
    until: datetime | None = None
    """Begun before."""
    stored_since: datetime | None = None
    stored_until: datetime | None = None
    shortest_ms: int | None = None
    longest_ms: int | None = None
    campaign: str = ""
    line: str = ""
    agent: str = ""
    direction: str = ""
    outcome: str = ""
    jurisdiction: str = ""
    caller: str = ""
    """A pseudonym."""
    party: str = ""
    """A pseudonym of anybody who took part."""
    policy: str = ""
    purpose: str = ""
    held: bool | None = None
    flagged: bool | None = None
    muted: bool | None = None
    """Whether any type was muted."""
    types: tuple[str, ...] = ()
    """Of which at least one was muted."""
    topic: str = ""
    has: tuple[str, ...] = ()
    """Of ``HAS``: what a call has to have, all of it."""
    lacks: tuple[str, ...] = ()
    """Of ``LACKS``: what nobody knows of a call, or what it does without."""
    slots: tuple[tuple[datetime, datetime], ...] | None = None
    """Begun at or after the first and before the second of any of these; None: at any time."""
    mark: str = ""
    words: str = field(default="", repr=False)
    """That were said, as ``agents.vault.analytics.search_index`` takes them."""

    def __post_init__(self) -> None:
        """Refuse what lets nothing through by itself, and words that are none of a list."""
        for name, known in (("direction", DIRECTIONS), ("outcome", OUTCOMES)):
            if getattr(self, name) not in {"", *known}:
                raise FilterError(name, f"one of {', '.join(known)}")
        for name, these in (("has", (*HAS, REPEATED)), ("lacks", tuple(LACKS))):
            if not set(getattr(self, name)) <= set(these):
                raise FilterError(name, f"one of {', '.join(these)}")
        for first, last, name in (
            (self.since, self.until, "until"),
            (self.stored_since, self.stored_until, "stored_until"),
        ):
            if first is not None and last is not None and first >= last:
                raise FilterError(name, "is not after the beginning: nothing lies between them")
        if None not in {self.shortest_ms, self.longest_ms} and self.shortest_ms > self.longest_ms:  # type: ignore[operator]
            raise FilterError("longest", "is below the shortest length")

    @property
    def is_everything(self) -> bool:
        """Whether nothing is filtered by but when a call began: an index has these in order."""
        begun = ListingFilter(passed=self.passed, since=self.since, until=self.until)
        return self == begun

    @property
    def lies_together(self) -> bool:
        """Whether calls that are meant may lie close to each other, far from a list's beginning."""
        return any(getattr(self, name) not in {None, ""} for name in _TOGETHER)

    @property
    def needs_facts(self) -> bool:
        """Whether a call without facts can't be meant."""
        told = (getattr(self, name) for name in _OF_FACTS)
        return self.muted is not None or self.slots is not None or any(told)


_PLAIN: Final = ("campaign", "line", "agent", "direction", "outcome", "jurisdiction", "caller")
_OF_FACTS: Final = (*_PLAIN, "types", "words", "topic", "has", "lacks")
_TOGETHER: Final = (
    *("stored_since", "stored_until", "policy", "purpose", "mark", "jurisdiction"),
    *("held", "flagged", "shortest_ms", "longest_ms", "slots"),
)
REPEATED: Final = "repeat-caller"
"""Whose caller called twice or more within the same time and campaign, number, agent, direction."""
HAS: Final[Mapping[str, ColumnElement[bool]]] = {
    "hold": CALL_FACTS.c.hold_ms > 0,
    "interruption": CALL_FACTS.c.interruptions > 0,
    "both-sides": CALL_FACTS.c.sides == 2,  # noqa: PLR2004 - the column's own words
    "notice": CALL_FACTS.c.disclosed == "yes",
    "precaution": CALL_FACTS.c.precaution_ms > 0,
    "verification-catch": CALL_FACTS.c.caught_ms > 0,
}
"""What a call can have beside a repeated caller, by name; what analytics counts."""
LACKS: Final[Mapping[str, ColumnElement[bool]]] = {
    "campaign": CALL_FACTS.c.campaign == "",
    "line": CALL_FACTS.c.line == "",
    "agent": CALL_FACTS.c.agent == "",
    "outcome": CALL_FACTS.c.outcome == "",
    "notice": CALL_FACTS.c.disclosed == "no",
}
"""What may be lacking: what nobody knows, and a notice that somebody listened for."""
KNOWN: Final = ("campaign", "line", "agent")
"""Filters whose value has to be that of some call: a misspelt one would show nothing."""


def of_facts(wanted: ListingFilter) -> Iterator[ColumnElement[bool]]:
    """The conditions on calls that have facts, without those of ``words``."""
    facts = CALL_FACTS.c
    if wanted.passed is False:
        yield false()  # a quarantined call has none
    yield facts.call_id.not_in(select(CATALOGUE.c.call_id).where(CATALOGUE.c.erasing.is_not(None)))
    yield from _between(facts.started, wanted.since, wanted.until)
    yield from _between(facts.stored, wanted.stored_since, wanted.stored_until)
    yield from _as_long(facts.duration_ms, wanted)
    for name in (*_PLAIN, "policy", "purpose"):
        if getattr(wanted, name):
            yield facts[name] == getattr(wanted, name)
    if wanted.muted is not None:
        yield facts.entities != "" if wanted.muted else facts.entities == ""
    if wanted.types:
        has = CALL_REDACTIONS.c.type.in_(wanted.types)
        yield facts.id.in_(select(CALL_REDACTIONS.c.call).where(has))
    yield from _as_counted(wanted)
    if wanted.mark:
        yield facts.marks.contains(f",{wanted.mark},", autoescape=True)
    if wanted.party:
        yield facts.call_id.in_(_of_party(wanted.party))
    for noted, column in ((wanted.held, CATALOGUE.c.held), (wanted.flagged, CATALOGUE.c.flagged)):
        if noted is not None:
            these = select(CATALOGUE.c.call_id).where(column.is_not(None))
            yield facts.call_id.in_(these) if noted else facts.call_id.not_in(these)


def _as_counted(wanted: ListingFilter) -> Iterator[ColumnElement[bool]]:
    """The conditions by which analytics leads to the calls behind a figure."""
    facts = CALL_FACTS.c
    if wanted.topic:
        yield facts.id.in_(select(CALL_TOPICS.c.call).where(CALL_TOPICS.c.topic == wanted.topic))
    yield from (HAS[name] for name in wanted.has if name != REPEATED)
    if REPEATED in wanted.has:
        yield facts.caller.in_(_repeated(wanted))
    yield from (LACKS[name] for name in wanted.lacks)
    if wanted.slots is not None:
        begun = [and_(*_between(facts.started, low, high)) for low, high in wanted.slots]
        yield or_(false(), *begun)


def _repeated(wanted: ListingFilter) -> Any:  # noqa: ANN401 - SQLAlchemy's selects
    """Pseudonyms of who called twice or more, as analytics counts them."""
    facts = CALL_FACTS.c
    return (
        select(facts.caller)
        .where(
            facts.caller != "",
            *_between(facts.started, wanted.since, wanted.until),
            *(
                facts[name] == getattr(wanted, name)
                for name in ("campaign", "line", "agent", "direction")
                if getattr(wanted, name)
            ),
        )
        .group_by(facts.caller)
        .having(func.count() > 1)
    )


def without_facts(wanted: ListingFilter) -> Iterator[ColumnElement[bool]]:
    """The conditions on calls of the catalogue that have none."""
    table = CATALOGUE.c
    yield table.erasing.is_(None)
    yield table.counted.is_(None)
    if wanted.passed is not None:
        yield table.passed.is_(wanted.passed)
    yield from _between(table.stored, wanted.since, wanted.until)
    yield from _as_long(table.duration_ms, wanted)
    if wanted.policy:
        yield table.policy == wanted.policy
    if wanted.mark:
        yield ("," + table.marks + ",").contains(f",{wanted.mark},", autoescape=True)
    if wanted.party:
        yield table.call_id.in_(_of_party(wanted.party))
    if wanted.held is not None:
        yield table.held.is_not(None) if wanted.held else table.held.is_(None)
    yield from _between(table.stored, wanted.stored_since, wanted.stored_until)
    if wanted.purpose:
        yield table.purpose == wanted.purpose
    if wanted.flagged is not None:
        yield table.flagged.is_not(None) if wanted.flagged else table.flagged.is_(None)


def _between(
    column: ColumnElement[str], since: datetime | None, until: datetime | None
) -> Iterator[ColumnElement[bool]]:
    if since is not None:
        yield column >= stamp(since)
    if until is not None:
        yield column < stamp(until)


def _as_long(column: ColumnElement[int], wanted: ListingFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.shortest_ms is not None:
        yield column >= wanted.shortest_ms
    if wanted.longest_ms is not None:
        yield column <= wanted.longest_ms


def _of_party(party: str) -> Any:  # noqa: ANN401 - SQLAlchemy's selects
    return select(PARTIES.c.call_id).where(PARTIES.c.pseudonym == party)


def place_of(zone: str) -> ZoneInfo:
    """The time zone (IANA) of a name; of an empty one UTC.

    Raises:
        FilterError: there is none of this name.
    """
    try:
        return zone_of(zone or "UTC")
    except ValueError as error:
        raise FilterError("zone", str(error)) from None


def moment(name: str, text: str, zone: str = "", *, end: bool = False) -> datetime:
    """A time that somebody names: a day or a time of day, ISO 8601.

    Args:
        name: the parameter's, for the error.
        text: without an offset it is a time of ``zone``.
        zone: name of a time zone (IANA); empty: UTC.
        end: whether a day is meant to its end.

    Raises:
        FilterError: it is no time, or outside the years 1 to 9999; see ``place_of``.
    """
    place = place_of(zone)
    told = "not a day (2026-03-01) or a time (2026-03-01T09:30+01:00)"
    if not _DAY.fullmatch(text[:10]):  # weeks and days without dashes are ISO 8601, too
        raise FilterError(name, told)
    try:
        if _DAY.fullmatch(text):
            day = datetime.fromisoformat(text) + timedelta(days=1 if end else 0)
            return day.replace(tzinfo=place).astimezone(UTC)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=place)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FilterError(name, told) from None


def ago(name: str, text: str, now: datetime) -> datetime:
    """A time before now: ``24h``, ``7d`` or ``4w``.

    Raises:
        FilterError: it is no such text, or before the year 1.
    """
    found = _BACK.fullmatch(text)
    try:
        if found is not None:
            return now - int(found.group(1)) * _UNITS[found.group(2)]
    except OverflowError:
        pass
    raise FilterError(name, "not how long ago, such as 24h, 7d or 4w")


def length_ms(name: str, text: str) -> int:
    """A length of a call: seconds, minutes:seconds or hours:minutes:seconds; in ms.

    Raises:
        FilterError: it is none.
    """
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise FilterError(name, "not a length: seconds, 1:30, or 1:00:00")
    first, second, seconds = found.groups()
    hours, minutes = (first, second) if second is not None else (None, first)
    return ((int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds)) * 1_000
