"""The private half of the door where calls are let in: its files, and how calls' keys are opened.

A record that was sent for a key that is not here waits for it, for a bounded time: a new private
half may be on its way to this host, or another file be in its place.

Outcomes of ``Opener.open``: a seal; ``KeyAwayError``: ask again later; ``NotTakenError``;
``StoreError`` where a file or the database is away.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final

from agents.crypto.envelope import Seal
from agents.crypto.transit_hybrid import TransitPrivate, hybrid_key_id, write_public
from agents.database.call_ledger import Ledger
from agents.database.known_keys import DoorKeys
from agents.stages.door_info import NotTakenError
from agents.system.owners import DOOR
from pipeline.detection.language.vocabulary import DEFAULT
from pipeline.errors import HushwireError, SealError
from pipeline.policy.model import Policy
from pipeline.records.model import CallInfo

KEY_WAIT_S: Final = 120.0
"""How long a record waits for the private half that it was sent for: it may be on its way here."""
KEY_LOOK_S: Final = 5.0
"""How often is looked for it."""
_AWAITED: Final = 4
"""Keys that are waited for within an hour: whoever may write could else hold up everybody."""
_AWAITED_S: Final = 3_600.0
_KEYS: Final = 4
"""Keys of one call in memory: a sender that was started again makes a new one."""


class KeyAwayError(HushwireError):
    """A record for a key that is not here, or not yet."""


@dataclass(frozen=True, slots=True)
class Door:
    """How calls are let in: which files, and what is asked."""

    private: Path
    """The private half of the transit keys; made when no call was let in before."""
    public: Path
    """Where its public half is put when it is made, for whoever sends."""
    service: str | None = None
    """URI of the key service's key that encrypts the private half's file."""
    may_be_sent: Callable[[CallInfo, Policy], None] = lambda _call, _policy: None
    """Raises ``ConsentError`` for a call that its metadata forbids by a policy."""
    language: str = DEFAULT
    """Of a call whose header names none."""
    lines: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Names of the company's own numbers, by number (``agents.settings.notices.line_names``)."""

    def open(self, ledger: Ledger) -> TransitPrivate:
        """The private half.

        Raises:
            StoreError: it is missing, and calls were sent for it or its public half is there; it
                is another one than other workers have; or it can't be read or made.
        """
        keys = DoorKeys(ledger.database)
        missing = not self.private.exists()
        if missing and (keys.known() or ledger.opened_by(DOOR)):
            return TransitPrivate(self.private, self.service)  # which says what is to be done
        private = TransitPrivate.load_or_create(self.private, self.service, public=self.public)
        keys.note(private.ids)
        if missing:
            write_public(self.public, private.public)
        return private


class Opener:
    """Opens calls' keys; used from several threads.

    Args:
        private: the private half.
        known: which keys of it are noted.
        monotonic: seconds of a clock that only goes forward.
    """

    def __init__(
        self, private: TransitPrivate, known: DoorKeys, monotonic: Callable[[], float]
    ) -> None:
        self._private, self._known, self._monotonic = private, known, monotonic
        self._noted: frozenset[int] = frozenset()
        self._awaited: dict[int, float] = {}
        self._lock = Lock()

    def open(self, wrapped: bytes, call_id: str, keys: OrderedDict[bytes, Seal]) -> Seal:
        """The seal of a call's key.

        Args:
            wrapped: as its records carry it.
            call_id: which call.
            keys: those of the call that were opened before; this one is added.
        """
        seal = keys.get(wrapped)
        if seal is None:
            try:
                seal = self._private.unwrap(wrapped, call_id)
            except SealError:
                if self._may_come(wrapped):
                    raise KeyAwayError("the private half that it was sent for") from None
                raise NotTakenError("door_key") from None
            if hybrid_key_id(wrapped) not in self._noted:
                ids = self._private.ids
                self._known.note(ids)
                self._noted = ids
            keys[wrapped] = seal
            while len(keys) > _KEYS:
                keys.popitem(last=False)
        return seal

    def _may_come(self, wrapped: bytes) -> bool:
        """Whether to wait for the private half that a call's key was made for."""
        try:
            key_id = hybrid_key_id(wrapped)
        except SealError:
            return False
        if key_id in self._private.ids:
            return False
        now = self._monotonic()
        with self._lock:
            recent = {one: at for one, at in self._awaited.items() if now - at < _AWAITED_S}
            if key_id not in recent and len(recent) < _AWAITED:
                recent[key_id] = now
            self._awaited = recent
            return now - recent.get(key_id, float("-inf")) < KEY_WAIT_S
