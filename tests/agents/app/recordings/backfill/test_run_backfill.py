"""A backfill without a broker: what becomes of each recording, and what a second run knows."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pytest
import soundfile
from rich.console import Console
from sqlalchemy import select

from agents.app.operations.worker_states import WorkerState, WorkerStates
from agents.app.recordings.backfill import run_backfill
from agents.app.recordings.backfill.pacing import Pacing
from agents.app.recordings.backfill.plan import Rule
from agents.app.recordings.backfill.report import Fate, Report
from agents.crypto.pseudonym_secret import read_or_make_key
from agents.database.call_ledger import CallState, Ledger, open_since
from agents.database.door_calls import DoorCalls
from agents.database.tables import BACKFILLED
from agents.kafka.topics import reach_broker
from agents.settings.model import Settings
from agents.system.owners import is_archive
from pipeline.errors import BrokerError, InputError
from pipeline.records.model import CallEnd

pytestmark = pytest.mark.unit

STAGES = ("transcribe", "detect", "mute", "verify", "vault")


class Producer:
    """Takes records, and closes each call as ``ends`` says."""

    sent: ClassVar[list[str]] = []
    breaks_at: ClassVar[str] = ""

    def __init__(self, _bootstrap: str, topic: str, **_: object) -> None:
        assert topic == "hushwire.backfill.audio.raw"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def send(self, record: object, _seal: object) -> None:
        if isinstance(record, CallEnd):
            if record.call_id == self.breaks_at:
                raise BrokerError("away")
            self.sent.append(record.call_id)

    def flush(self) -> None: ...


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three calls; a producer without a broker."""
    monkeypatch.setattr(run_backfill, "CallProducer", Producer)
    monkeypatch.setattr(run_backfill, "reach_broker", lambda *_, **__: frozenset())
    monkeypatch.setattr(run_backfill, "LOOK_S", 0.01)
    monkeypatch.setattr(run_backfill, "WORKERS_S", 0.0)
    monkeypatch.setattr(Producer, "sent", [])
    monkeypatch.setattr(Producer, "breaks_at", "")
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        pcm = np.full((8_000 * (number + 1), 2), number + 1, np.int16)
        soundfile.write(folder / f"call-{number}.wav", pcm, 8_000, subtype="PCM_16")
    (folder / "bad.wav").write_bytes(b"no audio")
    (folder / "notes.txt").write_text("x")
    return folder


def settings(tmp_path: Path) -> Settings:
    return Settings(bootstrap="127.0.0.1:1", state_dir=tmp_path / "state")


def workers(ledger: Ledger, *stages: str) -> None:
    """A worker that says that it takes archives' calls."""
    now = ledger.database.now()
    WorkerStates(ledger.database).note(
        WorkerState(
            worker_id="w", stages=STAGES, host="h", version="1", policy="p", policy_version="1",
            state="ready", started=now, seen=now, delays=(),
            counts={f"in_flight.backfill-{stage}": 0 for stage in stages},
        )
    )  # fmt: skip


def closing(ledger: Ledger, ends: dict[str, CallState], over: threading.Event) -> None:
    """Stand in for the workers: close what was sent."""
    while not over.wait(0.01):
        for name in list(Producer.sent):
            if ledger.state(name) is CallState.OPEN:
                ledger.close_call(name, ends.get(name, CallState.STORED))


def run(
    tmp_path: Path, archive: Path, rule: Rule | None = None, **ends: CallState
) -> tuple[Report, str]:
    told, over = io.StringIO(), threading.Event()
    ledger = Ledger.embedded(tmp_path / "state")
    workers(ledger, *STAGES)
    working = threading.Thread(
        target=closing,
        args=(ledger, {name.replace("_", "-"): end for name, end in ends.items()}, over),
    )
    working.start()
    try:
        report = run_backfill.backfill(
            str(archive),
            settings(tmp_path),
            rule or Rule(rate=1e6),
            console=Console(file=told, width=200),
            stop=threading.Event(),
        )
    finally:
        over.set()
        working.join()
        ledger.dispose()
    return report, told.getvalue()


