"""The records that pass between the stages, in the order in which a call passes.

Time is an integer sample index at the call's own sample rate, counted from the first sample of
the call; intervals are half-open, ``[start, end)``. Audio is ``int16`` of shape
``(samples, channels)``. Records are frozen; what was spoken never shows in a ``repr``.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.records.consent import Business, Consent, Decision

Pcm: TypeAlias = npt.NDArray[np.int16]
"""Audio of shape ``(samples, channels)``."""
FULL_SCALE = 32_768.0
"""Of such audio."""
LOWEST_RATE, HIGHEST_RATE = 8_000, 16_000
"""Of a call, in Hz: nothing above half of 16 kHz is listened to, see
``pipeline.audio.narrowing``."""
LONGEST_CALL_S = 86_400
"""Of a call: nothing of one lies further on than a day, so no gap is longer."""
DIGEST = 16
"""Hex digits of a short digest: 64 bits tell versions apart, and nobody can choose them."""


INCOMPLETE = "incomplete"
"""Mark of a call whose recorder or gateway broke off: not all of it came."""


class Role(StrEnum):
    """Who speaks on a channel."""

    AGENT = "agent"
    CUSTOMER = "customer"
    MIXED = "mixed"
    """Both speakers on one channel (mono recordings)."""


class Hearing(StrEnum):
    """How a word was heard; only ``MAIN`` words are shown to people."""

    MAIN = "main"
    """The better model's first pass."""
    AGAIN = "again"
    """Decoded again because no word explained the speech: evidence for detection only."""
    SECOND = "second"
    """The second model: evidence for detection only."""


class Reason(StrEnum):
    """Why a span is silenced."""

    RECOGNISED = "recognised"
    """A recogniser found an entity."""
    UNEXPLAINED = "unexplained"
    """Speech that no word explains, next to a sensitive context."""
    NOT_UNDERSTOOD = "not_understood"
    """It sounds, and hardly a word was understood far and wide; or a whole channel of it."""
    UNHEARD = "unheard"
    """A stretch that could not be transcribed or analysed; it is silenced whole."""
    GAP = "gap"
    """The recorder sent no audio for it."""
    PAUSED = "paused"
    """The recorder paused: audio is missing on purpose."""
    ECHO = "echo"
    """The other channel's sensitive span is audible here."""
    VERIFICATION = "verification"
    """Found when the redacted audio was listened to again."""
    CONSENT = "consent"
    """Nobody consented to its being kept, or not any longer, or the recording was paused."""


class Action(StrEnum):
    """What the policy does with a span."""

    MUTE = "mute"
    KEEP = "keep"
    COUNT = "count"


