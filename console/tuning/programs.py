"""Versions of the policy for programs, such as a pipeline that publishes what was reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from agents.access.policy_versions import REASON_MOST, PolicyVersions, Version
from agents.access.roles import Permission
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.errors import INVALID, Refusal
from console.tuning.versions import NumberPath, version_of
from pipeline.errors import InputError

_CREATED = 201


class VersionShown(BaseModel):
    """A version of the policy."""

    number: int
    name: str
    version: str
    sha256: str = Field(description="What certificates name.")
    state: str = Field(description="draft, awaiting, published or withdrawn.")
    in_force: bool
    author: str
    approver: str = Field(description="Empty: nobody else had to approve it, or nobody did yet.")
    reason: str
    based: int = Field(description="The version in force when it was written; 0: the settings'.")
    created: datetime
    decided: datetime | None


class VersionText(VersionShown):
    """A version with its text."""

    document: str = Field(description="YAML, as it was written.")


class VersionWanted(BaseModel):
    """A policy that is to be published."""

    model_config = ConfigDict(extra="forbid")

    document: str = Field(max_length=256 * 1024, description="YAML; it may extend shipped ones.")
    reason: str = Field(min_length=1, max_length=REASON_MOST)
    based: int | None = Field(
        default=None, ge=0, description="The version that has to be in force; null: any."
    )
    laxer: bool = Field(
        default=False,
        description="Publish it even where it is laxer than what is in force; else that is 422.",
    )


class Approval(BaseModel):
    """What somebody approves."""

    model_config = ConfigDict(extra="forbid")

    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the version that was looked at.")


@dataclass(frozen=True, slots=True)
class PolicyApi:
    """Answers programs."""

    versions: PolicyVersions
    looks: Looks

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may, all_of = Permission, "/api/policy/versions"
        one = f"{all_of}/{{number}}"
        routes.add("GET", all_of, may.EDIT_POLICY, self.listed)
        routes.add("GET", one, may.EDIT_POLICY, self.shown)
        routes.add("POST", all_of, may.EDIT_POLICY, self.publish, status_code=_CREATED)
        routes.add("POST", f"{one}/approve", may.APPROVE_POLICY, self.approve)

    def listed(self, request: Request) -> list[VersionShown]:
        """The versions of the policy, the newest first: at most two hundred."""
        found = self.versions.known_versions()
        self.looks.write(request.state.principal, "policy-versions", versions=len(found))
        now = self._in_force()
        return [VersionShown(**_form(one, now)) for one in found]

    def shown(self, request: Request, number: NumberPath) -> VersionText:
        """A version of the policy with its text."""
        self.looks.write(request.state.principal, "policy-version", version=number)
        version = version_of(self.versions, number)
        if version.problem:
            raise Refusal(409, "seal", version.problem)
        return self._text(version)

    def publish(self, request: Request, wanted: VersionWanted) -> VersionText:
        """Put a policy in force for new calls, or let it wait for another person's approval."""
        try:
            made = self.versions.publish(
                wanted.document,
                by=request.state.principal.who,
                reason=wanted.reason,
                based=wanted.based,
                laxer=wanted.laxer,
            )
        except InputError as error:
            raise Refusal(INVALID, error.code, str(error)) from None
        return self._text(made)

    def approve(self, request: Request, number: NumberPath, wanted: Approval) -> VersionText:
        """Put a version in force that somebody else wrote."""
        version_of(self.versions, number)
        who = request.state.principal.who
        try:
            made = self.versions.approve(number, by=who, sha256=wanted.sha256)
        except InputError as error:
            raise Refusal(409, error.code, str(error)) from None
        return self._text(made)

    def _in_force(self) -> int:
        return self.versions.standing().number

    def _text(self, version: Version) -> VersionText:
        return VersionText(**_form(version, self._in_force()), document=version.document)


def _form(version: Version, in_force: int) -> dict[str, object]:
    names = ("number", "name", "version", "sha256", "author", "approver", "reason", "based")
    return {
        **{name: getattr(version, name) for name in names},
        "state": version.state.value,
        "in_force": version.number == in_force,
        "created": version.created,
        "decided": version.decided,
    }
