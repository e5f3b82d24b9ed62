"""Which keys the ledger's calls need: a file with another one is noticed, and none is made anew.

The wrapping keys are known by what they wrap (``wrapped_keys``). Here are the rest: the private
halves' keys that calls come in by, the token key, and the signing key.

Outcomes: ``KeyFileError`` where a key file is missing or another one; every method raises
``StoreError`` where the database is away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from agents.crypto.ed25519 import SigningKey
from agents.crypto.pseudonym_secret import make_key, read_key
from agents.database.engine import Database
from agents.database.tables import (
    CALLS,
    CATALOGUE,
    CHECKPOINTS,
    DOOR_CALLS,
    DOOR_KEYS,
    KNOWN_KEYS,
    PARTIES,
)
from agents.system.clock import stamp
from agents.system.private_files import there
from pipeline.errors import KeyFileError, StoreError
from pipeline.records.pseudonyms import key_check

_FIRST: Final = 0
"""No key has this id. Its row is written with the first keys: of two hosts that start at the same
time, one is second."""

LOOK_S: Final = 5.0
"""How often whoever holds a key asks whether it still counts."""
STILL_NAMED: Final = timedelta(minutes=5)
"""How long after a replacement a call may be opened that the old key named: one look, what is done
between a call's naming and its opening, and clocks of hosts that are not the same."""


