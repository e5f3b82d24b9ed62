"""Cuts a call's audio into windows for the recogniser.

Outcomes of ``Segmenter``:

- ``take`` returns the windows that are now certain, numbered over all channels; an empty list
  means "not yet". A chunk that breaks the rules raises ``RecordError``; its place is then silence.
- ``finish`` returns the rest; after it, every channel's last ``heard_until`` is the call's end.
- The same audio gives the same windows, bit by bit, however it was cut into chunks: everything
  is computed over blocks of a fixed size.

``silent`` is what a window becomes in which nothing sounds, ``unheard`` one that could not be
listened to: silenced whole.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import soxr

from pipeline.audio.chunk_assembly import ChunkAssembler
from pipeline.errors import AudioError
from pipeline.records.intervals import merge_intervals, subtract_intervals
from pipeline.records.model import (
    FULL_SCALE,
    HIGHEST_RATE,
    LOWEST_RATE,
    AudioChunk,
    CallEnd,
    CallInfo,
    Interval,
    Pcm,
    Window,
    WindowTranscript,
)
from pipeline.transcription.conditioning import HighPass, Leveller, loudest
from pipeline.transcription.sounding import Sounding
from pipeline.transcription.voice_activity import (
    FRAME,
    RESTING,
    VOICE_RATE,
    Bursts,
    LoudnessVoice,
    Samples,
    VoiceDetector,
    VoiceState,
)
from pipeline.transcription.windows import Cut, Cutter, WindowSettings

__all__ = [
    "LoudnessVoice",
    "Segmenter",
    "VoiceDetector",
    "VoiceState",
    "WindowSettings",
    "silent",
    "unheard",
]

_BATCH = 16
"""Frames that the detector gets at once, always the same number: a product of matrices may round
differently for another number of rows, and windows may not depend on the chunking."""
_SETTLED = 3
"""Batches of noise in a row, behind which the detector's state is that of a long silence. What it
says of later speech then differs little: of 8,279 frames of speech in the sample calls none was
lost, 9 more were taken for speech."""
_JOINED = 7
"""Frames apart at which two sounds are one: pauses up to 200 ms lie inside words and between."""
_SHORTEST_S = 0.2
"""A sound that is shorter needs no word, as between two words."""
_ECHO_DB = 25.0
"""What is so much softer than another channel at the same time may be its echo."""
_BLOCKS_PER_SECOND = 2


@dataclass(slots=True)
class _Channel:
    """What listening to one channel carries along."""

    number: int
    high_pass: HighPass
    resampler: soxr.ResampleStream | None
    cutter: Cutter
    state: VoiceState
    sounding: Sounding = field(default_factory=Sounding)
    leveller: Leveller = field(default_factory=Leveller)
    recent: tuple[float, float] = (-math.inf, -math.inf)
    """How loud the last two batches were, in dBFS."""
    bursts: Bursts = field(default_factory=Bursts)
    resting: int = 0
    """How many of the last batches that the detector got were the noise of the line to it."""
    pending: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    """Audio at ``VOICE_RATE`` that does not fill a batch of frames yet."""
    kept: npt.NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    """Audio at the call's rate that a later window can still need."""
    kept_from: int = 0
    seen: int = 0
    """How many frames were looked at."""
    sounds: deque[int] = field(default_factory=deque)
    """Frames that sounded and that no window has stated yet."""


