"""Rules for the files of the repository themselves."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
LINES = 500
BYTES = 1_000_000
SOURCES = frozenset({".py", ".html", ".css", ".js"})
WEIGHTS = {
    "models/reader/weights/reader.onnx": 25_000_000,
    "models/consent/weights/consent.onnx": 15_000_000,
}
"""Files that may be larger, and how large."""
LOCKS = (
    "requirements-base.txt",
    "requirements-small.txt",
    "requirements.txt",
    "requirements-image.txt",
    "requirements-dev.txt",
    "requirements-train.txt",
)
# Written so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(
    r"/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me/[a-z]+", "Us" + "ers")) + r")/"
)
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


@cache
def _files() -> tuple[Path, ...]:
    """Tracked files, and those that git would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(path for path in paths if path.is_file())


def _text(path: Path) -> str:
    """A file's text, or nothing for one that is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_there_is_something_to_look_at() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in _files()}
    assert {"Makefile", "pyproject.toml", "pipeline/records/model.py", *LOCKS} <= names


def test_no_source_file_is_long() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in _files()
        if path.suffix in SOURCES and (lines := _text(path).count("\n")) > LINES
    }
    assert long == {}


def test_no_large_file() -> None:
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size for path in _files()}
    assert [name for name, size in sizes.items() if size > WEIGHTS.get(name, BYTES)] == []


def test_no_machine_path_and_no_secret() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in _files()
        if MACHINE_PATH.search(text := _text(path)) or SECRET.search(text)
    ]
    assert found == []


@pytest.mark.parametrize("name", LOCKS)
def test_locks_are_hashed_and_name_no_registry(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text
    # One block per requirement; each has to have a hash.
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", text)
    pinned = [block for block in blocks if re.match(r"[A-Za-z0-9._-]+(\[[^]]+\])?==", block)]
    assert len(pinned) > 50
    assert [block.split()[0] for block in pinned if "--hash=sha256:" not in block] == []


def test_the_larger_locks_hold_the_smaller_ones() -> None:
    base, small, whole, image, dev, train = (
        set(re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^]]+\])?(==\S+)", _text(ROOT / name)))
        for name in LOCKS
    )
    assert base < whole
    assert base < small < image
    assert whole | image < dev < train


def test_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_ci_runs_lint_and_tests() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in script
    assert {"make lint", "make test"} <= set(script.splitlines())
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
