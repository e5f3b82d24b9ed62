"""An archive beside live calls, in a folder and in a bucket; killed and asked again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import boto3
import pytest
import soundfile

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import read_export
from agents.app.recordings.backfill.plan import archive_key
from agents.app.recordings.ingest import file_digest
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.crypto.pseudonym_secret import read_key
from agents.database.backfilled import Backfilled
from agents.database.call_ledger import CallState
from agents.kafka.producer import CallProducer
from agents.kafka.topics import Topics, create_topics
from agents.runtime.broker_port import Delivery
from agents.runtime.events import dead_letter
from agents.system.owners import archive_owner
from pipeline.records import cloudevents
from tests.agents.storing import bucket
from tests.broker import fakes
from tests.broker.forked import hushwire
from tests.broker.harness import Installation, Script, script
from tests.broker.test_stopping import figure
from tests.ports import free_port
from tests.waiting import HANG_S, until

pytestmark = [pytest.mark.broker]

NUMBER = "+4915112345678"
ARCHIVE = {"BACKFILL_OF_TEST": "1"}
IN_HAND = "hushwire_oldest_call_seconds"


def write(folder: Path, one: Script, **notes: object) -> Path:
    """A recording and its sidecar, as the archive has them."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{one.info.call_id}.flac"
    soundfile.write(path, one.pcm, fakes.RATE, subtype="PCM_16")
    path.with_suffix(".json").write_text(json.dumps(notes))
    return path


def words(installation: Installation, source: str, *options: str) -> list[str]:
    return [
        *("backfill", source, "--json", "--bootstrap", installation.bootstrap),
        *("--state-dir", str(installation.folder / "state"), *options),
    ]


def environment(installation: Installation) -> dict[str, str]:
    return os.environ | {"HUSHWIRE_TOPIC_PREFIX": installation.prefix}


