"""Signals that come at the beginning and at the end of a command."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agents.app.worker import _Told
from agents.system import fatal_exit
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.unit

ALONE = ["unshare", "--pid", "--fork", "--kill-child"]
"""Runs a program as the first process of a namespace, as containers do, where that is allowed."""


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []

    def told(code: int, message: str) -> None:
        codes.append(code)
        raise fatal_exit.FatalError(code, message)

    monkeypatch.setattr(fatal_exit, "_hook", [told])
    return codes


def test_the_first_signal_is_no_second_one_where_the_worker_stops_by_itself(
    ended: list[int],
) -> None:
    stop = asyncio.Event()
    told = _Told(stop, 60)
    stop.set()  # as 'hushwire run' does after the last call
    told()
    assert ended == []
    with pytest.raises(fatal_exit.FatalError):
        told()
    assert ended == [fatal_exit.ExitCode.STOPPED]
    fatal_exit.in_time()


def test_a_process_that_goes_on_after_its_worker_is_not_ended(ended: list[int]) -> None:
    fatal_exit.exit_after(60, fatal_exit.ExitCode.STOPPED, "late")
    (timer,) = fatal_exit._late
    fatal_exit.in_time()
    timer.join(HANG_S)
    assert not timer.is_alive()
    assert (ended, fatal_exit._late) == ([], [])


@pytest.mark.parametrize(
    "command",
    [
        ["worker", "mute", "--bootstrap", "127.0.0.1:1"],
        ["gateway", "--bootstrap", "127.0.0.1:1"],
        ["serve", "--vault", "vault"],
    ],
    ids=lambda one: str(one[0]),
)
def test_a_command_that_has_hardly_begun_can_be_stopped(command: list[str], tmp_path: Path) -> None:
    asked = shutil.which(ALONE[0]) and subprocess.run([*ALONE, "true"], check=False)
    alone = ALONE if asked and not asked.returncode else []
    run = subprocess.Popen(
        [*alone, sys.executable, "-m", "agents", *command, "--state-dir", str(tmp_path / "state")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        os.kill(until_asked(run.pid, child=bool(alone)), signal.SIGTERM)
        _, told = run.communicate(timeout=HANG_S)
    finally:
        run.kill()
    assert run.returncode == 128 + signal.SIGTERM, told
    assert not told.strip()


def until_asked(pid: int, *, child: bool) -> int:
    """Wait until a process would be told of SIGTERM; returns its id."""

    def asking() -> int:
        found = pid
        if child:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            found = int(children[0]) if children else 0
        if not found:
            return 0
        status = Path(f"/proc/{found}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return found if caught >> (signal.SIGTERM - 1) & 1 else 0

    return until(asking, lambda: "SIGTERM is never asked for", every_s=0.002)
