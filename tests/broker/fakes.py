"""Scripted speech for the broker tests: the loudness of a burst is the word that was said.

Same shapes as ``models.speech.transcriber`` and ``models.detection.detector``; decoding is exact,
so that every run gives the same vault. Digits are sensitive. Audio that was silenced has no bursts.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.consent.gate import withheld_span
from pipeline.consent.spoken import Said, Utterance
from pipeline.policy.model import Policy
from pipeline.records.continuity import MIXED
from pipeline.records.model import (
    CallEnd,
    CallInfo,
    Detection,
    Findings,
    Interval,
    Reason,
    Span,
    Watermark,
    Window,
    WindowTranscript,
    Word,
)
from pipeline.transcription.segmenter import unheard

RATE = 8_000
BURST = 1_600
"""Samples of a word."""
GAP = 800
"""Silence after it."""
WORDS = tuple(
    os.environ.get("SCRIPTED_WORDS", "zero one two three four hello please thanks yes good").split()
)
"""Ten; a test may name others, for every process that it starts."""
DIGITS = frozenset(WORDS[:5])
ABOUT_RECORDING = {"hello": {Said.NOTICE: 1.0}, "good": {Said.WITHDRAW: 1.0}}
"""Words that are about the recording itself."""
LOWEST, STEP = 3_000, 2_500
KILLER = "killer"
"""A window of a call with this in its id ends the process that listens to it."""
DEAF = "HUSHWIRE_SCRIPTED_DEAF"
"""Environment variable: while the file that it names exists, no window can be heard."""
BROKEN = "broken"
"""A window of a call with this in its id makes the recogniser raise, and quote all words."""
VERSION = int(os.environ.get("VERSION_OF_TEST", "1"))
"""Of the detector: a later one looks further back before it states anything."""
RELEASE = os.environ.get("RELEASE_OF_TEST", "1")
"""Of the software around it, which detects the same."""
STRICTER = "stricter"
"""Name of a policy under which one more word is sensitive."""
SLOW = "slow"
"""Windows of a call with this in its id take a while."""
HELD = "HUSHWIRE_SCRIPTED_HELD"
"""Environment variable: before the file that it names exists, slow windows are not through."""


def speak(words: list[str | None]) -> npt.NDArray[np.int16]:
    """One channel: a burst per word, silence of the same length for ``None``."""
    parts = []
    wave = np.where(np.arange(BURST) % 20 < 10, 1, -1)
    for word in words:
        level = 0 if word is None else LOWEST + STEP * WORDS.index(word)
        parts += [wave * level, np.zeros(GAP, int)]
    return np.concatenate(parts).astype(np.int16)


def words_of(window: Window) -> list[Word]:
    """The words in a window's audio."""
    loud = np.abs(window.pcm.astype(int)) > LOWEST // 2
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.view(np.int8), [0]])))
    found = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        level = int(np.median(np.abs(window.pcm[start:end].astype(int))))
        number = min(max(round((level - LOWEST) / STEP), 0), len(WORDS) - 1)
        place = (window.start + start, window.start + end)
        if end - start > BURST // 2 and (
            window.owned is None or window.owned.start <= place[0] < window.owned.end
        ):
            found.append(Word(window.channel, *place, WORDS[number]))
    return found


def start() -> None:
    """Nothing to load."""


def transcribe(window: Window) -> WindowTranscript:
    """For ``models.speech.transcriber.transcribe``; a call is never deaf on both channels."""
    if window.channel == 0 and DEAF in os.environ and Path(os.environ[DEAF]).exists():
        return unheard(window)  # what the real ear makes of a model that raises
    return check(window)


def check(window: Window) -> WindowTranscript:
    """Stands in for ``models.speech.transcriber.check``."""
    if KILLER in window.call_id and len(window.pcm):
        os.kill(os.getpid(), signal.SIGKILL)
    if BROKEN in window.call_id and len(window.pcm):
        raise RuntimeError(" ".join(WORDS))
    if SLOW in window.call_id:
        while HELD in os.environ and not Path(os.environ[HELD]).exists():
            time.sleep(0.02)
        time.sleep(0.1)
    return WindowTranscript(
        window.call_id,
        window.seq,
        window.channel,
        window.start,
        window.end,
        words=tuple(words_of(window)),
        speech=window.speech,
        heard_until=window.heard_until,
        models=("scripted@0",),
    )


def reads(utterance: Utterance, before: Sequence[Utterance], language: str) -> Mapping[Said, float]:
    """Stands in for ``models.consent.reader``."""
    del before, language
    found: dict[Said, float] = {}
    for word in utterance.text.split():
        found |= ABOUT_RECORDING.get(word, {})
    return found


