"""Events of any protocol to the chunks of a call on the broker.

An adapter does, for each connection that its protocol has accepted::

    feed = await calls.begin(started, source="twilio", on_fault=close_with)
    feed.take(event)            # any number of times; never blocks
    arrived = await feed.end(Ended(complete=True))

Outcomes: ``begin`` and ``take`` raise ``GatewayError``; the connection is then closed with the
protocol's own error, and ``end(Ended(complete=False))`` still has to be awaited. What goes wrong
while nothing comes in (silence, a broker that is away) is told to ``on_fault``, once, in the event
loop. ``end`` never raises.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.gateways.events import Ended, Event, GatewayError, Started

OnFault = Callable[[GatewayError], None]


class CallFeed:
    """One call, from its first event to its last."""

    call_id: str

    def take(self, event: Event) -> None:
        """Take the next event, in the order in which they came; never blocks.

        ``Started`` and ``Ended`` are not for it: see ``Calls.begin`` and ``end``.

        Raises:
            GatewayError: the audio is not what was declared or is more than time allows, the call
                is too long, or the broker takes nothing.
        """
        raise NotImplementedError

    async def end(self, ended: Ended) -> bool:
        """Send what is left and the call's end; a second time it does nothing.

        Returns:
            Whether the broker has acknowledged all of the call.
        """
        raise NotImplementedError


class Calls:
    """All calls of this process."""

    async def begin(
        self, started: Started, *, source: str, on_fault: OnFault | None = None
    ) -> CallFeed:
        """Begin a call.

        Args:
            started: what the platform says of it.
            source: the gateway's name, a label of metrics: ``twilio``, ``audiohook``, ….
            on_fault: told once, from the event loop, that the call can't go on; the adapter then
                closes its connection and awaits ``end``.

        Raises:
            GatewayError: the codec or rate is not spoken here, or no call is taken just now.
        """
        raise NotImplementedError
