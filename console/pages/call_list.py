"""The list of calls: filters, words, order, pages; and views of it that somebody keeps by name.

A view is an address. What is kept of one is filter and order, never the words that were searched
for. A call's own page is in ``pages.call_page``.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from agents.access.roles import Permission
from agents.reports.entity_groups import label_of
from agents.vault.analytics.call_filter import FilterError
from agents.vault.analytics.call_listing import PAGE, CallListing
from agents.vault.analytics.saved_views import NameTakenError, SavedView, SavedViews
from console.api.call_finder import CallFinder
from console.api.listing_query import ListingQuery, PageListingQuery, SavedAddress
from console.auth.looks import Principal
from console.auth.routing import Routes
from console.http.errors import INVALID, NOT_FOUND, Refusal, refusal_of
from console.http.forms import SEE_OTHER, fields
from console.http.parameters import FILTERS, HAS, LACKS, SEVERAL, WITHIN
from console.http.zones import known_zone
from console.pages.refusals import form_again
from console.pages.rendering import page

_TAKEN: Final = 409


@dataclass(frozen=True, slots=True)
class Head:
    """A head of a column that sorts."""

    label: str
    address: str
    state: str
    """``ascending``, ``descending``, or empty."""


@dataclass(frozen=True, slots=True)
class CallListPages:
    """Answers with the list."""

    finder: CallFinder
    listing: CallListing
    views: SavedViews

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may = Permission.LIST_CALLS
        routes.add("GET", "/", may, self.calls)
        routes.add("GET", "/calls", may, self.led)
        routes.add_form("/views", may, self.keep)
        routes.add_form("/views/rename", may, self.rename)
        routes.add_form("/views/remove", may, self.remove)

    def led(self) -> Response:
        """To the list, which is at the root."""
        return RedirectResponse("/", SEE_OTHER)

    def calls(self, request: Request, asked: Annotated[PageListingQuery, Query()]) -> Response:
        """Stored calls by filter and order."""
        me: Principal = request.state.principal
        query = asked.in_zone(me.zone)
        try:
            found = self.finder.find(me, query, cursor=query.after, limit=PAGE)
        except FilterError as error:
            self.finder.looks.write(me, "list", calls=0)
            return form_again(request.scope, me, refusal_of(error), self._choices())
        views = self.views.of(me.who)
        kept = SavedAddress.of(query).address()
        same = {kept, SavedAddress.of(asked).address()}
        choices = self._choices()
        return page(
            "list/calls.html",
            me=me,
            query=query,
            found=found,
            chips=[*_chips(query)],
            heads={name: _head(query, name) for name in ("started", "duration", "muted")},
            choices=choices,
            types=choices["type"],
            within=WITHIN,
            zone=known_zone(query.zone),
            address=query.address(),
            after=lambda cursor: _linked(query, cursor),
            kept=kept,
            views=views,
            current=next((one.name for one in views if kept and one.address in same), ""),
            can_search=self.finder.search.finds_words
            and Permission.READ_TRANSCRIPT in me.permissions,
            call_page=_call_page(me),
            without_facts=self.listing.without_facts(),
        )

    def _choices(self) -> dict[str, tuple[str, ...]]:
        known = {name: self.listing.choices(name) for name in ("campaign", "line", "agent")}
        return {**known, "type": self.listing.types(), "topic": self.listing.topics()}

    async def keep(self, request: Request) -> Response:
        """Keep a view under a name."""
        form = fields(await request.body())
        view = SavedView(form.get("name", ""), _address(form.get("address", "")))
        replacing = form.get("replace") == "yes"
        return await run_in_threadpool(self._keep, request.state.principal, view, replacing)

    async def rename(self, request: Request) -> Response:
        """Give a view another name."""
        form = fields(await request.body())
        address = _address(form.get("address", ""))
        return await run_in_threadpool(
            self._rename,
            request.state.principal,
            form.get("name", ""),
            form.get("new", ""),
            address,
        )

    async def remove(self, request: Request) -> Response:
        """Remove a view."""
        form = fields(await request.body())
        await run_in_threadpool(self._remove, request.state.principal, form.get("name", ""))
        return RedirectResponse(f"/?{_address(form.get('address', ''))}", SEE_OTHER)

    def _keep(self, me: Principal, view: SavedView, replacing: bool) -> Response:  # noqa: FBT001 - a field
        self.finder.looks.write(me, "view-kept")
        try:
            self.views.keep(me.who, view, replacing=replacing)
        except NameTakenError:
            (old,) = [one for one in self.views.of(me.who) if one.name == view.name]
            return page(
                "list/view_taken.html",
                _TAKEN,
                me=me,
                view=view,
                old=[*_chips(_query(old.address))],
                new=[*_chips(_query(view.address))],
            )
        return RedirectResponse(f"/?{view.address}", SEE_OTHER)

    def _rename(self, me: Principal, name: str, new: str, address: str) -> Response:
        self.finder.looks.write(me, "view-renamed")
        if not self.views.rename(me.who, name, new):
            raise Refusal(NOT_FOUND, "unknown_view", "you have no view of this name any more")
        return RedirectResponse(f"/?{address}", SEE_OTHER)

    def _remove(self, me: Principal, name: str) -> None:
        self.finder.looks.write(me, "view-removed")
        self.views.remove(me.who, name)


def _address(text: str) -> str:
    """A view's address as it is kept; raises as ``_query``."""
    return _query(text).address()


