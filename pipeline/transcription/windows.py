"""Cuts one channel into windows for the recogniser, frame by frame.

Outcomes of ``Cutter``: ``push`` and ``finish`` return the cuts that are now certain, in order of
time; an empty list means "not yet". Every frame lies below some cut's ``heard_until`` in the end;
every frame that counts as speech lies in exactly one cut's ``owned`` part.

Where a cut falls, from best to worst:

1. in a pause of ``pause_ms``, or in any pause once ``enough_ms`` of speech are together;
2. in the last pause before ``most_ms`` of speech (or ``span_ms`` of time) would be exceeded;
3. when somebody talks on without any pause: at the quietest frame of the last part, with
   ``overlap_ms`` on both sides, so that no word is lost at the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pipeline.errors import SettingsError
from pipeline.transcription.voice_activity import FRAME, VOICE_RATE

Frames: TypeAlias = tuple[int, int]
"""Frames ``[first, after)``."""


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """How speech is found and packed into windows.

    The defaults lie between ``latency``, which closes a window at a short pause and costs more, and
    ``throughput``, which fills windows well. Words come up to ``span_ms`` after they were spoken.
    """

    on: float = 0.25
    """Probability from which on speech begins. Silero's own 0.5 drops 5 % of digit audio before
    anyone hears it; 0.2 to 0.35 drops 1 to 3 % (measured on human telephone digits)."""
    off: float = 0.15
    """Probability below which a frame inside speech counts as silence."""
    silence_ms: int = 320
    """Silence that ends a stretch of speech; at least twice ``pad_ms``."""
    pad_ms: int = 160
    """What is added on both sides of a stretch of speech."""
    pause_ms: int = 8_000
    """A pause this long closes the window."""
    enough_ms: int = 8_500
    """With this much speech together, any pause closes the window."""
    most_ms: int = 10_500
    """The most speech in one window."""
    span_ms: int = 24_000
    """The longest window from its first to its last sample."""
    overlap_ms: int = 640
    """How far windows reach over a cut inside speech."""
    silent_ms: int = 5_000
    """Silence is reported as heard at least this often."""

    def __post_init__(self) -> None:
        """Refuse what would lose speech."""
        if not 0.0 < self.off <= self.on < 1.0:
            raise SettingsError("listening: 0 < off <= on < 1 has to hold")
        if self.silence_ms < 2 * self.pad_ms:
            raise SettingsError("listening: silence_ms has to be at least twice pad_ms")
        if not 2 * self.overlap_ms < self.most_ms // 2 or self.enough_ms > self.most_ms:
            raise SettingsError("listening: overlap_ms or enough_ms does not fit most_ms")
        if min(self.pad_ms, self.overlap_ms) < 0 or min(self.silent_ms, self.pause_ms) < 1:
            raise SettingsError("listening: a time is negative or zero")
        if self.span_ms < self.most_ms:
            raise SettingsError("listening: span_ms has to be at least most_ms")

    @classmethod
    def latency(cls) -> WindowSettings:
        """For calls that are still running: words come soon after a pause, at twice the cost."""
        return cls(pause_ms=640, enough_ms=2_000, most_ms=4_800, span_ms=5_000, silent_ms=1_000)

    @classmethod
    def throughput(cls) -> WindowSettings:
        """For recordings: a window is filled with speech however long that takes, up to a minute.

        The encoder costs the same for a window that is half full.
        """
        return cls(pause_ms=20_000, span_ms=60_000)


@dataclass(frozen=True, slots=True)
class Cut:
    """One window, in frames."""

    start: int
    end: int
    """``start == end`` for a silent one."""
    owned: Frames
    """The frames whose words this window states; the rest is context from beyond a hard cut."""
    speech: tuple[Frames, ...]
    heard_until: int


def frames(milliseconds: int) -> int:
    """Whole frames that cover a time."""
    return -(-milliseconds * VOICE_RATE // (1_000 * FRAME))


class Cutter:
    """The window cutter of one channel; see the module's text for the outcomes."""

    def __init__(self, settings: WindowSettings) -> None:
        self._on, self._off = settings.on, settings.off
        self._pad = settings.pad_ms * VOICE_RATE // (1_000 * FRAME)
        self._silence = frames(settings.silence_ms)
        self._pause = max(frames(settings.pause_ms), self._silence)
        self._enough = frames(settings.enough_ms)
        self._most = frames(settings.most_ms)
        self._span = frames(settings.span_ms)
        self._overlap = frames(settings.overlap_ms)
        self._silent = frames(settings.silent_ms)
        self._seen = 0
        self._heard = 0
        self._segments: list[Frames] = []
        self._spoken = 0
        """Frames of these stretches of speech, as they will be padded."""
        self._run: int | None = None
        """First frame of the speech that is going on."""
        self._voiced = 0
        """Frame after the last voiced one of that speech."""
        self._reach_back = 0
        """Frames of context before the open window: the overlap of a hard cut, or none."""
        self._levels: list[float] = []
        """Loudness of the frames of the speech that is going on."""

    @property
    def needed_from(self) -> int:
        """The earliest frame whose audio a later cut can still ask for."""
        return max(0, self._heard - self._overlap)

    def push(self, probability: float, level: float) -> list[Cut]:
        """Take the next frame: its speech probability and its loudness (any monotonous unit)."""
        frame = self._seen
        self._seen += 1
        if self._run is None:
            if probability >= self._on:
                self._run, self._voiced = frame, frame + 1
                self._levels = [level]
        else:
            self._levels.append(level)
            if probability >= self._off:
                self._voiced = frame + 1
            elif self._seen - self._voiced >= self._silence:
                self._end_run(self._run)
        return self._cuts()

    def finish(self) -> list[Cut]:
        """Close what is open; the last cut is heard up to the last frame."""
        if self._run is not None:
            self._end_run(self._run)
        if self._segments:
            return [self._close(self._seen)]
        return [self._rest(self._seen)] if self._heard < self._seen else []

    def _cuts(self) -> list[Cut]:
        if self._run is None:
            settled = self._seen - self._pad
            if not self._segments:
                return [self._rest(settled)] if settled - self._heard >= self._silent else []
            pause = self._seen - self._segments[-1][1]
            full = self._spoken >= self._enough
            if full or pause >= self._pause or self._seen - self._segments[0][0] >= self._span:
                return [self._close(settled)]
            return []
        start = self._segments[0][0] if self._segments else self._run
        spoken = self._spoken + self._seen - self._run
        if spoken < self._most and self._seen - start < self._span:
            return []
        if self._segments:
            return [self._close(self._run - self._pad)]
        return self._hard_cut()

    def _end_run(self, start: int) -> None:
        self._segments.append((start, self._voiced))
        self._spoken += self._voiced - start + 2 * self._pad
        self._run = None

    def _rest(self, until: int) -> Cut:
        owned = (self._heard, until)
        self._heard = until
        return Cut(start=until, end=until, owned=owned, speech=(), heard_until=until)

    def _close(self, until: int) -> Cut:
        """A window of the finished stretches of speech; all before ``until`` is then heard."""
        speech = tuple(
            (max(start - self._pad, self._heard), min(end + self._pad, until))
            for start, end in self._segments
        )
        cut = Cut(
            start=max(0, speech[0][0] - self._reach_back),
            end=speech[-1][1],
            owned=(self._heard, until),
            speech=speech,
            heard_until=until,
        )
        self._heard, self._segments, self._spoken, self._reach_back = until, [], 0, 0
        return cut

    def _hard_cut(self) -> list[Cut]:
        """Cut inside speech: at the quietest frame of the second half."""
        run = self._run if self._run is not None else self._seen
        last = self._seen - self._overlap
        first = min(run + self._most // 2, last - 1)
        # Three frames around a candidate: a stop consonant is one quiet frame, a pause is more.
        at = min(range(first, last), key=lambda frame: (self._level(frame - run), -frame))
        start = max(run - self._pad, self._heard)
        cut = Cut(
            start=max(0, start - self._reach_back),
            end=at + self._overlap,
            owned=(self._heard, at),
            speech=((start, at),),
            heard_until=at,
        )
        self._heard, self._reach_back = at, self._overlap
        self._levels = self._levels[at - run :]
        self._run = at
        return [cut]

    def _level(self, index: int) -> float:
        around = self._levels[max(0, index - 1) : index + 2]
        return sum(around) / len(around)
