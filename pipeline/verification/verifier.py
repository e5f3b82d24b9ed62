"""Checks the redacted audio of one call as a stranger would: by measuring and by listening again.

Outcomes of ``CallVerifier``: ``take`` and ``take_transcript`` return, chunks before windows:

- ``Window``: to be listened to again, with a model or setting other than the first pass, and run
  through the detector; the answer goes to ``take_transcript`` (once for every window).
- ``RedactedChunk``: verified; no later answer can change it. Same number and place as before,
  with the mutes that verification added.
- ``Verdict``: last of all. ``passed`` is False, and the call is to be quarantined, when a chunk
  is missing, a mute holds energy, a span came after its audio was released, a window could not
  be listened to, something sensitive was still heard after the last round, or the call was
  detected by several versions or policies, or muted by another policy than its own.

Only what the chunks hold and what the listener answers decides; the order in which the answers
come does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from pipeline.errors import RecordError
from pipeline.policy.model import Policy
from pipeline.records.continuity import MIXED
from pipeline.records.model import (
    CallEnd,
    CallInfo,
    Check,
    RedactedChunk,
    Span,
    Verdict,
    Window,
    WindowTranscript,
)
from pipeline.verification.review_state import ReviewState

OTHER_LANGUAGE: Final = "language"
"""Mark of a call with speech in a language that it does not say, or that there is no data for."""
Output: TypeAlias = Window | RedactedChunk | Verdict


class CallVerifier:
    """Verifies one call; see the module's text for the outcomes.

    Args:
        policy: what the call was redacted by.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._digest = policy.digest
        self._muted_by: set[str] = set()
        self._waiting: dict[int, RedactedChunk] = {}
        self._end: CallEnd | None = None
        self._call: ReviewState | None = None
        self._finished = False

    @property
    def finished(self) -> bool:
        """Whether the verdict was returned."""
        return self._finished

    @property
    def waits_for_answers(self) -> int:
        """How many windows were not answered yet."""
        return len(self._call.asked) if self._call else 0

    def take(self, item: RedactedChunk | CallEnd) -> list[Output]:
        """Take what the muting stage released; repeats are dropped.

        Raises:
            RecordError: a chunk of another call, or one that does not follow its neighbour.
        """
        if self._finished or (isinstance(item, CallEnd) and self._end is not None):
            return []
        if isinstance(item, CallEnd):
            self._end = item
            return self._conclude()
        if self._call is None:
            self._call = ReviewState(self._policy, item.call)
        call = self._call
        if item.call.call_id != call.info.call_id or item.pcm.shape[1:] != (call.info.channels,):
            raise RecordError("a redacted chunk of another call")
        if self._end is not None or item.seq < call.tally.chunks:
            return []
        if self._waiting.setdefault(item.seq, item) is item:
            self._muted_by.add(item.policy)
        windows: list[Window] = []
        while (chunk := self._waiting.pop(call.tally.chunks, None)) is not None:
            windows += call.append(chunk)
        return [*call.release(over=False), *windows]

    def take_transcript(self, transcript: WindowTranscript, spans: Sequence[Span]) -> list[Output]:
        """Take the answer to a window: what was heard, and what the detector found in it."""
        if self._call is None or self._finished:
            return []
        windows = self._call.answer(transcript, spans)
        if self._end is not None:
            return self._conclude(windows)
        return [*self._call.release(over=False), *windows]

    def expected_at(self, window: Window) -> frozenset[str]:
        """Entity types that were muted near a window, on any channel: what may be left there.

        To be asked before the window is answered.
        """
        asked = self._call.asked.get(window.seq) if self._call else None
        return asked.expected if asked else frozenset()

    def _conclude(self, windows: list[Window] | None = None) -> list[Output]:
        """After the end: ask what is left to ask, then release everything and judge."""
        end, call = self._end, self._call
        if end is None:
            return []
        if call is None:
            self._finished = True
            missing = Check("missing_chunks", end.chunks == 0, float(end.chunks), 0.0)
            info = CallInfo(end.call_id, 0, ())
            return [Verdict(call=info, passed=False, checks=(missing,), end=end)]
        asked = call.plan(over=True) if windows is None else windows
        out: list[Output] = [*call.release(over=True), *asked]
        if not call.asked:
            self._finished = True
            out.append(self._judged(call.verdict(end), end))
        return out

    def _judged(self, verdict: Verdict, end: CallEnd) -> Verdict:
        """The verdict, with what only marks and records as a whole can say."""
        # Older versions do not say by what they muted; they count only among themselves.
        one = MIXED not in end.marks and self._muted_by in ({self._digest}, {""})
        checks = [Check("one_detection", one, float(not one), 0.0)]
        if self._policy.language.unknown == "quarantine":
            known = OTHER_LANGUAGE not in end.marks
            checks.append(Check("known_language", known, float(not known), 0.0))
        passed = verdict.passed and all(check.passed for check in checks)
        return replace(verdict, passed=passed, checks=(*verdict.checks, *checks))
