"""Where somebody speaks: the seam to the voice-activity detector, and its fake.

A detector is a pure function of audio and state: it gets whole frames and the state that it
returned before, so one detector serves every channel of every call, and what it says does not
depend on how the audio was cut into chunks.
"""

from __future__ import annotations

import math
from collections import deque
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


_FLOOR_FRAMES = 94
"""The noise floor is the quietest frame of the last 3 s."""
_ABOVE_FLOOR_DB, _BELOW_PEAK_DB, _AUDIBLE_DB = 15.0, 25.0, -55.0
_QUIET_PEAK_DB = -40.0
"""Before anybody spoke, and long after, the peak is taken to be this."""
RESTING = 0.05
"""Below this probability of speech a detector takes a frame for the noise of the line. Of frames
behind such ones that are as quiet as the floor none got more than 0.04 (31 min of audio)."""
_DECAY_DB = 0.03
"""What the peak sinks by in a frame: about 1 dB a second."""
_BURST_FRAMES = 94
"""Loudness counts for so long only: what goes on for 3 s without a dip is music or a machine."""


class Bursts:
    """Loud bursts on one channel: speech even where the detector does not think so.

    Silero VAD gives clear telephone digits at -22 dBFS between digital silence a probability of
    0.01 to 0.15 (noise-gated calls; measured). Whoever cannot hear them mutes nothing, so what is
    loud is listened to as well, and the recogniser decides.
    """

    def __init__(self) -> None:
        self._frame = 0
        self._floors: deque[tuple[int, float]] = deque()
        """Frames that are, or may become, the quietest of the last 3 s: number and loudness, both
        rising."""
        self._peak = _QUIET_PEAK_DB
        self._run = 0

    def loud(self, level: float) -> bool:
        """Take the next frame's mean square; say whether it belongs to a loud burst."""
        decibels = 10.0 * math.log10(level + 1e-9)
        self._frame += 1
        while self._floors and self._floors[-1][1] >= decibels:
            self._floors.pop()
        self._floors.append((self._frame, decibels))
        if self._floors[0][0] <= self._frame - _FLOOR_FRAMES:
            self._floors.popleft()
        floor = self._floors[0][1]
        self._peak = max(decibels, self._peak - _DECAY_DB, _QUIET_PEAK_DB)
        limit = max(floor + _ABOVE_FLOOR_DB, self._peak - _BELOW_PEAK_DB, _AUDIBLE_DB)
        self._run = self._run + 1 if decibels > limit else 0
        return 0 < self._run <= _BURST_FRAMES
