"""What a stage sends, and how often it tries: sealed records, events, dead letters, actions.

Whatever can't be sent ends the process (``fatal``): nothing of it was acknowledged, so that it
is read and sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from agents.access.audit_log import AuditLog
from agents.crypto.envelope import Seal
from agents.kafka.producer import sealed
from agents.kafka.sending import Message
from agents.kafka.topics import Topics
from agents.runtime import events
from agents.runtime.broker_port import Delivery, Port
from agents.runtime.steps import Act, EmitEvent, Reads, Send
from agents.system import fatal_exit
from agents.system.logging import get_logger
from agents.system.metrics import Metrics
from agents.system.tracing.trace_context import HEADER
from agents.system.tracing.tracer import NOTHING, CallTrace
from pipeline.errors import DamagedKeyError, KeyFileError, SealError, StoreError
from pipeline.records.model import CallEnd, Findings, Record, Verdict

T = TypeVar("T")
_LONGEST_WAIT_S = 15.0
_MS_DIGITS = 14
ENDED = "hw_ended"
"""Header of what ends a call: when the end of its audio was written, in ms since 1970. It is for
measuring alone; no seal binds it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a stage."""

    calls: int = 64
    """Calls in flight; passed only where all of them wait for records that come later."""
    room: int = 32
    """Records of one call that may wait before reading stops."""
    held_bytes: int = 256 * 1024 * 1024
    """Audio that a stage may hold back before its pausable topics stop."""
    attempts: int = 8
    """How often a ledger or vault that is away is tried, over about a minute."""
    first_wait_s: float = 0.2

    def halved(self) -> Limits:
        """For half as many calls, and half as much audio."""
        calls, held_bytes = max(1, self.calls // 2), self.held_bytes // 2
        return replace(self, calls=calls, held_bytes=held_bytes)


class Outbox:
    """Sends for one stage.

    Args:
        stage: which one.
        port: the broker.
        topics: where dead letters go.
        metrics: what is counted.
        limits: how often is tried.
        audit: where audit records are kept.
    """

    def __init__(
        self,
        stage: Reads,
        port: Port,
        *,
        topics: Topics,
        metrics: Metrics,
        limits: Limits,
        audit: AuditLog,
    ) -> None:
        self._stage, self._port, self._topics = stage.name, port, topics
        self._judges = stage.judges or stage.inputs
        self._metrics, self._limits, self._audit = metrics, limits, audit
        self._log = get_logger(stage.name)

    async def send(
        self, step: Send, seal: Seal, ended: float = 0.0, trace: CallTrace = NOTHING
    ) -> Awaitable[object]:
        """Queue a sealed record; what is returned is done when the broker has it.

        Args:
            step: the record, and where it goes.
            seal: its call's.
            ended: when the end of the call's audio was written, as ``ended_at`` reads it; 0: not
                known.
            trace: of the call at this stage.
        """
        if isinstance(step.record, Findings):
            for span in step.record.spans:
                self._metrics.spans.labels(span.entity).inc()
        if isinstance(step.record, Verdict):
            if not step.record.passed:
                self._metrics.quarantined.inc()
            for check in step.record.checks:
                if not check.passed:
                    self._metrics.checks_failed.labels(check.name).inc()
        clear = sealed(step.record, step.topic, seal)
        key = clear.call_id.encode()
        headers = clear.headers
        if ended and ends_call(step.record):
            headers = {**headers, ENDED: str(round(ended * 1000)).encode()}
        if trace.header:
            headers = {**headers, HEADER: trace.header}
        return await self._post(Message(step.topic, key, headers, clear.value))

    async def emit(self, step: EmitEvent, trace: CallTrace = NOTHING) -> Awaitable[object]:
        """Queue a content-free event; what is returned is done when the broker has it.

        An audit record is written to the audit log before: no broker can lose it or make it up.
        """
        if step.topic == self._topics.audit:
            await self.retry(partial(self._audit.append, events.audit_event(step)))
        message = events.event(step)
        if trace.header:
            message = replace(message, headers={**message.headers, HEADER: trace.header})
        return await self._post(message)

    async def reject(
        self, delivery: Delivery, call_id: str, code: str, *, original: bool = True
    ) -> bool:
        """Send a record to the dead letters and wait for the broker; whether this stage judges it.

        A record that another stage judges too is only counted here.

        Args:
            delivery: the record.
            call_id: its call, or empty where its headers can't be trusted.
            code: why; content-free.
            original: whether its bytes go along: only where its seal opened, or may still open.
        """
        if delivery.topic not in self._judges:
            self._metrics.dropped.labels(self._stage, code).inc()
            return False
        self._log.warning(
            "dead letter",
            call_id=call_id,
            code=code,
            topic=delivery.topic,
            partition=delivery.partition,
            offset=delivery.offset,
        )
        self._metrics.dead_letters.labels(self._stage, code).inc()
        letter = events.dead_letter(
            self._topics.deadletter, delivery, stage=self._stage, code=code, call_id=call_id
        )
        if original:
            letter = events.with_original(letter, delivery)
        await (await self._post(letter))
        return True

    async def act(self, step: Act) -> None:
        """Carry out a blocking action; see ``retry``."""
        await self.retry(step.what)

    async def retry(self, work: Callable[[], T]) -> T:
        """Run something that blocks, again while a store is away; then end the process.

        Raises:
            DamagedKeyError: the key of one call is damaged.
        """
        wait, attempt = self._limits.first_wait_s, 0
        while True:
            attempt += 1
            try:
                return await asyncio.to_thread(work)
            except DamagedKeyError:
                raise  # one call's own; the file opens others
            except SealError as error:
                fatal_exit.exit_now(fatal_exit.ExitCode.KEY, str(error))
            except KeyFileError as error:
                # Nothing that is away: somebody has to put the file right.
                fatal_exit.exit_now(fatal_exit.ExitCode.KEY, str(error))
            except StoreError as error:
                self._log.warning("store away", code=error.code, attempt=attempt)
                if attempt >= self._limits.attempts:
                    fatal_exit.exit_now(fatal_exit.ExitCode.STORE, str(error))
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)

    async def _post(self, message: Message) -> Awaitable[object]:
        try:
            sent = await self._port.send(message.topic, message.key, message.value, message.headers)
        except Exception as error:  # noqa: BLE001 - whatever the client raises
            fatal_exit.exit_now(
                fatal_exit.ExitCode.BROKER, f"a record was not sent ({type(error).__name__})"
            )
        return _acknowledged(sent)


def ends_call(record: Record) -> bool:
    """Whether nothing of the call comes after a record of its kind."""
    return isinstance(record, CallEnd) or isinstance(getattr(record, "end", None), CallEnd)


def ended_at(delivery: Delivery) -> float:
    """When the end of a call's audio was written, by a record that ends the call.

    In seconds since 1970: what its header says, else when it was written itself.
    """
    told = delivery.headers.get(ENDED) or b""
    return int(told) / 1000 if told.isdigit() and len(told) <= _MS_DIGITS else delivery.at


async def _acknowledged(sent: Awaitable[object]) -> object:
    try:
        return await sent
    except Exception as error:  # noqa: BLE001 - whatever the client raises
        fatal_exit.exit_now(
            fatal_exit.ExitCode.BROKER, f"a record was not acknowledged ({type(error).__name__})"
        )
