"""What a worker answers to probes, what it logs, and how it hands over when it is told to stop."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest

from agents.database.call_ledger import CallState
from agents.system import fatal_exit
from tests.broker import fakes
from tests.broker.brokers import on_both, on_several_workers
from tests.broker.harness import ALL, Installation, script
from tests.broker.test_start import until_loading
from tests.ports import free_port
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.broker

STAGES = ALL.split(",")
IN_HAND = "hushwire_oldest_call_seconds"


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=HANG_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def figure(port: int, line: str) -> float:
    """The value of a line of the metrics' page."""
    page = ask(port, "/metrics")[1].splitlines()
    return next((float(one.rpartition(" ")[2]) for one in page if one.startswith(line)), 0.0)


def stops(port: int) -> bool:
    """Whether a worker says that it stops, or has."""
    try:
        return "stopping" in ask(port, "/ready")[1]
    except OSError:  # nobody listens any more, or stopped while it answered
        return True


def logged(installation: Installation, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(one) for one in installation.log().splitlines() if one.startswith("{")]
    return [one for one in lines if one["event"] == event]


def test_probes_logs_and_times_of_a_worker(
    installation: Installation,
) -> None:
    port, loaded = free_port(), installation.folder / "loaded"
    told = {"LOADING_OF_TEST": str(loaded), "METRICS_OF_TEST": str(port)}
    worker = installation.spawn(told=told)
    until_loading(loaded)
    assert [ask(port, path)[0] for path in ("/startup", "/ready", "/live")] == [503, 503, 200]
    loaded.touch()
    assert worker.stdout.readline() == "ready\n", installation.log()
    until(lambda: ask(port, "/ready")[0] == 200, lambda: ask(port, "/ready"))
    assert [ask(port, path)[0] for path in ("/startup", "/live", "/health")] == [200, 200, 404]

    calls = [script(f"timed-{number}", seconds=4) for number in range(3)]
    installation.interleave(calls)
    sent = time.monotonic()
    names = [one.info.call_id for one in calls]
    installation.until_closed(names)
    took = time.monotonic() - sent
    until_finished(installation, len(names) * len(STAGES))
    assert figure(port, "hushwire_call_delay_seconds_count") == len(names)
    assert 0 < figure(port, "hushwire_call_delay_seconds_sum") <= len(names) * (took + 2)
    for stage in STAGES:
        line = f'hushwire_stage_call_seconds_count{{stage="{stage}"}}'
        assert figure(port, line) == len(names), line
        until_none_is_in_hand(port, stage)
    until_read(port)
    finished = logged(installation, "call finished")
    assert sorted((one["stage"], one["call_id"]) for one in finished) == sorted(
        (stage, name) for stage in STAGES for name in names
    )
    assert all(one["seconds"] > 0 and one["records"] > 0 for one in finished)
    assert all("dropped_fields" not in one for one in finished)
    started, ready = logged(installation, "worker started"), logged(installation, "worker ready")
    assert started[0]["stages"] == STAGES
    assert started[0]["policy"].startswith("default ")
    assert sum(ready[0]["partitions"].values()) > 0
    installation.stop(worker)
    assert logged(installation, "worker stopped")[0]["seconds"] > 0


def until_finished(installation: Installation, count: int) -> None:
    """The vault closes a call a little before its stage is through with it."""
    until(lambda: len(logged(installation, "call finished")) >= count, installation.log)


def until_read(port: int) -> None:
    """Every stage says how far it is behind, and is not."""

    def figures() -> list[str]:
        page = ask(port, "/metrics")[1]
        return re.findall(r"^hushwire_records_behind\{stage=.*\} (\S+)$", page, re.MULTILINE)

    until(lambda: len(one := figures()) == len(STAGES) and not any(map(float, one)), figures)


def until_one_is_in_hand(installation: Installation, port: int, stage: str) -> None:
    until(lambda: figure(port, f'{IN_HAND}{{stage="{stage}"}}'), installation.log)


def until_none_is_in_hand(port: int, stage: str) -> None:
    until(lambda: not figure(port, f'{IN_HAND}{{stage="{stage}"}}'))


