"""What tells speakers apart, with what this machine has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import CapturingLogger, capture_logs

from agents.cli.installing import models
from agents.settings.model import load_settings
from agents.settings.used_models import others_in_use
from agents.stages import speakers
from agents.stages.speakers import TolerantDiarizer, diarizer_of
from models.speakers.separation import Diarizer
from models.speakers.voice_encoder import CHECKPOINT, MODEL
from models.store.model_catalogue import entries, entry
from pipeline.errors import AudioError
from pipeline.evidence.stored_call import Heard
from pipeline.evidence.turns import Token
from pipeline.records.model import Interval, Role
from pipeline.transcription.voice_activity import Samples

pytestmark = pytest.mark.unit

TOKENS = [
    Token(0, 0, 2_000, "How can I help you?"),
    Token(0, 3_000, 6_000, "My daughter lost her card."),
]


def never(_: Sequence[Interval]) -> list[Samples]:
    raise AssertionError("nobody listens")


def test_without_voices_words_alone_tell(tmp_path: Path) -> None:
    settings = load_settings(voices=False, models_dir=tmp_path)
    assert diarizer_of(settings).roles(TOKENS, 1_000, never) == [Role.AGENT, Role.CUSTOMER]


def test_without_the_weights_words_alone_tell_and_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr(speakers, "here", lambda *_, **__: False)
    monkeypatch.setattr(speakers, "get_logger", lambda: log)
    told = diarizer_of(load_settings(models_dir=tmp_path))
    assert told.roles(TOKENS, 1_000, never) == [Role.AGENT, Role.CUSTOMER]
    assert [one.args for one in log.calls] == [("no voice encoder",)]


def test_altered_weights_are_refused_and_words_alone_tell(tmp_path: Path) -> None:
    folder = tmp_path / entry(MODEL).folder
    folder.mkdir()
    (folder / CHECKPOINT).write_bytes(b"something else")
    with capture_logs() as logs:
        told = diarizer_of(load_settings(models_dir=tmp_path))
    assert told.roles(TOKENS, 1_000, never) == [Role.AGENT, Role.CUSTOMER]
    assert [one["event"] for one in logs] == ["voice encoder refused"]


def test_only_an_encoder_that_is_wanted_and_here_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used(*, voices: bool) -> set[str]:
        settings = load_settings(voices=voices, models_dir=tmp_path)
        return {one.id for one in others_in_use(settings)}

    always = {"silero-vad-v6", "reader", "consent-reader"}
    assert used(voices=True) == {*always, MODEL}
    assert used(voices=False) == always
    monkeypatch.setattr("agents.settings.used_models.here", lambda *_, **__: False)
    assert used(voices=True) == always


def test_all_models_are_taken_but_an_encoder_that_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A team's own model without a hub is asked for all the same, and told if it is missing."""
    asked: list[str] = []
    monkeypatch.setenv("HUSHWIRE_MODELS_DIR", str(tmp_path))
    monkeypatch.setattr(models, "here", lambda _, folder: folder != tmp_path)
    monkeypatch.setattr(models, "pull", lambda one, **_: asked.append(one) or tmp_path)
    models.models_pull(everything=True)
    assert asked == [one.id for one in entries() if one.id != MODEL]


class _Fails(Diarizer):
    def __init__(self, error: Exception) -> None:
        self.error = error

    def roles(self, tokens: Sequence[Token], rate: int, audio: Heard) -> list[Role]:
        raise self.error


@pytest.mark.parametrize("error", [AudioError("recording: damaged"), ValueError("4111")])
def test_a_call_is_stored_as_it_was_where_telling_apart_fails(error: Exception) -> None:
    with capture_logs() as logs:
        assert TolerantDiarizer(_Fails(error)).roles(TOKENS, 1_000, never) == [None, None]
    (one,) = logs
    assert one["event"] == "speakers not told apart"
    assert "4111" not in str(one)