class DoorKeys:
    """The table in a ledger's database.

    Args:
        database: the ledger's, with its schema up to date.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self) -> frozenset[int]:
        """All ids that were noted."""
        with self._database.reading() as connection:
            found = frozenset(connection.scalars(select(DOOR_KEYS.c.key_id)))
        return found - {_FIRST}

    def note(self, ids: Iterable[int]) -> None:
        """Note the ids of a private half that goes with what is known; a repeat changes nothing.

        Raises:
            StoreError: other ids are known, and none of these: calls were sent for another pair.
        """
        mine = frozenset(ids)
        if self._insert({_FIRST, *mine}):
            return
        known = self.known()
        if known and not known & mine:
            raise StoreError(
                "the private half of the door is another one than calls are sent for here: put the "
                "file in its place that the other workers with admit have, or where that is lost, "
                "run `hushwire keys transit new --lost`"
            )
        for one in mine - known:
            self._insert({one})

    def replace(self, ids: Iterable[int]) -> None:
        """Note these ids and no others: the private half that was noted is lost."""
        with self._database.writing() as connection:
            connection.execute(delete(DOOR_KEYS))
            connection.execute(insert(DOOR_KEYS), self._rows({_FIRST, *ids}))

    def _insert(self, ids: Iterable[int]) -> bool:
        """Whether none of them was there before; else none is added."""
        try:
            with self._database.writing() as connection:
                connection.execute(insert(DOOR_KEYS), self._rows(ids))
        except IntegrityError:
            return False
        return True

    def _rows(self, ids: Iterable[int]) -> list[dict[str, object]]:
        at = self._database.stamp()
        return [{"key_id": one, "created": at} for one in sorted(ids)]


@dataclass(frozen=True, slots=True)
class Known:
    """A key that the ledger knows."""

    number: int
    """1 for the first one, more where others took its place."""
    checked: str
    since: str
    """ISO 8601 in UTC."""


class KnownKey:
    """By what one key of the installation is known again.

    Args:
        database: the ledger's, with its schema up to date.
        name: such as ``token``.
        what: what messages call its file.
        setting: the setting that names it.
        needed_by: the tables that have rows once it was needed.
    """

    def __init__(
        self, database: Database, name: str, what: str, setting: str, needed_by: tuple[Table, ...]
    ) -> None:
        self._database, self._name = database, name
        self._setting, self._needed_by = setting, needed_by
        self.what, self.command = what, f"hushwire keys new --replace {name}"

    def noted(self) -> Known | None:
        """What is known of the key that counts."""
        mine = select(KNOWN_KEYS).where(KNOWN_KEYS.c.name == self._name)
        with self._database.reading() as connection:
            row = connection.execute(mine.order_by(KNOWN_KEYS.c.number.desc()).limit(1)).first()
        return Known(row.number, row.checked, row.noted) if row is not None else None

    def needed(self) -> bool:
        """Whether something was made with the key, so that none may be made anew."""
        if self.noted() is not None:
            return True
        with self._database.reading() as connection:
            return any(
                connection.scalar(select(one.primary_key.columns[0]).limit(1)) is not None
                for one in self._needed_by
            )

    def require(
        self,
        path: Path,
        checked: str,
        *,
        note: bool = True,
        remove: Callable[[], None] | None = None,
    ) -> None:
        """Refuse another key than the one that is known; where none is, this one is noted.

        Args:
            path: its file.
            checked: what the ledger would know it by.
            note: whether it is noted where none is known.
            remove: takes the file away where this process has just made it.

        Raises:
            KeyFileError: it is another one.
        """
        known = self.noted()
        if known is None and note:
            self._insert(1, checked)
            known = self.noted()  # another host's or a replacement's, where that was faster
        if known is None or known.checked == checked:
            return
        if remove is not None:
            remove()
            raise KeyFileError(
                f"{self.what} {path}: another host made its own at the same moment, which this "
                "ledger knows; the one of this host was removed. Bring the other host's file here, "
                f"or name its place by {self._setting}"
            )
        raise KeyFileError(
            f"{self.what} {path}: is another one than this ledger has known since "
            f"{known.since[:10]}. Put that one back from its backup, or name its place by "
            f"{self._setting}; {self._lost('takes this one')}"
        )

    def missing(self, path: Path) -> KeyFileError:
        """What is said where the file is gone, and is needed."""
        return KeyFileError(
            f"{self.what} {path}: is missing, and calls were made with it. Put it back from its "
            f"backup, bring it from a host that has it, or name its place by {self._setting}; "
            f"{self._lost('makes another')}"
        )

    def replace(self, checked: str) -> None:
        """Let another key count from now on."""
        known = self.noted()
        # One that was needed before any was noted is the first.
        before = known.number if known is not None else int(self.needed())
        if not self._insert(before + 1, checked):
            raise StoreError(f"{self.what}: somebody else replaced it at the same moment")

    def _lost(self, does: str) -> str:
        return f"where it is lost for good, `{self.command}` {does}, and says what is given up"

    def _insert(self, number: int, checked: str) -> bool:
        """Whether nobody was faster."""
        row = {"name": self._name, "number": number, "checked": checked}
        try:
            with self._database.writing() as connection:
                connection.execute(insert(KNOWN_KEYS).values(noted=self._database.stamp(), **row))
        except IntegrityError:
            return False
        return True


def token_key_known(database: Database) -> KnownKey:
    """What the ledger knows of the token key."""
    return KnownKey(database, "token", "token key", "HUSHWIRE_TOKEN_KEY", (CALLS,))


def signing_key_known(database: Database) -> KnownKey:
    """What the ledger knows of the signing key."""
    signed = (CATALOGUE, CHECKPOINTS)
    return KnownKey(database, "signing", "signing key", "HUSHWIRE_SIGNING_KEY", signed)


def ensured_token_key(database: Database, path: Path, *, named: bool) -> bytes:
    """The secret for keyed hashes, for whoever opens or stores calls.

    It is made where no call was ever opened; then, and where an older version left a ledger that
    does not know its key, it is noted.

    Args:
        database: the ledger's.
        path: the file.
        named: whether a setting names it: it is not made then.

    Raises:
        KeyFileError: it is missing, or is another one than calls were named with.
        StoreError: it can't be read or made.
    """
    known, remove = token_key_known(database), None
    if not there(path):
        if known.needed():
            raise known.missing(path)
        if not named:
            remove = make_key(path)
    key = read_key(path)
    known.require(path, key_check(key), remove=remove)
    return key


def known_token_key(database: Database, path: Path) -> bytes:
    """The same for whoever looks for calls: nothing is made or noted.

    Raises:
        KeyFileError: it is missing, or is another one than calls were named with.
        StoreError: it can't be read.
    """
    known = token_key_known(database)
    if not there(path) and known.needed():
        raise known.missing(path)
    key = read_key(path)
    known.require(path, key_check(key), note=False)
    return key


class HeldTokenKey:
    """The token key in the memory of a process that goes on for long.

    It is asked for with each use; every few seconds the ledger is asked whether it still counts.

    Args:
        database: the ledger's.
        path: its file, for messages, and read where ``key`` is none.
        key: as it was read and checked; None: it is read with its first use.
        monotonic: seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        database: Database,
        path: Path,
        key: bytes | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._path, self._key = database, path, key
        self._monotonic, self._looked = monotonic, float("-inf")

    def __call__(self) -> bytes:
        """The key.

        Raises:
            KeyFileError: it is missing, another one, or was replaced since it was read.
            StoreError: it can't be read, or the ledger is away.
        """
        now = self._monotonic()
        if self._key is None:
            self._key = known_token_key(self._database, self._path)
        elif now - self._looked >= LOOK_S:
            known = token_key_known(self._database)
            known.require(self._path, key_check(self._key), note=False)
        else:
            return self._key
        self._looked = now
        return self._key


