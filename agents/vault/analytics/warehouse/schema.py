"""What ``hushwire query`` may ask: the views, their columns, and what each one means.

``docs/analytics.md`` holds the same tables; a test compares both, and the views with what DuckDB
says of them. The views stand on the columns that ``loading`` fills.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a view."""

    name: str
    type: str
    """As DuckDB names it."""
    meaning: str
    source: str = ""
    """Its expression; empty: the column of that name."""


@dataclass(frozen=True, slots=True)
class View:
    """A view, its rows, and where they come from."""

    name: str
    rows: str
    """What a row is."""
    fields: tuple[Field, ...]
    source: str
    """After ``FROM``."""

    @property
    def sql(self) -> str:
        """The statement that makes it."""
        columns = ", ".join(f"{one.source or one.name} AS {one.name}" for one in self.fields)
        return f"CREATE VIEW {self.name} AS SELECT {columns} FROM {self.source}"  # noqa: S608 - ours


def _text(name: str, meaning: str) -> Field:
    return Field(name, "VARCHAR", meaning, f"nullif({name}, '')")


def _ms(name: str, meaning: str) -> Field:
    return Field(name, "BIGINT", f"Milliseconds {meaning}.")


def _listed(name: str, meaning: str) -> Field:
    return Field(
        name,
        "VARCHAR[]",
        meaning,
        f"list_filter(string_split({name}, ','), lambda one: one <> '')",
    )


_DAY: Final = Field("day", "DATE", "Day of the start, in the zone of `analytics_zone`.")
_ID: Final = Field("call_id", "VARCHAR", "Our id of the call.")

CALLS: Final = View(
    "calls",
    "a stored call that passed; texts are NULL where nobody knows",
    (
        _ID,
        Field("started", "TIMESTAMP WITH TIME ZONE", "When it began, or was stored."),
        _DAY,
        Field("hour", "BIGINT", "Hour of the start in that zone, 0 to 23."),
        Field("weekday", "BIGINT", "1 (Monday) to 7 in that zone."),
        _ms("duration_ms", "of the call"),
        _text("direction", "`inbound` or `outbound`."),
        _text("campaign", "As the recorder names it."),
        Field(
            "tracking_number",
            "VARCHAR",
            "Name of the number that was called, or its pseudonym.",
            "nullif(line, '')",
        ),
        _text("agent", "Who answered, as the recorder names them."),
        _text("outcome", "`answered`, `missed` or `voicemail`."),
        _text("policy", "By which the call was redacted."),
        _text("jurisdiction", "The place whose rule decided on consent."),
        _ms("talk_agent_ms", "that the agent talks"),
        _ms("talk_customer_ms", "that the customer talks"),
        _ms(
            "talk_mixed_ms", "of talk on a channel that several share, if they were not told apart"
        ),
        _ms("silence_ms", "while nobody talks"),
        Field("interruptions", "BIGINT", "How often somebody began while the other talked."),
        Field(
            "sides",
            "BIGINT",
            "Of agent and customer, who were listened to on channels of their own: 2, 1 or 0.",
        ),
        _ms("hold_ms", "while the recorder paused"),
        Field("turns", "BIGINT", "Turns of the transcript."),
        Field("words", "BIGINT", "Words that are told; placeholders are none."),
        _ms("muted_ms", "that are muted, over all channels"),
        Field(
            "muted_share", "DOUBLE", "Their part of all channels' time, 0 to 1.", "muted_share/1e6"
        ),
        _ms("precaution_ms", "muted without an entity: mostly harmless speech"),
        _ms("caught_ms", "muted because verification heard something"),
        _text(
            "disclosed",
            "`yes` or `no`: whether a notice was heard; NULL where nobody listened for one.",
        ),
        _listed("marks", "Marks of the call, such as `incomplete`."),
        _listed("entities", "Types that were muted."),
    ),
    "facts",
)
REDACTIONS: Final = View(
    "redactions",
    "a type that was muted in a call",
    (
        _ID,
        _DAY,
        Field("type", "VARCHAR", "Such as `CARD_NUMBER`."),
        Field("count", "BIGINT", "Placeholders in the transcript."),
        _ms("ms", "over all channels"),
    ),
    "facts JOIN redacted ON redacted.call = facts.id",
)
TOPICS: Final = View(
    "topics",
    "a topic that came up in a call",
    (
        _ID,
        _DAY,
        Field("topic", "VARCHAR", "Its name in the list of topics."),
        Field("count", "BIGINT", "How often one of its phrases was said."),
    ),
    "facts JOIN mentioned ON mentioned.call = facts.id",
)
CALLERS: Final = View(
    "callers",
    "how many callers called so often in a month that is over; groups below `analytics_least` are "
    "left out",
    (
        Field("month", "DATE", "Its first day, in the zone of `analytics_zone`."),
        Field("calls_each", "BIGINT", "Calls of one caller in the month."),
        Field("callers", "BIGINT", "How many callers made so many."),
    ),
    "caller_groups",
)
DAYS: Final = View(
    "days",
    "a day with calls",
    (
        _DAY,
        Field("calls", "BIGINT", "Calls that began on it.", "count(*)"),
        *(
            Field(name, "BIGINT", "Of these.", f"CAST(count_if(outcome = '{name}') AS BIGINT)")
            for name in ("answered", "missed", "voicemail")
        ),
        *(
            Field(name, "BIGINT", meaning, f"CAST(sum({name}) AS BIGINT)")
            for name, meaning in (
                ("duration_ms", "Milliseconds of all calls."),
                ("silence_ms", "Milliseconds while nobody talks."),
                ("interruptions", "In all calls."),
                ("hold_ms", "Milliseconds while the recorder paused."),
                ("muted_ms", "Milliseconds that are muted, over all channels."),
                ("precaution_ms", "Of these, without an entity."),
            )
        ),
    ),
    "facts GROUP BY day",
)
VIEWS: Final = (CALLS, REDACTIONS, TOPICS, CALLERS, DAYS)


def markdown() -> str:
    """The views as the Markdown that ``docs/analytics.md`` holds."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    for view in VIEWS:
        yield f"### `{view.name}`"
        yield ""
        yield f"A row: {view.rows}."
        yield ""
        yield "| column | type | meaning |"
        yield "|---|---|---|"
        for one in view.fields:
            yield f"| `{one.name}` | {one.type} | {one.meaning} |"
        yield ""
