"""Versions of the policy: written down, approved where that is asked for, published, taken back.

A version is a row that stays. ``draft`` and ``awaiting`` may become ``published`` or ``withdrawn``;
the version in force is the one that was published last (``agents.database.policies.published``).
Every step is an audit event, written before it takes effect. Where a second person has to approve,
that is never who wrote the version, nor a token that its author made or that made the author's.

Outcomes: a ``Version``; ``PolicyError`` for a document that is refused, a line for each mistake;
``InputError`` for a step that is not allowed, which says why; ``StoreError`` where the database is
away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Self, TypeAlias

import yaml
from sqlalchemy import Connection, Row, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.access.audit_log import AuditLog, Event
from agents.access.laxer_policies import require_accepted
from agents.access.second_person import require_another
from agents.crypto.envelope import KeyEncryptionKey, wrapping_key_id
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.database.policies.published import (
    Following,
    Published,
    Stated,
    opened,
    published,
    sealed,
)
from agents.database.tables import POLICY_VERSIONS
from agents.database.wrapped_keys import note_wrapping_key, wrapping_key_in_force
from agents.settings.model import Settings
from agents.settings.policies import names_known, read_policy, written
from pipeline.errors import InputError, PolicyError, SealError, StoreError
from pipeline.policy.known_names import Known
from pipeline.policy.loading import parse_policy
from pipeline.policy.model import Policy

REASON_MOST: Final = 500
_LISTED: Final = 200
"""Versions that are listed at most."""
_ATTEMPTS: Final = 5
"""A wrapping key that is replaced meanwhile: how often a seal is made anew."""
_Write: TypeAlias = Callable[[Connection, Mapping[str, object]], object]
_SETTINGS: Final = "settings"
"""Author of the version that stands for the policy of the settings."""


class State(StrEnum):
    """Where a version stands."""

    DRAFT = "draft"
    AWAITING = "awaiting"
    """Its author would publish it; another person has to approve."""
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"
    """Written by a newer version of this software."""

    @classmethod
    def _missing_(cls, _: object) -> State:
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the policy."""

    number: int
    name: str
    """The policy's own name and version."""
    version: str
    sha256: str
    """``Policy.digest``: what certificates name."""
    author: str
    reason: str
    based: int
    """The version that was in force when it was written; 0: the policy of the settings."""
    state: State
    approver: str
    """Empty: nobody else had to approve it, or nobody did yet."""
    created: datetime
    decided: datetime | None
    """When it was published or withdrawn."""
    document: str = field(repr=False)
    """YAML, as it was written."""
    content: str = field(repr=False)
    """What it says in full; see ``Policy.content``."""
    problem: str = ""
    """Why it can't be proven to be what was written; empty where it can, or it is a draft."""

    @property
    def policy(self) -> Policy:
        """The policy; raises as ``Policy.restored``."""
        return Policy.restored(self.content)


@dataclass(frozen=True, slots=True)
class Standing:
    """What new calls get."""

    number: int
    """Of the version that was published last; 0: none was."""
    policy: Policy = field(repr=False)
    """That version's, or the settings' where there is none or it can't be proven."""
    document: str = field(repr=False)
    """Its text."""
    problem: str = ""
    """Why no worker takes the version up: those that run keep an older one, and none starts."""