def test_each_recording_is_told_of_and_a_second_run_sends_nothing(
    tmp_path: Path, archive: Path
) -> None:
    report, told = run(tmp_path, archive, call_1=CallState.QUARANTINED, call_2=CallState.REFUSED)
    assert report.counts == {"stored": 1, "quarantined": 1, "refused": 1, "not taken": 1}
    assert (report.others, sorted(report.sent)) == (1, [1.0, 2.0, 3.0])
    assert report.stored_seconds == 1.0
    assert not report.clean
    assert "4 of 4 recordings are wanted; 1 other files, not taken" in told
    by_name = {one.recording: one for one in report.recordings}
    assert "hushwire quarantine list" in by_name["call-1.wav"].reason
    assert "--again" in by_name["call-2.wav"].reason
    assert by_name["bad.wav"].fate is Fate.NOT_TAKEN
    assert by_name["bad.wav"].line in told
    document = json.loads(report.as_json())
    assert document["outcomes"] == report.counts
    assert len(document["failures"]) == 3
    shown = io.StringIO()
    report.print(Console(file=shown, width=200))
    assert "this run: 3 sent" in shown.getvalue()

    again, _ = run(tmp_path, archive)
    assert again.sent == ()
    assert again.counts == report.counts
    assert len(Producer.sent) == 3

    # What was refused is taken anew when it is asked for, as a call of its own.
    anew, _ = run(tmp_path, archive, Rule(rate=1e6, again=True))
    assert anew.counts == {"stored": 2, "quarantined": 1, "not taken": 1}
    assert Producer.sent[3:] == ["call-2.again2"]
    assert run(tmp_path, archive)[0].counts == anew.counts


def test_a_broker_that_goes_away_loses_nothing(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Producer, "breaks_at", "call-1")
    with pytest.raises(BrokerError):
        run(tmp_path, archive)
    ledger = Ledger.embedded(tmp_path / "state")
    known = ledger.call("call-1")
    assert known is not None
    assert known.state is CallState.OPEN
    assert is_archive(known.owner)
    ledger.dispose()
    monkeypatch.setattr(Producer, "breaks_at", "")
    report, _ = run(tmp_path, archive)
    assert report.counts == {"stored": 3, "not taken": 1}
    assert Producer.sent == ["call-0", "call-1", "call-2"]