@on_both
def test_nothing_but_calls_in_flight_is_read_again(installation: Installation) -> None:
    over = [script(f"over-{number}", seconds=4) for number in range(8)]
    port = free_port()
    worker = installation.start(told={"METRICS_OF_TEST": str(port)})
    installation.interleave(over)
    installation.until_closed([one.info.call_id for one in over])
    until_finished(installation, len(over) * len(STAGES))
    flying = [script(f"flying-{number}", seconds=4) for number in range(4)]
    for one in flying:
        installation.send(one.info.call_id, one.chunks[:-1])
    installation.producer.flush()
    raw, vault = installation.topics.audio_raw, installation.topics.audio_verified
    for stage in ("transcribe", "mute"):
        until_one_is_in_hand(installation, port, stage)
    installation.stop(worker)
    first: dict[int, int] = {}
    ends: dict[int, int] = {}
    names = {one.info.call_id.encode() for one in flying}
    for record in installation.read(raw):
        ends[record.partition()] = max(ends.get(record.partition(), 0), record.offset() + 1)
        if record.key() in names:
            place = first.get(record.partition(), record.offset())
            first[record.partition()] = min(place, record.offset())
    wanted = {number: first.get(number, end) for number, end in ends.items()}
    wanted = {number: offset for number, offset in wanted.items() if offset}
    assert first, "no call is in flight"
    for stage in ("transcribe", "mute"):
        assert installation.committed(stage, raw) == wanted
    assert sum(installation.committed("vault", vault).values()) > 0

    installation.start()
    for one in flying:
        installation.send(one.info.call_id, [one.chunks[-1], one.end])
    installation.producer.flush()
    closed = installation.until_closed([one.info.call_id for one in flying])
    assert set(closed.values()) == {CallState.STORED}


def test_a_worker_that_is_told_to_stop_leaves_what_waits(installation: Installation) -> None:
    """Its engine is in the middle of a window then; all others are the next worker's."""
    port, held = free_port(), installation.folder / "held"
    told = {fakes.HELD: str(held), "METRICS_OF_TEST": str(port)}
    worker = installation.start(told=told)
    calls = [script(f"slow-{number}", first=number) for number in range(8)]
    installation.interleave(calls)
    until_one_is_in_hand(installation, port, "transcribe")
    worker.send_signal(signal.SIGTERM)
    until(lambda: stops(port), installation.log)
    held.touch()
    assert worker.wait(HANG_S) == 0, installation.log()
    heard = len(installation.read(installation.topics.words))
    assert heard < len(calls), "it went on hearing"

    installation.start(told={fakes.HELD: str(held)})
    closed = installation.until_closed([one.info.call_id for one in calls])
    assert set(closed.values()) == {CallState.STORED}
    assert len(installation.read(installation.topics.words)) >= heard + 2 * len(calls)


@on_several_workers
def test_a_worker_more_than_there_are_partitions_is_ready(bootstrap: str, tmp_path: Path) -> None:
    made = Installation(bootstrap, tmp_path, f"s{uuid.uuid4().hex[:8]}", partitions=1)
    try:
        first, port = made.start("mute"), free_port()
        made.start("mute", told={"METRICS_OF_TEST": str(port)})  # it reads nothing, and says so
        until(lambda: ask(port, "/ready")[0] == 200, lambda: ask(port, "/ready"))
        assert json.loads(ask(port, "/ready")[1])["stages"][0]["partitions"] == 0
        made.stop(first)
        until(
            lambda: json.loads(ask(port, "/ready")[1])["stages"][0]["partitions"],
            lambda: "nobody reads",
        )
    finally:
        made.close()


@pytest.mark.parametrize("bootstrap", ["embedded"], indirect=True)
@pytest.mark.parametrize("second", [True, False])
def test_a_worker_that_does_not_stop_is_ended(installation: Installation, *, second: bool) -> None:
    """Its models load for ever, in a thread that nobody can end."""
    loaded: Path = installation.folder / "never"
    told = {"LOADING_OF_TEST": str(loaded), "STOP_OF_TEST": "60" if second else "2"}
    worker = installation.spawn(told=told)
    until_loading(loaded)
    worker.send_signal(signal.SIGTERM)
    time.sleep(1.0)
    assert worker.poll() is None
    if second:
        worker.send_signal(signal.SIGTERM)
    assert worker.wait(HANG_S) == fatal_exit.ExitCode.STOPPED
    assert ("a second time" if second else "HUSHWIRE_STOP_SECONDS") in installation.log()
