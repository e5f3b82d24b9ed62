"""The catalogue pins every model by hash."""

from __future__ import annotations

import re

import pytest

from models.store.model_catalogue import entries, entry
from pipeline.errors import ModelError

pytestmark = pytest.mark.unit


def test_it_names_the_models_that_the_stages_load() -> None:
    assert [one.id for one in entries()] == [
        "whisper-base",
        "whisper-tiny.en",
        "silero-vad-v6",
        "resemblyzer",
        "reader",
        "consent-reader",
    ]


@pytest.mark.parametrize("model", entries(), ids=lambda model: model.id)
def test_every_file_is_pinned_and_has_a_source_and_a_licence(model: object) -> None:
    one = entry(getattr(model, "id", ""))
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in one.files.values())
    assert one.main in one.files
    assert one.wheels or one.packaged
    assert one.licence in {"MIT", "Apache-2.0"}
    assert one.purpose.endswith(".")


def test_whisper_is_pinned_to_the_published_conversion() -> None:
    base, tiny = entry("whisper-base"), entry("whisper-tiny.en")
    assert base.sha256 == "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
    assert tiny.sha256 == "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
    assert tiny.reference == "whisper-tiny.en@2a4410629ba3"
    assert base.parts == {"model.bin": ("model.bin.part1", "model.bin.part2")}


def test_an_unknown_model_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"whisper-base, whisper-tiny\.en"):
        entry("whisper-huge")
