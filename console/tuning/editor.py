"""The page on which a policy is changed: the usual as a form, all of it as text.

One form, whose buttons say what becomes of it: it is compared, tried on stored calls, kept as a
draft, or published. Changed fields write into the text first. Every step is audited before it is
shown; what is sent is never logged. Outcomes: the page, with mistakes at their lines (422).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated, Final

from fastapi import Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from agents.access.laxer_policies import LaxerPolicyError, laxer
from agents.access.policy_versions import REASON_MOST, PolicyVersions, State
from agents.access.roles import Permission
from agents.upkeep.tuning.threshold_trial import Trial, tried
from agents.vault.reader import VaultReader
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http import forms
from console.http.errors import INVALID
from console.http.metrics import ApiMetrics
from console.pages.rendering import page
from console.tuning import form
from console.tuning.trial import Checked, checked, compared
from console.tuning.versions import version_of
from pipeline.errors import InputError
from pipeline.policy.model import Policy

_BUSY: Final = 503
_CALLS: Final = (100, 300, 1_000)
"""How many calls a trial may go through."""
_SHOWN: Final = 50
"""Calls of a trial that are listed."""
_DIGITS: Final = re.compile(r"\d{1,9}")
_DO: Final = frozenset({"compare", "try", "draft", "publish"})
Number = Annotated[
    int | None, Query(ge=0, le=1_000_000_000, description="A version to begin with.")
]


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody works on."""

    text: str = field(repr=False)
    based: int
    """The version that was in force when they began."""
    reason: str = ""
    calls: int = _CALLS[0]
    accepted: str = ""
    """Digest of the policy that may be laxer than what is in force: its author said so."""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the form's fields held, where the text could not be read."""


@dataclass(frozen=True, slots=True)
class EditorRoutes:
    """Answers with the editor."""

    versions: PolicyVersions
    reader: VaultReader
    looks: Looks
    metrics: ApiMetrics
    trying: Lock = field(default_factory=Lock)
    """One trial at a time: it takes a thread of all callers for seconds."""

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        routes.add("GET", "/policy", Permission.EDIT_POLICY, self.opened, include_in_schema=False)
        routes.add_form("/policy", Permission.EDIT_POLICY, self.sent)

    def opened(self, request: Request, version: Number = None) -> Response:
        """The policy in force, or the text of a version."""
        now = self.versions.standing()
        text, problem = now.document, ""
        if version is not None:
            found = version_of(self.versions, version)
            text, problem = (text, found.problem) if found.problem else (found.document, "")
        self._look(request, "policy-page", version=now.number if version is None else version)
        known = checked(text, self.versions.known)
        return self._page(request, Draft(text, now.number), known, problem)

    async def sent(self, request: Request) -> Response:
        """What a button of the form says."""
        return await run_in_threadpool(self._sent, request, await request.body())

    def _sent(self, request: Request, body: bytes) -> Response:
        fields = forms.fields(body, most=form.FIELDS_MOST, as_written=True)
        wanted = fields.get("do", "")
        draft = _draft(fields)
        if wanted not in _DO:
            return self._page(
                request, draft, checked(draft.text, self.versions.known), "choose a button"
            )
        changes = form.changes(fields)
        found = checked(draft.text, self.versions.known)
        if found.policy is None:
            self._look(request, "policy-check", mistakes=len(found.problems))
            return self._page(request, draft, found)
        try:
            text = form.changed_text(draft.text, found.policy, changes)
        except InputError as error:
            self._look(request, "policy-check", mistakes=1)
            return self._page(request, draft, found, str(error))
        draft = Draft(text, draft.based, draft.reason, draft.calls, draft.accepted)
        found = checked(text, self.versions.known)
        if found.policy is None:
            self._look(request, "policy-check", mistakes=len(found.problems))
            return self._page(request, draft, found)
        return self._done(request, wanted, draft, found, found.policy)

    def _done(
        self, request: Request, wanted: str, draft: Draft, found: Checked, policy: Policy
    ) -> Response:
        who = request.state.principal.who
        try:
            if wanted == "draft":
                made = self.versions.save_draft(draft.text, by=who)
                return _leads_to(f"/policy/versions/{made.number}")
            if wanted == "publish":
                made = self.versions.publish(
                    draft.text,
                    by=who,
                    reason=draft.reason,
                    based=draft.based,
                    laxer=draft.accepted == policy.digest,
                )
                return _leads_to(f"/policy/versions/{made.number}")
        except LaxerPolicyError:
            told = "nothing was published: accept first what it is laxer in, at the end of the page"
            return self._page(request, draft, found, told)
        except InputError as error:
            return self._page(request, draft, found, str(error))
        trial = None
        if wanted == "try":
            if not self.trying.acquire(blocking=False):
                told = "somebody else's trial is under way: try again when it is through"
                return self._page(request, draft, found, told, status=_BUSY)
            try:
                self._look(request, "policy-trial", sha256=policy.digest, calls=draft.calls)
                now = self.versions.standing().policy
                trial = tried(self.reader, now, policy, draft.calls)
            finally:
                self.trying.release()
        else:
            self._look(request, "policy-check", mistakes=0)
        return self._page(request, draft, found, trial=trial, compare=True)

    def _page(
        self,
        request: Request,
        draft: Draft,
        found: Checked,
        problem: str = "",
        *,
        trial: Trial | None = None,
        compare: bool = False,
        status: int = INVALID,
    ) -> Response:
        standing = self.versions.standing()
        now = standing.policy
        me, known = request.state.principal, self.versions.known
        shown = form.values(found.policy or now, known)
        differs = found.policy is not None and found.policy.digest != now.digest
        return page(
            "tuning/editor.html",
            status if problem or found.policy is None else 200,
            me=me,
            draft=draft,
            found=found,
            problem=problem,
            standing=standing,
            in_force=standing.number,
            now=now,
            rows=form.rows(found.policy or now, known),
            values={**shown, **draft.fields},
            shown=json.dumps(shown, separators=(",", ":")),
            purposes=form.purposes(shown),
            switches=form.switches(known),
            change=compared(now, standing.document, found.policy, draft.text)
            if found.policy is not None and (compare or differs)
            else None,
            laxer=laxer(now, found.policy) if found.policy is not None else [],
            trial=trial,
            calls=_CALLS,
            listed=_SHOWN,
            reason_most=REASON_MOST,
            two=self.versions.two,
            waiting=self.versions.waiting(),
            may_list=Permission.LIST_CALLS in me.permissions,
            published=State.PUBLISHED,
        )

    def _look(self, request: Request, what: str, **facts: str | int) -> None:
        self.looks.write(request.state.principal, what, "", **facts)
        self.metrics.looks.labels("policy").inc()


def _draft(fields: Mapping[str, str]) -> Draft:
    based, calls = fields.get("based", ""), fields.get("calls", "")
    kept = {name: value for name, value in fields.items() if "." in name}
    return Draft(
        fields.get("document", ""),
        int(based) if _DIGITS.fullmatch(based) else 0,
        fields.get("reason", ""),
        int(calls) if calls in set(map(str, _CALLS)) else _CALLS[0],
        fields.get("laxer", ""),
        kept,
    )


def _leads_to(address: str) -> Response:
    return RedirectResponse(address, forms.SEE_OTHER)
