"""``hushwire run`` ends nothing that it did not begin, and its exit code tells the truth."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest
import soundfile
from rich.console import Console

from agents.access.audit_log import AuditLog
from agents.app import run_folder as run
from agents.app.recordings.ingest import Ingested, Outcome
from agents.app.run_folder import Summary, run_folder
from agents.cli.errors import exit_code
from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import CallState, Ledger
from agents.settings.model import Settings
from agents.system.owners import owner
from agents.vault.locks import FILE, working_alone, working_together
from agents.vault.vault import Vault
from pipeline.errors import BrokerError, BusyError, InputError, SettingsError
from tests.agents.storing import stored_call
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit


class FakeBroker:
    """An embedded broker that is none."""

    bootstrap = "127.0.0.1:1"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Nothing to stop."""


def summary(*results: Ingested, states: dict[str, CallState] | None = None) -> Summary:
    return Summary(results, states or {}, {}, {}, 0.0, 0.0)


Carry = Callable[[Callable[[], None]], None]


@pytest.fixture
def while_running(monkeypatch: pytest.MonkeyPatch) -> Carry:
    """Says what happens while a run works; no broker, no model."""
    monkeypatch.setattr(run, "EmbeddedBroker", FakeBroker)

    def set_to(happens: Callable[[], None]) -> None:
        def carry_out(_self: object) -> Summary:
            happens()
            return summary()

        monkeypatch.setattr(run._Run, "carry_out", carry_out)

    set_to(lambda: None)
    return set_to


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    soundfile.write(folder / "c1.wav", np.zeros((800, 2), np.int16), 8000, subtype="PCM_16")
    return folder


def go(source: Path, vault: Path, **settings: object) -> Summary:
    return run_folder(
        source, vault, Settings.model_validate(settings), console=Console(file=io.StringIO())
    )


def test_the_open_calls_of_others_stay(source: Path, tmp_path: Path, while_running: Carry) -> None:
    del while_running
    state = tmp_path / "state"
    ledger = Ledger.embedded(state)
    sealed = ledger.open_call("theirs").seal.seal(b"value", b"")
    go(source, tmp_path / "vault", state_dir=state)
    assert ledger.state("theirs") is CallState.OPEN
    assert ledger.seal("theirs").open(sealed, b"") == b"value"
    assert list(AuditLog(ledger.database).export()) == []
    ledger.dispose()


@pytest.mark.parametrize("named", ["", "calls", "calls/one"])
def test_recordings_that_lie_among_the_vault_s_calls_are_refused(
    tmp_path: Path, while_running: Carry, named: str
) -> None:
    del while_running
    folder = tmp_path / "data" / "calls" / "one"
    folder.mkdir(parents=True)
    soundfile.write(folder / "one.wav", np.zeros((800, 2), np.int16), 8000, subtype="PCM_16")
    with pytest.raises(InputError, match="lies among the calls of the vault"):
        go(tmp_path / "data" / named, tmp_path / "data")
    assert [one.name for one in folder.iterdir()] == ["one.wav"]
    assert [one.name for one in (tmp_path / "data").iterdir()] == ["calls"]


def test_a_recording_without_a_state_is_not_clean() -> None:
    one, two = (Ingested(Path(f"{name}.wav"), Outcome.SENT, name) for name in ("a", "b"))
    stored = CallState.STORED
    assert summary(one, two, states={"a": stored, "b": stored}).clean
    assert not summary(one, two, states={"a": stored}).clean
    assert not summary(one, two).clean


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.STORED_BEFORE])
def test_what_the_ledger_says_counts_not_what_was_sent(outcome: Outcome) -> None:
    one = Ingested(Path("a.wav"), outcome, "a")
    for state in (None, CallState.OPEN, CallState.REFUSED, CallState.QUARANTINED):
        assert not summary(one, states={} if state is None else {"a": state}).clean


def test_an_erased_call_is_not_clean() -> None:
    """Its state in the ledger is still that it was stored."""
    one = Ingested(Path("a.wav"), Outcome.ERASED_BEFORE, "a")
    assert not summary(one, states={"a": CallState.STORED}).clean


def test_the_summary_counts_the_calls_of_this_run() -> None:
    """Of an erased one and of one that was stored before the ledger says that they are stored."""
    outcomes = (Outcome.SENT, Outcome.SENT_BEFORE, Outcome.STORED_BEFORE, Outcome.ERASED_BEFORE)
    results = [Ingested(Path(f"{one}.wav"), one, one.name) for one in outcomes]
    states = {one.name: CallState.STORED for one in outcomes}
    states["SENT_BEFORE"] = CallState.QUARANTINED
    found, out = summary(*results, states=states), io.StringIO()
    assert found.ended == {"stored": 1, "quarantined": 1}
    run._print_summary(found, "vault", Console(file=out, width=200), " --vault 'my vault'")
    assert "hushwire export --all --vault 'my vault' --to DIR" in out.getvalue()
    assert "hushwire quarantine list --vault 'my vault'" in out.getvalue()
    counted = dict(line.split("\t") for line in out.getvalue().splitlines() if "\t" in line)
    assert counted == {
        "vault": "vault",
        "recordings": "4",
        "sent before": "1",
        "stored before": "1",
        "erased before": "1",
        "calls stored": "1",
        "calls quarantined": "1",
        "dead letters": "0",
        "audio": "0 s",
    }


