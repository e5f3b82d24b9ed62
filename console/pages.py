"""The pages for people: a list of calls, and one call's transcript beside its audio.

Made on the server, without anything from elsewhere and without inline script, so that a strict
content security policy holds. Whoever logs in pastes a token; the browser keeps it in a cookie that
scripts can't read, other sites can't send, and that ends with the browser.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final
from urllib.parse import parse_qs

import jinja2
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from agents.access import Permission
from agents.kinds import kind_of, label_of
from agents.shelf import CallFilter, Shelf
from console.calls import After, CallId
from console.door import COOKIE, Door, origin_of
from console.errors import NOT_FOUND, UNAUTHORISED, Refusal, unknown_call
from console.looks import Looks, Principal
from console.metrics import ApiMetrics
from console.muted import muted_spans
from console.routing import Routes
from console.shapes import Muted
from pipeline.certificate import parse_certificate
from pipeline.errors import RecordError
from pipeline.wire import valid_call_id

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; media-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Content security policy of the pages."""
COOKIE_MOST: Final = 3_800
"""Browsers drop a cookie of more than 4096 bytes without a word."""
PAGE: Final = 50
STATIC: Final = {
    "console.css": "text/css; charset=utf-8",
    "player.js": "text/javascript; charset=utf-8",
}
_SEE_OTHER: Final = 303
_OWN_SITE: Final = frozenset({"same-origin", "none", ""})
_PLACEHOLDER: Final = re.compile(r"(\[[A-Z][A-Z_]+(?: [^\]]{1,40})?\])")


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a transcript, in pieces: text, and whether it stands for something muted."""

    who: str
    channel: int
    start_ms: int
    end_ms: int
    pieces: tuple[tuple[str, bool], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PageRoutes:
    """Answers with pages."""

    shelf: Shelf
    looks: Looks
    metrics: ApiMetrics
    door: Door
    secure: bool
    """Whether callers come over TLS: the cookie is for TLS only then."""

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        routes.add_open("GET", "/login", self.login_page)
        routes.add_open("POST", "/login", self.login)
        routes.add_open("POST", "/logout", self.logout)
        routes.add_open("GET", "/static/{name}", static)
        hidden = {"include_in_schema": False}
        routes.add("GET", "/", Permission.LIST_CALLS, self.calls, **hidden)
        routes.add("GET", "/calls/{call_id}", Permission.READ_TRANSCRIPT, self.call, **hidden)

    def login_page(self) -> Response:
        """Where a token is pasted."""
        return _page("login.html", problem="")

    async def login(self, request: Request) -> Response:
        """Take a token, and keep it in the browser."""
        if request.headers.get("sec-fetch-site", "") not in _OWN_SITE:
            raise Refusal(403, "origin", "log in from this server's own page")
        try:
            text = _pasted(await request.body())
            await run_in_threadpool(self.door.identify, text, origin_of(request))
        except Refusal as refusal:
            return _page("login.html", refusal.status, problem=refusal.message)
        answer = RedirectResponse("/", _SEE_OTHER)
        answer.set_cookie(COOKIE, text, httponly=True, samesite="strict", secure=self.secure)
        return answer

    def logout(self) -> Response:
        """Let the browser forget the token."""
        answer = RedirectResponse("/login", _SEE_OTHER)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=self.secure)
        return answer

    def calls(self, request: Request, after: After = None) -> Response:
        """Stored calls, the newest first."""
        page = self.shelf.list_calls(CallFilter(passed=True), limit=PAGE, after=after)
        self._look(request, "list", calls=len(page.calls))
        return _page("calls.html", me=request.state.principal, page=page, first=after is None)

    def call(self, request: Request, call_id: CallId) -> Response:
        """One call: transcript, player, and where it is silent."""
        if not valid_call_id(call_id):
            raise unknown_call()
        facts = self.shelf.call(call_id)
        if not facts.passed:
            raise unknown_call()
        certificate = self.shelf.certificate(call_id)
        roles = parse_certificate(certificate).roles
        turns = turns_of(self.shelf.transcript(call_id), roles)
        self._look(request, "page", call_id)
        me: Principal = request.state.principal
        return _page(
            "call.html",
            me=me,
            call=facts,
            roles=roles,
            turns=turns,
            muted=muted_spans(certificate),
            may_listen=Permission.READ_AUDIO in me.permissions,
        )

    def _look(self, request: Request, what: str, call_id: str = "", **facts: int) -> None:
        self.looks.write(request.state.principal, what, call_id, **facts)
        self.metrics.looks.labels(what).inc()


def static(name: str) -> Response:
    """A style sheet or script of ours."""
    if name not in STATIC:
        raise Refusal(NOT_FOUND, "not_found", "there is no such file")
    return Response(_file(name), media_type=STATIC[name])


def page_answer(path: str, refusal: Refusal) -> Response | None:
    """What a page shows in the place of a refusal; None: the path is no page's."""
    if path != "/" and not path.startswith("/calls/"):
        return None
    if refusal.status == UNAUTHORISED:
        return RedirectResponse("/login", _SEE_OTHER)
    return _page("refused.html", refusal.status, refusal=refusal)


def turns_of(transcript: bytes, roles: tuple[str, ...]) -> list[Turn]:
    """The turns of a stored transcript.

    Args:
        transcript: in the shape of Call Analytics.
        roles: one per channel.

    Raises:
        RecordError: it has another shape.
    """
    try:
        return [_turn(turn, roles) for turn in json.loads(transcript)["Transcript"]]
    except (ValueError, KeyError, TypeError):
        # Without the cause: it could quote what was spoken.
        raise RecordError("transcript: not in the shape of Call Analytics") from None


def _turn(turn: dict[str, Any], roles: tuple[str, ...]) -> Turn:
    who = str(turn["ParticipantId"])
    role, _, number = who.rpartition("_")
    known = [one.upper() for one in roles]
    channel = int(number) if role and number.isdigit() else known.index(who) if who in known else 0
    pieces = _PLACEHOLDER.split(str(turn["Content"]))
    return Turn(
        who.replace("_", " ").capitalize(),
        channel,
        int(turn["BeginOffsetMillis"]),
        int(turn["EndOffsetMillis"]),
        tuple((piece, bool(index % 2)) for index, piece in enumerate(pieces) if piece),
    )


def _pasted(body: bytes) -> str:
    """The token of the form.

    Raises:
        Refusal: there is none, or none that fits into a cookie.
    """
    try:
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=4)
    except ValueError:
        form = {}
    text = form.get("token", [""])[0].strip()
    if not text or len(text) > COOKIE_MOST:
        raise Refusal(UNAUTHORISED, "token", "paste a token; one that is longer is for the API")
    return text


def _page(name: str, status: int = 200, **context: object) -> Response:
    body = _environment().get_template(name).render(**context)
    headers = {"Content-Security-Policy": POLICY}
    return Response(body, status, headers, media_type="text/html; charset=utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("console", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock": _clock, "why": _why, "kind": _kind}
    return environment


@cache
def _file(name: str) -> bytes:
    return resources.files("console").joinpath("static", name).read_bytes()


def _clock(ms: int) -> str:
    minutes, seconds = divmod(ms // 1_000, 60)
    return f"{minutes}:{seconds:02}"


def _why(muted: Muted) -> str:
    """What a muted stretch was, for people."""
    return ", ".join(map(label_of, muted.entities)) or f"Precaution ({', '.join(muted.reasons)})"


def _kind(muted: Muted) -> str:
    """Its colour class."""
    return kind_of(muted.entities[0]).name if muted.entities else "other"
