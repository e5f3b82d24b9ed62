"""What the ledger knows of the token key and the signing key, in both databases."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import delete, insert, select, update

from agents.crypto.ed25519 import SigningKey
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.crypto.pseudonym_secret import read_key, read_or_make_key
from agents.database.call_ledger import Ledger
from agents.database.known_keys import (
    LOOK_S,
    STILL_NAMED,
    HeldTokenKey,
    KnownKey,
    found_by_lost_key,
    known_signing_key,
    known_token_key,
)
from agents.database.tables import CALLS, CHECKPOINTS, DOOR_CALLS, KNOWN_KEYS
from agents.system.clock import stamp
from agents.vault.recorder_ids import note_recorder_id
from pipeline.errors import KeyFileError, StoreError
from pipeline.records.pseudonyms import key_check
from tests.waiting import HANG_S

_Key = TypeVar("_Key")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "tokens.key"


def test_the_first_start_makes_and_notes_it_and_every_other_one_finds_it(
    ledger: Ledger, path: Path
) -> None:
    made = known_token_key(ledger.database).ensured(path)
    assert read_key(path) == made
    known = known_token_key(ledger.database).noted()
    assert known is not None
    assert (known.number, known.checked) == (1, key_check(made))
    ledger.open_call("call")
    assert known_token_key(ledger.database).ensured(path, make=False) == made
    assert known_token_key(ledger.database).read(path) == made
    # Neither the key nor a part of it is there.
    with ledger.database.reading() as connection:
        row = connection.execute(select(KNOWN_KEYS)).one()
    assert not any(made.hex()[:16] in str(one) for one in row)


@pytest.mark.parametrize("look", [KnownKey.ensured, KnownKey.read])
@pytest.mark.parametrize("noted", [True, False])
def test_once_calls_exist_a_key_that_is_gone_is_not_made_anew(
    ledger: Ledger, path: Path, look: Callable[[KnownKey[bytes], Path], bytes], *, noted: bool
) -> None:
    if noted:
        known_token_key(ledger.database).ensured(path)
        path.unlink()
    ledger.open_call("call")
    with pytest.raises(KeyFileError, match="is missing, and calls were made with it") as refused:
        look(known_token_key(ledger.database), path)
    assert str(path) in str(refused.value)
    assert "keys new --replace token" in str(refused.value)
    assert not path.exists()


def test_another_key_is_refused(ledger: Ledger, path: Path, tmp_path: Path) -> None:
    known_token_key(ledger.database).ensured(path)
    other = tmp_path / "other.key"
    read_or_make_key(other)
    told = r"other\.key: is another one"
    with pytest.raises(KeyFileError, match=told):
        known_token_key(ledger.database).ensured(other)
    with pytest.raises(KeyFileError, match=told):
        known_token_key(ledger.database).read(other)


def test_what_a_setting_names_is_never_made(ledger: Ledger, path: Path) -> None:
    with pytest.raises(KeyFileError, match="`hushwire keys new` makes it"):
        known_token_key(ledger.database).ensured(path, make=False)
    assert not path.exists()


def test_a_ledger_from_before_takes_the_key_that_is_there(ledger: Ledger, path: Path) -> None:
    key = read_or_make_key(path)
    ledger.open_call("call")
    assert known_token_key(ledger.database).read(path) == key
    assert known_token_key(ledger.database).noted() is None  # whoever looks notes nothing
    assert known_token_key(ledger.database).ensured(path) == key
    known = known_token_key(ledger.database).noted()
    assert known is not None
    assert known.checked == key_check(key)


@pytest.mark.parametrize("what", ["tokens.key", "signing.pem"])
def test_of_hosts_that_start_at_once_with_keys_of_their_own_one_keeps_its_own(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    all_made, require = Barrier(4), KnownKey.require

    def late(
        known: KnownKey[_Key], path: Path, key: _Key, *, remove: Callable[[], None] | None
    ) -> None:
        all_made.wait(HANG_S)
        require(known, path, key, remove=remove)

    monkeypatch.setattr(KnownKey, "require", late)

    def start(host: str) -> str:
        try:
            if what == "tokens.key":
                known_token_key(ledger.database).ensured(tmp_path / host / what)
            else:
                known_signing_key(ledger.database).ensured(tmp_path / host / what)
        except KeyFileError as error:
            return str(error)
        return "started"

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(start, "abcd"))
    assert ended.count("started") == 1
    assert sum("Bring the other host's file here" in one for one in ended) == 3
    files = {one.name for one in tmp_path.glob("?/*")}
    assert files == ({what} if what == "tokens.key" else {what, f"{what}.head"})
    assert len({one.parent for one in tmp_path.glob("?/*")}) == 1


def test_a_key_that_is_replaced_while_a_worker_notes_its_own_counts(
    ledger: Ledger, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a ledger from before: nothing is noted yet, and the worker has the key that is lost."""
    ledger.open_call("before")
    old, new = read_or_make_key(path), read_or_make_key(tmp_path / "new.key")
    inserted, known = KnownKey._insert, known_token_key(ledger.database)

    def slow(self: KnownKey[bytes], number: int, checked: str) -> bool:
        if checked == key_check(old):
            known.replace(new)
        return inserted(self, number, checked)

    monkeypatch.setattr(KnownKey, "_insert", slow)
    with pytest.raises(KeyFileError, match="is another one"):
        known_token_key(ledger.database).ensured(path)
    assert path.exists()  # this process did not make it


