"""``hushwire run`` with real models, killed in the middle, on a broker that stays."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import uuid
from pathlib import Path

import pytest
import soundfile

from tests.broker.forked import hushwire
from tests.broker.harness import unsigned
from tests.waiting import HANG_S, until

SAMPLES = Path(__file__).parents[2] / "benchmarks" / "samples"
CALLS = ("order", "refill", "bill")
SHORT_S = 6
"""Of each recording in ``make test``; the recordings whole, and both speech models, nightly."""
SMALLEST = {"HUSHWIRE_MAIN_MODEL": "whisper-tiny.en", "HUSHWIRE_SECOND_MODEL": "none"}

pytestmark = [pytest.mark.broker, pytest.mark.models, pytest.mark.slow]


class Run:
    """One installation: a folder with recordings, a vault, and topics of its own."""

    def __init__(self, bootstrap: str, folder: Path, *, short: bool = False) -> None:
        self.vault, self.source = folder / "vault", folder / "in"
        self.source.mkdir(parents=True)
        for number, name in enumerate(CALLS, 1):  # the first is stored well before the last
            if short:
                pcm, rate = soundfile.read(SAMPLES / f"{name}.flac", dtype="int16", always_2d=True)
                soundfile.write(self.source / f"{name}.flac", pcm[: number * SHORT_S * rate], rate)
            else:
                (self.source / f"{name}.flac").symlink_to(SAMPLES / f"{name}.flac")
        self.environment = {
            **os.environ,
            "HUSHWIRE_BOOTSTRAP": bootstrap,
            "HUSHWIRE_TOPIC_PREFIX": f"r{uuid.uuid4().hex[:8]}",
            "HUSHWIRE_PARTITIONS": "4",
            **(SMALLEST if short else {}),
        }
        self.output = folder / "output.log"

    def start(self) -> subprocess.Popen[bytes]:
        command = hushwire("run", "--from", self.source, "--to", self.vault)
        with self.output.open("ab") as log:
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def until_one_is_stored(self) -> None:
        """Wait for the first call in the vault; the others are on their way."""
        until(self.files, self.output.read_text)

    def files(self) -> int:
        return sum(path.is_file() for path in (self.vault / "calls").rglob("*"))

    def hashes(self) -> dict[str, str]:
        """Of the decrypted files, but for what certificates say of their own installation."""
        plain = self.vault.with_name("plain")
        command = hushwire("export", "--all", "--vault", self.vault, "--to", plain)
        subprocess.run(
            command, env=self.environment, check=True, capture_output=True, timeout=HANG_S
        )
        return {
            path.name: hashlib.sha256(unsigned(path.name, path.read_bytes())).hexdigest()
            for path in plain.rglob("*")
            if path.is_file() and path.name != "call.json"
        }


def run_alone(bootstrap: str, folder: Path) -> Run:
    """A run that nothing disturbs, to its end."""
    made = Run(bootstrap, folder)
    assert made.start().wait(HANG_S) == 0, made.output.read_text()
    return made


def run_killed(bootstrap: str, folder: Path, *, short: bool = False) -> Run:
    """A run that was killed when its first call was stored."""
    made = Run(bootstrap, folder, short=short)
    first = made.start()
    made.until_one_is_stored()
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL, "the run was over before it could be killed"
    assert made.files() < 6 * len(CALLS)
    return made


def assert_ends_with_the_same_vault(killed: Run, undisturbed: Run) -> None:
    assert killed.start().wait(HANG_S) == 0, killed.output.read_text()
    stored = killed.hashes()
    assert len(stored) == 4 * len(CALLS)
    assert stored == undisturbed.hashes()


@pytest.fixture
def killed_and_undisturbed(bootstrap: str, tmp_path: Path) -> tuple[Run, Run]:
    """A run that was killed, and one beside it that nothing disturbed."""
    undisturbed = Run(bootstrap, tmp_path / "undisturbed", short=True)
    going = undisturbed.start()
    killed = run_killed(bootstrap, tmp_path / "killed", short=True)
    assert going.wait(HANG_S) == 0, undisturbed.output.read_text()
    return killed, undisturbed


def test_a_killed_run_of_short_calls_ends_with_the_same_vault(
    killed_and_undisturbed: tuple[Run, Run],
) -> None:
    assert_ends_with_the_same_vault(*killed_and_undisturbed)


@pytest.mark.nightly
def test_a_killed_run_ends_with_the_same_vault(bootstrap: str, tmp_path: Path) -> None:
    undisturbed = run_alone(bootstrap, tmp_path / "undisturbed")
    assert_ends_with_the_same_vault(run_killed(bootstrap, tmp_path / "killed"), undisturbed)
