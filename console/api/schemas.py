"""What the API answers with, as types: its published schema is made from them."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from agents.access.api_tokens import MOST_DAYS, Token
from agents.access.roles import Permission, Role
from agents.vault.reader import Page, StoredCallFacts


class Call(BaseModel):
    """A call as the catalogue knows it; no content."""

    model_config = ConfigDict(from_attributes=True)

    call_id: str
    stored: datetime
    started: str
    """ISO 8601 as the recorder said, or empty."""
    duration_ms: int
    passed: bool
    policy: str
    policy_version: str
    purpose: str
    retain_until: datetime
    held: datetime | None
    """Since when a legal hold is on it."""
    parties: tuple[str, ...]
    """Keyed pseudonyms."""
    certificate: str
    """sha256 of the certificate."""

    @classmethod
    def of(cls, facts: StoredCallFacts) -> Self:
        """From the vault."""
        return cls.model_validate(facts)


class Calls(BaseModel):
    """A page of calls, the newest first."""

    calls: tuple[Call, ...]
    following: str | None
    """``after`` of the next page; null: this is the last one."""

    @classmethod
    def of(cls, page: Page) -> Self:
        """From the vault."""
        return cls(calls=tuple(map(Call.of, page.calls)), following=page.following)


class Muted(BaseModel):
    """A silenced stretch of one channel, and why; never what was said."""

    channel: int
    start_ms: int
    end_ms: int
    entities: tuple[str, ...]
    reasons: tuple[str, ...]
    score: float | None
    """Of the strongest finding; null: none stands behind it."""
    recognizers: tuple[str, ...]
    """What found it."""


class Me(BaseModel):
    """Whoever asks."""

    who: str
    roles: tuple[Role, ...]
    permissions: tuple[Permission, ...]


class TokenShown(BaseModel):
    """What is known of a token; never the token."""

    token_id: str
    name: str
    role: Role
    state: str
    created: datetime
    expires: datetime
    revoked: datetime | None

    @classmethod
    def of(cls, token: Token, now: datetime) -> Self:
        """From the ledger."""
        return cls(
            token_id=token.token_id,
            name=token.name,
            role=token.role,
            state=token.state(now),
            created=token.created,
            expires=token.expires,
            revoked=token.revoked,
        )


class TokenWanted(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    name: str = Field(max_length=80)
    days: int = Field(default=30, ge=1, le=MOST_DAYS)


class TokenMade(BaseModel):
    """A new token: the only time that it is shown."""

    token: str = Field(repr=False)
    known: TokenShown


class AuditEntry(BaseModel):
    """An entry of the audit log in the shape of its export."""

    schema_: str = Field(serialization_alias="schema")
    seq: int
    recorded: str
    event_id: str
    subject: str
    kind: str
    facts: dict[str, object]
    previous: str
    hash: str


class AuditPage(BaseModel):
    """Entries in order."""

    entries: tuple[AuditEntry, ...]
    following: int | None
    """``after`` of the next page; null: this was the end."""


class Checked(BaseModel):
    """One of doctor's findings."""

    grade: str
    what: str
    told: str
    advice: str


class Retention(BaseModel):
    """How many calls are kept, and how long still."""

    stored: int
    quarantined: int
    held: int
    """Under a legal hold."""
    due: int
    """Whose time is over and which are not held: the sweeper's next ones."""
    earliest: datetime | None
    """When the next call's time is over."""


class PolicyState(BaseModel):
    """What checking a policy brought."""

    valid: bool
    name: str = ""
    version: str = ""
    digest: str = ""
    problem: str = ""
    """All mistakes, each in a line that names where it is."""
    warnings: tuple[str, ...] = ()
    """What a valid policy does that may not be meant."""
