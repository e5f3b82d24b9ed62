"""The interface for programs as OpenAPI 3.1: what each route is for, needs and answers."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from console.auth.routing import permission_of
from console.http.errors import PROBLEM

_ABOUT: Final = (
    "Redacted calls and what is known of them. Every route needs a permission, and every look is "
    "in the audit log before its first byte goes out. What is not answered is told as a problem "
    "of RFC 9457, whose `code` is stable."
)
_REFUSALS: Final = {
    "401": "No token, or one that lets nobody in.",
    "403": "The roles of whoever asks do not allow it.",
    "422": "A parameter is unknown or not allowed; nothing is shown.",
    "429": "Too many requests, or too many wrong tokens from this address.",
    "503": "Something that the answer needs is away: try again.",
}
_SCHEMES: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, or an access token of the OpenID Connect issuer.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "hushwire_session",
        "description": "The session of somebody who logged in on the pages; for reading only.",
    },
}
_PROBLEM: Final = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "description": "Address of what the code means."},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do; never a value that was sent."},
        "code": {"type": "string", "description": "Stable, for programs."},
        "field": {"type": "string", "description": "The parameter that is wrong, if it is one."},
    },
}


def described(app: FastAPI) -> dict[str, Any]:
    """The document; made once for an app."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def _made(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Hushwire",
        version=version("hushwire"),
        description=_ABOUT,
        routes=app.routes,
    )
    needed = {
        (getattr(route, "path_format", ""), method.lower()): permission
        for route in app.routes
        if (permission := permission_of(route)) is not None
        for method in getattr(route, "methods", ())
    }
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            _describe(told, path, method, needed[path, method].value)
    parts = document.setdefault("components", {})
    parts["securitySchemes"] = _SCHEMES
    schemas = parts.setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document


def _describe(told: dict[str, Any], path: str, method: str, permission: str) -> None:
    """Say of one route what FastAPI does not know."""
    text = told.get("description", "")
    told["summary"] = text.split("\n\n")[0].replace("\n", " ").strip().rstrip(".")
    told["description"] = f"{text.strip()}\n\nNeeds the permission `{permission}`."
    told["tags"] = [path.removeprefix("/api").strip("/").split("/")[0].partition(".")[0]]
    told["security"] = [{"token": []}, *([{"session": []}] if method == "get" else [])]
    problem = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = dict(_REFUSALS)
    if "{" in path:
        refusals["404"] = "There is no such thing to look at."
    for status, meaning in sorted(refusals.items()):
        told["responses"][status] = {"description": meaning, "content": problem}
