"""A team's own Whisper is listened with: other mel bands beside those of the second model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.speech.transcriber import Transcriber, TranscriberSettings
from models.store.loader import find
from models.store.own_models import add
from pipeline.records.model import Interval, Window
from tests.models.store.toy_whisper import write_whisper

pytestmark = pytest.mark.models


def test_models_of_80_and_of_128_bands_hear_the_same_window(tmp_path: Path) -> None:
    """As large-v3 and tiny.en would; the weights are drawn, so what it hears means nothing."""
    tokenizer = find("whisper-tiny.en", allow_hub=False) / "tokenizer.json"
    toy = write_whisper(tmp_path / "toy", bands=128, tokenizer=tokenizer)
    catalogue = tmp_path / "catalogue.yaml"
    added = add(str(toy), folder=tmp_path / "models", catalogue=catalogue, licence="MIT")
    settings = TranscriberSettings(main="toy", models=tmp_path / "models", catalogue=catalogue)
    transcriber = Transcriber(settings)
    noise = np.random.default_rng(0).normal(0, 2_000, 32_000).astype(np.int16)
    window = Window(
        call_id="c1",
        seq=0,
        channel=0,
        start=0,
        end=len(noise),
        sample_rate=16_000,
        pcm=noise,
        speech=(Interval(0, len(noise)),),
        heard_until=len(noise),
    )
    heard = transcriber.hear(window)
    assert not heard.unheard
    assert heard.models == transcriber.models
    assert heard.models[0] == added.entry.reference
    assert heard.models[0].startswith("toy@")
    assert heard.models[1].startswith("whisper-tiny.en@")
