"""What waits for what in a call: the real stages, fed chunk by chunk, with no time for waiting.

A chunk is handed over and everything that follows from it is done before the next one is. So it is
known after which chunk a window was cut, listened to or checked, what that took of a processor, and
after which chunk each second of redacted and of verified audio was let go. A simulation needs no
guess about pauses, open numbers or verification: it adds waiting to that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Final

from agents.app.in_memory_pipeline import Line
from agents.system.engine_sizing import Pace, window_settings
from benchmarks.calls.planting import Labelled
from benchmarks.cost.delay import live_chunks
from models.detection.detector import Detector
from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import TranscriberSettings, check, start_transcriber
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.model import CallEnd, Record, RedactedChunk

CHUNK_S: Final = 1.0


class _AtOnce(Executor):
    """Runs what it is given at once, and tells how long it took."""

    def __init__(self, took: Callable[[bool, float], None]) -> None:
        self._took = took

    def submit(self, ear: Any, /, window: Any, **_: Any) -> Future[Any]:  # type: ignore[override]  # noqa: ANN401 - as its base
        """Run it."""
        future: Future[Any] = Future()
        began = time.process_time()
        future.set_result(ear(window))
        self._took(ear is check, time.process_time() - began)
        return future


class _Noted(Line):
    """A line that notes when what came."""

    def __init__(self, call: Labelled, policy: Policy, detector: Detector, pace: Pace) -> None:
        self.now = 0
        self.windows: list[tuple[int, bool, float]] = []
        self.released: dict[str, dict[int, int]] = {"redacted": {}, "verified": {}}
        super().__init__(
            call.info.call_id,
            policy,
            detector.open,
            detector,
            voice=SileroVoice(),
            pool=_AtOnce(self._took),
            listening=window_settings(pace),
        )

    def put(self, topic: str, record: Record) -> None:
        """See ``Line``."""
        if isinstance(record, RedactedChunk):
            name = "verified" if topic == self.topics.audio_verified else "redacted"
            self.released[name].setdefault(record.seq, self.now)
        super().put(topic, record)

    def _took(self, again: bool, cpu_s: float) -> None:  # noqa: FBT001 - a fact
        self.windows.append((self.now, again, round(cpu_s, 4)))


def traced(calls: list[Labelled], pace: Pace, seconds: float) -> list[dict[str, Any]]:
    """What waits for what in some calls of a length.

    Args:
        calls: recordings; shorter ones begin anew.
        pace: how windows are cut.
        seconds: length of each.

    Returns:
        Of each: ``chunks`` of a second; ``windows`` as ``[chunk, whether it is a check, CPU s]``,
        the chunk being the one whose coming made it ready (``chunks``: the call's end); and
        ``redacted`` and ``verified``, the chunk whose coming released each second.

    Raises:
        ModelError: a model is missing.
    """
    start_transcriber(TranscriberSettings())
    policy = load_policy("default")
    detector = Detector(policy)
    return [_trace(call, policy, detector, pace, seconds) for call in calls]


def _trace(
    call: Labelled, policy: Policy, detector: Detector, pace: Pace, seconds: float
) -> dict[str, Any]:
    line = _Noted(call, policy, detector, pace)
    chunks = list(live_chunks(call, CHUNK_S, seconds))
    for chunk in chunks:
        line.now = chunk.seq
        line.put(line.topics.audio_raw, chunk)
        line.drain()
    line.now = len(chunks)
    end = CallEnd(call.info.call_id, len(chunks), chunks[-1].end)
    line.put(line.topics.audio_raw, end)
    line.finish()
    return {
        "chunks": len(chunks),
        "windows": line.windows,
        **{name: [at[seq] for seq in sorted(at)] for name, at in line.released.items()},
    }
