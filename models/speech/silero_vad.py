"""Silero VAD as faster-whisper ships it, with its state outside: see ``VoiceDetector``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from models.store.loader import find
from pipeline.errors import ModelError
from pipeline.transcription.voice_activity import FRAME, Samples, VoiceState

MODEL = "silero-vad-v6"
_CONTEXT = 64
"""Samples of the frame before that the network sees in front of each frame (Silero VAD, 16 kHz)."""
_HIDDEN = 128
"""Width of its recurrent layer."""


class SileroVoice:
    """Speech probabilities from Silero VAD, version 6, one thread.

    The state is the recurrent layer's two vectors and the last ``64`` samples.

    Args:
        folder: where local models lie; see ``models.store.loader.find``.

    Raises:
        ModelError: the model is missing, altered, or cannot be loaded.
    """

    def __init__(self, *, folder: Path | None = None) -> None:
        path = find(MODEL, folder=folder, allow_hub=False) / "silero_vad_v6.onnx"
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(
                path, providers=["CPUExecutionProvider"], sess_options=options
            )
        except Exception as error:  # onnxruntime raises types of its own
            raise ModelError(f"{MODEL}: cannot be loaded ({type(error).__name__})") from error

    def start(self) -> VoiceState:
        """Silence before the first frame."""
        hidden = np.zeros((1, 1, _HIDDEN), np.float32)
        return hidden, hidden, np.zeros(_CONTEXT, np.float32)

    def probabilities(self, audio: Samples, state: VoiceState) -> tuple[Samples, VoiceState]:
        """Probability of speech in each frame; see ``VoiceDetector``.

        Raises:
            ModelError: the audio is not whole frames, or the network failed.
        """
        if audio.ndim != 1 or not len(audio) or len(audio) % FRAME:
            raise ModelError(f"{MODEL}: audio has to be whole frames of {FRAME} samples")
        h, c, before = state
        frames = audio.reshape(-1, FRAME)
        context = np.concatenate([before[None], frames[:-1, -_CONTEXT:]])
        try:
            speech, h, c = self._session.run(
                None, {"input": np.concatenate([context, frames], axis=1), "h": h, "c": c}
            )
        except Exception as error:  # noqa: BLE001 - onnxruntime raises types of its own
            raise ModelError(f"{MODEL}: failed on its input ({type(error).__name__})") from None
        return np.asarray(speech, np.float32).reshape(-1), (h, c, audio[-_CONTEXT:].copy())
