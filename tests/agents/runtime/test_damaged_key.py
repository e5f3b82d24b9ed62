"""A damaged wrapped key costs its own call, a wrong key file the process; they are told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Table, select, update

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import CallState, Ledger
from agents.database.tables import TRANSIT_KEYS, VAULT_KEYS, WRAPPING_KEYS
from agents.kafka.producer import sealed
from agents.system import fatal_exit
from agents.vault.call_keys import VaultKeys
from pipeline.errors import SealError
from pipeline.records.model import CallEnd
from tests.agents.runtime.test_stage_runtime import IN, TOPICS, EchoCore, _rig, running

pytestmark = pytest.mark.unit


def damage(ledger: Ledger, call_id: str, place: int, table: Table = TRANSIT_KEYS) -> None:
    """Flip one bit of a call's wrapped key in the database; places count as in a list."""
    mine = table.c.call_id == call_id
    with ledger.database.writing() as connection:
        changed = bytearray(connection.scalar(select(table.c.wrapped_key).where(mine)) or b"")
        changed[place] ^= 1
        connection.execute(update(table).where(mine).values(wrapped_key=bytes(changed)))


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit codes of processes that ended."""
    codes: list[int] = []

    def told(code: int, _message: str) -> None:
        codes.append(code)
        raise fatal_exit.FatalError(code, "")

    monkeypatch.setattr(fatal_exit, "_hook", [told])
    return codes


@pytest.mark.parametrize(
    "place", [-1, -40, 0, 6], ids=["material", "middle", "frame", "id of the wrapping key"]
)
async def test_one_damaged_key_refuses_one_call(
    tmp_path: Path, ended: list[int], place: int
) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("good", 3)
        seal = rig.ledger.open_call("bad").seal
        damage(rig.ledger, "bad", place)
        for count in (2, 1):
            message = sealed(CallEnd("bad", count, 0), IN, seal)
            await rig.bring_message(message.headers, message.value, "bad")
        await rig.bring("good", 0)
        await rig.until(lambda: rig.acknowledged() == [0, 1, 2, 3] or bool(ended))
        assert ended == []
        assert rig.ledger.state("bad") is CallState.REFUSED
        assert rig.ledger.finished("good", "detect")
        assert rig.port.to(TOPICS.deadletter) == ["damaged_key"]
        entries = [json.loads(line) for line in AuditLog(rig.ledger.database).export()]
        told = [(one["subject"], one["facts"]["code"]) for one in entries]
        assert told == [("bad", "damaged_key")]


async def test_another_key_file_ends_the_process_and_refuses_nothing(
    tmp_path: Path, ended: list[int]
) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        message = sealed(CallEnd("one", 2, 0), IN, rig.ledger.open_call("one").seal)
        rig.ledger.open_call("two")
        other = Ledger.embedded(tmp_path / "other")
        rig.ledger.kek.path.write_bytes(other.kek.path.read_bytes())
        rig.ledger.kek.reload()
        await rig.bring_message(message.headers, message.value, "one")
        await rig.until(lambda: bool(ended))
        assert ended == [fatal_exit.ExitCode.KEY]
        assert rig.ledger.state("one") is CallState.OPEN
        assert rig.acknowledged() == []
        other.dispose()


def test_a_damaged_key_file_is_not_taken_for_damaged_calls(tmp_path: Path) -> None:
    """Its id is right and its material is not: no other key proves it, so no call is refused."""
    ledger = Ledger.embedded(tmp_path)
    for call_id in ("one", "two"):
        ledger.open_call(call_id)
    clear = json.loads(ledger.kek.path.read_text())
    value = clear["key"][0]["keyData"]["value"]
    clear["key"][0]["keyData"]["value"] = value[:-8] + value[-8:].swapcase()
    ledger.kek.path.write_text(json.dumps(clear))
    ledger.kek.reload()
    with pytest.raises(SealError) as raised:
        ledger.seal("one")
    assert raised.value.code == "seal"
    ledger.dispose()


def test_a_lone_key_that_nothing_proves_ends_the_process(tmp_path: Path) -> None:
    ledger = Ledger.embedded(tmp_path)
    ledger.open_call("lone")
    damage(ledger, "lone", -1)
    with pytest.raises(SealError) as raised:
        ledger.seal("lone")
    assert raised.value.code == "seal"
    ledger.open_call("next")  # proves the file
    with pytest.raises(SealError) as raised:
        ledger.seal("lone")
    assert raised.value.code == "damaged_key"
    ledger.dispose()


def test_without_a_known_wrapping_key_nothing_counts_as_damaged(tmp_path: Path) -> None:
    ledger = Ledger.embedded(tmp_path)
    for call_id in ("one", "two"):
        ledger.open_call(call_id)
    damage(ledger, "one", 6)
    with ledger.database.writing() as connection:
        connection.execute(WRAPPING_KEYS.delete())
    with pytest.raises(SealError) as raised:
        ledger.seal("one")
    assert raised.value.code == "seal"
    ledger.dispose()


def test_a_damaged_vault_key_is_told_apart_too(tmp_path: Path) -> None:
    ledger = Ledger.embedded(tmp_path)
    ledger.open_call("one")
    keys = VaultKeys(ledger.database, ledger.kek)
    keys.obtain("one")
    damage(ledger, "one", -1, VAULT_KEYS)
    with pytest.raises(SealError) as raised:
        keys.obtain("one")
    assert raised.value.code == "damaged_key"
    ledger.dispose()
