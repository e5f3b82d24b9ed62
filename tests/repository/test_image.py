"""The image's recipe, tried without a container engine: what it copies is there, and suffices."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "console", "models", "pipeline", "policies")
LOCKS = (
    "requirements.txt",
    "requirements-image.txt",
    "requirements-small.txt",
    "requirements-base.txt",
)


def expression(pattern: str) -> re.Pattern[str]:
    """A pattern of ``.dockerignore`` as the builder reads it (moby/patternmatcher)."""
    parts = []
    for part in re.split(r"(\*\*/?|\*|\?|\[[^]]*\])", str(PurePosixPath(pattern.strip("/")))):
        if part.startswith("**"):
            parts.append(".*" if part == "**" else "(?:.*/)?")
        elif part == "*":
            parts.append("[^/]*")
        elif part == "?":
            parts.append("[^/]")
        else:
            parts.append(part if part.startswith("[") else re.escape(part))
    # A folder that matches takes everything in it along.
    return re.compile("".join(parts) + "(?:/.*)?", re.DOTALL)


def kept(path: str, ignore: str) -> bool:
    """Whether a file reaches the builder: the last pattern that matches decides."""
    answer = True
    for line in ignore.splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        wanted = pattern.startswith("!")
        if expression(pattern.removeprefix("!").strip()).fullmatch(path):
            answer = wanted
    return answer


@pytest.mark.parametrize(
    ("ignore", "path", "answer"),
    [
        ("", "a/b.py", True),
        ("*", "a/b.py", False),
        ("*\n!a", "a/b.py", True),
        ("*\n!a\na/*.py", "a/b.py", False),
        ("*\n!a\na/*.py", "a/c/b.py", True),
        ("!a\n*", "a/b.py", False),
        ("*\n!a\n**/__pycache__", "a/c/__pycache__/b.pyc", False),
        ("**/*.env", "deploy/x.env", False),
        ("# a\n\n/a/", "a/b.py", False),
        ("a?[bc]", "axc", False),
    ],
)
def test_patterns_are_read_as_the_builder_reads_them(ignore: str, path: str, answer: bool) -> None:  # noqa: FBT001
    assert kept(path, ignore) is answer


IGNORE = (ROOT / ".dockerignore").read_text("utf-8")
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")


@cache
def tracked() -> tuple[str, ...]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def copies() -> list[tuple[str, str]]:
    """What the recipe copies from the repository, and to where."""
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    words = [line.split()[1:] for line in lines if re.match(r"(?:COPY|ADD)\s", line)]
    local = [one for one in words if not one[0].startswith("--from=")]
    assert all(not word.startswith("--") for one in local for word in one)
    return [(source, one[-1]) for one in local for source in one[:-1]]


def under(source: str) -> list[str]:
    return [name for name in tracked() if name == source or name.startswith(f"{source}/")]


def test_everything_that_is_copied_is_there_and_reaches_the_builder() -> None:
    assert {source for source, _ in copies()} >= {*PACKAGES, "pyproject.toml", *LOCKS}
    for source, _ in copies():
        assert under(source), source
        assert [name for name in under(source) if not kept(name, IGNORE)] == []


def test_nothing_else_reaches_the_builder() -> None:
    wanted = {name for source, _ in copies() for name in under(source)}
    assert {name for name in tracked() if kept(name, IGNORE)} == wanted
    for name in (
        ".git/config",
        ".hushwire/kek.json",
        ".env",
        "deploy/compose/hushwire.env",
        "deploy/compose/secrets/gateway/key.pem",
        "vault/passed/call/call.flac",
        "agents/__pycache__/cli.cpython-311.pyc",
    ):
        assert not kept(name, IGNORE), name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of the wheel that is built from what the recipe copies, and from nothing else."""
    source, out = tmp_path_factory.mktemp("src"), tmp_path_factory.mktemp("wheel")
    for copied, _ in copies():
        for name in under(copied):
            if kept(name, IGNORE):
                target = source / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target)
    script = f"from setuptools import build_meta; print(build_meta.build_wheel({str(out)!r}))"
    subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=HANG_S,
    )
    (built,) = out.iterdir()
    with zipfile.ZipFile(built) as file:
        return {name for name in file.namelist() if not name.endswith("/")}


def test_the_wheel_holds_every_file_of_every_package(wheel: set[str]) -> None:
    installed = {name for name in wheel if ".dist-info/" not in name}
    assert installed == {name for package in PACKAGES for name in under(package)}
    assert {PurePosixPath(name).parts[0] for name in installed} == set(PACKAGES)


def test_a_stage_is_defined_before_it_is_used_and_what_is_fetched_is_pinned() -> None:
    stages: set[str] = set()
    for line in DOCKERFILE.splitlines():
        if found := re.match(r"FROM (\S+)(?: AS (\S+))?$", line):
            base, name = found.groups()
            assert base in stages or re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", base), line
            stages |= {name} if name else set()
        elif found := re.match(r"COPY --from=(\S+) ", line):
            assert found[1] in stages, line


def test_what_may_be_installed_is_a_lock_that_is_copied() -> None:
    assert set(re.findall(r"(?m)^ARG LOCK=(\S+)", DOCKERFILE)) == {"requirements-image.txt"}
    assert 'pip install --require-hashes -r "/src/$LOCK"' in DOCKERFILE
    assert set(re.findall(r"(?m)^#   (requirements\S*)", DOCKERFILE)) == set(LOCKS)


def test_the_image_runs_the_command_that_the_wheel_installs(wheel: set[str]) -> None:
    assert any(name.endswith(".dist-info/entry_points.txt") for name in wheel)
    assert 'ENTRYPOINT ["hushwire"]' in DOCKERFILE
    assert re.search(r"(?m)^USER 10001:10001$", DOCKERFILE)
