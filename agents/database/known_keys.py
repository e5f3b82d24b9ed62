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
from typing import Final, Generic, TypeVar

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

_Key = TypeVar("_Key")
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


class KnownKey(Generic[_Key]):
    """One key of the installation: by what it is known again, and who may read or make its file.

    Args:
        database: the ledger's, with its schema up to date.
        name: such as ``token``.
        needed_by: the tables that have rows once it was needed.
        make: makes the file where there is none; what removes it again, None where it was there.
        load: reads the file; ``KeyFileError`` where there is none.
        check: what the ledger knows the key by.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        needed_by: tuple[Table, ...],
        *,
        make: Callable[[Path], Callable[[], None] | None],
        load: Callable[[Path], _Key],
        check: Callable[[_Key], str],
    ) -> None:
        self._database, self._name, self._needed_by = database, name, needed_by
        self.make, self.load, self.check = make, load, check
        self._setting = f"HUSHWIRE_{name.upper()}_KEY"
        self.what, self.command = f"{name} key", f"hushwire keys new --replace {name}"

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

    def ensured(self, path: Path, *, make: bool = True) -> _Key:
        """The key, for the processes that it belongs to.

        It is made where nothing ever needed it; then, and where an older version left a ledger that
        does not know its key, it is noted.

        Args:
            path: its file.
            make: whether it may be made.

        Raises:
            KeyFileError: it is missing, or is another one than the ledger knows.
            StoreError: it can't be read or made.
        """
        remove = None
        if not self._there(path) and make:
            remove = self.make(path)
        key = self.load(path)
        self.require(path, key, remove=remove)
        return key

    def read(self, path: Path) -> _Key:
        """The same for whoever works beside those: nothing is made or noted."""
        self._there(path)
        key = self.load(path)
        self.require(path, key, note=False)
        return key

    def require(
        self,
        path: Path,
        key: _Key,
        *,
        note: bool = True,
        remove: Callable[[], None] | None = None,
    ) -> None:
        """Refuse another key than the one that is known; where none is, this one is noted.

        Args:
            path: its file.
            key: what is in it.
            note: whether it is noted where none is known.
            remove: takes the file away where this process has just made it.

        Raises:
            KeyFileError: it is another one.
        """
        known, checked = self.noted(), self.check(key)
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

    def replace(self, key: _Key) -> None:
        """Let another key count from now on."""
        known = self.noted()
        # One that was needed before any was noted is the first.
        before = known.number if known is not None else int(self.needed())
        if not self._insert(before + 1, self.check(key)):
            raise StoreError(f"{self.what}: somebody else replaced it at the same moment")

    def _there(self, path: Path) -> bool:
        """Whether the file exists; refused where it does not, and is needed."""
        if there(path):
            return True
        if self.needed():
            raise KeyFileError(
                f"{self.what} {path}: is missing, and calls were made with it. Put it back from "
                "its backup, bring it from a host that has it, or name its place by "
                f"{self._setting}; {self._lost('makes another')}"
            )
        return False

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


def known_token_key(database: Database) -> KnownKey[bytes]:
    """The secret for keyed hashes: made by whoever opens calls, before the first."""
    return KnownKey(database, "token", (CALLS,), make=make_key, load=read_key, check=key_check)


def known_signing_key(database: Database) -> KnownKey[SigningKey]:
    """The signing key: made by the first worker with the vault stage."""
    return KnownKey(
        database, "signing", (CATALOGUE, CHECKPOINTS),
        make=SigningKey.create, load=SigningKey.load, check=lambda key: key.public.key_id,
    )  # fmt: skip


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
            self._key = known_token_key(self._database).read(self._path)
        elif now - self._looked >= LOOK_S:
            known_token_key(self._database).require(self._path, self._key, note=False)
        else:
            return self._key
        self._looked = now
        return self._key


def found_by_lost_key(database: Database) -> datetime | None:
    """Until when calls came that a token key that was lost would find; None where there is none.

    They are stored with somebody's pseudonym, or with the recorder's own id, of which the key that
    counts now makes others. Processes that ran on when it was replaced have named calls with it for
    a few seconds more (``HeldTokenKey``).
    """
    known = known_token_key(database).noted()
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
