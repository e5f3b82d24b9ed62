"""What reaches CTranslate2, and whether this machine can run it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import ctranslate2
import numpy as np
import numpy.typing as npt
import pytest
import tokenizers

from agents.settings import Settings
from agents.start import ear_settings
from models import ear as ears
from models import whisper as whispers
from models.ear import Ear
from models.whisper import Whisper, unusable
from pipeline.errors import ModelError

pytestmark = pytest.mark.unit


class Engine:
    """Stands in for ``ctranslate2.models.Whisper``."""

    is_multilingual = True
    made: list[dict[str, object]]
    shapes: list[tuple[int, ...]]

    def __init__(self, path: str, **options: object) -> None:
        self.made.append(options)

    def encode(self, view: object, *, to_cpu: bool) -> npt.NDArray[np.float32]:
        assert to_cpu
        array = np.asarray(view)
        self.shapes.append(array.shape)
        return np.zeros((len(array), array.shape[2] // 2, 8), np.float32)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> type[Engine]:
    Engine.made, Engine.shapes = [], []
    monkeypatch.setattr(ctranslate2.models, "Whisper", Engine)
    monkeypatch.setattr(tokenizers.Tokenizer, "from_file", lambda _: object())
    monkeypatch.setattr(
        whispers, "Tokenizer", lambda *_, **__: SimpleNamespace(sot_sequence=[1], no_timestamps=2)
    )
    return Engine


def test_the_settings_reach_the_engine(
    engine: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ears, "find", lambda *_, **__: Path("model"))
    Ear(ear_settings(Settings(device="cuda", compute_type="int8_float16", second_model="none")))
    assert engine.made
    for made in engine.made:
        assert made["device"] == "cuda"
        assert made["compute_type"] == "int8_float16"
        assert (made["intra_threads"], made["inter_threads"]) == (1, 1)


@pytest.mark.parametrize(("device", "shapes"), [("cpu", [(1, 80, 4)] * 3), ("cuda", [(3, 80, 4)])])
def test_the_encoder_gets_batches_where_that_pays(
    engine: type[Engine], device: str, shapes: list[tuple[int, ...]]
) -> None:
    whisper = Whisper(Path("model"), device=device)
    encoded = whisper.encode([np.zeros((80, 4), np.float32)] * 3)
    assert engine.shapes == shapes
    assert [one.shape for one in encoded] == [(1, 2, 8)] * 3


def test_what_the_engine_raises_is_a_model_error(
    engine: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(engine, "encode", fails)
    with pytest.raises(ModelError, match=r"^encoding failed \(RuntimeError\)$"):
        Whisper(Path("model")).encode([np.zeros((80, 4), np.float32)])


def test_a_machine_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    assert unusable("cuda", "float16") == "no CUDA device can be seen"
    assert unusable("cpu", "int8") is None


def test_an_arithmetic_that_the_device_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda _: {"int8", "float32"})
    assert unusable("cpu", "float16") == "float16 is not an arithmetic of this cpu device"
