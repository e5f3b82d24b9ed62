"""Sends calls to the door: sealed for a public key, in order, acknowledged by the broker.

For gateways, ``hushwire ingest`` and programs of others (``docs/producers.md``). Nothing here opens
anything or knows a ledger. One thread of the sender hears what the broker acknowledges; a call
costs none.

Outcomes: ``OutgoingCall.send`` queues and never waits; ``send_waiting`` waits while there is no
room. ``BrokerError``: there was no room, or a record of this call was not acknowledged in time;
then nothing more of it is taken but an end that says that it is incomplete, so that no call is
holed in silence.
``RecordError``: what is to be sent breaks the rules of a record. Other calls go on in each case.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import KafkaError

from agents.crypto.transit_hybrid import TransitPublic
from agents.kafka.bounded_queue import LARGEST_RECORD, BoundedQueue, Line
from agents.kafka.sending import GRACE_S
from agents.system.tracing.trace_context import HEADER
from agents.system.tracing.tracer import Attribute, trace_sent_call
from pipeline.errors import BrokerError, RecordError
from pipeline.gateways.door.call_ids import call_id_of
from pipeline.gateways.door.model import CallHeader, DoorChunk, DoorEnd, DoorRecord
from pipeline.gateways.door.wire import CallEncoder, CallKey, Message
from pipeline.records.cloudevents import SOURCE

DELIVERY_S: Final = 20.0
"""How long the broker may take to acknowledge a record."""
_NO_ROOM: Final = "no room"
INCOMPLETE: Final = ": the call is incomplete"
"""What the problem of a lost record ends with; a file is sent again, and then it is complete."""
MOST_BYTES: Final = 256 * 1024 * 1024
"""Bytes of records of all calls that the broker has not acknowledged."""


def new_call_id() -> str:
    """A drawn id for a call that is running; it tells nothing of the call, nor when it was."""
    return call_id_of(secrets.token_bytes(32))


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has a record."""

    call_id: str
    seq: int
    """Number of the chunk; of an end, how many chunks there are."""
    sent: float
    """When it was queued, by ``time.monotonic``."""
    at: float
    """When the acknowledgement was heard, by the same clock."""


@dataclass(slots=True)
class _Waiting:
    """Somebody who waits until so many records of a call are acknowledged."""

    until: int
    future: Future[None]


class CallSender:
    """Sends calls to one topic; a context manager, used from any thread.

    Args:
        bootstrap: ``host:port[,…]``.
        topic: where the records go, ``Topics.audio_in``; it has to be there.
        public: the public half of the door's keys; None: records in clear, which are refused
            behind the door unless the policy allows them.
        client: further librdkafka settings, such as TLS ones (``KafkaSecurity.librdkafka``).
        delivery_s: after this time without the broker's acknowledgement a record counts as lost.
        most_bytes: of records that are not acknowledged, of all calls together.
        source: ``ce_source`` of the events, such as ``urn:example:recorder``.
        on_ack: is told of every record that the broker has; from the sender's thread, so it has to
            be quick and may not raise.

    Raises:
        BrokerError: the client's settings are refused.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        public: TransitPublic | None,
        *,
        client: dict[str, Any] | None = None,
        delivery_s: float = DELIVERY_S,
        most_bytes: int = MOST_BYTES,
        source: str = SOURCE,
        on_ack: Callable[[Acknowledged], None] | None = None,
    ) -> None:
        self.bootstrap, self.topic, self.public = bootstrap, topic, public
        self.delivery_s, self.most_bytes = delivery_s, most_bytes
        self._source, self._on_ack = source, on_ack
        self._queue = BoundedQueue(
            bootstrap, topic, client=client or {}, delivery_s=delivery_s, most_bytes=most_bytes
        )

    def __enter__(self) -> Self:
        """Nothing to do: the connection is made with the first record."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Wait for what is queued, unless an error is on its way already; then let go."""
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()

    @property
    def unacknowledged(self) -> int:
        """Bytes of records of all calls that the broker has not acknowledged."""
        return self._queue.unacknowledged

    def open(self, header: CallHeader, *, most_bytes: int | None = None) -> OutgoingCall:
        """Begin a call; nothing is sent yet.

        Args:
            header: what is known of it.
            most_bytes: of its records that are not acknowledged; None: as many as of all calls.
        """
        return OutgoingCall(self, header, self.most_bytes if most_bytes is None else most_bytes)

    def flush(self) -> None:
        """Wait until the broker has acknowledged all records of all calls.

        Raises:
            BrokerError: not all of them within the delivery time. A call whose record was lost
                says so itself, see ``OutgoingCall.failed``.
        """
        if not self._queue.drained(self.delivery_s + GRACE_S):
            raise BrokerError(f"{self.bootstrap}: records were not acknowledged in time")

    def close(self) -> None:
        """Let go of the broker; what is not acknowledged by now counts as lost."""
        self._queue.close()

    def wait_for_room(self) -> None:
        """Wait until a record is acknowledged, or a moment; for the sender's calls."""
        self._queue.wait_for_room()

    def encoder(self, key: CallKey | None, more: Mapping[str, bytes]) -> CallEncoder:
        """Makes a call's messages; for the sender's calls."""
        return CallEncoder(self.topic, key, source=self._source, more=more)

    def queue(
        self, call: OutgoingCall, message: Message, size: int, seq: int, behind: Line | None
    ) -> Line:
        """Hand a record to a client; for the sender's calls.

        Args:
            call: whose it is.
            message: what is sent.
            size: its bytes.
            seq: its number.
            behind: the client that has records of this call still to be acknowledged, if one does.

        Returns:
            The client that has it.

        Raises:
            BufferError: there is no room.
            BrokerError: the client refuses.
        """
        on_ack, sent = self._on_ack, time.monotonic()

        def settled(error: KafkaError | None) -> None:
            call.settle(size, None if error is None else error.name())
            if error is None and on_ack is not None:
                on_ack(Acknowledged(call.header.call_id, seq, sent, time.monotonic()))

        return self._queue.put(message, size, behind, settled)