def test_what_an_interrupted_run_left_is_forgotten_and_audited(
    source: Path, tmp_path: Path, while_running: Carry
) -> None:
    state = tmp_path / "state"
    ledger = Ledger.embedded(state)
    ledger.open_call("mine", owner=owner(embedded=True))
    states: list[CallState | None] = []

    def happens() -> None:
        states.append(ledger.state("mine"))
        ledger.open_call("late", owner=owner(embedded=True))
        raise KeyboardInterrupt

    while_running(happens)
    with pytest.raises(KeyboardInterrupt):
        go(source, tmp_path / "vault", state_dir=state)
    # The broker ended with the run: what that left open goes at once.
    assert states == [None]
    assert ledger.state("late") is None
    told = [json.loads(line) for line in AuditLog(ledger.database).export()]
    assert [(one["subject"], one["facts"]["what"]) for one in told] == [
        ("mine", "call-forgotten"),
        ("late", "call-forgotten"),
    ]
    ledger.dispose()


@pytest.mark.parametrize("named", ["vault", "another"])
def test_a_stored_call_that_is_not_in_the_vault_is_told(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """The ledger says that it was stored, and the vault that is named now is another."""
    state = tmp_path / "state"
    ledger = Ledger.embedded(state)
    ledger.open_call("c1")
    Vault.opened(tmp_path / "vault", ledger).store(stored_call("c1"), keep_days=30)
    ledger.close_call("c1", CallState.STORED)
    ledger.dispose()

    async def worker(
        _config: object, *, stop: asyncio.Event, metrics: object, ready: Callable[[], None]
    ) -> None:
        del metrics
        ready()
        await stop.wait()

    def ingested(
        files: list[Path],
        _ledger: object,
        _settings: object,
        report: Callable[[Ingested], None],
        **_: bool,
    ) -> None:
        report(Ingested(files[0], Outcome.STORED_BEFORE, "c1", 1.0))

    monkeypatch.setattr(run, "EmbeddedBroker", FakeBroker)
    monkeypatch.setattr(run, "run_worker", worker)
    monkeypatch.setattr(run, "ingest_files", ingested)
    out = io.StringIO()
    console = Console(file=out, width=200)
    found = run_folder(source, tmp_path / named, Settings(state_dir=state), console=console)
    assert found.clean is (named == "vault")
    assert "calls stored" not in out.getvalue(), "that was another run"
    if named == "vault":
        assert "stored before" in out.getvalue()
        assert "hushwire export" in out.getvalue()
        return
    assert found.results[0].outcome is Outcome.STORED_ELSEWHERE
    assert "stored in another vault: c1.wav: call c1: " in out.getvalue()
    assert "stored before" not in out.getvalue()
    assert "hushwire export" not in out.getvalue()


def test_without_a_terminal_every_call_that_ends_is_told_in_a_line(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(source / "c2.wav", np.zeros((800, 2), np.int16), 8000, subtype="PCM_16")
    out = io.StringIO()
    before: list[str] = []

    async def worker(
        _config: object, *, stop: asyncio.Event, metrics: object, ready: Callable[[], None]
    ) -> None:
        del metrics
        before.append(out.getvalue())
        ready()
        await stop.wait()

    def ingested(
        files: list[Path],
        ledger: Ledger,
        _settings: object,
        report: Callable[[Ingested], None],
        **_: object,
    ) -> None:
        for path, state in zip(files, (CallState.STORED, CallState.QUARANTINED), strict=True):
            ledger.open_call(path.stem)
            report(Ingested(path, Outcome.SENT, path.stem, 1.0))
            while path.stem == "c1" and "in work" not in out.getvalue():
                time.sleep(0.01)
            ledger.close_call(path.stem, state)

    monkeypatch.setattr(run, "EmbeddedBroker", FakeBroker)
    monkeypatch.setattr(run, "run_worker", worker)
    monkeypatch.setattr(run, "ingest_files", ingested)
    run_folder(source, tmp_path / "vault", Settings(), console=Console(file=out, width=200))
    assert before == ["2 recordings; loading models and joining the broker\n"]
    said = re.sub(r"after \d+ s", "after N s", out.getvalue())
    assert "c1: stored, 1 of 2 after N s\n" in said
    assert "c2: quarantined, 2 of 2 after N s\n" in said
    # Calls go side by side and end together: what goes on meanwhile is told as well.
    assert "after N s: 1 of 1 calls in work; spans: none yet\n" in said


def test_two_runs_do_not_share_a_vault_a_state_folder_or_a_ledger(
    source: Path, tmp_path: Path, while_running: Carry
) -> None:
    (tmp_path / "elsewhere").mkdir()
    url = f"sqlite:///{tmp_path / 'elsewhere' / 'ledger.db'}"
    ours = {"state_dir": tmp_path / "state", "ledger_url": url}
    others: dict[str, tuple[Path, dict[str, object]]] = {
        "vault": (tmp_path / "vault", {"state_dir": tmp_path / "other"}),
        "state": (tmp_path / "other vault", {"state_dir": tmp_path / "state"}),
        "elsewhere": (tmp_path / "other vault", {"ledger_url": url}),
    }
    refused: list[str] = []

    def happens() -> None:
        ledger = Ledger(url, KeyEncryptionKey(tmp_path / "state" / "kek.json"))
        ledger.open_call("working", owner=owner(embedded=True))
        for vault, settings in others.values():
            with pytest.raises(BusyError) as caught:
                go(source, vault, **settings)
            refused.append(str(caught.value))
        with (
            pytest.raises(BusyError),
            working_together(Settings(state_dir=tmp_path / "state"), tmp_path / "state"),
        ):
            """A worker on the same state folder."""
        assert ledger.state("working") is CallState.OPEN
        ledger.dispose()

    while_running(happens)
    go(source, tmp_path / "vault", **ours)
    assert [text.split(":")[0] for text in refused] == [str(tmp_path / one) for one in others]
    assert "another hushwire process works here" in refused[0]
    while_running(lambda: None)
    go(source, tmp_path / "vault", **ours)


def test_a_run_keeps_off_where_a_worker_is(
    source: Path, tmp_path: Path, while_running: Carry
) -> None:
    del while_running
    state = tmp_path / "state"
    # Two workers share; a run without a cluster does not.
    with (
        working_together(Settings(state_dir=state), state, tmp_path / "vault"),
        working_together(Settings(state_dir=state), state),
        pytest.raises(BusyError),
    ):
        go(source, tmp_path / "vault", state_dir=state)
    go(source, tmp_path / "vault", state_dir=state)


def test_a_worker_needs_no_state_folder_that_it_could_write(tmp_path: Path) -> None:
    """Its keys may be mounted read-only, where the ledger is in PostgreSQL."""
    settings = Settings(ledger_url="postgresql+psycopg://u:p@127.0.0.1:1/x")
    with working_together(settings, tmp_path / "none", "s3://bucket/prefix"):
        assert list(tmp_path.iterdir()) == []


def test_a_shared_ledger_is_refused_without_its_cluster(
    source: Path, tmp_path: Path, while_running: Carry
) -> None:
    """Before anybody connects: nothing answers there."""
    del while_running
    with pytest.raises(SettingsError, match=r"PostgreSQL.*--bootstrap"):
        go(source, tmp_path / "vault", ledger_url="postgresql+psycopg://u:p@127.0.0.1:1/x")


def test_both_are_wrong_input_on_the_command_line() -> None:
    assert [exit_code(error("x")) for error in (BusyError, SettingsError)] == [2, 2]


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    """Also by kill -9, and though a child of it lives on."""
    program = (
        "import subprocess, sys, time\n"
        "from pathlib import Path\n"
        "from agents.vault.locks import working_alone\n"
        "from agents.settings.model import Settings\n"
        "state = Path(sys.argv[1])\n"
        "with working_alone(Settings(state_dir=state), state, state):\n"
        "    child = subprocess.Popen(['sleep', '60'])\n"
        "    print(child.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    settings = Settings(state_dir=tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            with pytest.raises(BusyError), working_alone(settings, tmp_path, tmp_path):
                """Held."""
            holder.kill()
            holder.wait()
            with working_alone(settings, tmp_path, tmp_path):
                assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
        finally:
            holder.kill()
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("failure", [None, BrokerError("away")])
def test_a_stopped_worker_stops_the_feeder_before_the_loop_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BrokerError | None
) -> None:
    """SIGTERM was followed by a fault of ours: the feeder called a loop that was closed."""
    faults: list[object] = []
    feeders: list[threading.Thread] = []
    sending, release = threading.Event(), threading.Event()

    def ingest_files(*_: object, **__: object) -> None:
        feeders.extend(one for one in threading.enumerate() if "_feed" in one.name)
        sending.set()
        release.wait(HANG_S)

    async def run_worker(*_: object, ready: Callable[[], None], **__: object) -> None:
        ready()
        assert sending.wait(HANG_S)
        if failure is not None:
            raise failure

    @dataclass
    class Config:
        embedded: bool = False

    monkeypatch.setattr(threading, "excepthook", lambda told: faults.append(told.exc_type))
    monkeypatch.setattr(run, "ingest_files", ingest_files)
    monkeypatch.setattr(run, "run_worker", run_worker)
    monkeypatch.setattr(run, "worker_config", lambda *_: Config())
    ledger = Ledger.embedded(tmp_path)
    vault, console = Vault.opened(tmp_path / "vault", ledger), Console(file=io.StringIO())
    work = run._Run(
        [], tmp_path, Settings(), ledger, console, vault, "", embedded=True, again=False
    )
    with pytest.raises(BrokerError if failure else KeyboardInterrupt):
        work.carry_out()
    [feeder] = feeders
    alive = feeder.is_alive()
    release.set()
    feeder.join(HANG_S)
    assert (alive, faults) == (False, [])
    ledger.dispose()
