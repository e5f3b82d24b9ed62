"""Where somebody speaks: the seam to the voice-activity detector, and its fake.

A detector is a pure function of audio and state: it gets whole frames and the state that it
returned before, so one detector serves every channel of every call, and what it says does not
depend on how the audio was cut into chunks.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.float32]
"""Mono audio in ``-1 … 1``, shape ``(samples,)``."""

VoiceState: TypeAlias = tuple[Samples, ...]
"""What a detector carries from one call to the next; opaque to everybody else."""

VOICE_RATE = 16_000
"""Hz that detectors listen at."""
FRAME = 512
"""Samples of one frame at ``VOICE_RATE``: 32 ms, what Silero VAD takes."""


class VoiceDetector(Protocol):
    """Says how likely each frame holds speech."""

    def start(self) -> VoiceState:
        """The state before the first frame of a channel."""
        ...

    def probabilities(self, audio: Samples, state: VoiceState) -> tuple[Samples, VoiceState]:
        """Probability of speech in each frame, shape ``(frames,)``, and the state after them.

        Args:
            audio: whole frames at ``VOICE_RATE``.
            state: what the call before returned, or ``start()``.

        Raises:
            ModelError: the detector failed.
        """
        ...


class LoudnessVoice:
    """The fake for tests: a frame is speech when its RMS is above a fixed level.

    Args:
        level: RMS in ``0 … 1`` from which on a frame counts as speech.
    """

    def __init__(self, level: float = 0.01) -> None:
        self._level = level

    def start(self) -> VoiceState:
        """No state."""
        return ()

    def probabilities(self, audio: Samples, state: VoiceState) -> tuple[Samples, VoiceState]:
        """1 for loud frames, 0 for the others."""
        frames = audio.reshape(-1, FRAME)
        loud = np.sqrt(np.mean(frames * frames, axis=1)) >= self._level
        return loud.astype(np.float32), state
