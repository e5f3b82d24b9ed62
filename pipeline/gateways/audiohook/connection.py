"""One AudioHook session: frames in, events and replies out, and which state allows what.

Outcomes of ``feed``: events and replies, or ``GatewayError``, after which the owner sends what
``refuse`` gives and waits for the client's ``close``. Two replies wait for the owner: ``accept``
after ``Started`` (the call may begin), ``finish`` after ``Ended`` (all of it is safe). A connection
probe gives no event at all.

Position: samples since the call's first, sent, paused or lost. The client states its own with
each message; the two may differ by ``SLACK_S``, else the audio is not what was agreed on and its
channels can't be told apart. What the client did not send and says so is ``Lost``; where it closes
further on than its audio reaches, ``Ended`` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, cast

from pipeline.gateways.audiohook import messages
from pipeline.gateways.audiohook.media import RATE, Media, chosen
from pipeline.gateways.audiohook.messages import Close, Key, Message, Open, Stretch, Update
from pipeline.gateways.events import (
    Audio,
    Ended,
    Event,
    GatewayError,
    Lost,
    Paused,
    Reason,
    Resumed,
    Started,
    Updated,
)
from pipeline.gateways.lone_keys import NO_KEYS, ConsentKeys

LARGEST_AUDIO: Final = 65_536
"""Bytes of a binary frame: two seconds of both channels, linear."""
SLACK_S: Final = 2
"""By how many seconds the client's position and ours may differ."""
_NANO: Final = 10**9


class State(StrEnum):
    """Where a session stands."""

    NEW = "new"
    """Nothing was said."""
    OPENING = "opening"
    """``Started`` was given; the owner has to accept or refuse."""
    ACTIVE = "active"
    PAUSED = "paused"
    CLOSING = "closing"
    """``Ended`` was given; the owner has to finish."""
    CLOSED = "closed"
    REFUSED = "refused"
    """A disconnect was sent; only the client's ``close`` is still answered."""


_OPEN: Final = frozenset({State.ACTIVE, State.PAUSED})
_ALLOWED: Final[Mapping[str, frozenset[State]]] = {
    "open": frozenset({State.NEW}),
    "close": frozenset({State.NEW, *_OPEN}),
    "discarded": _OPEN,
    "dtmf": _OPEN,
    "error": frozenset({State.NEW, *_OPEN}),
    "paused": _OPEN,
    "ping": _OPEN,
    "playback_completed": _OPEN,
    "playback_started": _OPEN,
    "resumed": _OPEN,
    "update": _OPEN,
}
"""In which states a message may come."""

Given = tuple[list[Event], list[str]]


