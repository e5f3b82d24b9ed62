"""What a browser is shown in the place of a page: what happened, and what to do.

Whoever is not logged in is led to the form, and from there to what they wanted. A browser that
follows a link of another site leaves our cookie at home (``SameSite=Strict``): a page of our own
asks for the same address again, and then it comes along. A page whose filters are wrong shows its
form again, with what was said in it and what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import Headers
from starlette.types import Scope

from console.auth.looks import Principal
from console.http.errors import INVALID, UNAUTHORISED, Refusal
from console.http.forms import SEE_OTHER
from console.http.parameters import LABELS, REFERENCE, SEVERAL, WITHIN
from console.pages.rendering import page

BACK_MOST: Final = 1_500
"""Characters of an address that is gone back to."""
_BARE: Final = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
_NO_PAGES: Final = ("/api/", "/static/", "/metrics", "/healthz", "/logout/oidc")
_FILES: Final = frozenset({"/compliance/json"})
"""Handed out by pages and read by programs: who is logged in is told as programs are."""
_FORMS: Final = {"/": "list/asked_again.html", "/analytics": "analytics/asked_again.html"}
"""Pages with a form that is shown again, and their templates."""
_NOWHERE: Final = {
    "not_found": "there is no page at this address: it may be mistyped, or be of another version",
    "method": "there is no page at this address: go on from one of the pages above",
}
"""What is told on a page in the place of what programs are told."""
_NAMED: Final = re.compile(r"(?:^|(?<=; ))([a-z_]{1,30})(?:\.\d+)?(?=: )")
_ENTRANCE: Final = re.compile(r"/(login|logout)([/?#]|$)")


def own_address(text: str) -> str:
    """An address of one of our pages to go back to; empty where it is none.

    Never one of another site: it begins with one slash, and nothing in it is read as another.
    """
    fits = len(text) <= BACK_MOST and _BARE.fullmatch(text) is not None
    if not fits or text.startswith(_NO_PAGES) or _ENTRANCE.match(text):
        return ""
    return text


def is_page(scope: Scope) -> bool:
    """Whether an address is one of pages, not one for programs."""
    return not scope["path"].startswith(_NO_PAGES)


def page_answer(scope: Scope, refusal: Refusal) -> Response | None:
    """What a page shows in the place of a refusal; None: programs are told it as a problem."""
    path = scope["path"]
    if not is_page(scope):
        return None
    if refusal.status == UNAUTHORISED and not path.startswith("/login"):
        return _to_log_in(scope, refusal)
    if path in _FILES:
        return None
    known = scope.get("state", {}).get("known")
    if refusal.status == INVALID and known is not None and path in _FORMS:
        return form_again(scope, known, refusal)
    refusal = _labelled(refusal)
    told = {"me": known} if known is not None else {}
    answer = page("entry/refused.html", refusal.status, refusal=refusal, **told)
    answer.headers.update(refusal.headers)
    return answer


def form_again(
    scope: Scope,
    me: Principal,
    refusal: Refusal,
    choices: Mapping[str, Sequence[str]] | None = None,
) -> Response:
    """A page's form with what the address says in it and what is wrong; nothing else of the page.

    Args:
        scope: of the request, at an address whose page has a form.
        me: who asks.
        refusal: what is wrong.
        choices: what its fields offer, where whoever asks may know.
    """
    said: dict[str, str] = {}
    several: dict[str, list[str]] = {name: [] for name in SEVERAL}
    for name, value in parse_qsl(scope["query_string"].decode("latin-1"))[:100]:
        if name in several:
            several[name].append(value)
        said[name] = value
    answer = page(
        _FORMS[scope["path"]],
        refusal.status,
        me=me,
        said={**dict.fromkeys(LABELS, ""), **said, **several},
        wrong=_labelled(refusal),
        choices={
            **dict.fromkeys(("campaign", "line", "agent", "type", "topic"), ()),
            **(choices or {}),
        },
        within=WITHIN,
    )
    answer.headers.update(refusal.headers)
    return answer


def _labelled(refusal: Refusal) -> Refusal:
    """What is wrong by the names that the pages give it, without what is for programs."""
    if refusal.code in _NOWHERE:
        told = _NOWHERE[refusal.code]
        return Refusal(refusal.status, refusal.code, told, refusal.headers)
    if refusal.status != INVALID:
        return refusal
    told = refusal.message.removesuffix(REFERENCE)
    told = _NAMED.sub(lambda found: LABELS.get(found[1], found[0]), told)
    return Refusal(refusal.status, refusal.code, told, refusal.headers, field=refusal.field)


def _to_log_in(scope: Scope, refusal: Refusal) -> Response:
    headers = Headers(scope=scope)
    wanted = _wanted(scope) if scope["method"] == "GET" else ""
    if refusal.code == "no_token" and headers.get("sec-fetch-site") == "cross-site" and wanted:
        return page("entry/again.html", address=wanted)
    asked = {"next": wanted} if wanted not in {"", "/", "/home"} else {}
    if refusal.code == "session":
        asked["why"] = "ended"
    return RedirectResponse(f"/login{'?' + urlencode(asked) if asked else ''}", SEE_OTHER)


def _wanted(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return own_address(quote(scope["path"]) + ("?" + query if query else ""))
