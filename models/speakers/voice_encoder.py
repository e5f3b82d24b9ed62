"""Stretches of speech as vectors that lie near one another where one person speaks.

The weights are Resemblyzer's voice encoder (generalized end-to-end loss, Wan et al. 2018): three
layers of LSTM over 1.6 s of mel bands. Its package brings PyTorch, librosa and more for what is not
used here, so only its weights are read, and NumPy runs them. They come as a PyTorch checkpoint,
which is a pickle: nothing in it is called but what rebuilds tables.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.transcription.voice_activity import VOICE_RATE, Samples

MODEL: Final = "resemblyzer"
"""The weights, by their id in the catalogue."""
CHECKPOINT: Final = "pretrained.pt"
WIDTH: Final = 256
"""Numbers of a vector."""
Table = NDArray[np.float32]

_FRAMES: Final = 160
"""Of one reading: 1.6 s."""
_STEP, _WINDOW, _BANDS = 160, 400, 40
"""Samples from frame to frame, samples of a frame, mel bands."""
_LAYERS: Final = 3
_AT_ONCE: Final = 32
"""Readings side by side: more would take memory and no less time."""
_LEVEL: Final = 10 ** (-30 / 20)
"""What the weights learnt from was brought to, in RMS of full scale."""
_FAINTEST: Final = 1e-9
_MAGIC: Final = 0x1950A86A20F9469CFC6C
"""What a checkpoint of PyTorch before 1.6 begins with."""


class VoiceEncoder:
    """The weights of a folder.

    Args:
        folder: holds ``pretrained.pt``, checked.

    Raises:
        ModelError: it is no such checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        try:
            told = _tables((folder / CHECKPOINT).read_bytes())
            self._layers = [
                (
                    told[f"lstm.weight_ih_l{at}"].T.copy(),
                    told[f"lstm.weight_hh_l{at}"].T.copy(),
                    told[f"lstm.bias_ih_l{at}"] + told[f"lstm.bias_hh_l{at}"],
                )
                for at in range(_LAYERS)
            ]
            self._out = (told["linear.weight"].T.copy(), told["linear.bias"])
        except Exception as error:  # a pickle fails in many ways
            raise ModelError(
                f"{folder}: holds no voice encoder ({type(error).__name__}); install "
                "resemblyzer anew"
            ) from error
        self._mel = _mel_bands()

    def embed(self, pieces: Sequence[Samples]) -> Table:
        """A vector of length 1 for each piece, shape ``(pieces, WIDTH)``.

        A short piece is repeated until it fills a reading; of a long one, the beginning and the end
        are read.

        Args:
            pieces: mono at ``VOICE_RATE``, none of them empty.
        """
        readings: list[Table] = []
        owners: list[int] = []
        for at, piece in enumerate(pieces):
            own = self._readings(piece)
            readings += own
            owners += [at] * len(own)
        found = np.zeros((len(pieces), WIDTH), np.float32)
        for first in range(0, len(readings), _AT_ONCE):
            some = np.stack(readings[first : first + _AT_ONCE])
            np.add.at(found, owners[first : first + _AT_ONCE], self._read(some))
        return _directed(found)

    def _readings(self, piece: Samples) -> list[Table]:
        samples = np.asarray(piece, np.float32)
        loudness = float(np.sqrt(np.mean(samples**2)))
        samples = samples * (_LEVEL / max(loudness, _FAINTEST))
        if len(samples) < _FRAMES * _STEP:
            samples = np.tile(samples, -(-_FRAMES * _STEP // len(samples)))
        padded = np.pad(samples, _WINDOW // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_STEP]
        # Hann's window in its periodic form, as librosa has it.
        window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
        power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
        bands = (power @ self._mel).astype(np.float32)
        if len(bands) >= 2 * _FRAMES:
            return [bands[:_FRAMES], bands[-_FRAMES:]]
        first = (len(bands) - _FRAMES) // 2
        return [bands[first : first + _FRAMES]]

    def _read(self, bands: Table) -> Table:
        """Vectors of readings, shape ``(readings, frames, bands)`` in."""
        heard = bands
        count, frames, _ = bands.shape
        state = np.zeros((count, WIDTH), np.float32)
        for into, onward, bias in self._layers:
            given = heard @ into + bias
            state = np.zeros((count, WIDTH), np.float32)
            cell = np.zeros((count, WIDTH), np.float32)
            heard = np.empty((count, frames, WIDTH), np.float32)
            for frame in range(frames):
                gates = given[:, frame] + state @ onward
                enter, keep, new, tell = np.split(gates, 4, axis=1)
                cell = _sigmoid(keep) * cell + _sigmoid(enter) * np.tanh(new)
                state = _sigmoid(tell) * np.tanh(cell)
                heard[:, frame] = state
        weights, bias = self._out
        return _directed(np.maximum(state @ weights + bias, 0))


def _directed(vectors: Table) -> Table:
    """Vectors of length 1."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, _FAINTEST), np.float32)


def _sigmoid(values: Table) -> Table:
    return np.asarray(0.5 * (np.tanh(0.5 * values) + 1), np.float32)


def _mel_bands() -> NDArray[np.float64]:
    """Triangles of equal area on Slaney's mel scale, shape ``(frequencies, bands)``."""
    flat, high = 200 / 3, 1_000.0  # linear up to 1 kHz, then 27 steps to each factor of 6.4
    step, corner = np.log(6.4) / 27, high / flat
    top = corner + np.log(VOICE_RATE / 2 / high) / step
    mels = np.linspace(0, top, _BANDS + 2)
    edges = np.where(mels >= corner, high * np.exp(step * (mels - corner)), mels * flat)
    frequencies = np.linspace(0, VOICE_RATE / 2, _WINDOW // 2 + 1)
    widths = np.diff(edges)
    slopes = edges[:, None] - frequencies[None]
    rising = -slopes[:-2] / widths[:-1, None]
    falling = slopes[2:] / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    found: NDArray[np.float64] = (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).T
    return found


class _Tables(pickle.Unpickler):
    """Reads a checkpoint's own pickle and nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as the base has it
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _placed,
            ("torch", "FloatStorage"): "float",
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError("a checkpoint that holds more than tables")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Any:  # noqa: ANN401 - as the base has it
        kind, storage, key, *_ = pid
        if (kind, storage) != ("storage", "float"):
            raise pickle.UnpicklingError("a checkpoint that holds more than floats")
        return key


def _placed(key: str, first: int, shape: tuple[int, ...], *_: object) -> tuple[Any, ...]:
    return key, first, shape


def _tables(data: bytes) -> dict[str, Table]:
    """The tables of a checkpoint's model, in the form that PyTorch wrote before 1.6.

    Raises:
        Exception: of many kinds, where it is none.
    """
    file = io.BytesIO(data)
    if _Tables(file).load() != _MAGIC:
        raise ValueError("no checkpoint")
    for _ in range(2):  # the protocol, and what the machine was
        _Tables(file).load()
    told = _Tables(file).load()["model_state"]
    storages: dict[str, Table] = {}
    for key in _Tables(file).load():
        count = int.from_bytes(file.read(8), "little")
        storages[key] = np.frombuffer(file.read(4 * count), "<f4")
    return {
        name: storages[key][first : first + int(np.prod(shape))].reshape(shape)
        for name, (key, first, shape) in told.items()
    }