class AudioHookConnection:
    """The server's side of one session.

    Args:
        session_id: of the request's ``audiohook-session-id``.
        organization_id: of the request's ``audiohook-organization-id``, which was signed.
        languages: that are named to a client that asks, such as ``en-US``.
        keys: by which a caller agrees or withdraws consent.
    """

    def __init__(
        self,
        *,
        session_id: str,
        organization_id: str,
        languages: tuple[str, ...] = (),
        keys: ConsentKeys = NO_KEYS,
    ) -> None:
        self.state = State.NEW
        self.position = 0
        """Samples since the call's first."""
        self.is_probe = False
        self._session, self._organization = session_id, organization_id
        self._languages, self._keys = languages, keys
        self._seq = self._clientseq = self._received = 0
        self._media: Media | None = None
        self._opened: dict[str, object] = {}
        self._orders: Mapping[str, Callable[[Message], Given]] = {
            "open": self._open,
            "close": self._close,
            "discarded": self._discarded,
            "dtmf": self._key,
            "paused": self._paused,
            "ping": lambda _: ([], [self._say("pong")]),
            "resumed": self._resumed,
            "update": self._update,
        }

    def feed(self, data: str | bytes) -> Given:
        """Take a text or a binary frame.

        Raises:
            GatewayError: the client broke the protocol; ``refuse`` says so to it.
        """
        if isinstance(data, bytes):
            return self._audio(data)
        if self.state in {State.CLOSING, State.CLOSED}:
            return [], []
        if self.state is State.REFUSED:
            return self._after_refusal(data)
        message = messages.read(data)
        self._in_order(message)
        if self.state not in _ALLOWED[message.order]:
            raise _bad(f"{message.order} while the session is {self.state.value}")
        if self.state in _OPEN and message.order != "close":
            self._same_position(message.position)
        order = self._orders.get(message.order)
        return order(message) if order else ([], [])

    def accept(self) -> list[str]:
        """The call began: ``opened``, with the format that was taken."""
        if self.state is not State.OPENING:
            return []
        self.state = State.ACTIVE
        return [self._say("opened", self._opened)]

    def finish(self) -> list[str]:
        """All of the call is safe: ``closed``."""
        if self.state is not State.CLOSING:
            return []
        self.state = State.CLOSED
        return [self._say("closed")]

    def refuse(self, reason: Reason) -> list[str]:
        """End the session for this reason: ``disconnect``, where the protocol still has it."""
        before, self.state = self.state, State.REFUSED
        if before in {State.CLOSING, State.CLOSED, State.REFUSED}:
            return []
        rights = reason in {Reason.UNAUTHORISED, Reason.REPLAYED}
        said = {"reason": "unauthorized" if rights else "error", "info": reason.value}
        return [self._say("disconnect", said)]

    def _say(self, order: str, parameters: Mapping[str, object] | None = None) -> str:
        self._seq += 1
        return messages.write(
            order,
            session=self._session,
            seq=self._seq,
            clientseq=self._clientseq,
            parameters=parameters or {},
        )

    def _after_refusal(self, text: str) -> Given:
        try:
            message = messages.read(text)
        except GatewayError:
            return [], []
        self._clientseq = message.seq
        if message.order != "close":
            return [], []
        self.state = State.CLOSED
        return [], [self._say("closed")]

    def _in_order(self, message: Message) -> None:
        if message.session != self._session:
            raise _bad("the message's id is not the session's")
        if message.seq != self._clientseq + 1:
            raise _bad("seq does not count up by one")
        if message.serverseq > self._seq:
            raise _bad("serverseq is ahead of what was sent")
        self._clientseq = message.seq

    def _same_position(self, nanoseconds: int) -> None:
        """Both sides count alike, or rate or channels are not what was agreed on."""
        stated, slack = _samples(nanoseconds), SLACK_S * RATE
        if self._received > stated + slack:
            raise GatewayError(
                Reason.BAD_AUDIO, "more audio came than the client's position tells: another rate?"
            )
        if self.state is State.ACTIVE and stated > self.position + slack:
            raise GatewayError(
                Reason.BAD_AUDIO, "less audio came than the client's position tells: another rate?"
            )

    def _audio(self, payload: bytes) -> Given:
        if self.state in {State.CLOSING, State.CLOSED, State.REFUSED}:
            return [], []
        if self.state is not State.ACTIVE or self._media is None:
            raise _bad(f"audio while the session is {self.state.value}")
        if len(payload) > LARGEST_AUDIO:
            raise GatewayError(Reason.TOO_LARGE, f"audio of more than {LARGEST_AUDIO} bytes")
        samples, rest = divmod(len(payload), self._media.frame)
        if rest or not samples:
            raise GatewayError(
                Reason.BAD_AUDIO, "a frame that holds no whole number of samples of all channels"
            )
        start = self.position
        self.position += samples
        self._received += samples
        if self.is_probe:
            return [], []
        return [Audio(-1, start, payload)], []

    def _open(self, message: Message) -> Given:
        given = cast("Open", message.parameters)
        if given.organization_id.lower() != self._organization.lower():
            raise GatewayError(
                Reason.UNAUTHORISED,
                "organizationId is not the one whose request was signed",
                ours=True,
            )
        self._media = chosen(given.media)
        stated, business = given.stated, given.business
        self._opened = {"media": [self._media.offered()], "startPaused": False}
        if given.wants_languages:
            self._opened["supportedLanguages"] = list(self._languages)
        self.state, self.is_probe = State.OPENING, given.is_probe
        if self.is_probe:
            return [], self.accept()
        started = Started(
            recorder_id=given.conversation_id,
            codec=self._media.codec,
            sample_rate=RATE,
            tracks=self._media.channels,
            roles=self._media.roles,
            numbers=given.numbers,
            language=_language(given.language),
            stated=stated,
            business=business,
        )
        return [started], []

    def _close(self, message: Message) -> Given:
        before, self.state = self.state, State.CLOSING
        if before not in _OPEN or self.is_probe:
            return [], self.finish()
        stated = _samples(message.position)
        slack = SLACK_S * RATE if before is State.ACTIVE else 0
        complete = cast("Close", message.parameters).reason == "end"
        return [Ended(complete, stated if stated > self.position + slack else 0)], []

    def _discarded(self, message: Message) -> Given:
        if self.state is State.PAUSED:
            return [], []  # what the pause left out is told when it ends
        return self._lost(cast("Stretch", message.parameters)), []

    def _lost(self, stretch: Stretch) -> list[Event]:
        """What was not sent, up to where the client says that it goes on."""
        start, end = self.position, _samples(stretch.end)
        if end <= start:
            return []
        self.position = end
        return [] if self.is_probe else [Lost(start, end - start)]

    def _paused(self, _message: Message) -> Given:
        if self.state is State.PAUSED:
            return [], []
        self.state = State.PAUSED
        return ([] if self.is_probe else [Paused(self.position)]), []

    def _resumed(self, message: Message) -> Given:
        stretch = cast("Stretch", message.parameters)
        if self.state is State.ACTIVE:
            return self._lost(stretch), []
        self.state = State.ACTIVE
        self.position = max(self.position, _samples(stretch.end))
        return ([] if self.is_probe else [Resumed(self.position)]), []

    def _key(self, message: Message) -> Given:
        if self.is_probe or self._media is None:
            return [], []
        digit = cast("Key", message.parameters).digit
        return [self._keys.pressed(digit, self._media.external, self.position)], []

    def _update(self, message: Message) -> Given:
        language = _language(cast("Update", message.parameters).language)
        said = [self._say("updated")]
        return ([] if self.is_probe or not language else [Updated(language)]), said


def _samples(nanoseconds: int) -> int:
    return (nanoseconds * RATE + _NANO // 2) // _NANO


def _language(code: str | None) -> str:
    """``en-US`` → ``en``; nothing where the language has no two letters."""
    first = (code or "").split("-")[0].lower()
    return first if len(first) == 2 and first.isascii() and first.isalpha() else ""  # noqa: PLR2004


def _bad(message: str) -> GatewayError:
    return GatewayError(Reason.BAD_FRAME, message)
