"""A team's own Whisper is listened with: other mel bands beside those of the second model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.speech.transcriber import Transcriber, TranscriberSettings, pinned
from models.store import own_models
from models.store.loader import find
from models.store.model_catalogue import own_entries
from models.store.own_models import add, remove
from models.store.whisper_files import Told
from pipeline.errors import ModelError
from pipeline.records.model import Interval, Window
from tests.models.store.toy_whisper import write_whisper

pytestmark = pytest.mark.models


def test_a_real_model_is_heard_with_its_own_heads_and_refused_with_others(tmp_path: Path) -> None:
    """The first heads of tiny.en look elsewhere than where a word is said."""
    true = find("whisper-tiny.en", allow_hub=False)
    place = {"folder": tmp_path / "models", "catalogue": tmp_path / "catalogue.yaml"}
    copy = Path(shutil.copytree(true, tmp_path / "copy"))
    assert add(str(copy), name="own-heads", **place).new
    config = json.loads((copy / "config.json").read_text())
    config["alignment_heads"] = [[0, 0], [0, 1]]
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="digits of a sample call are placed up to"):
        add(str(copy), name="other-heads", **place)
    assert [one.id for one in own_entries(place["catalogue"])] == ["own-heads"]


def test_engines_that_start_later_load_what_was_pinned_or_nothing(tmp_path: Path) -> None:
    """A model that is exchanged under its name would be heard under the old one's digest."""
    true = find("whisper-tiny.en", allow_hub=False)
    place = {"folder": tmp_path / "models", "catalogue": tmp_path / "catalogue.yaml"}
    copy = Path(shutil.copytree(true, tmp_path / "copy"))
    add(str(copy), name="ours", **place)
    settings = TranscriberSettings(
        main="ours",
        second=None,
        check="ours",
        models=place["folder"],
        catalogue=place["catalogue"],
    )
    began = pinned(settings)
    Transcriber(began)
    remove("ours", **place)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"changed": True}))
    add(str(copy), name="ours", **place)
    Transcriber(settings)
    with pytest.raises(ModelError, match=r"config\.json in .* is not the file"):
        Transcriber(began)


def test_models_of_80_and_of_128_bands_hear_the_same_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As large-v3 and tiny.en would; the weights are drawn, so what it hears means nothing."""
    tokenizer = find("whisper-tiny.en", allow_hub=False) / "tokenizer.json"
    monkeypatch.setattr(own_models, "tried", lambda _: Told(multilingual=False, bands=128))
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
    heard = transcriber.transcribe(window)
    assert not heard.unheard
    assert heard.models == transcriber.models
    assert heard.models[0] == added.entry.reference
    assert heard.models[0].startswith("toy@")
    assert heard.models[1].startswith("whisper-tiny.en@")
