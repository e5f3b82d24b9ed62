"""The command's errors: one clear line, an exit code, and nothing made."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from agents.cli import main
from agents.kafka import topics

pytestmark = pytest.mark.unit


def hushwire(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command; its exit code."""
    monkeypatch.setattr(sys, "argv", ["hushwire", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    # A command sets logging up on the stderr of the test, which is closed after it.
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("run", "--from", "gone", "--to", "v"), 2, "gone: there is no such file or folder"),
        (("run", "--from", ".", "--to", "v"), 2, "no recordings in it"),
        (("redact", "gone.wav", "x.wav"), 2, "gone.wav: cannot be opened"),
        (("worker", "detect"), 2, "no broker: name one"),
        (("worker", "transcrbe", "--bootstrap", "127.0.0.1:1"), 2, "no stage transcrbe: admit,"),
        (("worker", "vault", "--bootstrap", "127.0.0.1:1"), 2, "needs a vault: --to with a folder"),
        (("worker", "vault", "--to", "s3:/b", "--bootstrap", "127.0.0.1:1"), 2, "s3://bucket"),
        (("worker", "vault", "--to", "gs://b", "--bootstrap", "127.0.0.1:1"), 2, "s3://bucket"),
        (("watch", "gone"), 2, "gone: there is no such folder"),
        (("watch", "."), 4, "transit-public.json: is missing"),
        (("watch", ".", "--after", "burn"), 2, "burn"),
        (
            ("policy", "check", "nope"),
            2,
            "name a YAML file or consent, default, gdpr, hipaa, pci\n",
        ),
        (("certificate", "check", "call.json"), 2, "ends with .certificate.json"),
    ],
)
def test_wrong_input_is_told(
    arguments: tuple[str, ...],
    code: int,
    told: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert hushwire(monkeypatch, *arguments) == code
    assert told in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [("ingest", "in", "--bootstrap", "127.0.0.1:1"), ("run", "--from", "in", "--to", "v")],
)
def test_a_folder_of_which_nothing_is_taken_is_told(
    arguments: tuple[str, ...],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It was a 0 where nothing was sent."""
    (folder / "in").mkdir()
    (folder / "in" / "call.mkv").write_bytes(b"")
    assert hushwire(monkeypatch, *arguments) == 2
    told = capsys.readouterr().err
    assert "not taken: call.mkv: not a recording that can be read" in told
    assert "in: no recordings in it (WAV, FLAC, Ogg, MP3, M4A or WebM)" in told
    assert [path.name for path in folder.iterdir()] == ["in"]


def test_a_broker_that_is_away_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(topics.reach_broker, "__kwdefaults__", {"timeout_s": 0.5})
    (folder / "call.wav").write_bytes(b"")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        for command in (("ingest", "call.wav"), ("worker", "detect")):
            assert hushwire(monkeypatch, *command, "--bootstrap", address) == 4
            told = capsys.readouterr().err
            assert f"can't reach Kafka at {address}: connection refused; check" in told


def test_a_worker_says_what_it_waits_for_before_it_asks_anybody(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was silent until it was ready, and asked for the broker before it looked at its port."""
    monkeypatch.setattr(topics.reach_broker, "__kwdefaults__", {"timeout_s": 0.5})
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("HUSHWIRE_METRICS_PORT", str(taken.getsockname()[1]))
        command = ("worker", "mute", "vault", "--to", "v", "--bootstrap", address)
        assert hushwire(monkeypatch, *command) == 2
        assert "HUSHWIRE_METRICS_PORT" in capsys.readouterr().err
        monkeypatch.delenv("HUSHWIRE_METRICS_PORT")
        assert hushwire(monkeypatch, *command) == 4
    first, *rest = capsys.readouterr().err.splitlines()
    told = json.loads(first)
    assert told["event"] == "worker starting"
    assert told["stages"] == ["mute", "vault"]
    assert told["bootstrap"] == address
    assert told["version"]
    assert told["waits_for"] == ["broker", "ledger", "vault", "partitions"]
    assert "dropped_fields" not in told
    assert "can't reach Kafka" in rest[-1]
