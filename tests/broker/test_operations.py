"""What operators see of a running installation: workers, lag, and both of them going away."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from agents.access.audit_log import AuditLog
from agents.app.operations import overview, worker_states
from agents.app.operations.overview import Operations, Overview
from agents.app.operations.parts import StageState
from agents.app.operations.replaying import DeadLetters
from agents.kafka.lag import LagReader
from agents.kafka.producer import CallProducer
from agents.runtime import dead_letters, events
from agents.runtime.broker_port import Delivery
from agents.runtime.dead_letters import Depth, Fate
from agents.settings.model import Settings
from pipeline.errors import BrokerError
from pipeline.records import cloudevents
from pipeline.records.model import AudioChunk, CallEnd
from tests.broker.harness import Installation, script
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.broker


def settings_of(installation: Installation) -> Settings:
    return Settings(
        bootstrap=installation.bootstrap,
        topic_prefix=installation.prefix,
        partitions=installation.partitions,
        state_dir=installation.folder / "state",
    )


def test_workers_lag_and_delay_are_seen_and_so_is_a_worker_that_dies(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "AGAIN_S", 0.5)
    monkeypatch.setattr(worker_states, "ALIVE_S", 6.0)  # as workers of tests have it
    operations = Operations(settings_of(installation), installation.ledger)
    # Of topics that were made just now, not every partition has its leader yet.
    before = until(operations.look, holds=lambda seen: seen.broker.state == "ok")
    assert before.workers == ()
    assert {one.behind for one in before.stages} == {0}

    sent = 0
    for name in ("one", "two"):
        call = script(name, seconds=6)
        records: list[AudioChunk | CallEnd] = [*call.chunks, call.end]
        for record in records:
            installation.send(name, [record])
            # The embedded broker tells the end of a topic by its last batch's first record.
            installation.producer.flush()
            sent += 1
    time.sleep(overview.AGAIN_S)
    waiting = operations.look()
    assert stage(waiting, "transcribe").behind == stage(waiting, "mute").behind == sent
    assert stage(waiting, "detect").behind == 0
    assert waiting.kept.open_calls == 2
    assert (stage(waiting, "vault").oldest_seconds or 0) > 0

    worker = installation.start()
    installation.until_closed(["one", "two"])
    seen = until(operations.look, holds=lambda seen: settled(seen) and bool(seen.delay.releases))
    [one] = seen.workers
    assert (one.state, one.stages) == (
        "ready",
        ("transcribe", "detect", "mute", "verify", "vault"),
    )
    assert [one.workers for one in seen.stages[1:]] == [1] * 5
    assert seen.stages[0].workers == 0  # nobody runs admit
    assert seen.throughput.calls + seen.throughput.quarantined == 2
    assert 0 < seen.delay.median_s <= seen.delay.p95_s < 120
    assert seen.kept.open_calls == 0

    worker.kill()
    worker.wait()
    gone = until(operations.look, holds=lambda seen: seen.workers[0].state == "away")
    assert all((one.workers, one.away) == (0, 1) for one in gone.stages[1:])

    again = installation.start("mute")
    until(operations.look, holds=lambda seen: stage(seen, "mute").workers == 1)
    installation.stop(again)
    # One that stops in order leaves no row.
    assert [one.state for one in operations.look().workers] == ["away"]


def stage(seen: Overview, name: str) -> StageState:
    return next(one for one in seen.stages if one.name == name)


def settled(seen: Overview) -> bool:
    return all(one.behind == 0 for one in seen.stages) and bool(
        seen.workers and seen.workers[0].state == "ready"
    )


def test_a_broker_that_is_away_is_told_and_asked_once(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "AGAIN_S", HANG_S)
    settings = settings_of(installation).model_copy(update={"bootstrap": "127.0.0.1:1"})
    operations = Operations(settings, installation.ledger)
    seen = operations.look()
    assert seen.broker.state == "away"
    assert "127.0.0.1:1" in seen.broker.told
    assert {one.behind for one in seen.stages} == {None}
    # The next one to look does not wait anew.
    monkeypatch.setattr(LagReader, "read", lambda *_: pytest.fail("it asked again"))
    assert operations.look().broker == seen.broker
    monkeypatch.undo()
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1:1"):
        LagReader("127.0.0.1:1", answer_s=0.5).read({"g": ("t",)}, ("t",))


def test_dead_letters_are_replayed_without_a_key(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = installation.topics.audio_raw
    installation.send("open", script("open", seconds=2).chunks)
    installation.producer.flush()
    first = installation.read(raw)[0]
    good = Delivery(
        raw, first.partition(), first.offset(), first.key(), dict(first.headers()), first.value()
    )
    with CallProducer(installation.bootstrap, installation.topics.deadletter) as producer:
        for delivery in (good, replace(good, offset=10_000)):
            letter = events.dead_letter(
                installation.topics.deadletter,
                delivery,
                stage="transcribe",
                code="record",
                call_id="open",
            )
            headers = dict(letter.headers)
            producer.send_message(cloudevents.Clear("open", headers, letter.value))
            producer.flush()

    def opened(*_: object) -> None:
        raise AssertionError("a transit key was asked for")

    monkeypatch.setattr(type(installation.ledger), "seal", opened)
    log = AuditLog(installation.ledger.database)
    letters = DeadLetters(settings_of(installation), installation.ledger, log)
    listed = letters.read(depth=Depth.CALL, newest=1)
    assert [one.fate for one in listed] == [Fate.REPLAYABLE]
    assert listed[0].record_offset == 10_000
    there = letters.read(depth=Depth.THERE)
    assert [one.fate for one in there] == [Fate.REPLAYABLE, Fate.GONE]
    before = len(installation.read(raw))
    assert len(list(letters.replay(there, by="token:0123456789abcdef"))) == 1
    assert len(installation.read(raw)) == before + 1
    lines = b"".join(log.export())
    assert b'"by":"token:0123456789abcdef"' in lines
    assert b'"record_offset":%d' % good.offset in lines


def test_many_that_are_gone_take_no_longer_than_one(installation: Installation) -> None:
    raw = installation.topics.audio_raw
    installation.send("open", script("open", seconds=120).chunks)
    installation.producer.flush()
    records = installation.read(raw)
    first = records[0]
    good = Delivery(
        raw, first.partition(), first.offset(), first.key(), dict(first.headers()), first.value()
    )
    here = [one.offset() for one in records if one.partition() == good.partition]
    wanted = [here[0], here[1], here[-1]]  # the last is far enough to be skipped to
    gone = range(10_000, 10_020)
    with CallProducer(installation.bootstrap, installation.topics.deadletter) as producer:
        for offset in (*wanted, *gone):
            letter = events.dead_letter(
                installation.topics.deadletter,
                replace(good, offset=offset),
                stage="transcribe",
                code="record",
                call_id="open",
            )
            producer.send_message(cloudevents.Clear("open", dict(letter.headers), letter.value))
        producer.flush()
    log = AuditLog(installation.ledger.database)
    # Each that is gone would be waited for, and all of them for longer than that.
    within_s = len(gone) * dead_letters.ANSWER_S / 2
    letters = DeadLetters(settings_of(installation), installation.ledger, log, within_s=within_s)
    found = letters.read(depth=Depth.THERE)
    assert [one.record_offset for one in found if one.sealed] == wanted
    assert len({one.sealed.value for one in found if one.sealed}) == len(wanted)
    assert [one.fate for one in found if not one.sealed] == [Fate.GONE] * len(gone)
    few = letters.read(depth=Depth.THERE, most=len(gone) + 1)
    assert [one.record_offset for one in few if one.sealed] == wanted[-1:]
    assert [one.fate for one in few[:2]] == [Fate.REPLAYABLE] * 2  # nobody asked for them
    slow = replace(letters, within_s=0.001)
    with pytest.raises(BrokerError, match=r"not all was read within|can't be read|no answer"):
        slow.read(depth=Depth.THERE)