def test_half_a_recording_that_was_stored_is_not_told_as_stored(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker went away in the middle; when it is back, workers end what they have of it."""
    monkeypatch.setattr(Producer, "breaks_at", "call-1")
    with pytest.raises(BrokerError):
        run(tmp_path, archive)
    ledger = Ledger.embedded(tmp_path / "state")
    ledger.close_call("call-1", CallState.STORED)
    ledger.dispose()
    monkeypatch.setattr(Producer, "breaks_at", "")
    for _ in range(2):
        report, _ = run(tmp_path, archive)
        assert report.counts == {"stored": 2, "stored in part": 1, "not taken": 1}
        assert not report.clean
        assert report.stored_seconds == 4.0
        assert "--again" in next(one.reason for one in report.failures if one.fate is Fate.IN_PART)
    anew, _ = run(tmp_path, archive, Rule(rate=1e6, again=True))
    assert anew.counts == {"stored": 3, "not taken": 1}
    assert Producer.sent[-1] == "call-1.again2"
    assert run(tmp_path, archive)[0].counts == anew.counts


def test_killed_after_a_call_was_taken_anew_it_is_that_one_that_is_told_of(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, archive, call_1=CallState.REFUSED)

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Pacing, "sent", killed)
        with pytest.raises(Killed):
            run(tmp_path, archive, Rule(rate=1e6, again=True))
    assert Producer.sent[3:] == ["call-1.again2"]
    report, _ = run(tmp_path, archive)
    assert report.counts == {"stored": 3, "not taken": 1}
    assert len(Producer.sent) == 4


def test_no_name_of_a_recording_stands_in_the_ledger(tmp_path: Path, archive: Path) -> None:
    for name in ("call-0", "Jane Roe"):
        (archive / f"{name}.json").write_text('{"call_id": "same"}')
    (archive / "Jane Roe.wav").write_bytes((archive / "call-1.wav").read_bytes())
    first, told = run(tmp_path, archive)
    assert first.counts == {"stored": 3, "not taken": 2}
    assert "is Jane Roe.wav's already" in told
    ledger = Ledger.embedded(tmp_path / "state")
    with ledger.database.reading() as connection:
        rows = connection.execute(select(BACKFILLED)).all()
    ledger.dispose()
    assert {row.reason for row in rows} == {"", "audio", "input"}
    assert "Jane" not in str(rows)
    # The sentence is made when it is told; what the recording is called comes from the archive.
    again, _ = run(tmp_path, archive)
    assert again.counts == first.counts
    told_of = {one.recording: one.reason for one in again.failures}
    assert told_of == {
        "bad.wav": "it can't be read as audio; --again takes it anew",
        "call-0.wav": "it or its sidecar can't be used; --again takes it anew",
    }


def test_a_damaged_recording_is_noted_by_its_call_and_goes_with_it(
    tmp_path: Path, archive: Path
) -> None:
    run(tmp_path, archive)
    ledger = Ledger.embedded(tmp_path / "state")
    query = select(BACKFILLED.c.call_id).where(BACKFILLED.c.reason != "")
    with ledger.database.reading() as connection:
        assert connection.scalars(query).all() == ["bad"]
    DoorCalls(ledger.database).erase("bad")
    with ledger.database.reading() as connection:
        assert connection.scalars(query).all() == []
    ledger.dispose()


def test_a_call_that_came_live_is_left(tmp_path: Path, archive: Path) -> None:
    ledger = Ledger.embedded(tmp_path / "state")
    read_or_make_key(tmp_path / "state" / "tokens.key")
    ledger.open_call("call-0", owner="cluster:somebody")
    ledger.dispose()
    report, _ = run(tmp_path, archive)
    by_name = {one.recording: one for one in report.recordings}
    assert by_name["call-0.wav"].fate is Fate.ELSEWHERE
    assert "cluster:somebody" in by_name["call-0.wav"].reason


def test_nothing_is_sent_where_no_worker_takes_it(tmp_path: Path, archive: Path) -> None:
    ledger = Ledger.embedded(tmp_path / "state")
    workers(ledger, "transcribe", "mute")
    ledger.dispose()
    with pytest.raises(
        BrokerError, match=r"\(detect, verify, vault\): start workers with HUSHWIRE"
    ):
        run_backfill.backfill(
            str(archive), settings(tmp_path), Rule(),
            console=Console(file=io.StringIO()), stop=threading.Event(),
        )  # fmt: skip
    assert Producer.sent == []


def test_no_call_is_opened_where_the_broker_is_another_one(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_backfill, "reach_broker", reach_broker)
    ledger = Ledger.embedded(tmp_path / "state")
    workers(ledger, *STAGES)
    with pytest.raises(BrokerError, match=r"can't reach Kafka at 127\.0\.0\.1:1: connection"):
        run_backfill.backfill(
            str(archive), settings(tmp_path), Rule(),
            console=Console(file=io.StringIO()), stop=threading.Event(),
        )  # fmt: skip
    assert open_since(ledger.database) == []
    ledger.dispose()


def test_stopped_while_it_waits_for_workers_it_is_stopped(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_backfill, "WORKERS_S", 60.0)
    monkeypatch.setattr(run_backfill, "LOOK_S", 30.0)
    over = threading.Event()
    threading.Timer(0.2, over.set).start()
    report = run_backfill.backfill(
        str(archive), settings(tmp_path), Rule(), console=Console(file=io.StringIO()), stop=over
    )
    assert report.stopped
    assert (report.counts, Producer.sent) == ({"not begun": 4}, [])


def test_a_stopped_run_says_what_is_left(tmp_path: Path, archive: Path) -> None:
    over = threading.Event()
    over.set()
    ledger = Ledger.embedded(tmp_path / "state")
    workers(ledger, *STAGES)
    ledger.dispose()
    report = run_backfill.backfill(
        str(archive), settings(tmp_path), Rule(), console=Console(file=io.StringIO()), stop=over
    )
    assert report.stopped
    assert report.counts == {"not begun": 4}


def test_no_recordings_and_no_folder(tmp_path: Path, archive: Path) -> None:
    for file in archive.glob("*.wav"):
        file.unlink()
    for place, told in ((archive, "no recordings in it"), (tmp_path / "none", "no such folder")):
        with pytest.raises(InputError, match=told):
            run_backfill.backfill(
                str(place), settings(tmp_path), Rule(),
                console=Console(file=io.StringIO()), stop=threading.Event(),
            )  # fmt: skip
