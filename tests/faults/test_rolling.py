"""A rolling upgrade: while calls run, all workers of a stage are replaced by the next release's.

Nothing is lost, repeated or different from a run that nothing disturbs. The old release writes the
schemas before the newest ones where the test says so; then readers are replaced before writers, as
``docs/records.md`` asks.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.database.call_ledger import CallState
from pipeline.evidence.layout import CERTIFICATE
from pipeline.records import schemas
from pipeline.records.cloudevents import address
from tests.broker.brokers import Broker, on_several_workers
from tests.broker.harness import ALL, Installation, Script, script
from tests.waiting import HANG_S, until

pytestmark = [pytest.mark.broker, pytest.mark.slow]

FEW, MANY = 12, 50
"""With few, partitions move three times within seconds, before anything is committed of some."""
OLD = {"RELEASE_OF_TEST": "1"}
NEW = {"RELEASE_OF_TEST": "2"}
OLD_SCHEMAS = {**OLD, "SCHEMAS_OF_TEST": "previous"}


@pytest.fixture(scope="session")
def bootstrap(request: pytest.FixtureRequest, brokers: Callable[[str], Broker]) -> str:
    return brokers(request.param).bootstrap


def calls(count: int) -> list[Script]:
    return [script(f"rolled-{number:02}", seconds=4, first=number) for number in range(count)]


def installed(bootstrap: str, folder: Path) -> Installation:
    folder.mkdir()
    # With six, a third worker gets some: with four it would wait for one of the others to go.
    return Installation(bootstrap, folder, f"r{uuid.uuid4().hex[:8]}", partitions=6)


class Feed(threading.Thread):
    """Sends calls as recorders do, a piece of each in turn: one half of them from the beginning
    until half of the workers are replaced, the other half from then on until all are."""

    def __init__(self, made: Installation, scripts: list[Script]) -> None:
        super().__init__(daemon=True)
        self._made, self._halves = made, (scripts[::2], scripts[1::2])
        self.until = (threading.Event(), threading.Event())
        self.failed: list[BaseException] = []

    def run(self) -> None:
        try:
            for half, until in zip(self._halves, self.until, strict=True):
                self._send(half, until)
        except BaseException as error:  # noqa: BLE001 - told to the test
            self.failed.append(error)

    def _send(self, half: list[Script], until: threading.Event) -> None:
        for number in range(len(half[0].chunks)):
            if number == len(half[0].chunks) - 1:
                until.wait(HANG_S)
            for one in half:
                self._made.send(one.info.call_id, [one.chunks[number]])
            self._made.producer.flush()
            until.wait(1.0)
        for one in half:
            self._made.send(one.info.call_id, [one.end])
        self._made.producer.flush()


def stored(made: Installation) -> dict[str, str]:
    """What the vault holds, but for the release that began a call's detection."""
    found = {}
    for place, content in made.stored().items():
        text = content
        if place.endswith(CERTIFICATE):
            document: dict[str, Any] = json.loads(content)
            document["software"] = document["software"].replace("hushwire 2 ", "hushwire 1 ")
            document["detection"].pop("digest")
            text = json.dumps(document, indent=1)
        found[place] = text
    return found


def undisturbed(bootstrap: str, folder: Path, wanted: list[Script]) -> dict[str, str]:
    made = installed(bootstrap, folder)
    try:
        made.start(told=OLD)
        made.interleave(wanted)
        made.until_closed([one.info.call_id for one in wanted])
        return stored(made)
    finally:
        made.close()


def rolled(
    made: Installation, wanted: list[Script], groups: list[str], old: dict[str, str]
) -> Counter[CallState]:
    """Replace two workers of each group of stages, one by one, while calls run.

    Returns:
        How the calls ended.
    """
    workers = [
        (stages, worker)
        for stages in groups
        for worker in [made.start(stages, told=old) for _ in range(2)]
    ]
    feed = Feed(made, wanted)
    feed.start()
    until(lambda: made.ledger.count(CallState.OPEN), made.log)  # the old release begins one
    for number, (stages, worker) in enumerate(workers, start=1):
        made.start(stages, told=NEW)
        until(lambda: made.ledger.count(CallState.OPEN), made.log)  # a call is running
        made.stop(worker)
        if number == len(workers) // 2:
            feed.until[0].set()  # the old release detects what it was given, then the rest begins
            made.until_closed([one.info.call_id for one in wanted[::2]])
            until(lambda: made.ledger.state(wanted[1].info.call_id))
    feed.until[1].set()
    feed.join(HANG_S)
    assert not feed.failed, feed.failed
    closed = made.until_closed([one.info.call_id for one in wanted])
    return Counter(closed.values())


def assert_the_same(made: Installation, alone: dict[str, str], wanted: list[Script]) -> None:
    found = stored(made)
    assert found.keys() == alone.keys()
    assert {place: (one, alone[place]) for place, one in found.items() if one != alone[place]} == {}
    assert made.read(made.topics.deadletter) == []
    told = {one.key() for one in made.read(made.topics.calls_redacted)}
    assert told == {one.info.call_id.encode() for one in wanted}
    releases = {
        json.loads(content)["software"].split()[1]
        for place, content in made.stored().items()
        if place.endswith(CERTIFICATE)
    }
    assert releases == {"1", "2"}, "both releases began calls"


@on_several_workers
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.nightly)])
def test_workers_are_replaced_while_calls_run(bootstrap: str, tmp_path: Path, count: int) -> None:
    wanted = calls(count)
    alone = undisturbed(bootstrap, tmp_path / "alone", wanted)
    made = installed(bootstrap, tmp_path / "rolled")
    try:
        ended = rolled(made, wanted, [ALL], OLD)
        assert ended == {CallState.STORED: count}
        assert_the_same(made, alone, wanted)
    finally:
        made.close()


@pytest.mark.nightly
@pytest.mark.parametrize("bootstrap", ["embedded"], indirect=True, scope="session")
def test_every_stage_is_upgraded_from_the_schemas_before(
    bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = calls(MANY)
    alone = undisturbed(bootstrap, tmp_path / "alone", wanted)
    made = installed(bootstrap, tmp_path / "rolled")
    for name, version in schemas.NEWEST.items():
        monkeypatch.setitem(schemas.NEWEST, name, version - 1)  # recorders are upgraded last
    try:
        ended = rolled(made, wanted, [*reversed(ALL.split(","))], OLD_SCHEMAS)
        monkeypatch.undo()
        assert ended == {CallState.STORED: MANY}
        assert_the_same(made, alone, wanted)
        written = {
            address(dict(one.headers()), one.key()).version for one in made.read(made.topics.words)
        }
        assert len(written) > 1, "both releases wrote words"
    finally:
        made.close()
