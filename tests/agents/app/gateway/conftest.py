"""A door and a clock for each test of the feed."""

from __future__ import annotations

import pytest

from tests.agents.app.gateway.doors import Clock, Door


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def door() -> Door:
    return Door()
