"""No process that may hear speech leaves a core dump."""

from __future__ import annotations

import resource
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import cast

import pytest

from agents.runtime.engine_pool import PoolWork, _executor
from agents.system.child_processes import may_dump_core
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

TOLD = "(import_module('agents.system.child_processes').may_dump_core(), getrlimit(RLIMIT_CORE))"
CODE = f"""
from importlib import import_module
from resource import RLIMIT_CORE, getrlimit, setrlimit
hard = getrlimit(RLIMIT_CORE)[1]
setrlimit(RLIMIT_CORE, (hard, hard))
cli = import_module("agents.cli.main")
print({TOLD})
cli.app = lambda: print({TOLD})
cli.main()
"""


def test_every_command_ends_the_possibility_of_core_dumps() -> None:
    """Worker, run, ingest and redact are commands: told is what holds before any of them runs."""
    done = subprocess.run(
        [sys.executable, "-c", CODE], check=True, capture_output=True, text=True, timeout=HANG_S
    )
    before, after = done.stdout.splitlines()
    assert before.startswith("(True, ")
    assert after == "(False, (0, 0))"


def state() -> tuple[bool, tuple[int, int]]:
    return may_dump_core(), resource.getrlimit(resource.RLIMIT_CORE)


def test_speech_engine_processes_have_none_either() -> None:
    with cast("ProcessPoolExecutor", _executor(PoolWork(state, (), print, print), 1)) as pool:  # type: ignore[arg-type]
        assert pool.submit(state).result(60) == (False, (0, 0))