class PolicyVersions:
    """The versions in a ledger's database.

    Args:
        database: the ledger's, with its schema up to date.
        kek: seals what is published.
        log: where every step is written.
        known: the names that policies may use.
        own: the policy of the settings; version 0 once another is published.
        written: its text, where it is that of one file.
        two: whether another person has to approve.
    """

    def __init__(
        self,
        database: Database,
        kek: KeyEncryptionKey,
        log: AuditLog,
        known: Known,
        own: Policy,
        *,
        written: str = "",
        two: bool = False,
    ) -> None:
        self._database, self._kek, self._log = database, kek, log
        self.known, self.own, self.two = known, own, two
        self._following = Following(known, two=two)
        self.own_text = document_of(own, written, known)

    @classmethod
    def of(cls, settings: Settings, ledger: Ledger) -> Self:
        """The versions of an installation.

        Raises:
            PolicyError: the policy of the settings is refused, or the recogniser file is.
        """
        return cls(
            ledger.database,
            ledger.kek,
            AuditLog(ledger.database),
            names_known(settings),
            read_policy(settings),
            written=written(settings),
            two=settings.policy_approval == "two",
        )

    def in_force(self) -> Published | None:
        """The version in force, proven; None: the policy of the settings is. See ``published``."""
        return published(self._database, self._kek)

    def standing(self) -> Standing:
        """The same for who may mend it: what nobody can prove or take up is told, not raised."""
        try:
            found = self.in_force()
        except (SealError, PolicyError) as error:
            return Standing(self._number_in_force(), self.own, self.own_text, str(error))
        if found is None:
            return Standing(0, self.own, self.own_text)
        problem = ""
        try:
            self._following.require(found)
        except PolicyError as error:
            problem = str(error)
        return Standing(found.stated.number, found.policy, found.document, problem)

    def known_versions(self) -> list[Version]:
        """The last two hundred versions, the newest first."""
        query = select(POLICY_VERSIONS).order_by(POLICY_VERSIONS.c.number.desc()).limit(_LISTED)
        with self._database.reading() as connection:
            return [_version(row) for row in connection.execute(query)]

    def get(self, number: int) -> Version:
        """A version.

        Raises:
            InputError: there is none of this number.
        """
        with self._database.reading() as connection:
            row = connection.execute(_row(number)).one_or_none()
        if row is None:
            raise InputError(f"there is no policy version {number}: `hushwire policy versions`")
        version = _version(row)
        if version.state in {State.PUBLISHED, State.AWAITING}:
            try:
                opened(row, self._kek)
            except SealError as error:
                return replace(version, problem=str(error))
            except PolicyError:  # a newer version of Hushwire wrote it, as it stands there
                pass
        return version

    def save_draft(self, document: str, *, by: str) -> Version:
        """Keep a document that can be used, without any effect; raises as the module says."""
        policy = parse_policy(document, known=self.known)
        return self._write(policy, document, by=by, reason="", state=State.DRAFT)

    def publish(
        self, document: str, *, by: str, reason: str, based: int | None = None, laxer: bool = False
    ) -> Version:
        """Publish a document, or where another person has to approve, let it wait for that.

        Args:
            document: YAML; it may extend shipped policies.
            by: who does it, as audit entries name them.
            reason: why, for those who look at the list of versions.
            based: the version that the author believes to be in force; None: whichever is.
            laxer: whether its author accepts what it is laxer in; else ``LaxerPolicyError``.
        """
        policy = parse_policy(document, known=self.known)
        return self._publish(policy, document, by, reason, based, laxer=laxer)

    def roll_back(self, number: int, *, by: str, reason: str, laxer: bool = False) -> Version:
        """Publish what an earlier version said, as a new one; raises as ``publish``."""
        old = self.get(number)
        if old.state is not State.PUBLISHED:
            raise InputError(f"policy version {number} was never in force: publish its text")
        if old.problem:
            raise InputError(old.problem)
        self._following.require_known(number, old.policy)
        return self._publish(old.policy, old.document, by, reason, None, laxer=laxer)

    def approve(self, number: int, *, by: str, sha256: str | None = None) -> Version:
        """Publish a version that waits, as another person than its author.

        Args:
            number: of the version.
            by: who approves.
            sha256: what they looked at; None: whatever is there.
        """
        version = self.get(number)
        if version.state is not State.AWAITING:
            raise InputError(f"policy version {number} does not wait: it is {version.state.value}")
        if sha256 not in {None, version.sha256}:
            raise InputError(f"policy version {number} is not what you looked at: look again")
        if version.problem:
            raise InputError(f"policy version {number} is not as it was written: withdraw it")
        require_another(self._database, version.author, by)
        now = self._number_in_force()
        if now != version.based:
            raise InputError(
                f"policy version {number} was written when version {version.based} was in force, "
                f"and now {now} is: withdraw it and publish its text again"
            )
        self._begin()
        stated = _stated(number, version.sha256, version.document, version.author, version.based)
        stated = replace(stated, approver=by)
        with self._step("policy-published", number, version.sha256, by, author=version.author):
            self._seal(stated, lambda connection, values: self._decide(connection, version, values))
        return self.get(number)

    def withdraw(self, number: int, *, by: str) -> Version:
        """Take back a draft or a version that waits."""
        version = self.get(number)
        if version.state not in {State.DRAFT, State.AWAITING}:
            raise InputError(
                f"policy version {number} is {version.state.value}: only a draft or one that "
                "waits can be withdrawn; `hushwire policy rollback` goes back to an earlier one"
            )
        step = self._step("policy-withdrawn", number, version.sha256, by)
        with step, self._database.writing() as connection:
            values = {"state": State.WITHDRAWN.value, "decided": self._database.stamp()}
            self._decide(connection, version, values)
        return self.get(number)

    def waiting(self) -> list[Version]:
        """Those that wait for an approval, the newest first."""
        return [one for one in self.known_versions() if one.state is State.AWAITING]

    # -- inside ------------------------------------------------------------------------------

    def _publish(
        self, policy: Policy, document: str, by: str, reason: str, based: int | None, *, laxer: bool
    ) -> Version:
        reason = " ".join(reason.split())
        if not reason or len(reason) > REASON_MOST or not reason.isprintable():
            raise InputError(f"say why, in 1 to {REASON_MOST} characters")
        now = self.standing()
        if based is not None and based != now.number:
            raise InputError(
                f"version {now.number} came into force meanwhile: look at what it changes first"
            )
        if not now.problem and now.policy.digest == policy.digest:
            raise InputError("this is what is in force already: nothing was published")
        require_accepted(now.policy, policy, accepted=laxer)
        if self.two:
            made = self._write(policy, document, by=by, reason=reason, state=State.AWAITING)
        else:
            self._begin()
            made = self._write(policy, document, by=by, reason=reason, state=State.PUBLISHED)
        for one in self.known_versions():  # drafts of it are done with
            if one.state is State.DRAFT and one.sha256 == policy.digest:
                with suppress(InputError):  # withdrawn meanwhile
                    self.withdraw(one.number, by=by)
        return made

    def _begin(self) -> None:
        """Write down the policy of the settings as version 0, so that there is a way back to it."""
        with self._database.reading() as connection:
            if connection.execute(_row(0)).one_or_none() is not None:
                return
        self._write(
            self.own,
            self.own_text,
            by=_SETTINGS,
            reason="the policy of the settings, which was in force before",
            state=State.PUBLISHED,
            number=0,
        )

    def _write(
        self,
        policy: Policy,
        document: str,
        *,
        by: str,
        reason: str,
        state: State,
        number: int | None = None,
    ) -> Version:
        if number is None:
            with self._database.reading() as connection:
                last = connection.scalar(select(func.max(POLICY_VERSIONS.c.number)))
            number = (last or 0) + 1
        based = self._number_in_force()
        row: dict[str, object] = {
            "number": number,
            "name": policy.name,
            "version": policy.version,
            "document": document,
            "content": policy.content,
            "sha256": policy.digest,
            "author": by,
            "reason": reason,
            "based": based,
            "state": state.value,
            "approver": "",
            "created": self._database.stamp(),
        }
        kinds = {State.DRAFT: "policy-drafted", State.AWAITING: "policy-proposed"}
        stated = _stated(number, policy.digest, document, by, based)

        def write(connection: Connection, values: Mapping[str, object]) -> None:
            connection.execute(insert(POLICY_VERSIONS).values({**row, **values}))

        try:
            with self._step(kinds.get(state, "policy-published"), number, policy.digest, by):
                if state is State.DRAFT:
                    with self._database.writing() as connection:
                        write(connection, {})
                else:
                    self._seal(replace(stated, state=state.value), write)
        except IntegrityError:
            raise InputError(
                "somebody else wrote a version at the same moment: look, and try again"
            ) from None
        return self.get(number)

    def _seal(self, stated: Stated, write: _Write) -> None:
        """Write a version with its seal, under a wrapping key that no rotation retires.

        Raises:
            StoreError: the key file is older than the ledger.
        """
        for _ in range(_ATTEMPTS):
            wrapped, seal = sealed(self._kek, stated)
            key_id = wrapping_key_id(wrapped)
            with self._database.writing() as connection:
                in_force = wrapping_key_in_force(connection, key_id)
                if in_force:
                    values: dict[str, object] = {"wrapped_key": wrapped, "seal": seal}
                    if stated.state == State.PUBLISHED:
                        values |= {
                            "state": stated.state,
                            "approver": stated.approver,
                            "decided": self._database.stamp(),
                        }
                    write(connection, values)
                    return
            if in_force is None:
                note_wrapping_key(self._database, key_id)
            else:
                self._kek.reload()
        raise StoreError("ledger: the key file is older than the ledger: its key was retired")

    def _decide(
        self, connection: Connection, version: Version, values: Mapping[str, object]
    ) -> None:
        mine = (POLICY_VERSIONS.c.number == version.number) & (
            POLICY_VERSIONS.c.state == version.state.value
        )
        if not connection.execute(update(POLICY_VERSIONS).where(mine).values(values)).rowcount:
            raise InputError(f"policy version {version.number} was decided on meanwhile")

    def _number_in_force(self) -> int:
        query = select(func.max(POLICY_VERSIONS.c.number)).where(
            POLICY_VERSIONS.c.state == State.PUBLISHED.value
        )
        with self._database.reading() as connection:
            return int(connection.scalar(query) or 0)

    @contextmanager
    def _step(self, what: str, number: int, sha256: str, by: str, **facts: str) -> Iterator[None]:
        """Write a step down, then take it; one that fails is written down as such, too."""
        self._audit(what, number, sha256, by, **facts)
        try:
            yield
        except Exception:
            self._audit("policy-step-failed", number, sha256, by, step=what)
            raise

    def _audit(self, what: str, number: int, sha256: str, by: str, **facts: str) -> None:
        kind = f"hushwire.audit.{what}.v1"
        at = self._database.stamp()
        stated = {"at": at, "what": what, "version": number, "sha256": sha256, "by": by, **facts}
        self._log.append(Event(f"policy/{number}/{kind}/{at}", "", kind, stated))


