"""Events of any protocol to the chunks of a call on the broker.

An adapter does, for each connection that its protocol has accepted::

    feed = calls.open(started, source="twilio", on_fault=close_with)
    feed.take(event)            # any number of times; never blocks
    arrived = await feed.end(Ended(complete=True))

Outcomes: ``open`` and ``take`` raise ``GatewayError``; the connection is then closed with the
protocol's own error, and ``end(Ended(complete=False))`` still has to be awaited. What goes wrong
while nothing comes in (silence, a broker that is away, a call that is too long) is told to
``on_fault``, once, in the event loop. ``end`` never raises.

A pause is told while it lasts, so that its call stays open behind the door, and up to its end
where a call ends in it. Keys count where they stand alone: ``lone_keys``, ``consent_keys``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Final

from agents.kafka.call_sender import CallSender, OutgoingCall, new_call_id
from agents.system.clock import Clock, stamp, system_clock
from agents.system.logging import get_logger
from agents.system.metrics import GatewayMetrics
from pipeline.errors import BrokerError, RecordError
from pipeline.gateways.consent_keys import says, with_key
from pipeline.gateways.door.model import MOST_RECORDER_ID, CallHeader, canonical
from pipeline.gateways.events import (
    Audio,
    Codec,
    Ended,
    Event,
    GatewayError,
    KeyPressed,
    Lost,
    Paused,
    Reason,
    Resumed,
    Started,
    Updated,
)
from pipeline.gateways.lone_keys import LoneKeys
from pipeline.gateways.pace import Pace, PauseClock
from pipeline.gateways.resampling import Resampler
from pipeline.gateways.timeline import Cut, Timeline
from pipeline.records.consent import moment_of
from pipeline.records.model import HIGHEST_RATE, LOWEST_RATE, Role

OnFault = Callable[[GatewayError], None]
MOST_CHANNELS: Final = 2
FASTEST: Final = 48_000
"""Hz: the highest rate that is resampled."""
MOST_PER_CALL: Final = 4 * 1024 * 1024
"""Bytes of a call that the broker has not acknowledged: 32 s of the most that a call can bring."""
LOOK_S: Final = 0.5
"""How often calls are looked at that nothing comes for."""
PAUSE_TOLD_S: Final = 60.0
"""How often a pause is told that lasts."""
_AGAIN_S: Final = 0.25
"""After this time an end that found no room is tried again."""

log = get_logger("gateway")


@dataclass(frozen=True, slots=True)
class FeedRules:
    """What holds for all calls; times in seconds."""

    chunk_s: float = 1.0
    """Length of the chunks on the broker."""
    window_s: float = 1.0
    """How long a piece that is late is waited for."""
    idle_s: float = 60.0
    """A call of which nothing comes for this long is ended as incomplete; not while paused."""
    longest_s: float = 4 * 3600.0
    ahead_s: float = 10.0
    """By how much a call's audio may be longer than the time since it began."""
    broker_s: float = 20.0
    """How long the broker may take nothing."""
    agree_s: float = 60.0
    """Within this time of a call's audio a key agrees: where the announcement asks for it."""
    roles: dict[str, Role] = field(default_factory=dict)
    """By the platform's name of a track."""


