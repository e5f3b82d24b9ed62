"""The fixtures of ``tests.agents``, for the tests of what stands on it."""

from __future__ import annotations

from tests.agents.conftest import database, key, ledger, log

__all__ = ["database", "key", "ledger", "log"]
