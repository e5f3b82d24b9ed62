"""The house: every package says what is in it, and none holds more than one can see at a glance."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
TOPS = ("pipeline", "models", "agents", "console", "benchmarks")
LINES = 20
NAMES = 13
AS_DATA = {"agents/database/migrations", "agents/database/migrations/versions"}
"""One file a revision."""


def _packages() -> list[Path]:
    found = [file.parent for top in TOPS for file in (ROOT / top).rglob("__init__.py")]
    return [one for one in found if one.relative_to(ROOT).as_posix() not in AS_DATA]


def _names(package: Path) -> list[str]:
    """Modules and packages of a package, without what Python calls itself."""
    inside = (one for one in package.iterdir() if not one.name.startswith("__"))
    return sorted(
        one.stem for one in inside if one.suffix == ".py" or (one / "__init__.py").is_file()
    )


def _head(package: Path) -> str:
    text = (package / "__init__.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(text)) or ""


def _place(package: Path) -> str:
    return package.relative_to(ROOT).as_posix()


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {file.parent for top in TOPS for file in (ROOT / top).rglob("*.py")}
    assert [_place(one) for one in folders if not (one / "__init__.py").is_file()] == []


def test_a_head_names_all_that_is_in_its_package() -> None:
    missing = {
        f"{_place(package)}: {name}"
        for package in _packages()
        for name in _names(package)
        if f"``{name}``" not in _head(package)
    }
    assert missing == set()


def test_a_head_is_short() -> None:
    long = {_place(one): n for one in _packages() if (n := len(_head(one).splitlines())) > LINES}
    assert long == {}


def test_no_package_is_a_heap() -> None:
    heaps = {_place(one): n for one in _packages() if (n := len(_names(one))) > NAMES}
    assert heaps == {}


def _changes() -> dict[str, str]:
    """The table "Where a change goes" of CONTRIBUTING.md."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = page.partition("| change | files |")[2].partition("\n\n")[0]
    rows = (line.strip("| ").split(" | ", 1) for line in table.splitlines()[2:])
    return dict(rows)


def _absent(files: str) -> list[str]:
    """Files of a row that are not there; a name without a folder lies where the row went before."""
    absent: list[str] = []
    folders: list[Path] = []
    for name in re.findall(r"`([^`]+(?:/|\.\w+))`", files):
        pattern = re.sub(r"<\w+>", "*", name).rstrip("/")
        found = sorted(ROOT.glob(pattern)) if "/" in name else []
        found += [one for folder in folders for one in folder.glob(pattern)]
        folders += {one.parent if one.is_file() else one for one in found}
        folders += {one.parent for one in found if one.is_dir()}
        if not found:
            absent.append(name)
    return absent


def test_what_a_change_takes_is_there() -> None:
    changes = _changes()
    assert len(changes) >= 10
    assert {change: absent for change, files in changes.items() if (absent := _absent(files))} == {}
    assert _absent("`pipeline/records/model.py`, `not_there.py`, `models/none/*.yaml`") == [
        "not_there.py",
        "models/none/*.yaml",
    ]
