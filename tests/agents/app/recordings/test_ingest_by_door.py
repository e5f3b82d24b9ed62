"""Recordings on their way to the door: the same pieces and the same id, whoever sends them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from agents.app.recordings import ingest_by_door
from agents.settings.model import Settings
from pipeline.gateways.door.model import CallHeader

pytestmark = pytest.mark.unit


class FakeCall:
    def __init__(self, header: CallHeader) -> None:
        self.header = header
        self.pieces: list[int] = []

    def send_waiting(self, audio: bytes, samples: int) -> None:
        assert len(audio) == 2 * samples
        self.pieces.append(samples)

    def end(self, *, complete: bool) -> None:
        assert complete

    def wait(self) -> None:
        pass


class FakeSender:
    def __init__(self) -> None:
        self.calls: list[FakeCall] = []

    def open(self, header: CallHeader) -> FakeCall:
        self.calls.append(FakeCall(header))
        return self.calls[-1]


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> FakeSender:
    fake = FakeSender()

    @contextmanager
    def opened(_: Settings) -> Iterator[FakeSender]:
        yield fake

    monkeypatch.setattr(ingest_by_door, "opened_sender", opened)
    return fake


def test_a_repeat_with_another_chunk_length_is_cut_in_the_same_pieces(
    sender: FakeSender, tmp_path: Path
) -> None:
    """The first record of a number counts: other pieces would leave holes."""
    soundfile.write(tmp_path / "a.wav", np.zeros(20_000, np.int16), 8_000)
    for seconds in (1.0, 3.0):
        settings = Settings(chunk_seconds=seconds)
        assert ingest_by_door.send_paths([tmp_path], settings, console=Console(quiet=True)) == 0
    first, second = sender.calls
    assert first.header == second.header
    assert first.pieces == second.pieces == [8_000, 8_000, 4_000]


def test_two_recordings_with_the_same_bytes_are_two_calls_and_that_is_told(
    sender: FakeSender, tmp_path: Path
) -> None:
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, np.zeros(8_000, np.int16), 8_000)
    console = Console(record=True, width=300)
    assert ingest_by_door.send_paths([tmp_path], Settings(), console=console) == 0
    first, second = (one.header for one in sender.calls)
    assert first.recording == second.recording
    assert first.call_id != second.call_id
    assert (first.recorder_id, second.recorder_id) == ("a", "b")
    assert "the same bytes as a.wav, a call of its own" in console.export_text()
