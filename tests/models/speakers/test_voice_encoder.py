"""The voice encoder: its weights, what it refuses to read, and that voices come out apart."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from models.speakers.voice_encoder import CHECKPOINT, MODEL, WIDTH, VoiceEncoder
from models.store import loader
from models.store.model_catalogue import entry
from pipeline.errors import ModelError
from pipeline.transcription.voice_activity import VOICE_RATE
from tests.models.speakers.checkpoints import checkpoint, tables

pytestmark = pytest.mark.unit

SAMPLES = Path("benchmarks/samples")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / CHECKPOINT).write_bytes(checkpoint(tables()))
    return tmp_path


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.1, round(seconds * VOICE_RATE)).astype(np.float32)


def test_a_vector_for_each_piece_whatever_its_length(folder: Path) -> None:
    found = VoiceEncoder(folder).embed([noise(0.01), noise(0.4), noise(1.6), noise(3.3), noise(9)])
    assert found.shape == (5, WIDTH)
    assert np.allclose(np.linalg.norm(found, axis=1), 1)


def test_no_piece_gives_no_vector(folder: Path) -> None:
    assert VoiceEncoder(folder).embed([]).shape == (0, WIDTH)


def test_a_piece_is_read_the_same_beside_others_and_at_another_level(folder: Path) -> None:
    encoder, piece = VoiceEncoder(folder), noise(2)
    alone = encoder.embed([piece])[0]
    beside = encoder.embed([noise(1, 1), piece / 8, *[noise(0.5, 2)] * 40])[1]
    assert np.allclose(alone, beside, atol=1e-5)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02K\x01.",
        checkpoint(tables(), magic=7),
        checkpoint(tables())[:-8],
        checkpoint({name: table for name, table in tables().items() if "l2" not in name}),
    ],
    ids=["empty", "one number", "another kind", "cut off", "a layer less"],
)
def test_what_is_no_checkpoint_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(data)
    with pytest.raises(ModelError, match="holds no voice encoder"):
        VoiceEncoder(tmp_path)


class _Calls:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.touch, (self.path,)


def test_nothing_in_a_checkpoint_is_called(tmp_path: Path) -> None:
    done = tmp_path / "done"
    (tmp_path / CHECKPOINT).write_bytes(pickle.dumps(_Calls(done), 2))
    with pytest.raises(ModelError, match="holds no voice encoder"):
        VoiceEncoder(tmp_path)
    assert not done.exists()


def test_the_shipped_weights_tell_the_voices_of_a_call_apart() -> None:
    """Of a sample call: stretches of one speaker are liker one another than the other's."""
    folder = loader.find(MODEL, allow_hub=False)
    assert (folder / CHECKPOINT).stat().st_size == entry(MODEL).bytes
    told = json.loads((SAMPLES / "manifest.jsonl").read_text("utf-8").splitlines()[0])
    audio, rate = soundfile.read(SAMPLES / told["file"], dtype="float32", always_2d=True)
    mixed = soxr.resample(audio.sum(axis=1), rate, VOICE_RATE)
    turns = [one for one in told["turns"] if one["end_ms"] - one["start_ms"] > 1_500]
    pieces = [mixed[int(one["start_ms"] * 16) : int(one["end_ms"] * 16)] for one in turns]
    near = (vectors := VoiceEncoder(folder).embed(pieces)) @ vectors.T
    same = np.array([[a["channel"] == b["channel"] for b in turns] for a in turns])
    own = near[same & ~np.eye(len(turns), dtype=bool)]
    assert own.mean() > near[~same].mean() + 0.1