class ScriptedDetector:
    """Stands in for ``models.detection.detector.Detector``.

    Args:
        sensitive: the words that it finds.
    """

    def __init__(self, sensitive: frozenset[str] = DIGITS) -> None:
        self._sensitive = sensitive

    def open(self, call: CallInfo, policy: Policy | None = None) -> ScriptedCall:
        by = None
        if policy is not None:
            by = Detection(policy.digest, "", "", f"hushwire {RELEASE} (scripted {VERSION})")
        return ScriptedCall(call.call_id, call.channels, self._words_of(policy), by)

    def _words_of(self, policy: Policy | None) -> frozenset[str]:
        more = {WORDS[5]} if policy is not None and policy.name == STRICTER else set[str]()
        return self._sensitive | more

    def inspect(
        self,
        transcript: WindowTranscript,
        *,
        sample_rate: int,
        expected: frozenset[str],
        language: str = "en",
        policy: Policy | None = None,
    ) -> tuple[Span, ...]:
        return tuple(_spans(transcript.words, self._words_of(policy)))


class FailingDetector(ScriptedDetector):
    """A candidate that breaks, each call in another place, and quotes all words."""

    def open(self, call: CallInfo, policy: Policy | None = None) -> ScriptedCall:
        if call.call_id.endswith("0"):
            raise RuntimeError(" ".join(WORDS))
        return FailingCall(call.call_id, call.channels, self._sensitive)


class ScriptedCall:
    """Stands in for ``models.detection.call_detector.CallDetector``."""

    def __init__(
        self,
        call_id: str,
        channels: int,
        sensitive: frozenset[str] = DIGITS,
        by: Detection | None = None,
    ) -> None:
        self._call_id, self._sensitive, self._by = call_id, sensitive, by
        self._listening: str | None = None
        self._mixed = False
        self._until = [0] * channels
        self._next, self._seq = 0, 0
        self._waiting: dict[int, WindowTranscript] = {}
        self._spans: list[Span] = []
        self._words: list[Word] = []
        self._mark = 0

    def take(self, transcript: WindowTranscript) -> list[Findings]:
        if transcript.seq >= self._next:
            self._waiting.setdefault(transcript.seq, transcript)
        while (one := self._waiting.pop(self._next, None)) is not None:
            self._next += 1
            one = self._as_before(one)
            self._until[one.channel] = max(self._until[one.channel], one.heard_until)
            self._spans += _spans(one.words, self._sensitive)
            self._spans += [_unheard(one.channel, *_ends(place)) for place in one.unheard]
            self._spans += [withheld_span(one.channel, *_ends(place)) for place in one.withheld]
            self._words += [word for word in one.words if word.text not in self._sensitive]
        mark = max(0, min(self._until) - VERSION * RATE)
        return [self._findings(mark)] if mark > self._mark else []

    def finish(self, end: CallEnd) -> list[Findings]:
        for channel, until in enumerate(self._until):
            if until < end.end:
                self._spans.append(_unheard(channel, until, end.end))
        if self._mixed:
            end = replace(end, marks=(*end.marks, MIXED))
        return [self._findings(end.end + 1, end)]

    def _as_before(self, transcript: WindowTranscript) -> WindowTranscript:
        """A window; one that was listened to otherwise than the first is unheard."""
        if self._listening is None:
            self._listening = transcript.listening
        if transcript.listening == self._listening:
            return transcript
        self._mixed = True
        whole = Interval(transcript.start, max(transcript.end, transcript.heard_until))
        return replace(transcript, words=(), unheard=(whole,))

    def _findings(self, mark: int, end: CallEnd | None = None) -> Findings:
        spans = [one for one in self._spans if one.start < mark]
        words = sorted((one for one in self._words if one.start < mark), key=lambda one: one.start)
        self._spans = [one for one in self._spans if one.start >= mark]
        self._words = [one for one in self._words if one.start >= mark]
        since, self._mark, self._seq = self._mark, mark, self._seq + 1
        by = self._by and replace(self._by, listening=self._listening or "")
        return Findings(
            self._call_id,
            self._seq - 1,
            tuple(spans),
            tuple(words),
            Watermark(mark),
            end=end,
            since=since,
            detection=by,
        )


class FailingCall(ScriptedCall):
    """A call of ``FailingDetector`` that was opened."""

    def take(self, transcript: WindowTranscript) -> list[Findings]:
        if self._call_id.endswith("1") and transcript.seq:
            raise MemoryError(" ".join(WORDS))
        return super().take(transcript)

    def finish(self, end: CallEnd) -> list[Findings]:
        raise ValueError(" ".join(WORDS))


def _spans(words: tuple[Word, ...], sensitive: frozenset[str]) -> list[Span]:
    return [
        Span("CARD_NUMBER", word.channel, word.start, word.end, 1.0, "scripted")
        for word in words
        if word.text in sensitive
    ]


def _unheard(channel: int, start: int, end: int) -> Span:
    return Span("UNHEARD", channel, start, end, 1.0, "scripted", reason=Reason.UNHEARD)


def _ends(place: Interval) -> tuple[int, int]:
    return place.start, place.end
