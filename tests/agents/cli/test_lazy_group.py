"""The list of commands: told without loading them, and told as each tells of itself."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer.main
from typer.testing import CliRunner

from agents.cli.main import COMMANDS, app
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

HEAVY = ("numpy", "pydantic", "sqlalchemy", "structlog", "soundfile", "confluent_kafka")


@pytest.mark.parametrize("arguments", [["--help"], [], ["-h"]])
def test_the_list_loads_no_command(arguments: list[str]) -> None:
    """In a process of its own: what tests have loaded is not there."""
    script = (
        "import sys\n"
        f"sys.argv = ['hushwire', *{arguments!r}]\n"
        "from agents.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "commands = [name for name in sys.modules if name.startswith('agents.cli.')]\n"
        "print('LOADED', heavy, sorted(commands))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=HANG_S
    )
    assert done.stdout.count("│ worker") == 1
    told = done.stdout.splitlines()[-1]
    light = ["errors", "lazy_group", "main", "shared", "shared.extras"]
    assert told == f"LOADED [] {[f'agents.cli.{name}' for name in light]}"


@pytest.mark.parametrize(("set_to", "taken"), [(None, "1"), ("3", "3")])
def test_linear_algebra_takes_one_thread_unless_somebody_says_otherwise(
    set_to: str | None, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, set_to or "")
        if set_to is None:
            monkeypatch.delenv(name)
    script = (
        "import os, sys\n"
        "sys.argv = ['hushwire', '--help']\n"
        "from agents.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(os.environ['OMP_NUM_THREADS'], os.environ['OPENBLAS_NUM_THREADS'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=HANG_S
    )
    assert done.stdout.splitlines()[-1] == f"{taken} {taken}"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_says(name: str) -> None:
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    assert command.name == name
    first = (command.short_help or command.help).split("\n\n")[0]
    assert " ".join(first.split()) == COMMANDS[name].told


def test_every_command_comes_of_its_own_place() -> None:
    assert len({one.place for one in COMMANDS.values()}) == len(COMMANDS)


def test_a_command_is_asked_for_help() -> None:
    told = CliRunner().invoke(app, ["audit", "witness-key", "-h"])
    assert told.exit_code == 0
    assert "Print the log's key" in told.stdout
    assert "hushwire audit witness-key" in told.stdout


def test_a_misspelt_command_is_told_what_it_could_be() -> None:
    told = CliRunner().invoke(app, ["wroker"])
    assert told.exit_code == 2
    assert "Did you mean 'worker'" in told.stderr