class CallFeed:
    """One call, from its first event to its last; made by ``Calls.open``."""

    __slots__ = (
        "_began", "_broken", "_calls", "_channel_count", "_ended", "_fault_told", "_keys", "_last",
        "_on_fault", "_out", "_pace", "_pauses", "_rate", "_resampler", "_seconds", "_source",
        "_timeline", "_told", "call_id",
    )  # fmt: skip

    def __init__(
        self,
        calls: Calls,
        started: Started,
        out: OutgoingCall,
        *,
        source: str,
        on_fault: OnFault | None,
    ) -> None:
        rules, self._rate = calls.rules, started.sample_rate
        self.call_id = out.header.call_id
        self._calls, self._out, self._source, self._on_fault = calls, out, source, on_fault
        self._seconds = calls.metrics.audio.labels(source)
        channels = self._channel_count = len(started.tracks)
        self._timeline = Timeline(
            started.codec,
            channels,
            self._rate,
            chunk=round(rules.chunk_s * self._rate),
            window=round(rules.window_s * self._rate),
        )
        faster = self._rate > HIGHEST_RATE
        self._resampler = Resampler(self._rate, channels) if faster else None
        self._keys, self._pauses = LoneKeys(self._rate), PauseClock(self._rate)
        self._pace = None if started.timed else Pace(self._rate)
        self._began = self._last = self._told = monotonic()
        self._broken: GatewayError | None = None
        self._fault_told = self._ended = False

    @property
    def broken(self) -> GatewayError | None:
        """Why the call can't go on; None: it can."""
        return self._broken

    def take(self, event: Event) -> None:
        """Take the next event, in the order in which they came; never blocks.

        ``Started`` and ``Ended`` are not for it: see ``Calls.open`` and ``end``. A call that
        can't go on still takes what is said of consent; its end tells it.

        Raises:
            GatewayError: the audio is not what was declared or is more than time allows, the call
                is too long, or the broker takes nothing.
        """
        if self._broken is not None and not isinstance(event, KeyPressed | Updated):
            raise self._broken
        try:
            # Nearly all events are audio, thousands a second.
            if type(event) is Audio:
                self._last = monotonic()
                pauses = self._pauses
                start = event.start + pauses.shift
                if pauses.waits:
                    start = pauses.placed(start, self._timeline.at)
                cuts = self._timeline.add(event.channel, start, event.payload)
                if cuts:
                    self._send(cuts)
                if self._keys.waiting:
                    self._count(self._keys.passed(start))
                if self._pace is not None:
                    self._pace.heard(self._last, self._timeline.end)
            else:
                self._take_other(event)
        except GatewayError as error:
            self._broken = self._broken or error
            raise

    async def end(self, ended: Ended) -> bool:
        """Send what is left and the call's end; a second time it does nothing.

        Returns:
            Whether the call is complete, and the broker has all of it.
        """
        if self._ended:
            return False
        self._ended = True
        arrived = False
        try:
            arrived = await self._send_end(complete=self._send_rest(ended))
        finally:
            self._calls.forget(self, complete=arrived)
        return arrived

    def look(self, now: float) -> None:
        """See whether the call still can go on although nothing comes; tells ``on_fault`` if not.

        Args:
            now: by ``time.monotonic``.
        """
        if self._ended:
            return
        rules = self._calls.rules
        if self._broken is None:
            if self._out.failed is not None:
                self._broken = _broker_away(rules.broker_s)
            elif not self._pauses.paused and now - self._last > rules.idle_s:
                self._broken = GatewayError(
                    Reason.SILENT, f"nothing came for {rules.idle_s:.0f} s: the call is ended"
                )
            elif now - self._began > rules.longest_s:
                self._broken = _too_long(rules.longest_s)
            elif self._pauses.paused and now - self._told > PAUSE_TOLD_S:
                self._tell_pause(now)
        if self._broken is not None:
            self.stop(self._broken)

    def stop(self, error: GatewayError) -> None:
        """The call can't go on; tells ``on_fault``, once.

        Args:
            error: why.
        """
        if self._ended or self._fault_told:
            return
        self._broken, self._fault_told = self._broken or error, True
        if self._on_fault is not None:
            self._on_fault(self._broken)

    def _take_other(self, event: Event) -> None:
        self._last = monotonic()
        match event:
            case Paused(at):
                if not (self._pauses.paused or self._pauses.waits):
                    self._told = self._last
                self._send(self._timeline.pause(self._pauses.pause(at, self._last)))
            case Resumed():
                self._pauses.resume(self._last)
            case Lost(start, samples):
                self._lost(start + self._pauses.shift, samples)
            case KeyPressed():
                self._calls.metrics.keys.labels(self._source).inc()
                self._count(
                    self._keys.pressed(replace(event, at=max(0, event.at + self._pauses.shift)))
                )
            case Updated(language, stated):
                self._tell(language, stated)
            case _:
                raise GatewayError(Reason.BAD_FRAME, "a call begins once and ends once")

    def _tell_pause(self, now: float) -> None:
        self._told = now
        try:
            self._send(self._timeline.blank(self._pauses.reached(now)))
        except GatewayError as error:
            self._broken = error

    def _send_rest(self, ended: Ended) -> bool:
        """Send all up to where the call ended; whether that is complete."""
        now, complete = monotonic(), ended.complete and self._broken is None
        keys = self._keys.ended()
        with suppress(GatewayError):
            # A call that broke may have gone on with more keys; then one of them agrees to nothing.
            self._count(key for key in keys if key.withdraws or complete)
        try:
            end = self._pauses.ended(ended.at, now, self._timeline.at)
            self._send(self._timeline.blank(max(end, self._timeline.end)))
            self._put(self._resampler.flush() if self._resampler else ())
        except GatewayError as error:
            self._broken, complete = self._broken or error, False
        return complete and (self._pace is None or not self._pace.lacks(now))

    def _lost(self, start: int, samples: int) -> None:
        if start < 0 or samples < 0:
            raise GatewayError(Reason.BAD_FRAME, "a loss has a place and a length")
        self._within_time(start + samples)
        self._send(self._timeline.lost(start, samples))

    def _count(self, keys: Iterable[KeyPressed]) -> None:
        """Keys that stand alone become evidence, where they may say something."""
        for key in keys:
            header = self._out.header
            role = header.roles[max(0, min(key.channel, self._channel_count - 1))]
            if says(key, role, agree_until=round(self._calls.rules.agree_s * self._rate)):
                at_ms = key.at * 1000 // self._rate
                self._tell("", with_key(header.stated, key, role, at_ms=at_ms))

    def _tell(self, language: str, stated: bytes) -> None:
        """From now on, records say something else of the call."""
        header = self._out.header
        try:
            self._out.tell(
                replace(
                    header,
                    language=language or header.language,
                    stated=canonical(stated) if stated else header.stated,
                )
            )
        except RecordError as error:
            raise GatewayError(Reason.BAD_FRAME, str(error)) from None

    def _send(self, cuts: Iterable[Cut]) -> None:
        resampler = self._resampler
        for cut in cuts:
            self._within_time(cut.start + cut.samples)
            self._put((cut,) if resampler is None else resampler.take(cut))
            self._seconds.inc(cut.samples / self._rate)

    def _put(self, cuts: Iterable[Cut]) -> None:
        """Queue cuts at the rate of the records."""
        for cut in cuts:
            try:
                self._out.send(
                    cut.audio, cut.samples, start=cut.start, paused=cut.paused, blank=cut.blank
                )
            except BrokerError:
                raise _broker_away(self._calls.rules.broker_s) from None
            except RecordError as error:
                raise GatewayError(Reason.BAD_AUDIO, str(error)) from None

    def _within_time(self, end: int) -> None:
        rules, seconds = self._calls.rules, end / self._rate
        if seconds > rules.longest_s:
            raise _too_long(rules.longest_s)
        if seconds > monotonic() - self._began + rules.ahead_s:
            raise GatewayError(
                Reason.BAD_AUDIO,
                f"audio is ahead of time by more than {rules.ahead_s:.0f} s: another rate than was "
                "declared, or not sent as it was spoken",
            )

    async def _send_end(self, *, complete: bool) -> bool:
        """Send the end, and wait for the broker; an end that finds no room is tried again."""
        deadline = monotonic() + self._calls.rules.broker_s
        while True:
            try:
                self._out.end(complete=complete)
                break
            except (BrokerError, RecordError):
                complete = False
                if monotonic() > deadline:
                    return False
                await asyncio.sleep(_AGAIN_S)
        try:
            await asyncio.wait_for(
                asyncio.wrap_future(self._out.acknowledged()), deadline - monotonic() + _AGAIN_S
            )
        except (BrokerError, TimeoutError):
            return False
        return complete


