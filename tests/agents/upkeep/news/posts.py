"""Takes webhooks in the place of a receiver, and a clock to set."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.upkeep.news.addresses import Target
from agents.upkeep.news.webhooks import (
    Endpoint,
    Webhooks,
)

NOW = datetime.fromisoformat("2026-03-01T10:00:00+00:00")


class Posts:
    """Takes webhooks, or not, as a test says."""

    def __init__(self) -> None:
        self.came: list[tuple[Mapping[str, str], dict[str, Any]]] = []
        self.problems: list[Exception] = []
        self.always: Exception | None = None
        self.closed = False

    async def post(self, headers: Mapping[str, str], body: bytes) -> None:
        await asyncio.sleep(0)
        problem = self.problems.pop(0) if self.problems else self.always
        if problem is not None:
            raise problem
        self.came.append((headers, json.loads(body)))

    async def close(self) -> None:
        self.closed = True

    def told(self) -> list[tuple[str, str]]:
        """Kind and call of each."""
        return [(body["type"], body["data"]["call_id"]) for _, body in self.came]


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def an_endpoint(secrets: Path, *included: str) -> Endpoint:
    return Endpoint(Target.of("https://hooks.example.com/"), secrets, included)


async def until_quiet(webhooks: Webhooks) -> None:
    while await webhooks.look():
        pass
