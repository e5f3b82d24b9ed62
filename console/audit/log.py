"""The audit log: searched page by page, and handed out as JSON lines."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Query, Request
from fastapi.responses import Response, StreamingResponse

from agents.access.api_tokens import Tokens
from agents.access.audit_events import KINDS
from agents.access.hash_chain import Entry
from agents.access.log_search import APART, LOOKED_MOST, after, export, search
from agents.access.roles import Permission
from agents.database.engine import Database
from agents.reports.entity_groups import label_of
from console.api.schemas import AuditEntry, AuditPage
from console.audit.chain_watch import ChainWatch
from console.audit.log_query import ALL, AuditQuery, PageAuditQuery
from console.auth.looks import Looks
from console.auth.names import Names
from console.auth.routing import Routes
from console.http.metrics import ApiMetrics
from console.http.parameters import Entry as EntryNumber
from console.http.zones import known_zone
from console.pages.navigation import MAY_DO
from console.pages.rendering import page

ENTRIES: Final = 100
"""Entries on a page."""
_SHOWN_APART: Final = frozenset({"at", "what", "who", "by"})
"""Facts that have columns of their own, or are said by the kind."""
_SAYS: Final = {
    "call-closed": ("state",),
    "call-refused": ("code",),
    "call-erased": ("why",),
    "erasure-held": ("why",),
    "quarantine-ended": ("why",),
    "record-replayed": ("code",),
    "mark-added": ("kind", "entity"),
    "mark-removed": ("kind", "entity"),
    "token-created": ("role",),
    "token-revoked": ("role",),
    "session-ended": ("why",),
    "login-refused": ("reason",),
    **dict.fromkeys(
        ("policy-drafted", "policy-proposed", "policy-published", "policy-withdrawn"), ("version",)
    ),
}
"""Facts that tell what, of kinds that name nothing that was looked at."""


_PERMISSIONS: Final = {permission.value: told for permission, told in MAY_DO.items()}


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry as the page shows it."""

    seq: int
    at: str
    kind: str
    told: str
    """What its kind tells."""
    who: str
    name: str
    what: str
    call: str
    origin: str
    roles: str
    facts: list[tuple[str, str]]
    hash: str
    others: list[ShownEntry] = field(default_factory=list)
    """Older looks of the same person, roles and address at the same call, which its line stands for
    too."""

    @property
    def looks(self) -> str:
        """At what, and how often, of all looks that its line stands for."""
        counts = Counter(one.what for one in (self, *self.others))
        return ", ".join(f"{what} {times}" if times > 1 else what for what, times in counts.items())


@dataclass(frozen=True, slots=True)
class LogRoutes:
    """Answers with the log."""

    database: Database
    tokens: Tokens
    watch: ChainWatch
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may = Permission.READ_AUDIT
        routes.add("GET", "/audit", may, self.as_page, include_in_schema=False)
        routes.add("GET", "/api/audit", may, self.as_json)
        routes.add(
            "GET",
            "/api/audit/export",
            may,
            self.handed_out,
            response_class=StreamingResponse,
            responses={200: {"content": {"application/x-ndjson": {}}}},
        )

    def as_page(self, request: Request, asked: Annotated[PageAuditQuery, Query()]) -> Response:
        """Entries that a search finds, the newest first."""
        names, me = Names.of(self.tokens), request.state.principal
        asked = asked.in_zone(me.zone)
        wanted = asked.wanted(names)
        self._look(request, "audit-log", asked)
        found = search(self.database, wanted, before=asked.before or None, limit=ENTRIES)
        return page(
            "audit/log.html",
            zone=known_zone(asked.zone),
            me=me,
            entries=folded(_shown(one, names) for one in found.entries),
            count=len(found.entries),
            left_out=found.left_out,
            asked=asked,
            following=found.following,
            looked_to=found.looked_to,
            looked_most=LOOKED_MOST,
            kinds=KINDS,
            everything=ALL,
            tokens=names.choices,
            run=self.watch.state(),
            by=names(self.watch.state().by),
        )

    def as_json(
        self,
        request: Request,
        known: Annotated[EntryNumber, Query(alias="after")] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000, description="Entries on a page.")] = 200,
    ) -> AuditPage:
        """The audit log by pages, each entry as `hushwire audit export` writes it.

        By pages, for a reader that holds the database open would hold up the end of keys.
        """
        self.looks.write(request.state.principal, "audit-log", after=known)
        found = after(self.database, known, limit=limit)
        entries = tuple(
            AuditEntry(schema_=document.pop("schema"), **document, hash=one.hash)
            for one in found
            for document in [one.document]
        )
        return AuditPage(entries=entries, following=found[-1].seq if len(found) == limit else None)

    def handed_out(self, request: Request, asked: Annotated[AuditQuery, Query()]) -> Response:
        """The log as JSON lines, the oldest entry first.

        Without a filter it is the whole log with its checkpoints, as `hushwire audit verify` takes
        it.
        """
        wanted = asked.wanted(Names.of(self.tokens))
        self._look(request, "audit-export", asked)
        lines = export(self.database, wanted)
        first = next(lines, b"")  # what fails at once is told before the answer begins
        body: Iterator[bytes] = itertools.chain((first,), lines)
        name = "audit.jsonl" if wanted.everything else "audit-part.jsonl"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(body, headers=headers, media_type="application/x-ndjson")

    def _look(self, request: Request, what: str, asked: AuditQuery) -> None:
        self.looks.write(request.state.principal, what, asked.call, kind=asked.kind or "all")
        self.metrics.looks.labels(what).inc()


def folded(entries: Iterable[ShownEntry]) -> list[ShownEntry]:
    """Looks of one person at one call, or at one page without a call, as one line.

    From another address, or in other roles, is another line, and so is each of ``APART``. Only what
    is shown: the log itself has them one by one.
    """
    lines: list[ShownEntry] = []
    first: dict[tuple[str, ...], ShownEntry] = {}
    for one in entries:
        key = (one.who, one.roles, one.origin, one.call, "" if one.call else one.what)
        folds = one.kind == "looked" and one.what not in APART
        if folds and key in first:
            first[key].others.append(one)
            continue
        lines.append(one)
        if folds:
            first[key] = one
    return lines


def _what(kind: str, facts: Mapping[str, str]) -> str:
    """What it was about, in a word or two."""
    said = [(name, facts[name]) for name in _SAYS.get(kind, ()) if facts.get(name)]
    if said:
        told = {"entity": label_of, "version": "version {}".format}
        return ", ".join(told.get(name, str)(text) for name, text in said)
    what = facts.get("what", "")
    return _PERMISSIONS.get(what, what) if kind == "denied" else what


def _shown(entry: Entry, names: Names) -> ShownEntry:
    facts = {name: str(value) for name, value in entry.facts.items() if value is not None}
    kind = entry.kind.removeprefix("hushwire.audit.").removesuffix(".v1")
    who = facts.get("who") or facts.get("by") or ""
    what = _what(kind, facts)
    if "token" in facts:
        token = facts["token"]
        facts["token"] = f"{names(f'token:{token}')} ({token})"
    return ShownEntry(
        seq=entry.seq,
        at=entry.recorded,
        kind=kind,
        told=KINDS.get(kind, "").replace("`", ""),
        who=who,
        name=names(who) if who else "",
        what="" if what == kind else what,
        call=entry.subject,
        origin=facts.get("origin", ""),
        roles=facts.get("roles", ""),
        facts=[(name, text) for name, text in facts.items() if name not in _SHOWN_APART],
        hash=entry.hash,
    )
