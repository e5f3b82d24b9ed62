"""A folder and a bucket, watched with a public key alone, through the whole pipeline."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import numpy as np
import pytest
import soundfile
from confluent_kafka import Producer

from agents.app.recordings.watching.outcomes import Ended, OutcomeTopic
from agents.crypto.transit_hybrid import TransitPrivate, write_public
from agents.database.call_ledger import CallState
from agents.kafka.call_sender import new_call_id
from agents.runtime.events import KNOWN, event
from agents.runtime.steps import EmitEvent
from pipeline.audio.files import read_recording
from pipeline.gateways.door.call_ids import recording_call_id
from tests.agents.storing import bucket
from tests.broker import fakes
from tests.broker.harness import WITH_DOOR, Installation, script
from tests.waiting import HANG_S, until

pytestmark = [pytest.mark.broker]

NUMBER = "+4915112345678"


@contextmanager
def watching(
    installation: Installation, public: Path, *places: str, after: str = "move"
) -> Iterator[subprocess.Popen[str]]:
    """``hushwire watch`` in a folder of its own, stopped by SIGTERM."""
    home = installation.folder / "recorder"
    log = (installation.folder / "watch.log").open("a+")
    arguments = ["--bootstrap", installation.bootstrap, "--public-key", str(public), *places]
    process = subprocess.Popen(
        [sys.executable, "-m", "agents", "watch", "--after", after, "--settle", "1", *arguments],
        stdout=log,
        stderr=log,
        text=True,
        cwd=home,
        env=os.environ
        | {"HUSHWIRE_TOPIC_PREFIX": installation.prefix, "PYTHONPATH": str(Path.cwd())},
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_S) == 0, told(installation)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        log.close()


def told(installation: Installation) -> str:
    return (installation.folder / "watch.log").read_text()


def until_there(installation: Installation, *paths: Path, gone: tuple[Path, ...] = ()) -> None:
    until(
        lambda: all(path.exists() for path in paths) and not any(path.exists() for path in gone),
        lambda: told(installation) + installation.log(),
        every_s=0.2,
    )


def digest_id(path: Path) -> str:
    return recording_call_id(hashlib.sha256(path.read_bytes()).hexdigest(), path.stem)


def test_what_is_dropped_is_stored_and_then_put_away(installation: Installation) -> None:
    worker = installation.start(WITH_DOOR)
    home = installation.folder / "recorder"
    home.mkdir()
    private = TransitPrivate.load_or_create(installation.folder / "state" / "transit-private.json")
    public = installation.folder / "public.json"
    write_public(public, private.public)
    drop = installation.folder / "drop"
    drop.mkdir()
    one, other = script("one"), script("other", first=2)
    soundfile.write(drop / f"{NUMBER}.flac", one.pcm, fakes.RATE, subtype="PCM_16")
    (drop / f"{NUMBER}.json").write_text("{}")
    (drop / "bad.mp3").write_bytes(b"\xff\xfb\x90\x00 no audio")
    (drop / "bad.json").write_text("{}")
    first = digest_id(drop / f"{NUMBER}.flac")
    with bucket() as url:
        soundfile.write(installation.folder / "s.wav", other.pcm, fakes.RATE, subtype="PCM_16")
        client = boto3.client(
            "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"], region_name="us-east-1"
        )
        name = url.removeprefix("s3://")
        content = (installation.folder / "s.wav").read_bytes()
        client.put_object(Bucket=name, Key="in/s.wav", Body=content)
        client.put_object(Bucket=name, Key="in/s.json", Body=b"{}")
        with watching(installation, public, str(drop), f"{url}/in"):
            until_there(
                installation,
                drop / "done" / f"{NUMBER}.flac",
                drop / "refused" / "bad.mp3.reason.txt",
            )
            second = digest_id(installation.folder / "s.wav")
            states = installation.until_closed([first, second])
            assert set(states.values()) == {CallState.STORED}
            until(lambda: "stored: s.wav" in told(installation), every_s=0.2)
        keys = {one["Key"] for one in client.list_objects_v2(Bucket=name)["Contents"]}
        assert keys == {"in/done/s.wav", "in/done/s.json"}
    log = told(installation)
    assert NUMBER[1:] not in log
    assert "refused: bad.mp3: " in log
    assert log.isprintable() or all(line.isprintable() for line in log.splitlines())
    for call_id, sent in ((first, one), (second, other)):
        stored = read_recording(installation.kept(call_id, f"{call_id}.flac")).pcm
        assert stored.shape == sent.pcm.shape
        assert not np.array_equal(stored, sent.pcm)  # something was silenced
    assert sorted(home.iterdir()) == []  # no ledger, no key

    # The same recording once more, and the command anew: nothing new is stored, and it is put away.
    again = drop / "again" / f"{NUMBER}.flac"
    again.parent.mkdir()
    shutil.copy(drop / "done" / f"{NUMBER}.flac", again)
    again.with_suffix(".json").write_text("{}")
    with watching(installation, public, str(drop), after="delete"):
        until_there(installation, gone=(again, again.with_suffix(".json")))
    assert "sent: again/" not in told(installation)
    assert re.search(rf"stored: again/\+#+\.flac: call {first}", told(installation))
    installation.stop(worker)


def test_the_topic_is_read_from_its_beginning_and_on(installation: Installation) -> None:
    ids = [new_call_id() for _ in range(40)]
    states = ["stored", "refused", "open", "quarantined"]

    producer = Producer({"bootstrap.servers": installation.bootstrap})

    def tell(call_id: str, state: str) -> None:
        one = EmitEvent(
            installation.topics.calls_redacted, call_id, KNOWN, {"call_id": call_id, "state": state}
        )
        message = event(one)
        producer.produce(
            message.topic, message.value, message.key, headers=list(message.headers.items())
        )

    for number, call_id in enumerate(ids[:30]):
        tell(call_id, states[number % 4])
    producer.flush(20)
    topic = installation.topics.calls_redacted
    with OutcomeTopic(installation.bootstrap, topic, most=10) as outcomes:
        assert outcomes.caught_up(60)
        known = [call_id for call_id in ids if outcomes.of(call_id)]
        assert len(known) == 10  # the others are forgotten: memory is bounded
        for call_id in ids[30:]:
            tell(call_id, "stored")
        producer.flush(20)
        until(lambda: outcomes.of(ids[-1]) is not None, every_s=0.05)
        assert outcomes.of(ids[-1]) == Ended("stored")
