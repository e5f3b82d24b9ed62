"""A client ends the process where its group gave nobody its partitions, and only there."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from agents import fatal, serving

pytestmark = pytest.mark.unit


def app(*partitions: str) -> SimpleNamespace:
    consumer = SimpleNamespace(assignment=lambda: set(partitions))
    return SimpleNamespace(rebalancing=False, consumer=consumer, conf=SimpleNamespace(id="group"))


async def watched(
    one: SimpleNamespace, *, nobody: bool, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Which groups were asked for, until the watch was ended or ended the process."""
    asked: list[str] = []

    def told(code: int, message: str) -> None:
        raise fatal.FatalError(code, message)

    def nobody_assigned(group: str) -> bool:
        asked.append(group)
        return nobody

    naps = iter(range(30))

    async def nap(_seconds: float) -> None:
        if next(naps, None) is None:
            raise asyncio.CancelledError

    monkeypatch.setattr(fatal, "_hook", [told])
    monkeypatch.setattr(serving.asyncio, "sleep", nap)
    await serving.Serving(nobody_assigned)._not_forgotten(one)  # type: ignore[arg-type]
    return asked


async def test_a_group_that_gave_nobody_its_partitions_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(fatal.FatalError) as raised:
        await watched(app(), nobody=True, monkeypatch=monkeypatch)
    assert raised.value.code == fatal.BROKER


async def test_who_waits_for_its_turn_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(asyncio.CancelledError):
        await watched(app(), nobody=False, monkeypatch=monkeypatch)


async def test_who_has_partitions_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(asyncio.CancelledError):
        await watched(app("raw/0"), nobody=True, monkeypatch=monkeypatch)
