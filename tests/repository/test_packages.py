"""The installed top-level packages are ours: other wheels bring an ``agents`` of their own."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "console", "models", "pipeline", "policies")


@pytest.mark.parametrize("package", PACKAGES)
def test_import_from_anywhere_finds_ours(package: str, tmp_path: Path) -> None:
    """In a process of its own, from another folder: nothing of this checkout is on its path."""
    script = f"import {package}; print({package}.__file__)"
    found = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert Path(found.stdout.strip()).resolve() == ROOT / package / "__init__.py"


def test_no_other_distribution_brings_our_names() -> None:
    owners = metadata.packages_distributions()
    taken = {name: owners[name] for name in (*PACKAGES, "benchmarks", "tests") if name in owners}
    assert {owner for names in taken.values() for owner in names} <= {"hushwire"}


def test_the_command_is_installed() -> None:
    (command,) = metadata.entry_points(group="console_scripts", name="hushwire")
    assert command.dist is not None
    assert command.dist.name == "hushwire"
    assert command.module.startswith("agents.")
    assert callable(command.load())
