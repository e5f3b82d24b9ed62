"""Steady load: nothing is lost, nothing piles up.

``make test`` has some dozens of short calls in scripted speech, watched by the same eyes; five
minutes with the real models are part of ``make nightly``, an hour is ``make soak``. Memory is
measured in these: over seconds it grows by what a machine and its allocator like.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.database.call_ledger import CallState
from agents.kafka.embedded_broker import EmbeddedBroker
from pipeline.records.model import AudioChunk, CallEnd
from tests.broker.harness import Installation, script
from tests.faults.looking import Look, Watcher
from tests.faults.soak import Soak, Worker, WorkerEndedError, curves, run
from tests.kafka.broker import available
from tests.ports import free_port
from tests.waiting import HANG_S, until

GROWTH = 0.2
"""Wider than over an hour: five minutes after the start of a busy machine are not settled."""
CALLS, LOOKS, LOOK_S = 40, 18, 0.5
"""Of the short form: calls and looks at least, and seconds from one look to the next."""
AT_ONCE = 4
"""Calls that are on their way in it."""


@pytest.fixture
def steady(tmp_path: Path) -> Iterator[tuple[Installation, int, int]]:
    """An installation on the embedded broker, its worker, and the port of the worker's figures."""
    port = free_port()
    with EmbeddedBroker() as broker:
        made = Installation(broker.bootstrap, tmp_path, "soak")
        (tmp_path / "tmp").mkdir()
        told = {"METRICS_OF_TEST": str(port), "TMPDIR": str(tmp_path / "tmp")}
        try:
            yield made, made.start(told=told).pid, port
        finally:
            made.close()


@pytest.mark.broker
def test_dozens_of_calls_leave_nothing_behind(steady: tuple[Installation, int, int]) -> None:
    made, pid, port = steady
    ledger, names = made.ledger, list[str]()
    example = script("example", seconds=1)
    pcm = example.chunks[0].pcm

    def send() -> None:
        names.append(f"short-{len(names)}")
        info = replace(example.info, call_id=names[-1])
        made.send(names[-1], [AudioChunk(info, 0, 0, pcm), CallEnd(names[-1], 1, len(pcm))])
        made.producer.flush()

    send()  # what is loaded with the first call
    made.until_closed(names)
    watcher, over, looks = (
        Watcher(pid, made.bootstrap, made.topics, port, prefix="soak"),
        threading.Event(),
        list[Look](),
    )
    folders = (made.folder / "tmp", made.folder / "vault" / ".writing")

    def watch() -> None:
        for look in watcher.looks(
            over,
            every_s=LOOK_S,
            folders=folders,
            open_calls=lambda: ledger.count(CallState.OPEN),
        ):
            looks.append(look)

    def sent() -> bool:
        if ledger.count(CallState.OPEN) < AT_ONCE:
            send()
        return len(names) >= CALLS and len(looks) >= LOOKS

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        until(sent)
        states = made.until_closed(names)
        until(lambda: watcher.lag() == 0)
        until(lambda: not (looks[-1].lag or looks[-1].waiting or looks[-1].open_calls))
    finally:
        over.set()
        watching.join()
    assert set(states.values()) == {CallState.STORED}
    soak = Soak(0.5, looks=looks)
    for name in ("handles", "threads"):
        assert soak.growth(name) < GROWTH, name
    assert looks[-1].assignments == looks[0].assignments
    assert (looks[-1].temporary, looks[-1].waiting, looks[-1].lag, looks[-1].open_calls) == (
        0,
        0,
        0,
        0,
    )
    assert looks[-1].held_mb == 0


@pytest.mark.broker
@pytest.mark.models
@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(1_500)
def test_five_minutes_leave_nothing_behind(tmp_path: Path) -> None:
    """On Apache Kafka where it can be had, and then shortly on the embedded broker, too."""
    both = available() is None
    soak = run(tmp_path / "first", load=0.5, minutes=4.5 if both else 5)
    assert soak.sent > 0
    assert soak.restarts == 0, (tmp_path / "first" / "worker.log").read_text("utf-8")[-2_000:]
    assert soak.drained_s is not None
    assert set(soak.states) == {"stored"}, soak.states
    for name in ("memory_mb", "engines_mb", "handles", "threads"):
        assert soak.growth(name) < GROWTH, name
    assert max(look.temporary for look in soak.looks[-5:]) <= 2
    assert soak.left == 0
    if both:
        embedded = run(
            tmp_path / "second", load=0.5, minutes=0.2, broker="embedded", capacity=soak.capacity
        )
        assert embedded.drained_s is not None
        assert set(embedded.states) == {"stored"}, embedded.states
        assert embedded.left == 0


@pytest.mark.unit
def test_a_worker_that_ends_is_noticed_at_once(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with log.open("wb") as file:
        ended = subprocess.Popen(["/bin/sh", "-c", "echo why; exit 3"], stdout=file)
    ended.wait(HANG_S)
    looked: list[bool] = []
    with pytest.raises(WorkerEndedError, match=r"exit code 3\); .*worker.log:\nwhy"):
        Worker(ended, log).until(lambda: bool(looked.append(True)), HANG_S)
    assert len(looked) <= 1


def looks(lag: list[int]) -> list[Look]:
    return [
        Look(
            at_s=2.0 * number,
            memory_mb=300.0,
            engines_mb=400.0,
            handles=90,
            threads=30,
            temporary=0,
            waiting=100,
            lag=behind,
            held_mb=1.0,
            assignments=5,
            open_calls=4,
        )
        for number, behind in enumerate(lag)
    ]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("lag", "found"),
    [
        ([100] * 9, []),
        ([0] * 6 + [150] * 3, []),
        ([400] * 6 + [590] * 3, []),
        ([400] * 6 + [700] * 3, ["lag grew from 400 to 700 records"]),
        ([0] * 6 + [300] * 3, ["lag grew from 0 to 300 records"]),
    ],
    ids=["flat", "few", "by chance", "grows", "piles up"],
)
def test_a_queue_that_grows_is_a_problem_below_full_load(lag: list[int], found: list[str]) -> None:
    soak = Soak(0.7, drained_s=1.0, states={"stored": 3}, looks=looks(lag))
    assert soak.problems == found
    assert not replace(soak, load=3.0).problems
    assert "lag" in curves(soak)


@pytest.mark.unit
def test_a_figure_that_grows_is_a_problem() -> None:
    more = [replace(look, handles=look.handles + 2 * n) for n, look in enumerate(looks([0] * 9))]
    assert Soak(0.7, drained_s=1.0, looks=more).problems == ["handles grew by 6.1%"]


@pytest.mark.unit
def test_under_overload_bounds_count_and_an_eviction() -> None:
    first, *rest = looks([0] * 3)
    more = [first, replace(first, held_mb=400.0), replace(first, memory_mb=1_400.0)]
    assert Soak(3.0, drained_s=1.0, looks=more).problems == [
        "held_mb went up to 400, its bound is 336",
        "memory_mb went up to 1400, its bound is 1271",
    ]
    evicted = [first, *(replace(look, assignments=6) for look in rest)]
    assert Soak(3.0, drained_s=1.0, looks=evicted).problems == [
        "a group gave partitions 1 times anew"
    ]
