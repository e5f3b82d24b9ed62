"""Pages from templates, with a content security policy that allows nothing from elsewhere."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Final
from zoneinfo import ZoneInfo

import jinja2
from fastapi.responses import Response

from agents.reports.entity_groups import kind_of, label_of
from agents.reports.templating import environment
from console.api.schemas import Muted
from console.auth.looks import Principal
from console.http.errors import NOT_FOUND, Refusal
from console.pages.navigation import places_for

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; media-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Content security policy of the pages."""
_MEDIA: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_ALONE: Final = {"gap": "No audio came", "paused": "Recorder paused"}
"""Why a stretch is silent in which nobody was muted."""
_ZONE: Final[ContextVar[str]] = ContextVar("zone", default="UTC")
"""Of the page that is being made: macros of a template know nothing of the page."""
_SHOWN: Final = {"": "%Y-%m-%d %H:%M", "date": "%Y-%m-%d", "seconds": "%Y-%m-%d %H:%M:%S"}
_REPORTS: Final = frozenset({"compliance.css"})
"""Style sheets of reports, which are files of their own, too."""


def page(name: str, status: int = 200, **context: object) -> Response:
    """A page.

    Args:
        name: of its template.
        status: of HTTP.
        **context: what the template shows. Times are told in ``zone``, where it names one, else
            in that of ``me``, the page's reader.
    """
    me, zone = context.get("me"), context.get("zone")
    told = _ZONE.set(str(zone or (me.zone if isinstance(me, Principal) else "UTC")))
    try:
        body = _environment().get_template(name).render(**context)
    finally:
        _ZONE.reset(told)
    headers = {"Content-Security-Policy": POLICY}
    return Response(body, status, headers, media_type="text/html; charset=utf-8")


def static(name: str) -> Response:
    """A style sheet, script or icon of ours, by its name alone, whatever folder it is in.

    Raises:
        Refusal: there is none of this name.
    """
    if name not in _static():
        raise Refusal(NOT_FOUND, "not_found", "there is no such file")
    return Response(_content(name), media_type=_MEDIA[PurePath(name).suffix])


@cache
def _environment() -> jinja2.Environment:
    made = environment(
        "console",
        clock=_clock,
        why=_why,
        kind=_kind,
        kind_name=lambda entity: kind_of(entity).name,
        label=label_of,
        iso=_iso,
        local=_local,
        places=places_for,
    )
    made.globals["zone_name"] = _ZONE.get
    return made


@cache
def _static() -> dict[str, Traversable]:
    """Our files by their names, which no two of them share."""
    reports = resources.files("agents.reports") / "templates"
    found = {name: reports / name for name in _REPORTS}
    folders = [resources.files("console") / "static"]
    for folder in folders:
        for one in folder.iterdir():
            if one.is_dir():
                folders.append(one)
            elif PurePath(one.name).suffix in _MEDIA:
                found[one.name] = one
    return found


@cache
def _content(name: str) -> bytes:
    return _static()[name].read_bytes()


def _clock(ms: int) -> str:
    minutes, seconds = divmod(ms // 1_000, 60)
    return f"{minutes}:{seconds:02}"


def _iso(moment: datetime | str) -> str:
    """A moment as ISO 8601 with its zone; without one it is UTC."""
    return _moment(moment).astimezone(UTC).isoformat()


def _local(moment: datetime | str, form: str = "") -> str:
    """A moment in the page's zone; ``form`` is empty, ``date`` or ``seconds``."""
    return f"{_moment(moment).astimezone(ZoneInfo(_ZONE.get())):{_SHOWN[form]}}"


def _moment(moment: datetime | str) -> datetime:
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _why(muted: Muted) -> str:
    """What a muted stretch was, for people."""
    if muted.entities:
        return ", ".join(map(label_of, muted.entities))
    return ", ".join(_ALONE.get(one, f"Precaution: {label_of(one)}") for one in muted.reasons)


def _kind(muted: Muted) -> str:
    """Its colour class."""
    if muted.entities:
        return kind_of(muted.entities[0]).name
    return "gap" if set(muted.reasons) <= set(_ALONE) else "other"
