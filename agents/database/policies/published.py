"""The policy in force: the version that was published last, or the one of the settings.

A version in force stands in the ledger's database with a seal: a key of its own, wrapped by the key
that wraps all others, authenticates number, digest, text, author and approver. Who may only write
to the database, or to the broker, can't put another policy in force, nor publish one that waits for
its approval. A worker looks which version is the newest at the moment in which it pins a new call,
so that no bell has to ring and none can be missed; see ``docs/adr/0034-versions-of-a-policy.md``.

Outcomes of ``InForce.policy``: the policy for a new call. A version that can't be taken up is
refused with an alarm (log and metrics) and the one before stays; ``InForce.start`` raises instead,
for there is none before. ``StoreError`` where the database is away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from sqlalchemy import Row, func, inspect, select
from tink import aead

from agents.crypto.envelope import KeyEncryptionKey, Seal
from agents.crypto.keyset_file import new_keyset
from agents.database.engine import Database
from agents.database.tables import ENTRIES, POLICY_VERSIONS
from agents.system.logging import get_logger
from agents.system.metrics import Metrics
from pipeline.errors import HushwireError, PolicyError, SealError
from pipeline.policy.known_names import Known
from pipeline.policy.model import Policy

PUBLISHED: Final = "published"
_TOLD: Final = "hushwire.audit.policy-published.v1"
_UNDONE: Final = "hushwire.audit.policy-step-failed.v1"
_LOOKED_AT: Final = 20
"""Entries of the audit log that are looked at for the last version that came into force."""
_COLUMNS: Final = POLICY_VERSIONS.c
_FOLLOWED: Final = (_COLUMNS.state == PUBLISHED) & (_COLUMNS.number > 0)
"""Version 0 says what the settings said when the first one was published."""
_NEWEST: Final = select(POLICY_VERSIONS).where(_FOLLOWED).order_by(_COLUMNS.number.desc()).limit(1)
_NUMBER: Final = select(func.max(_COLUMNS.number)).where(_FOLLOWED)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a version's seal authenticates."""

    number: int
    sha256: str
    """Of the policy's content."""
    document: str
    """SHA-256 of its text."""
    author: str
    based: int
    """The version that was in force when it was written."""
    approver: str = ""
    """Empty where nobody else had to approve."""
    state: str = PUBLISHED
    """A seal of one that waits for approval is none of one in force."""

    @property
    def bound(self) -> bytes:
        """The statement as bytes; the same whoever makes them."""
        told = [self.number, self.sha256, self.document, self.author, self.based, self.approver]
        return f"hushwire/policy-{self.state}/1\n{json.dumps(told)}".encode()


@dataclass(frozen=True, slots=True)
class Published:
    """A version that is in force."""

    stated: Stated
    policy: Policy = field(repr=False)
    document: str = field(repr=False)
    """Its text."""


def key_bound(number: str) -> bytes:
    """What the wrapped key of a version is bound to."""
    return b"hushwire/policy-version/" + number.encode()


def sealed(kek: KeyEncryptionKey, stated: Stated) -> tuple[bytes, bytes]:
    """A fresh wrapped key, and the seal of a statement."""
    handle = new_keyset()
    wrapped = kek.wrap_keyset(handle, key_bound(str(stated.number)))
    return wrapped, Seal(handle.primitive(aead.Aead)).seal(b"", stated.bound)


def published(database: Database, kek: KeyEncryptionKey) -> Published | None:
    """The version that is in force; None: none was ever published.

    Raises:
        SealError: it is not as it was published, or another key file's.
        PolicyError: a newer version of Hushwire wrote it.
        StoreError: the database is away.
    """
    with database.reading() as connection:
        row = connection.execute(_NEWEST).one_or_none()
    return None if row is None else opened(row, kek)


def ever_published(database: Database) -> bool:
    """Whether there is a version that counts instead of the settings' policy, proven or not."""
    with database.reading() as connection:
        there = inspect(connection).has_table(POLICY_VERSIONS.name)
        return there and connection.scalar(_NUMBER) is not None


def opened(row: Row[tuple[object, ...]], kek: KeyEncryptionKey) -> Published:
    """A row that was published or waits for it, proven; raises as ``published``."""
    text = hashlib.sha256(row.document.encode()).hexdigest()
    stated = Stated(row.number, row.sha256, text, row.author, row.based, row.approver, row.state)
    if row.wrapped_key is None or row.seal is None:
        raise SealError(f"policy version {row.number}: nobody sealed it")
    try:
        handle = kek.unwrap_keyset(row.wrapped_key, key_bound(str(stated.number)))
        Seal(handle.primitive(aead.Aead)).open(row.seal, stated.bound)
    except SealError as error:
        raise SealError(f"policy version {row.number} can't be proven: {error}") from None
    if hashlib.sha256(row.content.encode()).hexdigest() != stated.sha256:
        raise SealError(f"policy version {row.number}: its text is not the one that was published")
    return Published(stated, Policy.restored(row.content), row.document)


