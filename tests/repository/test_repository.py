"""Rules for the files of the repository themselves."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

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
    base, whole, image, dev, train = (
        set(re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^]]+\])?(==\S+)", _text(ROOT / name)))
        for name in LOCKS
    )
    assert base < whole
    assert base < image
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


def _compose() -> dict[str, Any]:
    parsed = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert isinstance(parsed, dict)
    return parsed


SERVICES = sorted(_compose()["services"])


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_confined(name: str) -> None:
    service = _compose()["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    for port in service.get("ports", []):
        # Where platforms connect may be said by a variable; until then it is the loopback.
        assert re.match(r"127\.0\.0\.1:|\$\{GATEWAY_[A-Z_]*ADDRESS:-127\.0\.0\.1\}:", port)
    assert "PASSWORD" not in json.dumps(service.get("environment", {}))
    assert service.get("privileged") is None
    if name != "kafka":  # the image of Apache Kafka writes its configuration on start
        assert service["read_only"] is True
        assert service["user"] not in {"0", "root", "0:0"}


def test_every_stage_has_a_worker() -> None:
    commands = [service.get("command", []) for service in _compose()["services"].values()]
    from agents.app.worker import STAGES  # noqa: PLC0415 - only this test needs it

    words = [word for command in commands if command[:1] == ["worker"] for word in command[1:]]
    assert set(STAGES) <= set(words)


def test_the_private_half_of_the_door_lies_with_admit_alone() -> None:
    services = _compose()["services"]
    holders = {
        name
        for name, service in services.items()
        if any(volume.startswith("transit:") for volume in service.get("volumes", []))
    }
    assert holders == {"admit"}
    assert services["admit"]["command"] == ["worker", "admit"]
    private = services["admit"]["environment"]["HUSHWIRE_TRANSIT_PRIVATE_KEY"]
    assert private.startswith("/transit/")


def test_workers_have_no_way_out_but_the_inner_network() -> None:
    compose = _compose()
    assert compose["networks"]["inner"]["internal"] is True
    for name in ("transcribe", "redact", "vault", "postgres"):
        assert compose["services"][name]["networks"] == ["inner"]


def test_volumes_and_networks_are_declared() -> None:
    compose = _compose()
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or source.startswith("./deploy/")
        assert set(service["networks"]) <= set(compose["networks"])


def test_every_env_file_has_an_example() -> None:
    for service in _compose()["services"].values():
        assert (ROOT / f"{service['env_file']}.example").is_file()


def test_the_example_settings_are_settings() -> None:
    from agents.settings.model import PREFIX, Settings  # noqa: PLC0415 - only this test needs it

    text = (ROOT / "deploy" / "hushwire.env.example").read_text(encoding="utf-8")
    named = set(re.findall(rf"(?m)^{PREFIX}(\w+)=", text))
    named |= {
        name.removeprefix(PREFIX)
        for service in _compose()["services"].values()
        for name in service.get("environment", {})
        if name.startswith(PREFIX)
    }
    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)