def ensured_signing_key(database: Database, path: Path, *, named: bool) -> SigningKey:
    """The signing key, made where nothing was ever signed; noted as the token key is.

    Args:
        database: the ledger's.
        path: the file.
        named: whether it is not to be made, since a setting names it. Workers with the vault stage
            make it there, too: it lies on a volume that they alone have.

    Raises:
        KeyFileError: it is missing, or is another one than it was.
        StoreError: it can't be read or made.
    """
    known, remove = signing_key_known(database), None
    if not there(path):
        if known.needed():
            raise known.missing(path)
        if named:
            raise unsigned(path)
        remove = SigningKey.create(path)
    key = SigningKey.load(path)
    known.require(path, key.public.key_id, remove=remove)
    return key


def known_signing_key(database: Database, path: Path) -> SigningKey:
    """The same for whoever signs or shows it beside the workers: nothing is made or noted.

    Raises:
        KeyFileError: it is missing, or is another one than it was.
        StoreError: it can't be read.
    """
    known = signing_key_known(database)
    if not there(path):
        raise known.missing(path) if known.needed() else unsigned(path)
    key = SigningKey.load(path)
    known.require(path, key.public.key_id, note=False)
    return key


def unsigned(path: Path) -> KeyFileError:
    """What is said where the signing key is not there, and nothing was signed."""
    return KeyFileError(
        f"signing key {path}: is missing. Put it back from its backup, or name its place by "
        "HUSHWIRE_SIGNING_KEY; where nothing was signed yet, the first worker with the vault stage "
        "makes it"
    )


def found_by_lost_key(database: Database) -> datetime | None:
    """Until when calls came that a token key that was lost would find; None where there is none.

    They are stored with somebody's pseudonym, or with the recorder's own id, of which the key that
    counts now makes others. Processes that ran on when it was replaced have named calls with it for
    a few seconds more (``HeldTokenKey``).
    """
    known = token_key_known(database).noted()
    if known is None or known.number == 1:
        return None
    named = select(PARTIES.c.call_id).union(
        select(DOOR_CALLS.c.call_id).where(DOOR_CALLS.c.recorder.is_not(None))
    )
    until = datetime.fromisoformat(known.since) + STILL_NAMED
    before = (CALLS.c.created < stamp(until)) & CALLS.c.call_id.in_(named)
    with database.reading() as connection:
        found = connection.scalar(select(CALLS.c.call_id).where(before).limit(1))
    return until if found is not None else None
