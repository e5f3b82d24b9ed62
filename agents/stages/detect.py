"""Detect: what was heard in, findings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeAlias

from agents.kafka.topics import Topics
from agents.runtime.steps import Late, Later, Send, Stage, Step
from pipeline.errors import ModelError, RecordError
from pipeline.policy.model import Policy
from pipeline.records.model import (
    CallEnd,
    CallInfo,
    Findings,
    Interval,
    Record,
    Watermark,
    WindowTranscript,
)
from pipeline.records.stages import DETECT

NAME = DETECT


class DetectorCall(Protocol):
    """One call of a detector, such as ``models.detection.call_detector.CallDetector``."""

    def take(self, transcript: WindowTranscript) -> list[Findings]:
        """Take the next window."""
        ...

    def finish(self, end: CallEnd) -> list[Findings]:
        """Say everything that is left; the last findings carry the end."""
        ...


class Open(Protocol):
    """Opens a call, such as ``models.detection.detector.Detector.open``."""

    def __call__(self, call: CallInfo, policy: Policy) -> DetectorCall:
        """Begin a call under its own policy."""
        ...


class Beside(Protocol):
    """Something that sees what the detector of a call takes and says; it never raises."""

    def take(self, record: WindowTranscript | CallEnd, live: Sequence[Findings]) -> list[Step]:
        """Take a record of the call, and what the detector said to it."""
        ...


OpenBeside: TypeAlias = Callable[[CallInfo, Policy], Beside]
"""Begins to look on at a call that is detected under a policy."""


def inputs(topics: Topics) -> tuple[str, ...]:
    """The topics that the stage reads."""
    return (topics.words,)


def detect_stage(topics: Topics, open_call: Open, beside: OpenBeside | None = None) -> Stage:
    """The stage.

    Args:
        topics: where to read and send.
        open_call: opens a call's detector.
        beside: opens what looks on, such as ``agents.stages.shadow.Shadow.open``.
    """
    return Stage(
        NAME,
        inputs(topics),
        lambda call_id, policy: DetectCall(call_id, topics.spans, open_call, policy, beside),
    )


class DetectCall:
    """One call; see ``agents.runtime.steps.CallCore``."""

    def __init__(
        self,
        call_id: str,
        spans: str,
        open_call: Open,
        policy: Policy,
        beside: OpenBeside | None = None,
    ) -> None:
        self._call_id, self._spans, self._open, self._policy = call_id, spans, open_call, policy
        self._open_beside = beside
        self._beside: Beside | None = None
        self._call: DetectorCall | None = None
        self._done = False

    @property
    def done(self) -> bool:
        """See ``CallCore``."""
        return self._done

    @property
    def held(self) -> int:
        """See ``CallCore``: no audio here."""
        return 0

    @property
    def wait_s(self) -> float | None:
        """See ``CallCore``: transcription decides when a call is over."""
        return None

    def take(self, topic: str, record: Record) -> list[Step]:
        """See ``CallCore``."""
        del topic
        if self._done:
            return []
        match record:
            case WindowTranscript():
                return self._send(record, self._take(record))
            case CallEnd():
                return self._send(record, self._finish(record))
            case _:
                raise RecordError("not a record of the words topic")

    def quiet(self) -> list[Step]:
        """See ``CallCore``."""
        return []

    @property
    def late(self) -> Late:
        """See ``CallCore``: whatever comes after the end is a repeat."""
        return Late()

    def _take(self, transcript: WindowTranscript) -> list[Findings]:
        if self._call is None:
            if transcript.call is None:
                raise RecordError("the first window of a call does not say its sample rate")
            call = transcript.call
            self._call = self._open(call, self._policy)
            self._beside = self._open_beside(call, self._policy) if self._open_beside else None
        try:
            return self._call.take(transcript)
        except RecordError:
            raise
        except Exception:  # noqa: BLE001 - fail closed: a window that can't be analysed is unheard
            return self._call.take(_unheard(transcript))

    def _finish(self, end: CallEnd) -> list[Findings]:
        if self._call is not None:
            return self._call.finish(end)
        if end.chunks:
            raise ModelError("a call with audio came without any window")
        return [Findings(self._call_id, 0, watermark=Watermark(end.end), end=end)]

    def _send(self, record: WindowTranscript | CallEnd, findings: list[Findings]) -> list[Step]:
        self._done = any(one.end is not None for one in findings)
        steps: list[Step] = [Send(self._spans, one) for one in findings]
        if self._beside is not None:
            # Behind the sends: who looks on begins once the findings are with the broker.
            steps.append(Later(partial(self._beside.take, record, tuple(findings))))
        return steps


def _unheard(transcript: WindowTranscript) -> WindowTranscript:
    """The same window as one that nobody heard: all of it will be silenced."""
    whole = Interval(transcript.start, max(transcript.end, transcript.heard_until))
    return replace(transcript, words=(), unexplained=(), unheard=(whole,))