def document_of(policy: Policy, written: str = "", known: Known | None = None) -> str:
    """The text of a policy that stands alone: as it was written, where that says the same.

    Args:
        policy: the policy.
        written: its file's text, which may extend files that lie beside it.
        known: the names that it may use.
    """
    if written and known is not None:
        try:
            if parse_policy(written, known=known).digest == policy.digest:
                return written
        except InputError:
            pass
    for form in (
        policy.model_dump(mode="json", exclude_defaults=True),
        policy.model_dump(mode="json"),
    ):
        text = str(yaml.safe_dump(form, sort_keys=False, allow_unicode=True))
        if Policy.model_validate(yaml.safe_load(text)).digest == policy.digest:
            break
    return text


def _stated(number: int, sha256: str, document: str, author: str, based: int) -> Stated:
    return Stated(number, sha256, hashlib.sha256(document.encode()).hexdigest(), author, based)


def _row(number: int) -> Select[tuple[object, ...]]:
    return select(POLICY_VERSIONS).where(POLICY_VERSIONS.c.number == number)


def _version(row: Row[tuple[object, ...]]) -> Version:
    return Version(
        number=row.number,
        name=row.name,
        version=row.version,
        sha256=row.sha256,
        author=row.author,
        reason=row.reason,
        based=row.based,
        state=State(row.state) if row.state in set(State) else State.WITHDRAWN,
        approver=row.approver,
        created=datetime.fromisoformat(row.created),
        decided=datetime.fromisoformat(row.decided) if row.decided else None,
        document=row.document,
        content=row.content,
    )
