"""The recorder's own ids of calls: sealed with the call, found again by a keyed hash.

While a call is on its way its id is sealed by the call's transit key, in the vault by the call's
vault key: it opens as long as the call does, and for nobody else. A call that was refused or
quarantined is still found by it. No id stands in the catalogue, in a header, a log or a message.

Outcomes: ``shown`` returns the id, or nothing where the call has none that opens (any more); every
method raises ``StoreError`` where the database is away.
"""

from __future__ import annotations

import io
from typing import Final

import tink
from tink import streaming_aead

from agents.crypto.envelope import Seal
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.database.door_calls import DoorCalls
from agents.database.engine import Database
from agents.vault.call_keys import VaultKeys, seal_bytes
from pipeline.errors import SealError, UnknownCallError

_TRANSIT: Final = b"hushwire/recorder-id"
"""Associated data: nothing of a topic opens as an id, nor the other way round."""
_KEPT: Final = b"hushwire/vault/recorder-id/1/"


def note_recorder_id(
    database: Database, named: Pseudonyms, call_id: str, recorder_id: str, seal: Seal
) -> None:
    """Note the recorder's id of a call that was opened; whoever is first stays.

    Args:
        database: the ledger's.
        named: makes the keyed hash.
        call_id: which.
        recorder_id: whatever the recorder calls it; empty: nothing but that the call is known here.
        seal: of the open call.
    """
    index = sealed = None
    if recorder_id:
        index = named.recorder(recorder_id)
        sealed = seal.seal(recorder_id.encode("utf-8", "surrogatepass"), _TRANSIT)
    DoorCalls(database).note(call_id, index, sealed)


def find_by_recorder_id(database: Database, named: Pseudonyms, recorder_id: str) -> list[str]:
    """Calls of a recorder's id, the newest first: open, stored, quarantined and refused ones."""
    return DoorCalls(database).find(named.recorder(recorder_id))


class RecorderIds:
    """The recorders' ids of stored calls.

    Args:
        database: the ledger's.
        keys: the vault's.
    """

    def __init__(self, database: Database, keys: VaultKeys) -> None:
        self._rows, self._keys = DoorCalls(database), keys

    def keep(self, call_id: str, seal: Seal) -> None:
        """Seal the id of a call that was just stored by its vault key; a repeat changes nothing.

        Args:
            call_id: which.
            seal: of the call, which is still open.
        """
        row = self._rows.get(call_id)
        if row is None or row.sealed is None or row.kept:
            return
        try:
            key = self._keys.key(call_id)
            clear = seal.open(row.sealed, _TRANSIT)
        except (SealError, UnknownCallError):
            return  # quarantined, so nothing is kept but the hash; or somebody changed the row
        bound = _KEPT + call_id.encode()
        self._rows.keep(call_id, seal_bytes(key, clear, bound, what="a recorder's id"))

    def shown(self, call_id: str) -> str:
        """The recorder's id of a stored call; empty where it has none.

        Raises:
            SealError: what is noted was changed, or is another call's.
        """
        row = self._rows.get(call_id)
        if row is None or row.sealed is None or not row.kept:
            return ""
        try:
            key = self._keys.key(call_id)
        except UnknownCallError:
            return ""
        return _opened(key, row.sealed, _KEPT + call_id.encode()).decode("utf-8", "replace")

    def erase(self, call_id: str) -> None:
        """Remove the id of a call, and what it is found by."""
        self._rows.erase(call_id)


def _opened(key: streaming_aead.StreamingAead, sealed: bytes, bound: bytes) -> bytes:
    try:
        with key.new_decrypting_stream(io.BytesIO(sealed), bound) as stream:
            return bytes(stream.read())
    except tink.TinkError:
        raise SealError("a recorder's id does not open") from None