class EndedBy(StrEnum):
    """What closed a call."""

    RECORDER = "recorder"
    IDLE = "idle"
    """No chunk came for the idle time."""


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Samples ``[start, end)``."""

    start: int
    end: int

    def __post_init__(self) -> None:
        """Refuse an interval that ends before it starts."""
        if self.end < self.start:
            msg = f"interval ends before it starts: [{self.start}, {self.end})"
            raise ValueError(msg)

    def __len__(self) -> int:
        """Length in samples."""
        return self.end - self.start

    def overlaps(self, other: Interval) -> bool:
        """Whether the two share a sample."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What is known of a call from its first chunk on; every chunk repeats it."""

    call_id: str
    sample_rate: int
    """Hz, at most ``HIGHEST_RATE``."""
    roles: tuple[Role, ...]
    """One per channel, in channel order."""
    started_at: str = ""
    """ISO 8601 with offset, or empty where the recorder does not say."""
    language: str = "en"
    purpose: str = ""
    """What the recording is for, such as ``quality``; it decides how long the call is kept."""
    parties: tuple[str, ...] = ()
    """Keyed pseudonyms of those who take part; their numbers never travel."""
    consent: Consent | None = None
    """What the metadata says of places, notice and consent; None: nothing."""
    business: Business = field(default=Business(), repr=False)
    """What it says of direction, campaign, line, agent and outcome."""

    @property
    def channels(self) -> int:
        """How many channels the call has."""
        return len(self.roles)


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Contiguous raw audio of all channels: ``[start, start + len(pcm))``."""

    call: CallInfo
    seq: int
    """Counts from 0 without gaps."""
    start: int
    pcm: Pcm = field(repr=False, compare=False)
    paused: bool = False
    """What is missing before this chunk was paused on purpose."""
    blank: bool = False
    """Nobody spoke its samples: they belong to what is missing before, so that a pause or a gap is
    told while it lasts, and at the end of a call."""

    @property
    def end(self) -> int:
        """First sample after the chunk."""
        return self.start + len(self.pcm)


@dataclass(frozen=True, slots=True)
class CallEnd:
    """The recorder has sent all of a call."""

    call_id: str
    chunks: int
    """How many chunks were sent: their numbers are ``0 … chunks - 1``."""
    end: int
    """Length of the call in samples."""
    ended_by: EndedBy = EndedBy.RECORDER
    marks: tuple[str, ...] = ()
    """Content-free notes on what went wrong on the way, such as ``gap`` or ``unheard``."""
    consent: Decision | None = None
    """Whether the call may be kept, as transcription decided; None: it was not asked."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one channel to be listened to; silent windows carry no audio."""

    call_id: str
    seq: int
    """Counts the call's windows over all channels from 0, in the order they were cut."""
    channel: int
    start: int
    end: int
    sample_rate: int
    pcm: npt.NDArray[np.int16] = field(repr=False, compare=False)
    """Shape ``(end - start,)``, or empty where nothing was spoken."""
    speech: tuple[Interval, ...] = ()
    """What the voice-activity detector took for speech, in call samples."""
    sounds: tuple[Interval, ...] = ()
    """Where the channel sounds beside that, in what the window owns."""
    heard_until: int = 0
    """Once this window is heard, all of the channel before this sample is."""
    owned: Interval | None = None
    """The samples whose words this window states; what lies outside is context that another
    window states too. None: all of it."""
    language: str = "en"
    """Of the call: what the window is listened to in."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word as heard, with the samples it was spoken in."""

    channel: int
    start: int
    end: int
    text: str = field(repr=False)
    probability: float = 1.0
    hearing: Hearing = Hearing.MAIN
    number_probability: float = 0.0
    """How probable the recogniser held it that a number begins where this word does; 0 where that
    was not asked."""


@dataclass(frozen=True, slots=True)
class WindowTranscript:
    """What listening to one window brought."""

    call_id: str
    seq: int
    """The window's number; the first record of a number counts, repeats are dropped."""
    channel: int
    start: int
    end: int
    words: tuple[Word, ...] = ()
    """In time order per hearing; several hearings may cover the same samples."""
    speech: tuple[Interval, ...] = ()
    unexplained: tuple[Interval, ...] = ()
    """Speech, and sound that was not taken for speech, that no word of any hearing plausibly
    covers."""
    unheard: tuple[Interval, ...] = ()
    """What could not be transcribed at all: to be silenced whole."""
    heard_until: int = 0
    models: tuple[str, ...] = ()
    """``id@sha256`` prefix of every model that listened."""
    call: CallInfo | None = None
    """Set on what transcription sends on, so that detection knows rate and channels."""
    listening: str = ""
    """Digest of how it was listened to: models, settings, software. One for the whole call; empty
    in what older versions wrote."""
    doubts: tuple[str, ...] = field(default=(), compare=False)
    """Every guard of ``pipeline.transcription.hallucination`` that struck; counted where the window
    was listened to, not sent on."""
    withheld: tuple[Interval, ...] = ()
    """What nobody consented to: to be silenced whole; no word of it is told."""


@dataclass(frozen=True, slots=True)
class Span:
    """A sensitive stretch of one channel. Never holds the text."""

    entity: str
    """Entity type such as ``CARD_NUMBER``."""
    channel: int
    start: int
    end: int
    score: float
    recognizer: str
    action: Action = Action.MUTE
    reason: Reason = Reason.RECOGNISED


@dataclass(frozen=True, slots=True)
class Shown:
    """What the transcript says in the place of a muted value: masked or hashed, never raw."""

    entity: str
    channel: int
    start: int
    end: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Watermark:
    """Every span that begins before ``sample`` is final and has been stated."""

    sample: int


