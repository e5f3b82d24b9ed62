"""A host with the base package alone: its workers run, and what it lacks is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.kafka.embedded_broker import EmbeddedBroker

pytestmark = [pytest.mark.broker, pytest.mark.nightly, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
MOST_BYTES = 450e6
"""Of docs/deploy/install.md's table, and a little more."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with what requirements-base.txt locks, and the wheel."""
    folder = tmp_path_factory.mktemp("small")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True, timeout=120)
    pip = [folder / "venv" / "bin" / "pip", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "install", "--quiet", "--require-hashes", "-r", ROOT / "requirements-base.txt"],
        check=True,
        timeout=900,
    )
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT],
        check=True,
        timeout=300,
    )
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--quiet", "--no-deps", wheel], check=True, timeout=300)
    return folder / "venv"


def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "HUSHWIRE_STATE_DIR": str(folder / "state"),
    }


def test_it_is_small(small: Path) -> None:
    sizes = (path.stat().st_size for path in small.rglob("*") if path.is_file())
    assert sum(sizes) < MOST_BYTES
    lib = "".join(path.name for path in small.glob("lib/python3*/site-packages/*"))
    assert not [one for one in ("ctranslate2", "presidio", "duckdb", "vl_convert") if one in lib]


def test_its_workers_start_and_stop(small: Path, tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        command = ["worker", "admit", "mute", "vault", "--to", tmp_path / "vault"]
        log = tmp_path / "log"
        with log.open("wb") as file:
            worker = subprocess.Popen(
                [small / "bin" / "hushwire", *command, "--bootstrap", broker.bootstrap],
                cwd="/",
                env=environment(tmp_path),
                stderr=file,
            )
        deadline = time.monotonic() + 120
        while "worker ready" not in log.read_text("utf-8"):
            assert worker.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.2)
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.wait(60) == 0


@pytest.mark.parametrize(
    ("words", "extras"),
    [
        (("worker", "transcribe"), "speech"),
        (("worker", "detect"), "detect"),
        (("redact", "a.wav", "b.wav"), "speech,detect"),
        (("serve", "--vault", "v"), "console"),
        (("run", "--from", "a", "--to", "b"), "speech,detect,broker"),
    ],
)
def test_what_it_lacks_is_named(
    small: Path, tmp_path: Path, words: tuple[str, ...], extras: str
) -> None:
    done = subprocess.run(
        [small / "bin" / "hushwire", *words],
        cwd=tmp_path, env=environment(tmp_path), check=False, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert f'pip install "hushwire[{extras}]", or pinned and offline by requirements' in done.stderr
    assert done.stderr.count("\n") == 1
