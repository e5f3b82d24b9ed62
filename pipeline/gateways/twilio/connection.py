"""Twilio Media Streams, and Telnyx media streaming, which says the same in other words.

JSON texts over a WebSocket: ``connected``, ``start``, ``media``, ``dtmf``, ``mark``, ``stop``.
Every one but the first is numbered; numbers come as texts. A ``media`` frame holds some samples of
one track and its time since the stream began, so it has a place however late it comes. Sources:
twilio.com/docs/voice/media-streams/websocket-messages, developers.telnyx.com (stream call media
over WebSocket).

Outcomes: ``feed`` gives events, and never anything to answer; ``GatewayError`` ends the connection.
A call of which frames are still missing when it stops ends as incomplete: one track's loss is
silence on it, and its place is known to nobody who only sees the other's audio run on.
Until ``Started`` was given nothing of the call may be kept: the peer has not proven itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from pipeline.gateways.events import (
    Audio,
    Codec,
    Ended,
    Event,
    GatewayError,
    Reason,
)
from pipeline.gateways.lone_keys import NO_KEYS, ConsentKeys
from pipeline.gateways.twilio.byte_order import ByteOrder
from pipeline.gateways.twilio.frames import TWILIO, Shape, begun
from pipeline.records.model import Role

MOST_FRAME: Final = 65_536
"""Bytes of a frame."""
WINDOW: Final = 1_000
"""So many frames ago one may be missing and still come."""
LONGEST_JUMP_MS: Final = 60_000
"""By which a frame may be ahead of all others."""
LONGEST_STEP_BACK_MS: Final = 10_000
"""By which a frame may be behind the one before it."""
MOST_AHEAD_MS: Final = 3_000
"""By which a track's audio may be longer than its times leave room for: else its rate is wrong."""
JITTER_MS: Final = 100
"""Frames that follow one another are contiguous, whatever their times say within this."""
_MILLISECONDS: Final = 1_000