@dataclass(frozen=True, slots=True)
class Detection:
    """By what a call was detected; one for the whole call, see ``pipeline.records.continuity``."""

    policy: str
    """``Policy.digest``."""
    listening: str
    """``WindowTranscript.listening`` of the windows."""
    recognizers: str
    """Digest of the recognisers that the installation added; empty for none."""
    software: str
    """Version, and a digest of what the version detects with."""

    @property
    def digest(self) -> str:
        """Short hex digest of all of it: two calls with the same one are comparable."""
        return hashlib.sha256("\0".join(astuple(self)).encode()).hexdigest()[:DIGEST]


@dataclass(frozen=True, slots=True)
class Agreed:
    """Where both models of the first pass were sure of the same ordinary word; not which."""

    channel: int
    start: int
    end: int

    @property
    def interval(self) -> Interval:
        """Its samples."""
        return Interval(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Findings:
    """What detection brought since the last record of the same call."""

    call_id: str
    seq: int
    """Counts from 0; the first record of a number counts, repeats are dropped."""
    spans: tuple[Span, ...] = ()
    words: tuple[Word, ...] = ()
    """Main words before the watermark that are not sensitive: they stay in the transcript."""
    watermark: Watermark = Watermark(0)
    models: tuple[str, ...] = ()
    end: CallEnd | None = None
    """Set on the last record of a call."""
    shown: tuple[Shown, ...] = ()
    """What stands for muted values where the policy asks for more than a placeholder; it may
    come with later findings than its span."""
    since: int = 0
    """The sample from which on it accounts: the watermark of the record before it. What lies
    between the two was stated by nobody."""
    detection: Detection | None = None
    """By what; None in what older versions wrote, and for a call without audio."""
    candidates: tuple[Span, ...] = ()
    """What a threshold decided on, above it and some way below, before overlaps are settled: what
    another threshold would have done. It mutes nothing. See ``pipeline.evidence.candidates``."""
    agreed: tuple[Agreed, ...] = ()
    """Words that both models were sure of, which begin before the watermark."""


@dataclass(frozen=True, slots=True)
class Mute:
    """A silenced interval: padded, snapped and merged from one or more spans."""

    channel: int
    start: int
    end: int
    spans: tuple[Span, ...] = ()

    @property
    def interval(self) -> Interval:
        """The silenced samples."""
        return Interval(self.start, self.end)


@dataclass(frozen=True, slots=True)
class RedactedChunk:
    """A chunk after muting: same place and length as the raw one."""

    call: CallInfo
    seq: int
    start: int
    pcm: Pcm = field(repr=False, compare=False)
    mutes: tuple[Mute, ...] = ()
    """Every mute that touches the chunk, in call samples, whole even where it goes beyond."""
    policy: str = ""
    """``Policy.digest`` of what it was muted by; empty in what older versions wrote."""
    agreed: tuple[Agreed, ...] = ()
    """Words that both models of the first pass were sure of, as far as they touch the chunk."""

    @property
    def end(self) -> int:
        """First sample after the chunk."""
        return self.start + len(self.pcm)


@dataclass(frozen=True, slots=True)
class Check:
    """One question that verification asked of the redacted audio."""

    name: str
    passed: bool
    measured: float
    limit: float

    @classmethod
    def none_of(cls, name: str, count: int) -> Check:
        """A check that passes when nothing was counted."""
        return cls(name=name, passed=count == 0, measured=float(count), limit=0.0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification says of a whole call; the last record after its verified chunks."""

    call: CallInfo
    passed: bool
    checks: tuple[Check, ...]
    added: tuple[Mute, ...] = ()
    """Mutes that verification added; the verified chunks have them already."""
    listened: int = 0
    """Samples of redacted audio that were listened to again."""
    models: tuple[str, ...] = ()
    end: CallEnd | None = None


Record: TypeAlias = AudioChunk | CallEnd | WindowTranscript | Findings | RedactedChunk | Verdict
"""What travels over a topic."""
