"""How long the stages wait for what may never come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a call is waited for."""

    late_s: float = 10.0
    """For a missing chunk, once the call has ended."""
    idle_s: float = 300.0
    """For any chunk, before the call is ended."""
