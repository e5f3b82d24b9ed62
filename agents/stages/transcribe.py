"""Transcribe: raw audio in, what was heard out. The only stage that decides how a call ends.

Where the call's policy enforces consent, nothing that was heard goes on before it may be kept; a
call that may not is refused here, see ``pipeline.consent.gate``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from agents.kafka.topics import Topics
from agents.runtime.steps import Late, LateError, Later, Send, Stage, Step, Transcribe
from agents.stages.timeouts import Timeouts
from models.store.software import digest_of
from pipeline.consent.gate import ConsentGate, ConsentRules, metadata_decision
from pipeline.consent.setting import setting_of
from pipeline.errors import RecordError, SettingsError
from pipeline.policy.model import Policy
from pipeline.records.consent import Decision
from pipeline.records.model import (
    AudioChunk,
    CallEnd,
    CallInfo,
    EndedBy,
    Interval,
    Record,
    Window,
    WindowTranscript,
)
from pipeline.records.stages import TRANSCRIBE
from pipeline.transcription.hallucination import Doubt
from pipeline.transcription.segmenter import Segmenter, VoiceDetector, WindowSettings, silent
from pipeline.verification.verifier import OTHER_LANGUAGE

NAME = TRANSCRIBE


def inputs(topics: Topics) -> tuple[str, ...]:
    """The topics that the stage reads."""
    return (topics.audio_raw,)


def transcribe_stage(
    topics: Topics,
    voice: VoiceDetector,
    timeouts: Timeouts,
    *,
    listening: WindowSettings | None = None,
    transcribed_by: str = "",
    audio: Callable[[float], object] = lambda _: None,
    consent: ConsentRules | None = None,
) -> Stage:
    """The stage.

    Args:
        topics: names.
        voice: says where somebody speaks.
        timeouts: how long a call is waited for.
        listening: how speech is packed into windows.
        transcribed_by: digest of all that decides the words, see ``WindowTranscript.listening``.
        audio: is told the seconds of every call that is through.
        consent: what calls are judged by; a policy that enforces consent needs it.
    """
    return Stage(
        NAME,
        inputs(topics),
        lambda call_id, policy: TranscribeCall(
            call_id,
            topics.words,
            voice,
            timeouts,
            audio=audio,
            listening=listening,
            transcribed_by=transcribed_by,
            judge=lambda call: _judge(call, policy, consent),
        ),
    )


def _judge(
    call: CallInfo, policy: Policy, consent: ConsentRules | None
) -> ConsentGate | Decision | None:
    """The gate of a call; without enforcement what its metadata would decide, if it has any."""
    if policy.consent.enforced:
        if consent is None:
            raise SettingsError("the policy enforces consent, and no rules of places were loaded")
        return ConsentGate(call, policy, consent, setting_of(policy))
    if consent is None or call.consent is None or not call.consent.evidence:
        return None
    return metadata_decision(call, policy, consent.rules, setting_of(policy))


class TranscribeCall:
    """One call; see ``agents.runtime.steps.CallCore``."""

    def __init__(
        self,
        call_id: str,
        words: str,
        voice: VoiceDetector,
        timeouts: Timeouts,
        *,
        audio: Callable[[float], object] = lambda _: None,
        listening: WindowSettings | None = None,
        transcribed_by: str = "",
        judge: Callable[[CallInfo], ConsentGate | Decision | None] = lambda _: None,
    ) -> None:
        self._judge = judge
        self._gate: ConsentGate | None = None
        self._decision: Decision | None = None
        self._call_id, self._words, self._voice = call_id, words, voice
        self._transcribed_by = transcribed_by
        self._timeouts, self._audio, self._listening = timeouts, audio, listening
        self._call: CallInfo | None = None
        self._segmenter: Segmenter | None = None
        self._seen: set[int] = set()
        self._length = 0
        self._end: CallEnd | None = None
        self._finishing = self._done = False
        self._marks: set[str] = set()
        self._gaps: tuple[Interval, ...] = ()
        self._gaps_told: dict[int, int] = {}
        """How many of the gaps every channel's windows have stated."""
        self._missing: frozenset[int] = frozenset()
        self._highest = -1

    @property
    def done(self) -> bool:
        """See ``CallCore``."""
        return self._done

    @property
    def held(self) -> int:
        """See ``CallCore``: the listener's own memory is bounded by its window length."""
        return 0

    @property
    def wait_s(self) -> float | None:
        """See ``CallCore``."""
        if self._finishing:
            return None
        return self._timeouts.idle_s if self._end is None else self._timeouts.late_s

    def take(self, topic: str, record: Record) -> list[Step]:
        """See ``CallCore``."""
        del topic
        match record:
            case AudioChunk():
                return self._take_chunk(record)
            case CallEnd():
                if self._end is None:
                    self._end = record
                return self._finish_if_complete()
            case _:
                raise RecordError("not a record of the raw topic")

    def quiet(self) -> list[Step]:
        """See ``CallCore``: end the call with what there is."""
        if self._finishing:
            return []
        if self._end is None:
            chunks = max(self._seen, default=-1) + 1
            self._end = CallEnd(self._call_id, chunks, self._length, ended_by=EndedBy.IDLE)
        return self._finish(self._end)

    @property
    def late(self) -> Late:
        """See ``CallCore``: a chunk that was not heard is news."""
        return Late("AudioChunk", self._highest + 1, self._missing)

    def _take_chunk(self, chunk: AudioChunk) -> list[Step]:
        if self._gate is not None and not self._done:
            self._gate.update(chunk.call)  # also what comes late may say that somebody withdrew
        if self._finishing:
            if ("AudioChunk", chunk.seq) in self.late:
                raise LateError("a chunk after the end of its call")
            return []
        if self._end is not None and chunk.seq >= self._end.chunks:
            raise LateError("a chunk beyond the end of its call")
        if self._segmenter is None:
            judged = self._judge(chunk.call)
            if isinstance(judged, ConsentGate):
                self._gate = judged
                self._transcribed_by = digest_of(self._transcribed_by, judged.digest)
            else:
                self._decision = judged
            self._segmenter = Segmenter(chunk.call, self._voice, self._listening)
            self._call = chunk.call
        windows = self._segmenter.take(chunk)
        self._gaps = self._segmenter.gaps
        self._seen.add(chunk.seq)
        self._length = max(self._length, chunk.end)
        return [*self._transcribe(windows), *self._finish_if_complete()]

    def _finish_if_complete(self) -> list[Step]:
        end = self._end
        if end is None or self._finishing:
            return []
        if sum(seq < end.chunks for seq in self._seen) < end.chunks:
            return []
        return self._finish(end)

    def _finish(self, end: CallEnd) -> list[Step]:
        self._finishing = True
        self._highest = max(self._seen, default=-1)
        self._missing = frozenset(range(self._highest + 1)) - self._seen
        self._seen.clear()
        steps: list[Step] = []
        if self._segmenter is not None:
            steps = self._transcribe(self._segmenter.finish(end))
            self._gaps = self._segmenter.gaps
            if self._gaps:
                self._marks.add("gap")
            self._segmenter = None
        return [*steps, Later(lambda: self._over(end))]

    def _transcribe(self, windows: list[Window]) -> list[Step]:
        return [self._transcribe_one(window) for window in windows]

    def _transcribe_one(self, window: Window) -> Step:
        if self._gate is not None and self._gate.withholds(window.channel):
            return Later(lambda: self._transcribed(window, silent(window)))
        return Transcribe(window, partial(self._transcribed, window))

    def _transcribed(self, window: Window, transcript: WindowTranscript) -> list[Step]:
        if Doubt.FOREIGN in transcript.doubts:
            self._marks.add(OTHER_LANGUAGE)
        elif transcript.unheard:
            self._marks.add("unheard")
        # A chunk that was given up may still reach muting: nobody has listened to it.
        known = self._gaps_told.get(transcript.channel, 0)
        gaps = [gap for gap in self._gaps[known:] if gap.start < transcript.heard_until]
        self._gaps_told[transcript.channel] = known + len(gaps)
        unheard = (*transcript.unheard, *gaps)
        # From where on it accounts for its channel: detection silences what no record does.
        start = min(transcript.start, window.owned.start) if window.owned else transcript.start
        told = replace(
            transcript,
            start=start,
            call=self._call,
            unheard=unheard,
            listening=self._transcribed_by,
        )
        return self._send(self._gate.take(told) if self._gate else [told])

    def _send(self, heard: list[WindowTranscript]) -> list[Step]:
        return [Send(self._words, one) for one in heard]

    def _over(self, end: CallEnd) -> list[Step]:
        """The end goes on once everything before it was heard and sent."""
        rest = self._gate.finish() if self._gate else []
        decision = self._gate.decision if self._gate else self._decision
        self._marks |= self._gate.marks if self._gate else set()
        self._done = True
        if self._call is not None:
            self._audio(end.end / self._call.sample_rate)
        marks = tuple(sorted({*end.marks, *self._marks}))
        return [
            *self._send(rest),
            Send(self._words, replace(end, marks=marks, consent=decision)),
        ]
