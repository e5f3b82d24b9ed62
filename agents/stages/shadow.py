"""A candidate policy beside the live one: the same windows, a detector of its own, no influence.

Outcomes of ``ShadowCall``: steps that compare and write, never a record to be sent. Whatever fails
in it is counted and ends the comparison of that call; the live path does not notice. It runs once
the live findings are with the broker, and only ``agents.stages.detect`` calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy.exc import IntegrityError

from agents.database.engine import Database
from agents.runtime.steps import Act, Step
from agents.stages.detect import DetectorCall
from agents.system.logging import get_logger
from agents.system.metrics import Metrics
from agents.vault.shadow_results import Pair, ShadowResults
from pipeline.errors import HushwireError
from pipeline.evaluation.figures.span_agreement import Agreement, agreements
from pipeline.policy.disclosure import Show
from pipeline.policy.model import Policy
from pipeline.records.model import CallEnd, CallInfo, Findings, Span, WindowTranscript

if TYPE_CHECKING:
    from models.detection.detector import DetectorSettings

OpenTried: TypeAlias = Callable[[CallInfo, Policy], DetectorCall]
"""Begins a call of the candidate, under a policy."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy that is tried beside the live one."""

    policy: Policy
    detector: Callable[[], OpenTried]
    """Makes its detector; called once, when the detect stage starts."""
    follows: bool = False
    """Whether each call is tried under its own policy: only the reader is another."""


def candidate(
    policy: Policy, own: Callable[[], DetectorSettings], *, follows: bool = False
) -> Candidate:
    """A candidate with the real detector.

    Args:
        policy: the candidate.
        own: its recognisers and its reader.
        follows: see ``Candidate``.
    """
    return Candidate(policy, partial(_detector, policy, own), follows)


def _unseen(policy: Policy) -> Policy:
    """The same, but nothing that it says of transcripts is carried out."""
    return policy.model_copy(
        update={
            "default": policy.default.model_copy(update={"transcript": Show.PLACEHOLDER}),
            "entities": {
                name: rule.model_copy(update={"transcript": Show.PLACEHOLDER})
                for name, rule in policy.entities.items()
            },
        }
    )


def _detector(policy: Policy, own: Callable[[], DetectorSettings]) -> OpenTried:
    # Imported where the models are loaded: other parts of a worker start meanwhile.
    from models.detection.detector import Detector  # noqa: PLC0415

    detector = Detector(_unseen(policy), settings=own())
    return lambda call, policy: detector.open(call, _unseen(policy))


class Shadow:
    """The candidate of one process.

    Args:
        tried: the candidate.
        database: the ledger's, for the results.
        metrics: what is counted.

    Raises:
        HushwireError: the candidate's detector can't be made.
    """

    def __init__(self, tried: Candidate, database: Database, metrics: Metrics) -> None:
        self._open, self._policy = tried.detector(), None if tried.follows else tried.policy
        self._results, self._metrics = ShadowResults(database), metrics
        self._log = get_logger("detect")

    def open(self, call: CallInfo, live: Policy) -> ShadowCall:
        """Begin a call that is detected under a policy."""
        policy = self._policy or live
        keep = partial(self._keep, Pair.of(live, policy))
        return ShadowCall(call, partial(self._open, call, policy), keep=keep, failed=self._failed)

    def _keep(self, pair: Pair, call_id: str, found: Sequence[Agreement]) -> None:
        """Write and count a call's comparison; runs in a thread where waiting holds nobody up."""
        try:
            new = self._results.write(call_id, pair, found)
        except (HushwireError, IntegrityError) as error:
            self._failed(error)
            return
        if not new:
            return  # it was counted before the call was read again
        self._metrics.shadow_calls.inc()
        for one in found:
            for side, seconds, spans in (
                ("both", one.both_ms / 1_000, one.both),
                ("live", one.only_first_ms / 1_000, one.only_first),
                ("candidate", one.only_second_ms / 1_000, one.only_second),
            ):
                self._metrics.shadow_seconds.labels(one.entity, side).inc(seconds)
                self._metrics.shadow_spans.labels(one.entity, side).inc(spans)

    def _failed(self, error: Exception) -> None:
        code = error.code if isinstance(error, HushwireError) else "internal"
        self._metrics.shadow_failed.labels(code).inc()
        self._log.warning("shadow dropped", code=code)


class ShadowCall:
    """One call of the candidate.

    Args:
        call: the call.
        open_call: begins it in the candidate's detector.
        keep: takes the comparison.
        failed: is told what broke.
    """

    def __init__(
        self,
        call: CallInfo,
        open_call: Callable[[], DetectorCall],
        *,
        keep: Callable[[str, Sequence[Agreement]], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._info, self._open, self._keep, self._told = call, open_call, keep, failed
        self._call: DetectorCall | None = None
        self._live: list[Span] = []
        self._found: list[Span] = []
        self._broken = False

    def take(self, record: WindowTranscript | CallEnd, live: Sequence[Findings]) -> list[Step]:
        """Take what the live detector took, and what it found.

        Args:
            record: a window, or the end of the call.
            live: the live detector's answer to it.
        """
        if self._broken:
            return []
        try:
            return self._take(record, live)
        except Exception as error:  # noqa: BLE001 - whatever fails here is not for the live path
            self._broken, self._call = True, None
            self._live, self._found = [], []
            self._told(error)
            return []

    def _take(self, record: WindowTranscript | CallEnd, live: Sequence[Findings]) -> list[Step]:
        info = self._info
        if self._call is None:
            self._call = self._open()
        self._live += [span for one in live for span in one.spans]
        ended = isinstance(record, CallEnd)
        said = self._call.finish(record) if isinstance(record, CallEnd) else self._call.take(record)
        self._found += [span for one in said for span in one.spans]
        if not ended:
            return []
        found = agreements(self._live, self._found, info.sample_rate)
        self._broken, self._call = True, None  # a repeat of the end compares nothing again
        return [Act(partial(self._keep, info.call_id, found))]
