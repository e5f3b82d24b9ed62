"""Verify: redacted audio in, verified audio and a verdict out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from agents.kafka.topics import Topics
from agents.runtime.steps import Late, Send, Stage, Step, Transcribe
from pipeline.errors import RecordError
from pipeline.policy.model import Policy
from pipeline.records.model import (
    CallEnd,
    Record,
    RedactedChunk,
    Span,
    Verdict,
    Window,
    WindowTranscript,
)
from pipeline.records.stages import VERIFY
from pipeline.transcription.segmenter import unheard
from pipeline.verification.verifier import CallVerifier

NAME = VERIFY


class Inspector(Protocol):
    """Looks for what is sensitive in a window, such as ``models.detection.detector.Detector``."""

    def inspect(
        self,
        transcript: WindowTranscript,
        *,
        sample_rate: int,
        expected: frozenset[str],
        language: str,
        policy: Policy,
    ) -> Sequence[Span]:
        """Spans of what is sensitive in a window, given what was muted near it."""
        ...


def inputs(topics: Topics) -> tuple[str, ...]:
    """The topics that the stage reads."""
    return (topics.audio_redacted,)


def verify_stage(topics: Topics, inspector: Inspector) -> Stage:
    """The stage."""
    return Stage(
        NAME,
        inputs(topics),
        lambda _, policy: VerifyCall(topics.audio_verified, policy, inspector),
    )


class VerifyCall:
    """One call; see ``agents.runtime.steps.CallCore``."""

    def __init__(self, verified: str, policy: Policy, inspector: Inspector) -> None:
        self._verified, self._inspector, self._policy = verified, inspector, policy
        self._verifier = CallVerifier(policy)
        self._bytes: dict[int, int] = {}
        """Of every chunk that was taken and not yet released, by number."""
        self._released = 0
        self._language = ""

    @property
    def done(self) -> bool:
        """See ``CallCore``."""
        return self._verifier.finished

    @property
    def held(self) -> int:
        """See ``CallCore``."""
        return sum(self._bytes.values())

    @property
    def wait_s(self) -> float | None:
        """See ``CallCore``: muting always ends a call."""
        return None

    def take(self, topic: str, record: Record) -> list[Step]:
        """See ``CallCore``."""
        del topic
        if not isinstance(record, RedactedChunk | CallEnd):
            raise RecordError("not a record of the redacted topic")
        outputs = self._verifier.take(record)
        if isinstance(record, RedactedChunk):
            self._language = record.call.language
            if record.seq >= self._released:
                self._bytes[record.seq] = record.pcm.nbytes
        return self._steps(outputs)

    def quiet(self) -> list[Step]:
        """See ``CallCore``."""
        return []

    @property
    def late(self) -> Late:
        """See ``CallCore``: whatever comes after the end is a repeat."""
        return Late()

    def _steps(self, outputs: Sequence[Window | RedactedChunk | Verdict]) -> list[Step]:
        for output in outputs:
            if isinstance(output, RedactedChunk):
                self._bytes.pop(output.seq, None)
                self._released = output.seq + 1
        return [
            Transcribe(output, partial(self._answer, output), check=True, in_order=False)
            if isinstance(output, Window)
            else Send(self._verified, output)
            for output in outputs
        ]

    def _answer(self, window: Window, transcript: WindowTranscript) -> list[Step]:
        expected = self._verifier.expected_at(window)
        try:
            spans = self._inspector.inspect(
                transcript,
                sample_rate=window.sample_rate,
                expected=expected,
                language=self._language,
                policy=self._policy,
            )
        except Exception:  # noqa: BLE001 - fail closed: what can't be inspected was not checked
            transcript, spans = unheard(window), ()
        return self._steps(self._verifier.take_transcript(transcript, spans))
