"""HTTP/1.1 that waits for nobody long: a slow or silent caller can't keep others out.

uvicorn's protocol waits without end for the first request of a connection, and counts every one of
them against its limit. Here a request has to be there within ``REQUEST_S``; and where there are
``CONNECTIONS``, a new one takes the place of the one that has kept us waiting longest. How many
requests are answered at once is bounded in ``console.http.envelope``.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS: Final = 256
"""Connections beyond which one that waits is closed for each new one."""
REQUEST_S: Final = 15.0
"""From the connection, or a later request's first byte, until the request is there as a whole."""
_INCOMPLETE: Final = (h11.IDLE, h11.SEND_BODY)
"""States of a caller from whom a request, or its rest, is still to come."""


class PatientProtocol(H11Protocol):
    """One connection.

    Args:
        most: see ``CONNECTIONS``.
        request_s: see ``REQUEST_S``.
        **given: uvicorn's own.
    """

    def __init__(
        self,
        *,
        most: int = CONNECTIONS,
        request_s: float = REQUEST_S,
        **given: Any,  # noqa: ANN401 - uvicorn's own
    ) -> None:
        super().__init__(**given)
        self._most, self._request_s = most, request_s
        self._timer: asyncio.TimerHandle | None = None
        self.waiting_since: float | None = None
        """When the caller's turn began; None: it is ours."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, in another's place where there are many."""
        waiting = [
            (other.waiting_since, other)
            for other in self.connections
            if isinstance(other, PatientProtocol) and other.waiting_since is not None
        ]
        if len(self.connections) >= self._most and waiting:
            min(waiting, key=lambda one: one[0])[1].drop()
        super().connection_made(transport)
        self.waiting_since = self.loop.time()
        self._start()

    def data_received(self, data: bytes) -> None:
        """Take what the caller sent."""
        super().data_received(data)
        if self.conn.their_state not in _INCOMPLETE:
            self.waiting_since = None
            self._stop()
        elif self._timer is None:
            self._start()

    def on_response_complete(self) -> None:
        """The caller's turn again, for uvicorn's time of keeping alive."""
        super().on_response_complete()
        if self.conn.their_state in _INCOMPLETE:
            self.waiting_since = self.loop.time()
        if self.conn.their_state is h11.SEND_BODY and self._timer is None:
            self._start()  # its beginning came with the request before it

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop()
        super().connection_lost(exc)

    def drop(self) -> None:
        """End the connection at once, without waiting for the caller to take notice."""
        self.waiting_since = None
        self._stop()
        self.connections.discard(self)
        self.transport.abort()

    def _start(self) -> None:
        self._timer = self.loop.call_later(self._request_s, self.drop)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