def test_a_process_that_goes_on_notices_a_replacement(ledger: Ledger, path: Path) -> None:
    database, seconds = ledger.database, 0.0
    key = known_token_key(database).ensured(path)
    held = HeldTokenKey(database, path, key, monotonic=lambda: seconds)
    read = HeldTokenKey(database, path, monotonic=lambda: seconds)
    assert held() == read() == key
    path.unlink()
    known_token_key(database).replace(read_or_make_key(path))
    assert held() == read() == key  # for less than a look
    seconds += LOOK_S
    for one in (held, read):
        with pytest.raises(KeyFileError, match="is another one"):
            Pseudonyms(one)("+15550100199")
    assert HeldTokenKey(database, path)() == read_key(path)


def test_calls_that_a_running_process_named_with_the_old_key_count_as_not_to_be_found(
    ledger: Ledger, path: Path
) -> None:
    database = ledger.database
    key = known_token_key(database).ensured(path)
    path.unlink()
    known_token_key(database).replace(read_or_make_key(path))
    seal = ledger.open_call("after").seal
    note_recorder_id(database, Pseudonyms(lambda: key), "after", "r-1", seal)
    assert found_by_lost_key(database) is not None
    later = stamp(database.now() + STILL_NAMED)
    with database.writing() as connection:
        connection.execute(update(CALLS).values(created=later))
    assert found_by_lost_key(database) is None


def test_a_file_that_others_may_read_is_refused_as_before(ledger: Ledger, path: Path) -> None:
    known_token_key(ledger.database).ensured(path)
    path.chmod(0o640)
    with pytest.raises(StoreError, match="others may read it"):
        known_token_key(ledger.database).ensured(path)


def test_after_a_replacement_calls_from_before_count_as_not_to_be_found(
    ledger: Ledger, path: Path
) -> None:
    database = ledger.database
    known = known_token_key(database)
    named = Pseudonyms(partial(known.ensured, path))
    named("+15550100199")  # makes it
    seal = ledger.open_call("before").seal
    note_recorder_id(database, named, "before", "r-1", seal)
    assert found_by_lost_key(database) is None
    with database.writing() as connection:
        connection.execute(update(CALLS).values(created=stamp(database.now() - timedelta(days=1))))
    path.unlink()
    known.replace(read_or_make_key(path))
    found = known.noted()
    assert found is not None
    assert found.number == 2
    until = found_by_lost_key(database)
    assert until is not None
    assert stamp(until - STILL_NAMED) == found.since
    assert known_token_key(database).ensured(path) == read_key(path)
    # Once those calls are gone, nothing is left to be said.
    with database.writing() as connection:
        connection.execute(delete(DOOR_CALLS))
    assert found_by_lost_key(database) is None


def test_a_replacement_of_a_key_that_was_never_noted_counts_too(ledger: Ledger, path: Path) -> None:
    ledger.open_call("before")
    known = known_token_key(ledger.database)
    known.replace(read_or_make_key(path))
    noted = known.noted()
    assert noted is not None
    assert noted.number == 2


def test_the_signing_key_is_made_until_something_was_signed(ledger: Ledger, path: Path) -> None:
    pem = path.with_name("signing.pem")
    ledger.open_call("call")  # nothing is signed of it
    key = known_signing_key(ledger.database).ensured(pem)
    assert known_signing_key(ledger.database).ensured(pem).public.key_id == key.public.key_id
    noted = known_signing_key(ledger.database).noted()
    assert noted is not None
    assert noted.checked == key.public.key_id
    kept = pem.with_name("kept.pem")
    shutil.move(pem, kept)
    with pytest.raises(KeyFileError, match="keys new --replace signing"):
        known_signing_key(ledger.database).ensured(pem)
    assert not pem.exists()
    SigningKey.load_or_create(pem)
    with pytest.raises(KeyFileError, match="is another one"):
        known_signing_key(ledger.database).ensured(pem)
    shutil.move(kept, pem)
    assert known_signing_key(ledger.database).ensured(pem).public.key_id == key.public.key_id


def test_who_shows_the_signing_key_makes_and_notes_none(ledger: Ledger, path: Path) -> None:
    pem = path.with_name("signing.pem")
    with pytest.raises(KeyFileError, match="the first worker with the vault stage makes it"):
        known_signing_key(ledger.database).read(pem)
    with pytest.raises(KeyFileError, match="is missing"):
        known_signing_key(ledger.database).ensured(pem, make=False)
    assert not pem.exists()
    key = SigningKey.load_or_create(pem)
    assert known_signing_key(ledger.database).read(pem).public.key_id == key.public.key_id
    assert known_signing_key(ledger.database).noted() is None
    known_signing_key(ledger.database).ensured(pem, make=False)
    other = path.with_name("other.pem")
    SigningKey.load_or_create(other)
    with pytest.raises(KeyFileError, match="is another one"):
        known_signing_key(ledger.database).read(other)


def test_a_signer_from_before_is_needed_where_its_checkpoints_are(
    ledger: Ledger, path: Path
) -> None:
    row = {"seq": 1, "kind": "end", "hash": "0" * 64, "at": "2026-01-01T00:00:00+00:00"}
    row |= {"algorithm": "Ed25519", "key_id": "1" * 64, "signature": "x"}
    with ledger.database.writing() as connection:
        connection.execute(insert(CHECKPOINTS).values(row))
    with pytest.raises(KeyFileError, match="is missing"):
        known_signing_key(ledger.database).ensured(path.with_name("signing.pem"))