def _query(text: str) -> SavedAddress:
    """What an address says of the list, without words.

    Raises:
        Refusal: it is none of the list's.
    """
    said: dict[str, Any] = {}
    try:
        for name, value in parse_qsl(text, strict_parsing=bool(text), max_num_fields=60):
            said[name] = [*said.get(name, []), value] if name in SEVERAL else value
        return SavedAddress.of(ListingQuery.model_validate(said))
    except (ValueError, ValidationError):
        told = "address: not one of the list"
        raise Refusal(INVALID, "parameter", told, field="address") from None


def _call_page(me: Principal) -> str:
    """Where a call's page is, for whoever asks; empty: there is none."""
    if Permission.READ_TRANSCRIPT in me.permissions:
        return "/calls/"
    return "/certificates/" if Permission.READ_CERTIFICATE in me.permissions else ""


def _linked(query: ListingQuery, cursor: str | None) -> str:
    return f"/?{query.address(after=cursor)}" if cursor else ""


def _head(query: ListingQuery, name: str) -> Head:
    """Click once for the greatest first, again for the least."""
    label = {"started": "Began", "duration": "Length", "muted": "Muted"}[name]
    falling, rising = query.sort == f"-{name}", query.sort == name
    address = query.address(sort=name if falling else f"-{name}")
    return Head(label, f"/?{address}", "descending" if falling else "ascending" if rising else "")


def _chips(query: ListingQuery) -> Iterator[tuple[str, str, str]]:
    """Label, value and the address without it, of every filter that is set."""
    said = query.model_dump(exclude_defaults=True)
    for name, label in FILTERS.items():
        value = said.get(name)
        if value is None or name in {"weekday", "hour"}:
            continue
        for one in value if isinstance(value, tuple) else (value,):
            without = f"{name}={one}" if name in SEVERAL else name
            yield label, _told(name, one), f"/?{query.address(without)}"
    if query.weekday is not None and query.hour is not None:
        told = f"{calendar.day_name[query.weekday - 1]} {query.hour:02}:00"
        yield "Hour of the week", told, f"/?{query.address('weekday', hour='')}"


def _told(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "type":
        return label_of(str(value))
    if name in {"has", "lacks"}:
        return {"has": HAS, "lacks": LACKS}[name][str(value)]
    return dict(WITHIN).get(str(value), str(value))
