"""The versions of the policy: which is in force, what each changed, approval and the way back.

Outcomes: pages; a step that is not allowed is told on the version's page (409).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from agents.access.api_tokens import Tokens
from agents.access.laxer_policies import LaxerPolicyError, laxer
from agents.access.policy_versions import REASON_MOST, PolicyVersions, State, Version
from agents.access.roles import Permission
from console.auth.looks import Looks
from console.auth.names import Names
from console.auth.routing import Routes
from console.http.errors import NOT_FOUND, Refusal
from console.http.forms import SEE_OTHER, fields
from console.http.metrics import ApiMetrics
from console.pages.rendering import page
from console.tuning.trial import compared
from pipeline.errors import InputError, PolicyError
from pipeline.policy.model import Policy

_CONFLICT: Final = 409
NumberPath = Annotated[int, Path(ge=0, le=1_000_000_000, description="The version's number.")]


@dataclass(frozen=True, slots=True)
class VersionRoutes:
    """Answers with versions, and carries out what their buttons say."""

    versions: PolicyVersions
    tokens: Tokens
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may, hidden = Permission, {"include_in_schema": False}
        one = "/policy/versions/{number}"
        routes.add("GET", "/policy/versions", may.EDIT_POLICY, self.listed, **hidden)
        routes.add("GET", one, may.EDIT_POLICY, self.shown, **hidden)
        routes.add_form(f"{one}/approve", may.APPROVE_POLICY, self.approve)
        routes.add_form(f"{one}/withdraw", may.EDIT_POLICY, self.withdraw)
        routes.add_form(f"{one}/rollback", may.EDIT_POLICY, self.roll_back)

    def listed(self, request: Request) -> Response:
        """All versions, the newest first."""
        found = self.versions.known_versions()
        self._look(request, "policy-versions", versions=len(found))
        now = self.versions.standing()
        return page(
            "tuning/versions.html",
            me=request.state.principal,
            versions=found,
            became=_became(found),
            standing=now,
            in_force=now.number,
            own=self.versions.own,
            named=Names.of(self.tokens),
            two=self.versions.two,
        )

    def shown(self, request: Request, number: NumberPath) -> Response:
        """A version, and what it changed."""
        self._look(request, "policy-version", version=number)
        return self._page(request, version_of(self.versions, number))

    async def approve(self, request: Request, number: NumberPath) -> Response:
        """Put a version in force that somebody else wrote."""
        sha256 = fields(await request.body()).get("sha256", "")

        def step(by: str) -> Version:
            return self.versions.approve(number, by=by, sha256=sha256)

        return await run_in_threadpool(self._step, request, number, step)

    async def withdraw(self, request: Request, number: NumberPath) -> Response:
        """Take back a draft, or a version that waits."""

        def step(by: str) -> Version:
            return self.versions.withdraw(number, by=by)

        return await run_in_threadpool(self._step, request, number, step)

    async def roll_back(self, request: Request, number: NumberPath) -> Response:
        """Put an earlier version in force again, as a new one."""
        sent = fields(await request.body())
        reason, accepted = sent.get("reason", ""), sent.get("laxer", "")

        def step(by: str) -> Version:
            known = accepted == version_of(self.versions, number).sha256
            return self.versions.roll_back(number, by=by, reason=reason, laxer=known)

        return await run_in_threadpool(self._step, request, number, step)

    def _step(self, request: Request, number: int, step: Callable[[str], Version]) -> Response:
        version = version_of(self.versions, number)
        try:
            made = step(request.state.principal.who)
        except LaxerPolicyError:
            told = "nothing was published: accept first what it is laxer in"
            self._look(request, "policy-version", version=number)
            return self._page(request, version, told, _CONFLICT)
        except InputError as error:
            self._look(request, "policy-version", version=number)
            return self._page(request, version, str(error), _CONFLICT)
        return RedirectResponse(f"/policy/versions/{made.number}", SEE_OTHER)

    def _page(
        self, request: Request, version: Version, problem: str = "", status: int = 200
    ) -> Response:
        now = self.versions.standing()
        policy, before = _read(version), self._before(version)
        me = request.state.principal
        back = version.state is State.PUBLISHED and version.number != now.number
        again = policy if back and not version.problem else None
        return page(
            "tuning/version.html",
            status,
            me=me,
            version=version,
            became=_became(self.versions.known_versions()),
            problem=problem,
            standing=now,
            in_force=now.number,
            readable=policy is not None,
            change=compared(*before, policy, version.document)
            if policy is not None and before is not None and not version.problem
            else None,
            again=compared(now.policy, now.document, again, version.document)
            if again is not None
            else None,
            laxer=laxer(now.policy, again) if again is not None else [],
            named=Names.of(self.tokens),
            two=self.versions.two,
            own=version.author == me.who,
            may_approve=Permission.APPROVE_POLICY in me.permissions,
            open=version.state in {State.DRAFT, State.AWAITING},
            published=version.state is State.PUBLISHED,
            reason_most=REASON_MOST,
        )

    def _before(self, version: Version) -> tuple[Policy, str] | None:
        """What was in force when a version was written; None: nobody can read it here."""
        try:
            before = self.versions.get(version.based)
        except InputError:  # nothing was ever published
            return self.versions.own, self.versions.own_text
        policy = _read(before)
        return None if policy is None or before.problem else (policy, before.document)

    def _look(self, request: Request, what: str, **facts: str | int) -> None:
        self.looks.write(request.state.principal, what, "", **facts)
        self.metrics.looks.labels("policy").inc()


def version_of(versions: PolicyVersions, number: int) -> Version:
    """A version; raises ``Refusal`` 404 where there is none."""
    try:
        return versions.get(number)
    except InputError as error:
        raise Refusal(NOT_FOUND, "not_found", str(error)) from None


def _became(versions: list[Version]) -> dict[int, int]:
    """Which version a draft became that is done with, by the draft's number."""
    went = {State.PUBLISHED, State.AWAITING}
    found: dict[int, int] = {}
    for one in versions:
        later = [
            each.number
            for each in versions
            if each.state in went and each.sha256 == one.sha256 and each.number > one.number
        ]
        if one.state is State.WITHDRAWN and later:
            found[one.number] = min(later)
    return found


def _read(version: Version) -> Policy | None:
    try:
        return version.policy
    except PolicyError:
        return None