def published_last(database: Database) -> int:
    """Number of the version that the audit log calls the last published; 0: it tells of none."""
    query = (
        select(ENTRIES.c.kind, ENTRIES.c.facts)
        .where(ENTRIES.c.subject == "", ENTRIES.c.kind.in_((_TOLD, _UNDONE)))
        .order_by(ENTRIES.c.seq.desc())
        .limit(_LOOKED_AT)
    )
    undone: set[int] = set()
    with database.reading() as connection:
        for kind, facts in connection.execute(query):
            number = int(json.loads(facts)["version"])
            if kind == _UNDONE:
                undone.add(number)
            elif number not in undone:
                return number
    return 0


@dataclass(frozen=True, slots=True)
class Following:
    """How a worker takes up versions that are published."""

    known: Known
    """The names that the worker knows."""
    two: bool = False
    """Whether a version without another person's approval is refused."""

    def require(self, found: Published) -> None:
        """Refuse a version that a worker can't take up.

        Raises:
            PolicyError: nobody else approved it, or it has names that nobody knows here.
        """
        stated = found.stated
        if self.two and stated.approver in {"", stated.author}:
            raise PolicyError(f"policy version {stated.number}: nobody else approved it")
        self.require_known(stated.number, found.policy)

    def require_known(self, number: int, policy: Policy) -> None:
        """Refuse a version with names that nobody knows here.

        Raises:
            PolicyError: it has one.
        """
        places = [place for place, _ in self.known.unknown(json.loads(policy.content))]
        if places:
            raise PolicyError(
                f"policy version {number}: {'.'.join(map(str, places[0]))} is not known to this "
                "worker; does it have the same recognisers and purposes as those who published it?"
            )


class InForce:
    """The policy of one worker's new calls; safe to ask from several threads.

    Args:
        database: the ledger's.
        kek: proves the versions.
        own: the policy of the settings, until a version is published.
        following: how published versions are taken up; None: they are not.
        metrics: what is counted.
    """

    def __init__(
        self,
        database: Database,
        kek: KeyEncryptionKey,
        own: Policy,
        following: Following | None,
        metrics: Metrics,
    ) -> None:
        self._database, self._kek, self._following = database, kek, following
        self._metrics = metrics
        self._policy, self._number, self._refused = own, 0, 0
        self._lock = Lock()

    @property
    def number(self) -> int:
        """Of the version that new calls get; 0: the policy of the settings."""
        return self._number

    @property
    def current(self) -> Policy:
        """What was taken up last, without a look at the database."""
        return self._policy

    def start(self) -> Policy:
        """The policy to begin with.

        Raises:
            HushwireError: the version in force can't be taken up here; see ``published``.
        """
        policy = self._adopted(self._refuse_start)
        if self._following is not None:
            told = published_last(self._database)
            if told > self._number:  # rows are gone, or were never written: somebody has to look
                self._refused = told
                self._metrics.policy_refused.set(told)
                get_logger("policy").error("policy version missing: an older one counts", seq=told)
        return policy

    def policy(self) -> Policy:
        """The policy for a new call; see the module's text."""
        return self._adopted(self._alarm)

    def certain(self) -> Policy:
        """The policy for a new call, where what is kept is destroyed by it.

        Raises:
            PolicyError: the version that was published last was refused here.
        """
        policy = self.policy()
        if self._refused:
            raise PolicyError(f"policy version {self._refused} can't be taken up here")
        return policy

    def _adopted(self, refuse: Callable[[int, HushwireError], None]) -> Policy:
        if self._following is None:
            return self._policy
        with self._lock:
            with self._database.reading() as connection:
                number = connection.scalar(_NUMBER) or 0
            if number in {self._number, 0}:
                # Rows stay: where none is left that was there, somebody removed them.
                return self._policy
            try:
                found = published(self._database, self._kek)
                if found is not None:
                    self._take_up(found, self._following)
            except (SealError, PolicyError) as error:
                # Tried again with the next call: a rotation of keys may just have been under way.
                if number != self._refused:
                    refuse(number, error)
                self._refused = number
            return self._policy

    def _take_up(self, found: Published, following: Following) -> None:
        stated = found.stated
        if stated.number < self._number:
            raise SealError(f"policy version {stated.number}: a newer one was in force before")
        following.require(found)
        self._policy, self._number, self._refused = found.policy, stated.number, 0
        self._metrics.policy_version.set(stated.number)
        self._metrics.policy_refused.set(0)
        get_logger("policy").info("policy version in force", seq=stated.number)

    def _alarm(self, number: int, error: HushwireError) -> None:
        self._metrics.policy_refused.set(number)
        get_logger("policy").error(
            "policy version refused: the one before stays", seq=number, code=error.code
        )

    @staticmethod
    def _refuse_start(_number: int, error: HushwireError) -> None:
        raise error
