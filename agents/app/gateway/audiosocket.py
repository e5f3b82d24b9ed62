"""Asterisk's AudioSocket: TCP connections in, calls on the broker.

The protocol knows no secret and no encryption, so it is taken from configured addresses only.

Outcomes: a connection from elsewhere is closed without a word; one that breaks the protocol, or
whose call can't go on, gets the protocol's error message and is closed. Each is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, cast

from agents.app.gateway.addresses import Networks, among
from agents.app.gateway.call_feed import CallFeed, Calls
from agents.app.gateway.limits import Limits, Place
from pipeline.gateways.audiosocket import AudioSocketConnection
from pipeline.gateways.events import Ended, Event, GatewayError, Reason, Started
from pipeline.gateways.lone_keys import NO_KEYS, ConsentKeys

NAME: Final = "audiosocket"
"""Of this gateway, in metrics and logs."""
LINGER_S: Final = 1.0
"""How long a peer may take to close a connection that it was told the end of."""


@dataclass(frozen=True, slots=True)
class AudioSocketRules:
    """What holds for all connections."""

    allowed: Networks
    first_s: float = 10.0
    """How long a peer may take until it sends audio."""
    most_frame: int = 65_535
    keys: ConsentKeys = NO_KEYS
    """By which a caller agrees or withdraws consent."""


class AudioSocket:
    """Makes the protocol of each connection, for ``loop.create_server``."""

    def __init__(self, calls: Calls, limits: Limits, rules: AudioSocketRules) -> None:
        self.calls, self.limits, self.rules = calls, limits, rules
        self._peers: set[_Peer] = set()
        self._endings: set[asyncio.Task[bool]] = set()

    def __call__(self) -> asyncio.Protocol:
        """The protocol of one connection."""
        return _Peer(self)

    def stop(self) -> None:
        """The process is about to end: every peer is told, and its call is incomplete."""
        for peer in list(self._peers):
            peer.refuse(GatewayError(Reason.TOO_MANY, "this gateway is about to end"))

    def made(self, peer: _Peer) -> None:
        """A connection has its place."""
        self._peers.add(peer)

    def lost(self, peer: _Peer) -> None:
        """A connection is gone."""
        self._peers.discard(peer)

    def end(self, feed: CallFeed, ended: Ended) -> None:
        """End a call behind its connection's back."""
        task = asyncio.get_running_loop().create_task(feed.end(ended))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)


class _Peer(asyncio.Protocol):
    """One connection and the call that it brings."""

    def __init__(self, gateway: AudioSocket) -> None:
        self._gateway = gateway
        rules = gateway.rules
        self._connection = AudioSocketConnection(keys=rules.keys, most=rules.most_frame)
        self._transport: asyncio.Transport | None = None
        self._feed: CallFeed | None = None
        self._place: Place | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or close it at once."""
        self._transport = cast("asyncio.Transport", transport)
        gateway, rules = self._gateway, self._gateway.rules
        address = str((transport.get_extra_info("peername") or ("",))[0])
        try:
            if not among(address, rules.allowed):
                raise GatewayError(  # noqa: TRY301 - told in one place
                    Reason.UNAUTHORISED,
                    "this address is not among gateway_audiosocket_from",
                    ours=True,
                )
            self._place = gateway.limits.arrive(address)
            self._place.prove()  # its address is all that this protocol proves by
        except GatewayError as error:
            self._over = True
            gateway.limits.refused(NAME, error)
            self._transport.abort()
            return
        gateway.made(self)
        self._timer = asyncio.get_running_loop().call_later(
            rules.first_s, self.refuse, GatewayError(Reason.SILENT, "no audio came")
        )

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._over:
            return
        self._guarded(lambda: self._feed_bytes(data))

    def eof_received(self) -> bool:
        """The peer will send no more: the connection closes."""
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        """Whatever happened, the call ends and the place is free."""
        if not self._over:
            self._guarded(lambda: self._feed_bytes(b""))
        self._leave(complete=False)
        self._gateway.lost(self)
        if self._place is not None:
            self._place.leave()

    def refuse(self, error: GatewayError) -> None:
        """End the connection by the protocol's own error."""
        if self._over:
            return
        self._gateway.limits.refused(NAME, error)
        transport = self._transport
        if transport is not None and not transport.is_closing():
            # Closed at once, with audio on its way here, the peer would never read the error.
            transport.write(AudioSocketConnection.error())
            transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER_S, transport.close)
        self._leave(complete=False, closes=False)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except GatewayError as error:
            self.refuse(error)

    def _feed_bytes(self, data: bytes) -> None:
        try:
            events, _ = self._connection.feed(data)
        except GatewayError as error:
            self._take(error.before)
            raise
        self._take(events)

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Started):
                self._feed = self._gateway.calls.open(event, source=NAME, on_fault=self.refuse)
                self._rest()
            elif isinstance(event, Ended):
                self._leave(complete=event.complete)
            elif self._feed is not None:
                self._feed.take(event)

    def _leave(self, *, complete: bool, closes: bool = True) -> None:
        self._over = True
        self._rest()
        feed, self._feed = self._feed, None
        if feed is not None:
            self._gateway.end(feed, Ended(complete))
        if self._transport is not None and closes:
            self._transport.close()

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
