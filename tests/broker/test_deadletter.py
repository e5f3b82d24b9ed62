"""Dead letters are listed without content, and what can be worked on is sent again as it was."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select

from agents.database.call_ledger import CallState
from agents.database.tables import ENTRIES
from agents.kafka.producer import CallProducer
from agents.runtime import events
from agents.runtime.broker_port import Delivery
from agents.runtime.dead_letters import Fate, read_dead_letters
from pipeline.records import cloudevents
from tests.broker import forked
from tests.broker.harness import Installation, script
from tests.waiting import HANG_S

pytestmark = pytest.mark.broker


def hushwire(installation: Installation, *arguments: str, ends: int = 0) -> str:
    """What the command says, by the way that it ends."""
    environment = {
        "HUSHWIRE_BOOTSTRAP": installation.bootstrap,
        "HUSHWIRE_TOPIC_PREFIX": installation.prefix,
        "HUSHWIRE_STATE_DIR": str(installation.folder / "state"),
        "COLUMNS": "200",
    }
    command = forked.hushwire("deadletter", *arguments)
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=HANG_S, env=environment
    )
    assert done.returncode == ends, done.stderr
    return done.stderr if ends else done.stdout


def reject(installation: Installation, delivery: Delivery, code: str, *, kept: bool) -> None:
    """A dead letter as a stage writes it."""
    call_id = (delivery.key or b"").decode()
    letter = events.dead_letter(
        installation.topics.deadletter, delivery, stage="transcribe", code=code, call_id=call_id
    )
    if kept:
        letter = events.with_original(letter, delivery)
    with CallProducer(installation.bootstrap, letter.topic) as producer:
        producer.send_message(cloudevents.Clear(call_id, dict(letter.headers), letter.value))


def replays(installation: Installation) -> list[str]:
    """What the audit log tells of records that were sent again."""
    with installation.ledger.database.reading() as connection:
        query = select(ENTRIES.c.facts).where(ENTRIES.c.kind.endswith("record-replayed.v1"))
        return [str(one) for one in connection.scalars(query)]


def test_what_can_be_worked_on_is_sent_again(installation: Installation) -> None:
    raw = installation.topics.audio_raw
    for name in ("open", "closed", "away"):
        installation.send(name, script(name, seconds=2).chunks)
    installation.producer.flush()
    deliveries = {}
    for one in installation.read(raw):
        headers = dict(one.headers())
        call = one.key().decode()
        deliveries.setdefault(
            call, Delivery(raw, one.partition(), one.offset(), one.key(), headers, one.value())
        )
    installation.ledger.close_call("closed", CallState.REFUSED)
    good = deliveries["open"]
    reject(installation, good, "record", kept=True)
    reject(installation, replace(good, offset=good.offset + 1), "seal", kept=False)
    reject(installation, deliveries["closed"], "record", kept=True)
    reject(installation, replace(good, key=b"nobody", headers={}), "unknown_call", kept=False)
    reject(installation, replace(deliveries["away"], offset=10_000), "seal", kept=False)
    reject(installation, replace(good, value=b"changed"), "seal", kept=True)
    with CallProducer(installation.bootstrap, installation.topics.deadletter) as producer:
        producer.send_message(cloudevents.Clear("other", {"whatever": b"1"}, b"something in clear"))

    letters = read_dead_letters(installation.bootstrap, installation.topics, installation.ledger)
    assert Counter(one.fate for one in letters) == {
        Fate.REPLAYABLE: 2,
        **dict.fromkeys((Fate.CLOSED, Fate.UNKNOWN, Fate.GONE, Fate.BROKEN, Fate.NO_LETTER), 1),
    }
    assert all((one.sealed is not None) == (one.fate is Fate.REPLAYABLE) for one in letters)

    asked = (["list"], ["list", "--json", "--call", "open"])
    with ThreadPoolExecutor(len(asked)) as threads:
        shown, listed = threads.map(lambda one: hushwire(installation, *one), asked)
    assert "7 dead letters of 5 records, 2 can be replayed" in shown
    assert "something" not in shown
    assert [json.loads(line)["replayable"] for line in listed.splitlines()].count(True) == 2

    before = len(installation.read(raw))
    told = hushwire(installation, "replay", "--call", "open")
    assert "2 records sent again, 0 left" in told
    again = installation.read(raw)
    assert len(again) == before + 2
    same = [one for one in again if dict(one.headers()) == good.headers]
    assert [one.value() for one in same] == [good.value] * 2
    facts = replays(installation)
    assert len(facts) == 2
    assert all(f'"record_offset":{place}' in "".join(facts) for place in (good.offset,))

    lines = hushwire(installation, "list", "--json", "--call", "open").splitlines()
    fates = Counter((one["fate"], one["replayed"] is not None) for one in map(json.loads, lines))
    assert fates == {(Fate.REPLAYED.value, True): 3}  # two are of one record
    assert "2 records were replayed before (last at 2" in hushwire(
        installation, "replay", "--call", "open", ends=2
    )
    assert len(installation.read(raw)) == before + 2
    told = hushwire(installation, "replay", "--call", "open", "--again")
    assert "2 records sent again, 0 left" in told
    assert len(installation.read(raw)) == before + 4
    assert len(replays(installation)) == 4  # each of the same records by the same person


def test_a_record_that_is_replayed_once_more_is_so_for_good(installation: Installation) -> None:
    raw = installation.topics.audio_raw
    installation.send("open", script("open", seconds=2).chunks)
    installation.producer.flush()
    one = installation.read(raw)[0]
    headers = dict(one.headers())
    good = Delivery(raw, one.partition(), one.offset(), one.key(), headers, one.value())
    before = len(installation.read(raw))
    only = ("replay", "--call", "open")
    for times in (1, 2):
        # The second time it was read once more, as after a crash, and got a letter by each stage.
        for _ in range(times):
            reject(installation, good, "record", kept=True)
        letters = read_dead_letters(
            installation.bootstrap, installation.topics, installation.ledger
        )
        assert [one.fate for one in letters][-times:] == [Fate.REPLAYABLE] * times
        assert "1 records sent again, 0 left" in hushwire(installation, *only)
        assert len(replays(installation)) == times
        assert "1 record was replayed before" in hushwire(installation, *only, ends=2)
    assert "1 records sent again, 0 left" in hushwire(installation, *only, "--again")
    assert len(replays(installation)) == 3
    assert len(installation.read(raw)) == before + 3


def test_nothing_is_replayed_unless_named(installation: Installation) -> None:
    command = forked.hushwire("deadletter", "replay")
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 2
    assert "--call, --code, or --all" in done.stderr
