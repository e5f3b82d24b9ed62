"""The stages of one call in a row without a broker: the stages' own cores, connected in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from typing import TypeAlias

from agents.kafka.topics import Topics
from agents.runtime.steps import CallCore, Later, Send, Step, Transcribe
from agents.stages.detect import Open, detect_stage
from agents.stages.mute import mute_stage
from agents.stages.timeouts import Timeouts
from agents.stages.transcribe import transcribe_stage
from agents.stages.verify import Inspector, verify_stage
from models.speech.transcriber import check, transcribe
from pipeline.consent.gate import ConsentRules
from pipeline.errors import ModelError, StoreError
from pipeline.evidence.stored_call import CallAssembly, Diarizes, StoredCall
from pipeline.policy.model import Policy
from pipeline.records.model import (
    AudioChunk,
    CallEnd,
    CallInfo,
    Findings,
    Mute,
    Pcm,
    Record,
    RedactedChunk,
    Verdict,
    Window,
    WindowTranscript,
)
from pipeline.transcription.segmenter import VoiceDetector, WindowSettings

Told: TypeAlias = Callable[[bool, int, int], None]
"""Is told of every window that was listened to: whether it is verification's, how many samples of
its kind are through, and how many are known to come."""


class Line:
    """What one stage sends, the next takes at once.

    Args:
        call_id: of the call.
        policy: what is muted.
        open_detector: opens the detector of a call.
        inspector: looks at what is heard in redacted audio.
        voice: says where somebody speaks.
        pool: runs ``transcribe`` and ``check``; several windows are listened to at once, results
            stay in order.
        listening: how speech is packed into windows.
        transcribed_by: digest of all that decides the words, see ``WindowTranscript.listening``.
        consent: what the call is judged by; a policy that enforces consent needs it.
        transcribe: transcribes a window; the real models by default.
        check: transcribes a window of redacted audio.
        told: progress.
    """

    def __init__(
        self,
        call_id: str,
        policy: Policy,
        open_detector: Open,
        inspector: Inspector,
        *,
        voice: VoiceDetector,
        pool: Executor,
        listening: WindowSettings | None = None,
        transcribed_by: str = "",
        consent: ConsentRules | None = None,
        speakers: Diarizes | None = None,
        transcribe: Callable[[Window], WindowTranscript] = transcribe,
        check: Callable[[Window], WindowTranscript] = check,
        told: Told = lambda again, done, known: None,  # noqa: ARG005 - nobody asked
    ) -> None:
        self.topics = Topics.named()
        self._mutes: dict[Mute, None] = {}
        self._pool, self._told = pool, told
        self._engines = {False: transcribe, True: check}
        self._known = {False: 0, True: 0}
        self._through = {False: 0, True: 0}
        timeouts = Timeouts()
        stages = (
            transcribe_stage(
                self.topics,
                voice,
                timeouts,
                listening=listening,
                transcribed_by=transcribed_by,
                consent=consent,
            ),
            detect_stage(self.topics, open_detector),
            mute_stage(self.topics, timeouts),
            verify_stage(self.topics, inspector),
        )
        self._readers: list[tuple[tuple[str, ...], CallCore, _Steps]] = [
            (stage.inputs, stage.open(call_id, policy), deque()) for stage in stages
        ]
        self._assembly = CallAssembly(policy, speakers)
        self._stored: StoredCall | None = None

    @property
    def mutes(self) -> tuple[Mute, ...]:
        """Every mute of the verified audio, and of what was silenced when it was stored."""
        return (*self._mutes, *(self._stored.silenced if self._stored else ()))

    def send(self, call: CallInfo, pcm: Pcm, marks: tuple[str, ...] = ()) -> None:
        """Bring a whole recording in chunks of a second, as a recorder does.

        Args:
            call: what is known of it.
            pcm: its audio, shape ``(samples, channels)``.
            marks: content-free notes on it.
        """
        starts = range(0, len(pcm), call.sample_rate)
        for seq, start in enumerate(starts):
            chunk = AudioChunk(call, seq, start, pcm[start : start + call.sample_rate])
            self.put(self.topics.audio_raw, chunk)
        end = CallEnd(call.call_id, len(starts), len(pcm), marks=marks)
        self.put(self.topics.audio_raw, end)

    def put(self, topic: str, record: Record) -> None:
        """Hand a record to whoever reads the topic."""
        self._assemble(topic, record)
        for inputs, core, steps in self._readers:
            if topic in inputs:
                steps.extend(self._begin(step) for step in core.take(topic, record))

    def finish(self) -> StoredCall:
        """Carry out all steps and return the call.

        Raises:
            ModelError: the speech engine ended in the middle of its work.
            StoreError: the stages did not bring the call to its end.
        """
        self.drain()
        if self._stored is None:
            raise StoreError("the call did not come to its end; nothing was written")
        return self._stored

    def drain(self) -> None:
        """Carry out all steps of what was handed over so far.

        Raises:
            ModelError: the speech engine ended in the middle of its work.
        """
        try:
            while any(steps for _, _, steps in self._readers):
                for _, _, steps in self._readers:
                    while steps:
                        self._carry_out(steps)
        except BrokenProcessPool:
            raise ModelError("the speech engine ended while it listened; start again") from None

    def _begin(self, step: Step) -> _Begun:
        if isinstance(step, Transcribe):
            self._known[step.check] += step.window.end - step.window.start
            return step, self._pool.submit(self._engines[step.check], step.window)
        return step, None

    def _carry_out(self, steps: _Steps) -> None:
        step, result = steps.popleft()
        match step:
            case Send():
                self.put(step.topic, step.record)
            case Transcribe() if result is not None:
                heard = result.result()
                self._through[step.check] += step.window.end - step.window.start
                self._told(step.check, self._through[step.check], self._known[step.check])
                more = [self._begin(one) for one in step.then(heard)]
                # A core that does not ask for order states its next steps as of now.
                steps.extendleft(reversed(more)) if step.in_order else steps.extend(more)
            case Later():
                steps.extendleft(reversed([self._begin(one) for one in step.then()]))
            case _:
                raise StoreError(f"{type(step).__name__} has no place without a broker")

    def _assemble(self, topic: str, record: Record) -> None:
        match record:
            case Findings():
                stored = self._assembly.take_findings(record)
            case RedactedChunk() if topic == self.topics.audio_verified:
                self._mutes.update(dict.fromkeys(record.mutes))
                stored = self._assembly.take_chunk(record)
            case Verdict():
                stored = self._assembly.take_verdict(record)
            case _:
                return
        self._stored = self._stored or stored


_Begun: TypeAlias = tuple[Step, Future[WindowTranscript] | None]
_Steps: TypeAlias = deque[_Begun]
