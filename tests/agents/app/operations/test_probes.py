"""Probes: what each says, and that a thread of its own answers."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from agents.app.operations import probes as module
from agents.app.operations.probes import LOOP_S, SPARE_S, STAGE_S, Probes, ProbeServer, StageLook
from agents.runtime.pulse import Pulse
from pipeline.errors import SettingsError
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit


class Time:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def look(group: str = "h-mute", partitions: int = 4, **changed: Any) -> StageLook:  # noqa: ANN401
    return StageLook(group, partitions, **{"joined": True, "still_s": 0.0, **changed})


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def probes(clock: Time) -> Probes:
    made = Probes(clock)
    made.loaded = True
    made.note([look()])
    return made


def test_before_the_models_are_loaded_it_lives_and_is_not_ready() -> None:
    made = Probes()
    assert made.startup() == (False, {"loaded": False})
    assert made.ready()[0] is False
    assert made.live()[0]
    made.loaded = True
    assert made.startup()[0]
    assert not made.ready()[0], "no stage has joined its group yet"


def test_it_is_ready_once_every_stage_has_partitions(probes: Probes) -> None:
    assert probes.ready()[0]
    probes.note([look(), look("h-detect", 0, joined=False)])
    good, body = probes.ready()
    assert not good
    assert body["waiting"] == ["h-detect"]


@pytest.mark.parametrize("lost", [look(joined=False), look(partitions=0)])
def test_it_is_not_ready_while_partitions_are_lost(probes: Probes, lost: StageLook) -> None:
    probes.note([lost])
    assert not probes.ready()[0]
    probes.note([look()])
    assert probes.ready()[0]


def test_a_member_more_than_there_are_partitions_is_ready(probes: Probes, clock: Time) -> None:
    for _ in range(2):
        probes.note([look(partitions=0)])
        assert not probes.ready()[0]
        clock.now += SPARE_S / 2
    probes.note([look(partitions=0)])
    assert probes.ready()[0]


def test_it_is_not_ready_while_it_stops(probes: Probes) -> None:
    probes.stopping = True
    good, body = probes.ready()
    assert (good, body["why"]) == (False, "stopping")
    assert probes.live()[0], "stopping is no reason to be killed"


def test_an_event_loop_that_hangs_is_dead(probes: Probes, clock: Time) -> None:
    clock.now += LOOP_S
    assert probes.live()[0]
    clock.now += 1
    assert probes.live() == (False, {"live": False, "why": "the event loop hangs", "hanging": []})
    assert not probes.ready()[0]


def test_a_stage_that_hangs_is_named(probes: Probes) -> None:
    probes.note([look(still_s=STAGE_S), look("h-detect", still_s=STAGE_S + 1)])
    good, body = probes.live()
    assert not good
    assert body["hanging"] == ["h-detect"]


def test_a_stage_without_work_moves_and_one_whose_work_never_ends_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Time()
    monkeypatch.setattr("agents.runtime.pulse.time.monotonic", clock)
    pulse = Pulse()
    clock.now += 50
    assert pulse.still_s == 50
    pulse.beat()
    assert pulse.still_s == 0

    def work() -> float:
        clock.now += 900
        pulse.beat()  # the loop goes on while its thread works
        return pulse.still_s

    assert pulse.timed(work)() == 900
    assert pulse.still_s == 0


class Asked:
    """A server, and what it answered."""

    def __init__(self, probes: Probes) -> None:
        registry = CollectorRegistry()
        Counter("hushwire_test", "A test.", registry=registry).inc(3)
        self.server = ProbeServer("127.0.0.1", 0, registry, probes)

    def get(self, path: str) -> tuple[int, str]:
        address = f"http://127.0.0.1:{self.server.port}{path}"
        try:
            with urllib.request.urlopen(address, timeout=HANG_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def asked(probes: Probes) -> Iterator[Asked]:
    made = Asked(probes)
    with made.server:
        yield made


def test_pages_and_no_others(asked: Asked, probes: Probes) -> None:
    assert "hushwire_test_total 3.0" in asked.get("/metrics")[1]
    for path in ("/startup", "/ready", "/live"):
        assert asked.get(path)[0] == 200
    for path in ("/", "/healthz", "/metrics/", "/ready/x", "/../ready"):
        assert asked.get(path)[0] == 404
    probes.stopping = True
    status, body = asked.get("/ready?verbose=1")
    assert (status, json.loads(body)["why"]) == (503, "stopping")


async def test_it_answers_while_the_event_loop_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOP_S", 0.2)
    monkeypatch.setattr(module, "LOOK_S", 0.05)
    made = Probes()
    answers: list[int] = []
    asked = Asked(made)
    with asked.server:
        keeping = asyncio.create_task(made.keep(lambda: [look()]))
        await asyncio.sleep(0.1)
        asking = threading.Timer(0.4, lambda: answers.append(asked.get("/live")[0]))
        asking.start()
        time.sleep(0.6)  # noqa: ASYNC251 - that is the fault
        asking.join()
        await asyncio.sleep(0.1)
        answers.append((await asyncio.to_thread(asked.get, "/live"))[0])
        keeping.cancel()
    assert answers == [503, 200]


def test_a_port_that_is_taken_is_refused_with_what_to_do(asked: Asked, probes: Probes) -> None:
    with pytest.raises(SettingsError, match="HUSHWIRE_METRICS_PORT"):
        ProbeServer("127.0.0.1", asked.server.port, CollectorRegistry(), probes)
    with pytest.raises(SettingsError, match="metrics_host"):
        ProbeServer("192.0.2.1", 0, CollectorRegistry(), probes)
