"""What the broker still holds of a call that is closed can't be opened any more."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from agents.crypto.envelope import KeyEncryptionKey, Seal
from agents.database.call_ledger import CallState, Ledger
from agents.database.tables import TRANSIT_KEYS
from agents.upkeep.kek_rotation import rotate
from pipeline.errors import SealError, UnknownCallError
from pipeline.records import cloudevents
from tests.broker.harness import Installation, script

pytestmark = pytest.mark.broker


def opened(messages: list[Any], topic: str, seal: Seal) -> int:
    """How many records of a topic a seal opens."""
    count = 0
    for message in messages:
        headers = {name: value for name, value in message.headers() or [] if value is not None}
        try:
            count += bool(seal.open(message.value(), cloudevents.associated_data(topic, headers)))
        except SealError:
            continue
    return count


def test_records_on_the_broker_outlive_their_key(installation: Installation) -> None:
    call = script("call-1", seconds=4)
    raw = installation.topics.audio_raw
    keyset = installation.folder / "state" / "kek.json"
    worker = installation.start()
    installation.send("call-1", call.chunks[:4])
    installation.producer.flush()
    # A worker that knows the old key alone goes on.
    rotate(keyset, installation.ledger.database)
    installation.send("other", script("other", seconds=2).chunks)
    installation.send("call-1", call.chunks[4:])
    installation.producer.flush()
    total = len(call.chunks) + 1
    assert opened(installation.read(raw), raw, installation.ledger.seal("call-1")) == total - 1
    with installation.ledger.database.reading() as connection:
        query = select(TRANSIT_KEYS.c.wrapped_key).where(TRANSIT_KEYS.c.call_id == "call-1")
        saved = bytes(connection.scalar(query) or b"")

    installation.send("call-1", [call.end])
    installation.producer.flush()
    assert installation.until_closed(["call-1"]) == {"call-1": CallState.STORED}
    installation.stop(worker)

    # Nothing was removed from the broker, and nothing opens it: not the ledger, not one that is
    # opened anew, not another call's key.
    kept = installation.read(raw)
    mine = [one for one in kept if one.key() == b"call-1"]
    assert len(mine) == total
    state = installation.folder / "state"
    for ledger in (installation.ledger, Ledger.embedded(state)):
        with pytest.raises(UnknownCallError):
            ledger.seal("call-1")
    assert opened(kept, raw, installation.ledger.seal("other")) > 0
    written = b"".join(path.read_bytes() for path in state.iterdir())
    assert saved[-40:] not in written

    # A copy of the wrapped key, such as PostgreSQL's log keeps one, opens it until the next
    # rotation, and never after.
    copied = KeyEncryptionKey(keyset).unwrap(saved, "call-1")
    assert opened(kept, raw, copied) == total
    rotate(keyset, installation.ledger.database)
    with pytest.raises(SealError):
        KeyEncryptionKey(keyset).unwrap(saved, "call-1")
    assert installation.ledger.state("call-1") is CallState.STORED
