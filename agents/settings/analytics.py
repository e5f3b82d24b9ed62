"""The settings of what is counted of stored calls."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

from agents.settings.values import SettingsPart


def zone_of(name: str) -> ZoneInfo:
    """The time zone of a name.

    Raises:
        ValueError: there is none of that name.
    """
    # A file such as localtime, posix/UTC or right/UTC is one for Python, and none for DuckDB.
    if name == "localtime" or name not in _names():
        raise ValueError("no time zone of the IANA list, such as Europe/Berlin")
    return ZoneInfo(name)


@cache
def _names() -> set[str]:
    return available_timezones()


def _zone(name: str) -> str:
    return zone_of(name).key


class AnalyticsSettings(SettingsPart):
    """Topics, days and small groups."""

    topics: Path | None = Field(
        default=None,
        description="YAML file of the topics that are counted in calls (docs/analytics.md), in the "
        "place of the shipped list. Calls that are stored already are counted anew by `hushwire "
        "analytics rebuild`.",
    )
    analytics_zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC",
        description="Time zone by which calls belong to days and hours in analytics, such as "
        "`Europe/Berlin`.",
    )
    analytics_least: Annotated[int, Field(ge=2, le=1_000)] = Field(
        default=5,
        description="Groups of fewer callers are not shown, and nor are campaigns, numbers, "
        "agents, types and topics with fewer calls.",
    )
