"""The parts of a report, of which figures, open points and summary are made."""

from __future__ import annotations

from dataclasses import dataclass, fields

from agents.reports.compliance.controls import Framework
from agents.reports.compliance.model import (
    Access,
    Calls,
    Chain,
    Keys,
    Part,
    PolicyRow,
    Processing,
    Quarantine,
    Retention,
    Rules,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a report, each read or not."""

    calls: Part[Calls]
    access: Part[Access]
    retention: Part[Retention]
    quarantine: Part[Quarantine]
    keys: Part[Keys]
    chain: Part[Chain]
    rules: Part[Rules]
    policy: Part[PolicyRow]
    processing: Part[Processing]
    controls: Part[tuple[Framework, ...]]
    audit_days: int = 0

    @property
    def unread(self) -> dict[str, str]:
        """Why parts could not be read, by their name."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: part.problem
            for name, part in named.items()
            if isinstance(part, Part) and part.value is None
        }