class Segmenter:
    """The window cutter of one call; see the module's text for the outcomes.

    Args:
        call: what the chunks have to agree with.
        voice: says where somebody speaks.
        settings: how speech is packed.

    Raises:
        AudioError: the call has no channel or a sample rate outside 8 to 16 kHz.
    """

    def __init__(
        self, call: CallInfo, voice: VoiceDetector, settings: WindowSettings | None = None
    ) -> None:
        if call.channels < 1:
            raise AudioError("a call needs at least one channel")
        if not LOWEST_RATE <= call.sample_rate <= HIGHEST_RATE:
            raise AudioError(f"{call.sample_rate} Hz is outside {LOWEST_RATE} to {HIGHEST_RATE} Hz")
        self._call, self._voice = call, voice
        self._assembler = ChunkAssembler(call=call)
        self._block = call.sample_rate // _BLOCKS_PER_SECOND
        self._pending: Pcm = np.zeros((0, call.channels), np.int16)
        self._length = 0
        self._windows = 0
        settings = settings or WindowSettings()
        self._channels = [
            _Channel(
                number=number,
                high_pass=HighPass(call.sample_rate),
                resampler=_resampler(call.sample_rate),
                cutter=Cutter(settings),
                state=voice.start(),
            )
            for number in range(call.channels)
        ]

    @property
    def gaps(self) -> tuple[Interval, ...]:
        """Stretches that never came; they were taken for silence."""
        return self._assembler.gaps

    def take(self, chunk: AudioChunk) -> list[Window]:
        """Take a chunk as it arrives.

        Raises:
            RecordError: the chunk breaks the rules, see ``ChunkAssembler``.
            ModelError: the voice-activity detector failed.
        """
        windows: list[Window] = []
        for ready in self._assembler.take(chunk):
            windows += self._listen(ready.pcm)
        return windows

    def finish(self, end: CallEnd) -> list[Window]:
        """Cut the rest of the call into windows.

        Raises:
            RecordError: the end belongs to another call.
            ModelError: the voice-activity detector failed.
        """
        windows: list[Window] = []
        for ready in self._assembler.finish(end):
            windows += self._listen(ready.pcm)
        rest, self._pending = self._pending, self._pending[:0]
        self._length += len(rest)
        for channel in self._channels:
            windows += self._hear(channel, rest[:, channel.number], last=True)
            windows += [self._window(channel, cut, last=True) for cut in channel.cutter.finish()]
        return windows

    def _listen(self, pcm: Pcm) -> list[Window]:
        windows: list[Window] = []
        self._pending = np.concatenate([self._pending, pcm]) if len(self._pending) else pcm
        blocks = len(self._pending) // self._block
        for number in range(blocks):
            block = self._pending[number * self._block : (number + 1) * self._block]
            self._length += len(block)
            for channel in self._channels:
                windows += self._hear(channel, block[:, channel.number], last=False)
        # A copy: a view would keep the whole chunk alive.
        self._pending = self._pending[blocks * self._block :].copy()
        return windows

    def _hear(self, channel: _Channel, pcm: npt.NDArray[np.int16], *, last: bool) -> list[Window]:
        channel.kept = np.concatenate([channel.kept, pcm])
        audio = pcm.astype(np.float32) / np.float32(FULL_SCALE)
        audio = channel.high_pass.chunk(audio, last=last)
        if channel.resampler is not None:
            audio = channel.resampler.resample_chunk(audio, last=last)
        audio = np.concatenate([channel.pending, audio])
        size = _BATCH * FRAME
        if last:
            # Filled up with silence to a whole batch; frames beyond the call do not count.
            audio = np.concatenate([audio, np.zeros(-len(audio) % size, np.float32)])
        windows: list[Window] = []
        whole = len(audio) // size * size
        for start in range(0, whole, size):
            windows += self._frames(channel, audio[start : start + size])
        channel.pending = audio[whole:].copy()
        return windows

    def _frames(self, channel: _Channel, audio: Samples) -> list[Window]:
        sounds, steady = channel.sounding.take(audio)
        if channel.leveller.hidden_by(channel.sounding.steady_dbfs):
            sounds, steady = np.ones_like(sounds), False
        raised = self._raised(channel, audio, sounds)
        square = np.square(raised.reshape(-1, FRAME), dtype=np.float64)
        levels: list[float] = np.mean(square, axis=1).tolist()
        loud = [channel.bursts.loud(level) for level in levels]
        channel.sounds.extend((np.flatnonzero(sounds) + channel.seen).tolist())
        channel.seen += len(levels)
        if channel.resting >= _SETTLED and steady:
            voiced = [0.0] * len(levels)
        else:
            found, channel.state = self._voice.probabilities(raised, channel.state)
            voiced = found.tolist()
            channel.resting = channel.resting + 1 if max(voiced) < RESTING else 0
        windows: list[Window] = []
        for probability, burst, level in zip(voiced, loud, levels, strict=True):
            speech = 1.0 if burst else probability
            windows += [
                self._window(channel, cut, last=False) for cut in channel.cutter.push(speech, level)
            ]
        needed = self._sample(channel.cutter.needed_from)
        if needed > channel.kept_from:
            channel.kept = channel.kept[needed - channel.kept_from :].copy()
            channel.kept_from = needed
        return windows

    def _raised(self, channel: _Channel, audio: Samples, sounds: npt.NDArray[np.bool_]) -> Samples:
        """The audio at its level: a faint channel is raised, the other side's echo on it is not."""
        frames = audio.reshape(-1, FRAME)[sounds]
        level = loudest(frames.ravel()) if len(frames) else -math.inf
        gain = channel.leveller.gain(level)
        channel.recent = (channel.recent[-1], level)
        others = [max(one.recent) for one in self._channels if one is not channel]
        echo = level < max(others, default=-math.inf) - _ECHO_DB
        return audio if echo or gain == 1.0 else audio * gain

    def _sample(self, frame: int) -> int:
        """Call sample at which a frame begins."""
        return min(frame * FRAME * self._call.sample_rate // VOICE_RATE, self._length)

    def _window(self, channel: _Channel, cut: Cut, *, last: bool) -> Window:
        start, end = self._sample(cut.start), self._sample(cut.end)
        heard_until = self._length if last else self._sample(cut.heard_until)
        owned = Interval(self._sample(cut.owned[0]), heard_until)
        number = self._windows
        self._windows += 1
        if not cut.speech:
            start, end = owned.start, owned.end
        silent = not cut.speech or end == start
        speech = tuple(
            Interval(self._sample(first), self._sample(after)) for first, after in cut.speech
        )
        pcm = channel.kept[start - channel.kept_from : end - channel.kept_from]
        return Window(
            call_id=self._call.call_id,
            seq=number,
            channel=channel.number,
            start=start,
            end=end,
            sample_rate=self._call.sample_rate,
            pcm=np.zeros(0, np.int16) if silent else pcm.copy(),
            speech=speech,
            sounds=tuple(subtract_intervals(self._sounds(channel, cut, owned), speech)),
            heard_until=heard_until,
            owned=owned,
            language=self._call.language,
        )

    def _sounds(self, channel: _Channel, cut: Cut, owned: Interval) -> list[Interval]:
        """Where a channel sounds in what a window owns, joined over short pauses."""
        frames: list[Interval] = []
        while channel.sounds and channel.sounds[0] < cut.heard_until:
            frame = channel.sounds.popleft()
            frames.append(Interval(frame, frame + 1))
        found = [
            (max(self._sample(one.start), owned.start), min(self._sample(one.end), owned.end))
            for one in merge_intervals(frames, _JOINED)
        ]
        return [Interval(start, end) for start, end in found if start < end]


def silent(window: Window) -> WindowTranscript:
    """What a window without audio becomes; whatever sounds in it all the same is unexplained."""
    sounds = [one for one in window.sounds if len(one) >= _SHORTEST_S * window.sample_rate]
    return WindowTranscript(
        call_id=window.call_id,
        seq=window.seq,
        channel=window.channel,
        start=window.start,
        end=window.end,
        speech=window.speech,
        unexplained=tuple(merge_intervals((*window.speech, *sounds))),
        heard_until=window.heard_until,
    )


def unheard(window: Window) -> WindowTranscript:
    """What a window becomes that could not be listened to: all of it is to be silenced."""
    start = min(window.start, window.owned.start) if window.owned else window.start
    end = max(window.end, window.heard_until)
    return replace(silent(window), unexplained=(), unheard=(Interval(start, end),))


def _resampler(sample_rate: int) -> soxr.ResampleStream | None:
    if sample_rate == VOICE_RATE:
        return None
    return soxr.ResampleStream(sample_rate, VOICE_RATE, 1, dtype="float32")
