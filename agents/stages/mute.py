"""Mute: raw audio and findings in, redacted audio out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from agents.kafka.topics import Topics
from agents.runtime.steps import Late, Send, Stage, Step
from agents.stages.timeouts import Timeouts
from pipeline.errors import RecordError
from pipeline.muting.muter import CallMuter
from pipeline.policy.model import Policy
from pipeline.records.model import AudioChunk, CallEnd, Findings, Record, RedactedChunk
from pipeline.records.stages import MUTE

NAME = MUTE


def inputs(topics: Topics) -> tuple[str, ...]:
    """The topics that the stage reads."""
    return (topics.audio_raw, topics.spans)


def mute_stage(
    topics: Topics, timeouts: Timeouts, delayed: Callable[[float], None] = lambda _: None
) -> Stage:
    """The stage; raw audio may stop, since the findings that release it come without it.

    Args:
        topics: where its records come from and go to.
        timeouts: how long is waited for what is missing.
        delayed: told of every release how long after its audio came it was, in seconds.
    """
    return Stage(
        NAME,
        inputs(topics),
        lambda _, policy: MuteCall(topics.audio_redacted, policy, timeouts, delayed),
        judges=(topics.spans,),
        pausable=(topics.audio_raw,),
    )


class MuteCall:
    """One call; see ``agents.runtime.steps.CallCore``."""

    def __init__(
        self,
        redacted: str,
        policy: Policy,
        timeouts: Timeouts,
        delayed: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._redacted, self._timeouts, self._delayed = redacted, timeouts, delayed
        self._came: deque[tuple[int, float]] = deque()
        """Ends of chunks that came and are not released yet, in samples, and when they came."""
        self._muter = CallMuter(policy)
        self._last: CallEnd | None = None
        self._recorder_ended = False

    @property
    def done(self) -> bool:
        """See ``CallCore``."""
        return self._muter.finished

    @property
    def held(self) -> int:
        """See ``CallCore``."""
        return self._muter.held

    @property
    def wait_s(self) -> float | None:
        """See ``CallCore``.

        Once the recorder's own end was read, a missing chunk is late. Before that it may still
        lie behind other calls' records, and the findings have overtaken it.
        """
        if not self._muter.waits_for_audio:
            return None
        return self._timeouts.late_s if self._recorder_ended else self._timeouts.idle_s

    def take(self, topic: str, record: Record) -> list[Step]:
        """See ``CallCore``."""
        del topic
        match record:
            case AudioChunk():
                self._came.append((record.end, time.monotonic()))
                return self._send(self._muter.take_audio(record))
            case Findings():
                if record.end is not None and self._last is None:
                    self._last = record.end
                return self._send(self._muter.take_findings(record))
            case CallEnd():
                self._recorder_ended = True
                return []
            case _:
                raise RecordError("not a record of the raw or the spans topic")

    def quiet(self) -> list[Step]:
        """See ``CallCore``: what has not come is silenced."""
        if self._last is None:
            return []
        return self._send(self._muter.take_end(self._last))

    @property
    def late(self) -> Late:
        """See ``CallCore``: transcription states what is late."""
        return Late()

    def _send(self, released: list[RedactedChunk | CallEnd]) -> list[Step]:
        ends = [one.end for one in released if isinstance(one, RedactedChunk)]
        while ends and self._came and self._came[0][0] <= ends[-1]:
            self._delayed(time.monotonic() - self._came.popleft()[1])
        return [Send(self._redacted, record) for record in released]
