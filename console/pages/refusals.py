"""What a browser is shown in the place of a page: what happened, and what to do.

Whoever is not logged in is led to the form, and from there to what they wanted. A browser that
follows a link of another site leaves our cookie at home (``SameSite=Strict``): a page of our own
asks for the same address again, and then it comes along.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlencode

from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import Headers
from starlette.types import Scope

from console.http.errors import UNAUTHORISED, Refusal
from console.http.forms import SEE_OTHER
from console.pages.rendering import page

BACK_MOST: Final = 1_500
"""Characters of an address that is gone back to."""
_BARE: Final = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
_NO_PAGES: Final = ("/api/", "/static/", "/metrics", "/healthz")
_ENTRANCE: Final = re.compile(r"/(login|logout)([/?#]|$)")


def own_address(text: str) -> str:
    """An address of one of our pages to go back to; empty where it is none.

    Never one of another site: it begins with one slash, and nothing in it is read as another.
    """
    fits = len(text) <= BACK_MOST and _BARE.fullmatch(text) is not None
    if not fits or text.startswith(_NO_PAGES) or _ENTRANCE.match(text):
        return ""
    return text


def page_answer(scope: Scope, refusal: Refusal) -> Response | None:
    """What a page shows in the place of a refusal; None: the address is no page's."""
    path = scope["path"]
    if path.startswith(_NO_PAGES):
        return None
    if refusal.status == UNAUTHORISED and not path.startswith("/login"):
        return _to_log_in(scope, refusal)
    known = scope.get("state", {}).get("known")
    told = {"me": known} if known is not None else {}
    answer = page("entry/refused.html", refusal.status, refusal=refusal, **told)
    answer.headers.update(refusal.headers)
    return answer


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