class Calls:
    """All calls of this process.

    Args:
        sender: where they go; ``delivery_s`` of it is the rules' ``broker_s``.
        rules: what holds for all.
        metrics: where they are counted.
        clock: for when calls began that don't say it.
    """

    def __init__(
        self,
        sender: CallSender,
        rules: FeedRules,
        metrics: GatewayMetrics,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self._sender, self.rules, self.metrics = sender, rules, metrics
        self._clock = clock
        self._open: dict[CallFeed, str] = {}
        self._stopped: GatewayError | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def open(self, started: Started, *, source: str, on_fault: OnFault | None = None) -> CallFeed:
        """Begin a call, in the event loop; nothing is sent yet.

        Args:
            started: what the platform says of it.
            source: the gateway's name, a label of metrics: ``twilio``, ``audiohook``, ….
            on_fault: told once, from the event loop, that the call can't go on; the adapter then
                closes its connection and awaits ``end``.

        Raises:
            GatewayError: the codec, rate or number of channels is not spoken here, what is said of
                the call breaks the rules of a record, or the process is about to end.
        """
        if self._stopped is not None:
            raise self._stopped
        _check(started)
        try:
            header = CallHeader(
                call_id=new_call_id(),
                sample_rate=min(started.sample_rate, HIGHEST_RATE),
                roles=started.roles or self._roles(started.tracks),
                codec=started.codec,
                recorder_id=started.recorder_id[:MOST_RECORDER_ID],
                started_at=_moment(started.started_at) or stamp(self._clock()),
                language=started.language,
                numbers=started.numbers,
                stated=canonical(started.stated) if started.stated else b"",
                business=started.business,
            )
        except RecordError as error:
            raise GatewayError(Reason.BAD_FRAME, str(error)) from None
        out = self._sender.open(header, most_bytes=MOST_PER_CALL)
        feed = CallFeed(self, started, out, source=source, on_fault=on_fault)
        self._open[feed] = source
        self._idle.clear()
        self.metrics.open.labels(source).inc()
        log.info("call begun", call_id=feed.call_id, place=source)
        return feed

    def stop(self) -> None:
        """The process is about to end: every call is, as incomplete, and none begins any more."""
        self._stopped = error = GatewayError(Reason.TOO_MANY, "this gateway is about to end")
        for feed in list(self._open):
            feed.stop(error)

    def forget(self, feed: CallFeed, *, complete: bool) -> None:
        """A call is over; told by itself."""
        source = self._open.pop(feed)
        if not self._open:
            self._idle.set()
        outcome = "complete" if complete else "incomplete"
        self.metrics.open.labels(source).dec()
        self.metrics.ended.labels(source, outcome).inc()
        log.info("call ended", call_id=feed.call_id, place=source, state=outcome)

    async def watch(self) -> None:
        """Look at every call now and then, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = monotonic()
            for feed in list(self._open):
                feed.look(now)

    async def ended(self, within_s: float) -> bool:
        """Wait until all calls are over.

        Returns:
            Whether they are.
        """
        try:
            await asyncio.wait_for(self._idle.wait(), within_s)
        except TimeoutError:
            return False
        return True

    def _roles(self, tracks: tuple[str, ...]) -> tuple[Role, ...]:
        return tuple(self.rules.roles.get(track, Role.MIXED) for track in tracks)


def _check(started: Started) -> None:
    if not 1 <= len(started.tracks) <= MOST_CHANNELS:
        raise GatewayError(Reason.UNSUPPORTED, f"a call has 1 to {MOST_CHANNELS} channels")
    if started.roles is not None and len(started.roles) != len(started.tracks):
        raise GatewayError(Reason.BAD_FRAME, "as many roles as channels are needed")
    highest = FASTEST if started.codec is Codec.L16 else HIGHEST_RATE
    if not LOWEST_RATE <= started.sample_rate <= highest:
        raise GatewayError(
            Reason.UNSUPPORTED,
            f"{started.codec.value} at {started.sample_rate} Hz; "
            f"{LOWEST_RATE} to {highest} Hz are taken",
        )


def _moment(text: str) -> str:
    """A time with its offset, as it was said; what isn't one is nothing."""
    return text if moment_of(text) else ""


def _broker_away(seconds: float) -> GatewayError:
    return GatewayError(
        Reason.BROKER, f"the broker took nothing for {seconds:.0f} s: the call is incomplete"
    )


def _too_long(seconds: float) -> GatewayError:
    return GatewayError(Reason.TOO_LONG, f"a call lasts {seconds:.0f} s at most")
