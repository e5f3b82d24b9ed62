"""What reaches CTranslate2, and whether this machine can run it."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import ctranslate2
import numpy as np
import numpy.typing as npt
import pytest
import tokenizers
from faster_whisper import tokenizer

from agents.app.wiring import transcriber_settings
from agents.settings.model import Settings
from models.speech import transcriber as speech
from models.speech.transcriber import Transcriber
from models.speech.whisper import Whisper, unusable
from pipeline.errors import ModelError, SettingsError

pytestmark = pytest.mark.unit


class Engine:
    """Stands in for ``ctranslate2.models.Whisper``."""

    is_multilingual = True
    n_mels = 80
    made: list[dict[str, object]]
    shapes: list[tuple[int, ...]]

    def __init__(self, path: str, **options: object) -> None:
        self.made.append(options)

    def encode(self, view: object, *, to_cpu: bool) -> npt.NDArray[np.float32]:
        assert to_cpu
        array = np.asarray(view)
        self.shapes.append(array.shape)
        return np.repeat(array[:, :1, ::2].transpose(0, 2, 1), 8, axis=2)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> type[Engine]:
    Engine.made, Engine.shapes = [], []
    monkeypatch.setattr(ctranslate2.models, "Whisper", Engine)
    monkeypatch.setattr(tokenizers.Tokenizer, "from_file", lambda _: object())
    tokens = SimpleNamespace(sot_sequence=[1], no_timestamps=2)
    monkeypatch.setattr(tokenizer, "Tokenizer", lambda *_, **__: tokens)
    return Engine


def test_the_settings_reach_the_engine(
    engine: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "find", lambda *_, **__: Path("model"))
    Transcriber(
        transcriber_settings(
            Settings(device="cuda", compute_type="int8_float16", second_model="none")
        )
    )
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
    encoded = whisper.encode([np.zeros((80, 4), np.float32)] * 3, [640] * 3)
    assert engine.shapes == shapes
    assert [one.shape for one in encoded] == [(1, 2, 8)] * 3


def test_silence_far_behind_the_audio_is_encoded_once_for_all(engine: type[Engine]) -> None:
    whisper = Whisper(Path("model"))
    features = [np.full((80, 1_200), mark, np.float32) for mark in (1, 2)]
    encoded = whisper.encode(features, [8 * 16_000, 16_000])
    # The silence; 8 s and 2 s of silence behind them; and never less than 6 s.
    assert engine.shapes == [(1, 80, 1_200), (1, 80, 1_000), (1, 80, 600)]
    assert [one.shape for one in encoded] == [(1, 600, 8)] * 2
    assert encoded[0][0, :, 0].tolist() == [1.0] * 500 + [-1.5] * 100
    assert encoded[1][0, :, 0].tolist() == [2.0] * 300 + [-1.5] * 300


@pytest.mark.parametrize(("device", "seconds"), [("cpu", 10), ("cpu", 12), ("cuda", 1)])
def test_what_is_full_of_audio_or_shares_a_run_is_encoded_whole(
    engine: type[Engine], device: str, seconds: int
) -> None:
    features = np.ones((80, 1_200), np.float32)
    Whisper(Path("model"), device=device).encode([features], [seconds * 16_000])
    assert engine.shapes == [(1, 80, 1_200)]


@pytest.mark.parametrize(
    ("glance", "positions", "told"), [(0.5, [4], 0.5), (0.49, [4, 12], 0.1)], ids=["clear", "doubt"]
)
def test_all_positions_are_asked_for_the_language_where_a_third_is_not_sure(
    engine: type[Engine],
    monkeypatch: pytest.MonkeyPatch,
    glance: float,
    positions: list[int],
    told: float,
) -> None:
    asked: list[int] = []

    def detect_language(_: object, view: object) -> list[list[tuple[str, float]]]:
        asked.append(np.asarray(view).shape[1])
        return [[("<|de|>", 0.4), ("<|en|>", glance if asked[-1] == 4 else 0.1)]]

    monkeypatch.setattr(engine, "detect_language", detect_language, raising=False)
    encoded = np.zeros((1, 12, 8), np.float32)
    assert Whisper(Path("model")).likelihood(encoded, "en") == told
    assert asked == positions


def test_words_are_aligned_with_the_audio_and_not_with_the_silence_behind_it(
    engine: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []

    def generate(_: object, view: object, *_args: object, **_kept: object) -> list[object]:
        shapes.append(np.asarray(view).shape)
        written = SimpleNamespace(sequences_ids=[[5, 7, 8]], no_speech_prob=0.0, scores=[-0.1])
        steps = [step(number) for number in (0.4, 0.2, 0.3)]
        return [SimpleNamespace(**vars(written), logits=[steps])]

    def align(_: object, view: object, *_args: object) -> list[object]:
        shapes.append(np.asarray(view).shape)
        return [
            SimpleNamespace(
                alignments=[(0, 0), (1, 0), (2, 20), (3, 40)], text_token_probs=[0.9, 0.75, 0.6]
            )
        ]

    monkeypatch.setattr(engine, "generate", generate, raising=False)
    monkeypatch.setattr(engine, "align", align, raising=False)
    tokens = SimpleNamespace(
        sot_sequence=[1],
        no_timestamps=2,
        eot=9,
        decode=lambda some: {3: " four", 5: "-", 7: "full", 8: "ish"}.get(some[0], " for"),
        split_to_word_tokens=lambda _: (["-fullish", ""], [[5, 7, 8], [9]]),
    )
    monkeypatch.setattr(tokenizer, "Tokenizer", lambda *_, **__: tokens)
    monkeypatch.setattr(
        tokenizers.Tokenizer, "from_file", lambda _: SimpleNamespace(token_to_id=lambda _: 1)
    )
    encoded = np.zeros((1, 600, 8), np.float32)
    (decoded,) = Whisper(Path("model")).decode([encoded], [16_000])
    assert shapes == [(1, 600, 8), (1, 50, 8)]
    (word,) = decoded.words
    assert (word.start, word.end, word.text) == (0, 12_800, "-fullish")
    # What was given to " four" where "full" was written; " for" only sounds like a number.
    assert word.number_probability == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("kept", "asked"), [({}, True), ({"prompt": "4 1"}, False), ({"beam": 5}, False)]
)
def test_what_was_nearly_written_is_asked_of_a_first_hearing_alone(
    engine: type[Engine], monkeypatch: pytest.MonkeyPatch, kept: dict[str, object], *, asked: bool
) -> None:
    told: list[object] = []

    def generate(_: object, view: object, *_args: object, **kept: object) -> list[object]:
        told.append(kept["return_logits_vocab"])
        nothing = {"sequences_ids": [[]], "no_speech_prob": 0.0, "scores": [-0.1], "logits": []}
        return [SimpleNamespace(**nothing)]

    monkeypatch.setattr(engine, "generate", generate, raising=False)
    tokens = SimpleNamespace(
        sot_sequence=[1],
        sot_prev=3,
        no_timestamps=2,
        eot=9,
        decode=lambda _: "",
        encode=lambda _: [4],
    )
    monkeypatch.setattr(tokenizer, "Tokenizer", lambda *_, **__: tokens)
    monkeypatch.setattr(
        tokenizers.Tokenizer, "from_file", lambda _: SimpleNamespace(token_to_id=lambda _: 1)
    )
    encoded = np.zeros((1, 600, 8), np.float32)
    Whisper(Path("model")).decode([encoded], [16_000], **kept)  # type: ignore[arg-type]
    assert told == [asked]


def step(number: float) -> ctranslate2.StorageView:
    """What a decoder gives nine tokens, a number to " four" alone."""
    shares = np.full(9, (1 - number) / 8, np.float32)
    shares[3] = number
    return ctranslate2.StorageView.from_array(np.log(shares))


def test_no_more_tokens_are_written_than_the_audio_can_hold(
    engine: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def generate(_: object, view: object, *_args: object, **kept: object) -> list[object]:
        asked.append(kept["max_length"])
        written = SimpleNamespace(
            sequences_ids=[[7] * 70], no_speech_prob=0.9, scores=[-0.1], logits=[]
        )
        return [written] * len(np.asarray(view))

    monkeypatch.setattr(engine, "generate", generate, raising=False)
    monkeypatch.setattr(Whisper, "_align", lambda *given: given[3])
    tokens = SimpleNamespace(sot_sequence=[1], no_timestamps=2, eot=9, decode=lambda _: "four")
    monkeypatch.setattr(tokenizer, "Tokenizer", lambda *_, **__: tokens)
    monkeypatch.setattr(
        tokenizers.Tokenizer, "from_file", lambda _: SimpleNamespace(token_to_id=lambda _: 1)
    )
    whisper, encoded = Whisper(Path("model")), np.zeros((1, 600, 8), np.float32)
    short, long = 16_000, 160_000
    (alone,) = whisper.decode([encoded], [short])
    cut, whole = whisper.decode([encoded] * 2, [short, long])
    assert asked == [2 + 24, 2 + 80]
    assert alone == cut
    assert (len(cut.words), cut.full, cut.log_probability) == (23, True, -math.inf)
    assert (len(whole.words), whole.full, whole.log_probability) == (70, False, -0.1)
    whisper.decode([encoded], [short], beam=5)
    assert asked[-1] == 2 + 80


def test_what_the_engine_raises_is_a_model_error(
    engine: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(engine, "encode", fails)
    with pytest.raises(ModelError, match=r"^encoding failed \(RuntimeError\)$"):
        Whisper(Path("model")).encode([np.zeros((80, 4), np.float32)], [640])


def test_a_machine_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    assert unusable("cuda", "float16") == "no CUDA device can be seen"
    assert unusable("cpu", "int8") is None


@pytest.mark.parametrize(("device", "refused"), [("cuda", SettingsError), ("cpu", ModelError)])
def test_a_device_that_is_not_there_is_no_broken_model(
    device: str, refused: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one is mended in the settings, the other by `hushwire models verify`."""

    def fails(*_: object, **__: object) -> None:
        raise ValueError("unsupported device")

    monkeypatch.setattr(ctranslate2.models, "Whisper", fails)
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    with pytest.raises(refused):
        Whisper(Path("model"), device=device, compute_type="int8")


def test_an_arithmetic_that_the_device_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda _: {"int8", "float32"})
    assert unusable("cpu", "float16") == "float16 is not an arithmetic of this cpu device"