class OutgoingCall:
    """One call on its way; made by ``CallSender.open``, used by one thread or event loop.

    Args:
        sender: whose call it is.
        header: what is known of it.
        most_bytes: of its records that are not acknowledged.
    """

    def __init__(self, sender: CallSender, header: CallHeader, most_bytes: int) -> None:
        self._sender, self._header, self._most_bytes = sender, header, most_bytes
        self.trace = trace_sent_call(header.call_id)
        public = sender.public
        key = CallKey(*public.new_key(header.call_id)) if public is not None else None
        traced = self.trace.header
        self._encoder = sender.encoder(key, {HEADER: traced} if traced else {})
        self._lock = threading.Lock()
        self._chunks = self._end = 0
        self._ended = self._complete = False
        self._failed: str | None = None
        self._line: Line | None = None
        self._waiting: list[_Waiting] = []
        self._queued = self._settled = self._bytes = 0
        self._times = deque[float]()
        """When the records were queued that are not acknowledged."""

    @property
    def header(self) -> CallHeader:
        """What is known of the call; every record repeats it."""
        return self._header

    @property
    def end_sample(self) -> int:
        """Where the audio that was taken ends: the first sample of what may come next."""
        return self._end

    @property
    def failed(self) -> str | None:
        """Why a record of this call was lost, in the client's words, or ``no room``; else None."""
        if self._failed is None and self._times:
            with suppress(IndexError):  # the last of them was acknowledged just now
                oldest = self._times[0]
                if time.monotonic() - oldest > self._sender.delivery_s + GRACE_S:
                    # The client tells it itself, but not where its thread hangs.
                    self._hear("_TIMED_OUT")
        return self._failed

    @property
    def unacknowledged(self) -> int:
        """Bytes of this call's records that the broker has not acknowledged."""
        return self._bytes

    def tell(self, header: CallHeader) -> None:
        """Say something anew of the call, such as what is stated of consent: later records have it.

        Raises:
            RecordError: of another call, or of audio that is made of something else.
        """
        if not header.continues(self._header):
            raise RecordError("a call's id, rate, roles and codec stay as they were")
        self._header = header

    def send(
        self,
        audio: bytes,
        samples: int,
        *,
        start: int | None = None,
        paused: bool = False,
        blank: bool = False,
    ) -> None:
        """Queue contiguous audio; never waits.

        Args:
            audio: all channels, interleaved, in the header's codec; at most ``MOST_AUDIO`` bytes.
            samples: per channel.
            start: its first sample; None: right behind the last one. Further on: a gap.
            paused: whether the recording was paused on purpose for what is missing before it.
            blank: whether its samples belong to what is missing before it; see ``DoorChunk``.

        Raises:
            BrokerError: see the module.
            RecordError: see the module; the call may go on.
        """
        self._require_going()
        chunk = self._chunk(audio, samples, start, paused=paused, blank=blank)
        if not self._queue_chunk(chunk):
            # What is not taken is missing: later audio would stand behind a hole that nobody sees.
            self._hear(_NO_ROOM)
            raise self._lost()

    def send_waiting(
        self,
        audio: bytes,
        samples: int,
        *,
        start: int | None = None,
        paused: bool = False,
        blank: bool = False,
    ) -> None:
        """As ``send``, but waits while there is no room, at most for the delivery time.

        Raises:
            BrokerError: see the module.
            RecordError: see the module; the call may go on.
        """
        chunk = self._chunk(audio, samples, start, paused=paused, blank=blank)
        deadline = time.monotonic() + self._sender.delivery_s
        while True:
            self._require_going()
            if self._queue_chunk(chunk):
                return
            if time.monotonic() > deadline:
                raise BrokerError(f"{self._sender.bootstrap}: takes no records")
            self._sender.wait_for_room()

    def end(self, *, complete: bool = True) -> None:
        """Queue the call's end; nothing of it is taken after that. Never waits.

        Args:
            complete: whether all of it was sent. One whose record was lost can only be ended as
                incomplete.

        Raises:
            BrokerError: see the module; no end was sent.
            RecordError: it was ended before.
        """
        if self._ended:
            raise RecordError("the call was ended before")
        if complete:
            self._require_going()
        self._complete = complete
        try:
            self._queue(DoorEnd(self._header, self._chunks, self._end, complete))
        except BufferError:
            raise BrokerError(f"{self._sender.bootstrap}: takes no records") from None
        with self._lock:
            self._ended, over = True, self._settled == self._queued
        if over:
            self._end_trace()

    def acknowledged(self) -> Future[None]:
        """Done when the broker has all records that were queued so far.

        Await it by ``asyncio.wrap_future``. Its exception is a ``BrokerError`` where one was lost.
        """
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._failed is None and self._settled < self._queued:
                self._waiting.append(_Waiting(self._queued, future))
                return future
        self._answer(future)
        return future

    def wait(self) -> None:
        """Wait until the broker has all records that were queued so far.

        Raises:
            BrokerError: one was lost, or not acknowledged within the delivery time.
        """
        try:
            self.acknowledged().result(self._sender.delivery_s + 2 * GRACE_S)
        except TimeoutError:
            raise BrokerError(f"{self._sender.bootstrap}: not acknowledged in time") from None

    def settle(self, size: int, problem: str | None) -> None:
        """Hear what became of the oldest record; from the sender's thread."""
        with self._lock:
            self._times.popleft()
            self._settled += 1
            self._bytes -= size
            over = self._ended and self._settled == self._queued
        if problem is not None or self._waiting:
            self._hear(problem)
        if over:
            self._end_trace()

    def _end_trace(self) -> None:
        """The broker has the call's last record, or will not have it."""
        whole = self._complete and self._failed is None
        said: dict[str, Attribute] = {
            "hushwire.outcome": "sent" if whole else "incomplete",
            "hushwire.records": self._queued,
            "hushwire.audio_seconds": self._end / self._header.sample_rate,
        }
        self.trace.end(said, "broker" if self._failed is not None else "")

    def _hear(self, problem: str | None) -> None:
        """Tell those who wait."""
        with self._lock:
            if problem is not None and self._failed is None:
                self._failed = problem
            done = [one for one in self._waiting if self._failed or one.until <= self._settled]
            self._waiting = [one for one in self._waiting if one not in done]
        for one in done:
            self._answer(one.future)

    def _answer(self, future: Future[None]) -> None:
        if self._failed is None:
            future.set_result(None)
        else:
            future.set_exception(self._lost())

    def _chunk(
        self, audio: bytes, samples: int, start: int | None, *, paused: bool, blank: bool
    ) -> DoorChunk:
        if self._ended:
            raise RecordError("the call was ended before")
        at = self._end if start is None else start
        if at < self._end:
            raise RecordError("start: lies in audio that was sent before")
        chunk = DoorChunk(self._header, self._chunks, at, audio, paused, blank)
        if chunk.samples != samples:
            raise RecordError(
                f"audio: {chunk.samples} samples by the header's codec and roles, {samples} were "
                "said"
            )
        return chunk

    def _queue_chunk(self, chunk: DoorChunk) -> bool:
        """Whether there was room for it."""
        if self._bytes + len(chunk.audio) > self._most_bytes and self._bytes:
            return False
        try:
            self._queue(chunk)
        except BufferError:
            return False
        self._chunks, self._end = chunk.seq + 1, chunk.end
        return True

    def _queue(self, record: DoorRecord) -> None:
        message = self._encoder.message(record)
        size = len(message.value or b"") + sum(map(len, filter(None, message.headers.values())))
        if size > LARGEST_RECORD:
            raise RecordError(f"a record of {size} bytes: {LARGEST_RECORD} at most; cut it smaller")
        seq = record.seq if isinstance(record, DoorChunk) else record.chunks
        with self._lock:
            # Before the record itself: its acknowledgement may come at once.
            behind = self._line if self._settled < self._queued else None
            self._queued += 1
            self._bytes += size
            self._times.append(time.monotonic())
        try:
            self._line = self._sender.queue(self, message, size, seq, behind)
        except BaseException:
            with self._lock:
                self._queued -= 1
                self._bytes -= size
                self._times.pop()
            raise

    def _require_going(self) -> None:
        if self.failed is not None:
            raise self._lost()

    def _lost(self) -> BrokerError:
        full = self._failed == _NO_ROOM
        why = f"found {_NO_ROOM}" if full else f"was not acknowledged ({self._failed})"
        return BrokerError(f"{self._sender.bootstrap}: a record of this call {why}{INCOMPLETE}")
