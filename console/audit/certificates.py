"""Certificates: the list, and one of them with what this server makes of it.

What is checked: that it is the one that was stored, its signature by the public keys that are known
here, that the audit log holds the entry it names; and where somebody asks, the stored files too. No
transcript and no audio is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import Head
from agents.access.roles import Permission
from agents.app.checks.certificate_file import Finding, Problem, check_stated
from agents.crypto.ed25519 import PublicKey
from agents.reports.entity_groups import kind_of, label_of
from agents.vault.analytics.call_filter import moment
from agents.vault.reader import CallFilter, StoredCallFacts, VaultReader
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.errors import unknown_call
from console.http.forms import SEE_OTHER
from console.http.metrics import ApiMetrics
from console.http.parameters import CallId, Parameters
from console.http.zones import known_zone
from console.pages.checks import shown_checks
from console.pages.rendering import page
from pipeline.errors import InputError, UnknownCallError
from pipeline.evidence.certificate import Certificate, parse_certificate
from pipeline.records.cloudevents import valid_call_id
from pipeline.records.model import Action, Reason

CALLS: Final = 50
Time = Annotated[str, Field(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")]
_REASONS: Final[Mapping[str, str]] = {
    Reason.RECOGNISED: "Recognised",
    Reason.UNEXPLAINED: "Precaution: speech that no word explains",
    Reason.NOT_UNDERSTOOD: "Precaution: hardly understood",
    Reason.UNHEARD: "Precaution: nobody could listen to it",
    Reason.GAP: "Audio that never came",
    Reason.PAUSED: "Paused by the recorder",
    Reason.ECHO: "Echo of the other channel",
    Reason.VERIFICATION: "Caught by verification",
    Reason.CONSENT: "No consent",
}


class CertificateQuery(Parameters):
    """Which certificates are wanted; a field that is empty says nothing."""

    call: str = Field("", max_length=128, pattern=r"^[A-Za-z0-9._-]*$")
    since: Time = ""
    until: Time = ""
    zone: str = Field("", max_length=64, pattern=r"^[A-Za-z0-9_+/-]*$")
    outcome: str = Field("", pattern=r"^(stored|quarantined)?$")
    after: str = Field("", max_length=400, pattern=r"^[^\x00]*$")

    def wanted(self) -> CallFilter:
        """Which calls are meant, by the time when they were stored; raises ``FilterError``."""

        def at(name: str, text: str, *, end: bool = False) -> datetime | None:
            return moment(name, text, self.zone, end=end) if text else None

        return CallFilter(
            passed={"stored": True, "quarantined": False}.get(self.outcome),
            since=at("since", self.since),
            until=at("until", self.until, end=True),
        )


@dataclass(frozen=True, slots=True)
class CertificateRoutes:
    """Answers with certificates."""

    reader: VaultReader
    log: AuditLog
    keys: Callable[[], Mapping[str, PublicKey]]
    """Public keys by their id."""
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may, hidden = Permission.READ_CERTIFICATE, {"include_in_schema": False}
        routes.add("GET", "/certificates", may, self.listed, **hidden)
        routes.add("GET", "/certificates/{call_id}", may, self.one, **hidden)

    def listed(self, request: Request, asked: Annotated[CertificateQuery, Query()]) -> Response:
        """Certificates of stored and quarantined calls, the newest first."""
        me = request.state.principal
        if asked.call and self._known(asked.call):
            return RedirectResponse(f"/certificates/{asked.call}", SEE_OTHER)
        asked = asked.in_zone(me.zone)
        found = self.reader.list_calls(asked.wanted(), limit=CALLS, after=asked.after or None)
        calls = () if asked.call else found.calls
        self.looks.write(me, "list-certificates", calls=len(calls))
        self.metrics.looks.labels("list-certificates").inc()
        said = asked.model_dump(exclude={"after"}, exclude_defaults=True)
        said = said if set(said) != {"zone"} else {}
        return page(
            "audit/certificates.html",
            zone=known_zone(asked.zone),
            me=me,
            calls=calls,
            following=None if asked.call else found.following,
            asked=asked,
            said=said,
            first=not asked.after,
        )

    def one(self, request: Request, call_id: CallId, files: bool = False) -> Response:  # noqa: FBT001, FBT002 - a parameter of the address
        """A certificate in words, and whether it holds."""
        me = request.state.principal
        facts = self._facts(call_id)
        data = self.reader.certificate(call_id)
        stated = parse_certificate(data)
        what = "certificate-files" if files else "certificate"
        self.looks.write(me, what, call_id)
        self.metrics.looks.labels(what).inc()
        keys = self.keys()
        content = self._content(call_id) if files and facts.passed else None
        found = check_stated(
            data,
            keys,
            content=content,
            logged=lambda one: self.log.holds(Head(one.seq, one.hash), keys),
        )
        doubts = [one for one in found if one.problem is not Problem.NOT_CLEAN or content]
        return page(
            "audit/certificate.html",
            me=me,
            call=facts,
            stated=stated,
            checks=shown_checks(stated),
            doubts=doubts,
            signature=_signature(stated, doubts),
            by_type=_by_type(stated),
            by_reason=_by_reason(stated),
            looked_at_files=content is not None,
            side="calls" if facts.passed else "quarantine",
        )

    def _content(self, call_id: str) -> Callable[[str], bytes]:
        def read(name: str) -> bytes:
            try:
                return b"".join(self.reader.file(call_id, name))
            except UnknownCallError:
                raise InputError("is missing") from None

        return read

    def _facts(self, call_id: str) -> StoredCallFacts:
        if not valid_call_id(call_id):
            raise unknown_call()
        return self.reader.call(call_id)

    def _known(self, call_id: str) -> bool:
        try:
            return bool(self._facts(call_id))
        except InputError:
            return False


def _signature(stated: Certificate, doubts: list[Finding]) -> str:
    """How its signature stands: ``good``, ``unknown`` or ``bad``."""
    problems = {one.problem for one in doubts}
    if problems & {Problem.UNSIGNED, Problem.WRONG_KEY, Problem.CHANGED}:
        return "bad"
    return "unknown" if Problem.NO_KEY in problems or stated.signature is None else "good"


def _by_type(stated: Certificate) -> list[tuple[str, str, int, int]]:
    """Label, colour kind, findings and milliseconds of each type that was muted."""
    muted = [one for one in stated.spans if one.action is Action.MUTE]
    rows = [
        (
            label_of(name),
            kind_of(name).name,
            sum(one.entity == name for one in muted),
            ms,
        )
        for name, ms in stated.muted_ms_by_entity.items()
    ]
    return sorted(rows, key=lambda row: -row[3])


def _by_reason(stated: Certificate) -> list[tuple[str, int]]:
    rows = [
        (_REASONS.get(name, name.replace("_", " ").capitalize()), ms)
        for name, ms in stated.muted_ms_by_reason.items()
        if ms
    ]
    return sorted(rows, key=lambda row: -row[1])