def backfill(
    installation: Installation, source: str, *options: str, expected: int = 0
) -> dict[str, object]:
    """The report of one run."""
    done = subprocess.run(
        hushwire(*words(installation, source, *options)),
        env=environment(installation),
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert done.returncode == expected, done.stdout + done.stderr + installation.log()
    assert NUMBER[1:] not in done.stdout + done.stderr
    return dict(json.loads(done.stdout)) if done.stdout else {"told": done.stderr}


def test_an_archive_is_redacted_and_its_report_tells_of_each(
    installation: Installation, other: Installation
) -> None:
    folder = installation.folder / "archive"
    old, new = script("old"), script("new", first=2)
    write(folder, old, started_at="2024-02-01T10:00:00+00:00", call_id="old")
    write(folder, new, started_at="2025-02-01T10:00:00+00:00", call_id="new")
    (folder / f"{NUMBER}.mp3").write_bytes(b"\xff\xfb\x90\x00 no audio")
    (folder / "readme.txt").write_text("not a call")

    told = backfill(installation, str(folder), expected=4)["told"]
    assert "HUSHWIRE_BACKFILL=true" in str(told)

    installation.start(told=ARCHIVE)
    first = backfill(installation, str(folder), "--until", "2025-01-01")
    assert first["outcomes"] == {"stored": 1}
    assert installation.ledger.state("new") is None

    whole = backfill(installation, str(folder), "--rate", "1000", expected=1)
    assert whole["outcomes"] == {"stored": 2, "not taken": 1}
    assert whole["others"] == 1
    assert whole["stored_seconds"] == pytest.approx(2 * len(old.pcm) / fakes.RATE)
    assert whole["this_run"]["sent"] == 1  # type: ignore[index]
    [failure] = whole["failures"]  # type: ignore[misc]
    assert failure["fate"] == "not taken"
    assert failure["reason"]

    # All is known: nothing is read or sent again, and no worker is needed.
    again = backfill(installation, str(folder), expected=1)
    assert again["outcomes"] == whole["outcomes"]
    assert again["this_run"]["sent"] == 0  # type: ignore[index]

    # The archive's calls went over topics of their own; nothing of them lies on the live ones.
    topics = installation.topics
    assert installation.read(topics.audio_raw) == []
    assert len(installation.read(topics.backfill().audio_raw)) > len(old.pcm) // fakes.RATE
    assert installation.stored() == reference(other, folder, [old, new])


@pytest.fixture
def other(installation: Installation) -> Iterator[Installation]:
    """An installation beside it, whose worker takes the same calls live."""
    made = Installation(
        installation.bootstrap, installation.folder / "other", f"{installation.prefix}o"
    )
    made.spawn()
    yield made
    made.close()


def reference(other: Installation, archive: Path, scripts: list[Script]) -> dict[str, str]:
    """What the vault holds of the same calls that came live, by the harness's own producer."""
    folder = other.folder / "same"
    for one in scripts:
        write(folder, one, call_id=one.info.call_id)
        same = (archive / f"{one.info.call_id}.json").read_text()
        (folder / f"{one.info.call_id}.json").write_text(same)
    subprocess.run(
        hushwire(
            *("ingest", str(folder), "--bootstrap", other.bootstrap),
            *("--state-dir", str(other.folder / "state")),
        ),
        env=environment(other),
        check=True,
        capture_output=True,
    )
    other.until_closed([one.info.call_id for one in scripts])
    return other.stored()


def test_half_a_recording_that_workers_ended_is_not_told_as_stored(
    installation: Installation,
) -> None:
    folder = installation.folder / "archive"
    half = script("half")
    path = write(folder, half, call_id="half")
    installation.start(told=ARCHIVE, idle_s=3.0)
    # As a command leaves it that is killed in the middle.
    seal = installation.ledger.open_call(
        "half", recording=file_digest(path), owner=archive_owner()
    ).seal
    topic = installation.topics.backfill().audio_raw
    with CallProducer(installation.bootstrap, topic) as producer:
        for chunk in half.chunks[:6]:
            producer.send(chunk, seal)
        producer.flush()
    assert installation.until_closed(["half"]) == {"half": CallState.STORED}
    for _ in range(2):
        report = backfill(installation, str(folder), expected=1)
        assert report["outcomes"] == {"stored in part": 1}
    told = subprocess.run(
        hushwire(
            *("ingest", str(folder), "--bootstrap", installation.bootstrap),
            *("--state-dir", str(installation.folder / "state")),
        ),
        env=environment(installation),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, "1 stored in part" in told.stdout) == (1, True), told.stdout
    whole = backfill(installation, str(folder), "--again")
    assert whole["outcomes"] == {"stored": 1}
    assert installation.vault.catalogue.get("half.again2").whole
    assert backfill(installation, str(folder))["outcomes"] == {"stored": 1}


def test_stopped_while_it_waits_for_workers_it_is_stopped(installation: Installation) -> None:
    folder = installation.folder / "archive"
    write(folder, script("one"), call_id="one")
    running = subprocess.Popen(
        hushwire(*words(installation, str(folder))),
        env=environment(installation),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if "are wanted" in line:
            break
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    output, rest = running.communicate(timeout=HANG_S)
    assert running.returncode == 130, rest
    assert json.loads(output)["outcomes"] == {"not begun": 1}


def test_letters_of_an_archive_are_read_by_commands_that_take_none(
    installation: Installation,
) -> None:
    topics = installation.topics
    create_topics(
        installation.bootstrap,
        Topics.named(installation.prefix, backfilled=True),
        partitions=installation.partitions,
    )
    raw = topics.backfill().audio_raw
    seal = installation.ledger.open_call("one", owner=archive_owner()).seal
    with CallProducer(installation.bootstrap, raw) as producer:
        producer.send(script("one", seconds=2).chunks[0], seal)
        producer.flush()
    [sealed] = installation.read(raw)
    delivery = Delivery(
        raw, sealed.partition(), sealed.offset(), sealed.key(), dict(sealed.headers()),
        sealed.value(),
    )  # fmt: skip
    letter = dead_letter(
        topics.deadletter, delivery, stage="transcribe", code="record", call_id="one"
    )
    with CallProducer(installation.bootstrap, topics.deadletter) as producer:
        producer.send_message(cloudevents.Clear("one", dict(letter.headers), letter.value))
        producer.flush()
    listed = subprocess.run(
        hushwire("deadletter", "list", "--json", "--bootstrap", installation.bootstrap),
        env=environment(installation) | {"HUSHWIRE_STATE_DIR": str(installation.folder / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    assert "can be replayed" in listed.stdout, listed.stdout


def test_a_bucket_is_an_archive_too(installation: Installation) -> None:
    one, gone = script("one"), script("gone", first=3)
    installation.start(told=ARCHIVE)
    with bucket() as url:
        client = boto3.client(
            "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"], region_name="us-east-1"
        )
        for made in (one, gone):
            path = write(installation.folder / "made", made, call_id=made.info.call_id)
            for file in (path, path.with_suffix(".json")):
                client.upload_file(str(file), url.removeprefix("s3://"), f"in/2024/{file.name}")
        today = datetime.now(UTC).date().isoformat()
        none = backfill(installation, f"{url}/in", "--until", today)
        assert none["recordings"] == 0
        report = backfill(installation, f"{url}/in/", "--since", today)
        assert report["outcomes"] == {"stored": 2}
        missing = backfill(installation, f"{url}-none/in", expected=4)
        assert "no such bucket" in str(missing["told"])
    assert installation.ledger.state("one") is CallState.STORED


def test_live_calls_go_first(installation: Installation) -> None:
    folder = installation.folder / "archive"
    names = [f"slow-{number}" for number in range(6)]
    for place, name in enumerate(names):
        write(folder, script(name, first=place), call_id=name)
    port, held = free_port(), installation.folder / "held"
    installation.start(told={**ARCHIVE, fakes.HELD: str(held), "METRICS_OF_TEST": str(port)})
    running = subprocess.Popen(
        hushwire(*words(installation, str(folder), "--rate", "10000", "--at-once", "6")),
        env=environment(installation),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        until(lambda: installation.ledger.state(names[-1]), installation.log)
        until(lambda: figure(port, f'{IN_HAND}{{stage="backfill-transcribe"}}'), installation.log)
        live = [script(f"live-slow-{number}", first=number) for number in range(3)]
        installation.interleave(live)
        until(lambda: figure(port, f'{IN_HAND}{{stage="transcribe"}}'), installation.log)
        held.touch()
        output, _ = running.communicate(timeout=HANG_S)
        wanted = [*names, *(one.info.call_id for one in live)]
        installation.until_closed(wanted)
    finally:
        running.kill()
        running.wait()
    entries, _ = read_export(AuditLog(installation.ledger.database).export())
    closed = [one.subject for one in entries if ".call-closed." in one.kind]
    assert sorted(closed) == sorted(wanted), installation.log()
    assert json.loads(output)["outcomes"] == {"stored": len(names)}
    # They came last, and with as long windows; they are through before the archive is.
    assert set(closed[-2:]) <= set(names), closed


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_killed_at_any_moment_nothing_is_lost_or_twice(
    installation: Installation, other: Installation, seed: int
) -> None:
    folder = installation.folder / "archive"
    # The last one is not through before the kills are: there is something left at each of them.
    names = [*(f"call-{number}" for number in range(7)), "slow-7"]
    scripts = [script(name, first=number) for number, name in enumerate(names)]
    for one in scripts:
        write(folder, one, call_id=one.info.call_id)
    held = installation.folder / "held"
    installation.start(told={**ARCHIVE, fakes.HELD: str(held)})
    dice = random.Random(seed)

    def begun(count: int, running: subprocess.Popen[bytes]) -> bool:
        assert running.poll() is None, "it ended by itself"
        states = [installation.ledger.state(name) for name in names]
        return sum(state is not None for state in states) >= count

    slowly = ("--rate", "60", "--at-once", "3")
    for count in sorted(dice.sample(range(1, len(names)), 3)):  # known when it is killed
        running = subprocess.Popen(
            hushwire(*words(installation, str(folder), *slowly)),
            env=environment(installation),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(partial(begun, count, running), installation.log)
        time.sleep(dice.uniform(0.0, 0.5))
        running.kill()
        assert running.wait() == -signal.SIGKILL
        assert installation.ledger.state(names[-1]) is not CallState.STORED
    held.touch()
    report = backfill(installation, str(folder))
    assert report["outcomes"] == {"stored": len(scripts)}
    stored = installation.stored()
    assert stored == reference(other, folder, scripts)
    told = [
        json.loads(one.value()) for one in installation.read(installation.topics.calls_redacted)
    ]
    assert {one["call_id"] for one in told} == {one.info.call_id for one in scripts}
    assert {one["state"] for one in told} == {"stored"}
    assert installation.read(installation.topics.deadletter) == []
    rows = Backfilled(
        installation.ledger.database,
        archive_key(
            str(folder.resolve()),
            Pseudonyms(partial(read_key, installation.folder / "state" / "tokens.key")),
        ),
    ).known()
    assert sorted(one.call_id for one in rows.values()) == [one.info.call_id for one in scripts]