class TwilioConnection:
    """One stream, which is one call.

    Args:
        shape: how the platform writes its fields: ``TWILIO`` or ``TELNYX``.
        roles: who speaks on a track, by its name; parameters of a stream may say it otherwise.
        proven: told the stream's parameter ``token`` (or an empty text) and the platform's id of
            the call; whether the stream may begin. None: it may, the handshake has proven it.
        keys: by which a caller agrees or withdraws consent.
        big_endian: byte order of linear audio; None: the platform's own.
        most: longest frame that is taken, in bytes.
    """

    def __init__(
        self,
        shape: Shape = TWILIO,
        *,
        roles: Mapping[str, Role],
        proven: Callable[[str, str], bool] | None = None,
        keys: ConsentKeys = NO_KEYS,
        big_endian: bool | None = None,
        most: int = MOST_FRAME,
    ) -> None:
        self._shape, self._roles, self._proven = shape, roles, proven
        self._decode, self._most = shape.decoder.decode, most
        self._keys = keys
        self._big_endian = shape.big_endian if big_endian is None else big_endian
        self._stream: str | None = None
        """Its id, or empty where the platform says none; None: it has not begun."""
        self._lanes: dict[str, _Lane] = {}
        self._order: ByteOrder | None = None
        self._over = False
        self._rate = self._width = 0
        self._top: int | None = None
        """The highest number that came; None: none did."""
        self._torn = 0
        self._missing: set[int] = set()
        self._given_up = 0
        self._first: int | None = None
        """Number of the first audio that came."""
        self._latest = 0
        self.ignored = 0
        """Frames of an unknown or meaningless kind."""
        self.repeated = 0
        """Frames that came twice, or too late."""

    @property
    def begun(self) -> bool:
        """Whether the call has begun."""
        return self._stream is not None

    @property
    def lost(self) -> int:
        """Frames of which the numbers say that they were sent, and which did not come."""
        return self._given_up + self._sent(self._missing)

    @property
    def over(self) -> bool:
        """Whether the platform has ended it."""
        return self._over

    def feed(self, data: bytes | str) -> tuple[list[Event], list[str]]:
        """Take one text frame.

        Args:
            data: JSON, as a text or as its UTF-8; nothing: the connection was closed.

        Returns:
            Events, and what is to be sent back: nothing in this protocol.

        Raises:
            GatewayError: the frame is too large, no JSON, of another form than the platform
                documents, for another stream, out of its order (audio before the start, a second
                start), from a peer that isn't authorised, or of a codec that isn't spoken here.
        """
        if not data:
            return self._closed(), []
        if len(data) > self._most:
            raise GatewayError(
                Reason.TOO_LARGE, f"a frame of more than {self._most} bytes; none is that long"
            )
        try:
            frame = self._decode(data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise GatewayError(Reason.BAD_FRAME, _fault(error)) from None
        if self._over:
            self.ignored += 1
            return [], []
        kind = frame.event
        if kind == "start":
            return self._start(frame), []
        if self._stream is None:
            self._before(kind, frame)
            return [], []
        if frame.stream != self._stream and frame.stream and self._stream:
            raise GatewayError(Reason.BAD_FRAME, "a frame of another stream on this connection")
        if kind == "media":
            return self._media(frame), []
        return self._other(kind, frame), []

    def _closed(self) -> list[Event]:
        if self._over or self._stream is None:
            return []
        self._over = True
        return [Ended(complete=False)]

    def _before(self, kind: str, frame: Any) -> None:  # noqa: ANN401  see Shape.decoder
        if kind in {"media", "dtmf", "stop"}:
            raise GatewayError(Reason.BAD_FRAME, f"{kind} before start")
        if kind == "connected" and frame.version.split(".")[0] not in {"", "0", "1"}:
            raise GatewayError(
                Reason.UNSUPPORTED, "a version of the protocol that is not spoken here; 1 is"
            )
        if kind != "connected":
            self.ignored += 1

    def _start(self, frame: Any) -> list[Event]:  # noqa: ANN401
        if self._stream is not None:
            raise GatewayError(Reason.BAD_FRAME, "a second start on one connection")
        call = begun(frame, self._shape, self._roles)
        if self._proven is not None and not self._proven(call.token, call.started.recorder_id):
            raise GatewayError(
                Reason.UNAUTHORISED,
                "neither a valid signature nor a valid token; the stream's parameter `token` "
                "carries one",
                ours=True,
            )
        started = call.started
        self._rate, self._width = started.sample_rate, 2 if started.codec is Codec.L16 else 1
        if self._width > 1:
            self._order = ByteOrder(big_endian=self._big_endian)
        for channel, track in enumerate(started.tracks):
            self._lanes[track] = self._lanes[f"{track}_track"] = _Lane(channel)
        self._top = frame.sequence
        self._stream = call.stream
        return [started]

    def _media(self, frame: Any) -> list[Event]:  # noqa: ANN401
        media, number = frame.media, frame.sequence
        if media is None:
            raise GatewayError(Reason.BAD_FRAME, "a media frame without `media`")
        lane = self._lanes.get(media.track)
        if lane is None:
            raise GatewayError(
                Reason.BAD_FRAME, "audio of a track that the stream's start did not name"
            )
        payload: bytes = media.payload
        samples, rest = divmod(len(payload), self._width)
        if rest:
            raise GatewayError(Reason.BAD_AUDIO, "audio that ends within a sample")
        if not self._is_new(number):
            return []
        if self._first is None:
            self._first = number
        if not samples:
            self.ignored += 1
            return []
        start = self._place(lane, number, media.timestamp, samples)
        if self._order is not None:
            payload = self._order.little(payload)
        return [Audio(lane.channel, start, payload)]

    def _other(self, kind: str, frame: Any) -> list[Event]:  # noqa: ANN401
        if frame.sequence is not None and not self._is_new(frame.sequence):
            return []
        if kind == "dtmf":
            return self._key(frame.dtmf)
        if kind == "stop":
            self._over = True
            return [Ended(complete=not self.lost)]
        self.ignored += kind != "mark"
        return []

    def _key(self, dtmf: Any) -> list[Event]:  # noqa: ANN401
        if dtmf is None:
            raise GatewayError(Reason.BAD_FRAME, "a dtmf frame without `dtmf`")
        lane = self._lanes.get(dtmf.track)
        if lane is None:  # Twilio tells keys of the inbound track also where it isn't streamed
            self.ignored += 1
            return []
        return [self._keys.pressed(dtmf.digit, lane.channel, lane.next)]

    def _is_new(self, number: int | None) -> bool:
        """Whether a frame's number was not seen before; remembers it."""
        if number is None:
            raise GatewayError(Reason.BAD_FRAME, f"a frame without `{self._shape.sequence}`")
        if self._top is None:
            self._top = number - 1
        ahead = number - self._top
        if ahead == 1:
            self._top = number
            return True
        if ahead <= 0:
            if number in self._missing:
                self._missing.remove(number)
                return True
            self.repeated += 1
            return False
        if ahead > WINDOW:
            raise GatewayError(
                Reason.BAD_FRAME, f"numbers of frames jump by more than {WINDOW}; too much is lost"
            )
        self._missing.update(range(self._top + 1, number))
        self._top = self._torn = number
        if len(self._missing) > WINDOW:
            missing = {one for one in self._missing if one > number - WINDOW}
            self._given_up += self._sent(self._missing - missing)
            self._missing = missing
        return True

    def _sent(self, numbers: set[int]) -> int:
        """How many are behind the first audio: platforms leave numbers out ahead of it."""
        return sum(self._first is not None and one > self._first for one in numbers)

    def _place(self, lane: _Lane, number: int, time: int, samples: int) -> int:
        """The first sample of a frame, by its time and what came before it on its track."""
        if time - self._latest > LONGEST_JUMP_MS or lane.time - time > LONGEST_STEP_BACK_MS:
            raise GatewayError(Reason.BAD_FRAME, "a frame's time jumps; its audio has no place")
        self._latest = max(self._latest, time)
        place = time * self._rate // _MILLISECONDS
        if number < lane.number:
            start = lane.start + _on_the_grid(place - lane.place, samples)
            return max(0, start)
        if not lane.number:
            start = place
        elif self._torn <= lane.number:  # nothing is missing: what differs is the sender's clock
            gap = place - lane.next
            if -gap > MOST_AHEAD_MS * self._rate // _MILLISECONDS:
                raise GatewayError(
                    Reason.BAD_AUDIO, "more audio than its times leave room for: another rate?"
                )
            start = lane.next + (gap if gap >= JITTER_MS * self._rate // _MILLISECONDS else 0)
        else:
            start = lane.next + max(0, _on_the_grid(place - lane.place - lane.samples, samples))
        lane.number, lane.time, lane.place = number, time, place
        lane.start, lane.samples, lane.next = start, samples, start + samples
        return start


class _Lane:
    """How far one track has come."""

    __slots__ = ("channel", "next", "number", "place", "samples", "start", "time")

    def __init__(self, channel: int) -> None:
        self.channel = channel
        self.number = 0
        """Of its latest frame; 0: none came."""
        self.time = 0
        """Of it, in ms."""
        self.place = 0
        """The same in samples."""
        self.start = 0
        """Where it was put."""
        self.samples = 0
        self.next = 0
        """The sample after it."""


def _on_the_grid(distance: int, samples: int) -> int:
    """A distance as a number of whole frames, where it is one but for the sender's jitter."""
    whole = (distance + samples // 2) // samples * samples
    return whole if abs(distance - whole) <= samples // 4 else distance


def _fault(error: Exception) -> str:
    """What is wrong with a frame; the library's messages name types and paths, never values."""
    if isinstance(error, msgspec.ValidationError):
        return f"not the form that the platform documents: {error}"
    return "not JSON in UTF-8"
