"""What files of this folder share: models that are loaded once, and what they hear of a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import Transcriber
from pipeline.records.model import Window, WindowTranscript
from tests.models.loaded.parts import NUMBERS, write_part
from tests.models.loaded.windows import windows_of


@pytest.fixture(scope="session")
def transcriber() -> Transcriber:
    return Transcriber()


@pytest.fixture(scope="session")
def voice() -> SileroVoice:
    return SileroVoice()


@pytest.fixture(scope="session")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Manifest of a part of a call, see ``NUMBERS``."""
    return write_part(tmp_path_factory.mktemp("numbers"), *NUMBERS)


@pytest.fixture(scope="session")
def windows(numbers: Path, voice: SileroVoice) -> list[Window]:
    """Its windows."""
    return windows_of(numbers.with_name("order.flac"), voice, 8_000)


@pytest.fixture(scope="session")
def heard(windows: list[Window], transcriber: Transcriber) -> list[WindowTranscript]:
    """What is heard of each, alone."""
    return [transcriber.transcribe(window) for window in windows]
