"""Routes can only be made with a permission; what is open to all stands in ``OPEN``.

What an address says beside what its route knows is refused, on every route: who asks for
``?subject=…`` where there is no such filter must not be shown all calls.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, get_origin

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import BaseRoute

from agents.access.roles import Permission
from console.auth.door import Door, Permit
from console.http.errors import INVALID, Refusal
from pipeline.errors import SettingsError

OPEN: Final = frozenset(
    {
        *("/healthz", "/login", "/login/oidc", "/login/oidc/back"),
        *("/logout", "/logout/oidc", "/static/{name}"),
    }
)
"""Routes that need no token: whether the server lives, the way in, and out."""
_PLAIN: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")
"""Names that are told back; others may be anything."""


class Routes:
    """Adds routes to an app.

    Args:
        app: where to.
        door: checks the permissions.
    """

    def __init__(self, app: FastAPI, door: Door) -> None:
        self._app, self._door = app, door

    def add(
        self,
        method: str,
        path: str,
        permission: Permission,
        endpoint: Callable[..., Any],
        *,
        live: bool = False,
        **options: Any,  # noqa: ANN401 - FastAPI's own
    ) -> None:
        """Add a route that needs a permission.

        Args:
            method: of HTTP.
            path: with parameters in braces.
            permission: what the caller needs.
            endpoint: answers.
            live: whether pages ask it by themselves, which keeps no session alive.
            **options: of ``FastAPI.add_api_route``.
        """
        needed = [Depends(Permit(self._door, permission, live=live)), Depends(refuse_unknown)]
        options.setdefault("include_in_schema", path.startswith(("/api/", "/metrics")))
        self._app.add_api_route(path, endpoint, methods=[method], dependencies=needed, **options)

    def add_form(self, path: str, permission: Permission, endpoint: Callable[..., Any]) -> None:
        """Add a route that takes a form of our own pages, for whoever has a permission."""
        needed = [Depends(Permit(self._door, permission, form=True)), Depends(refuse_unknown)]
        self._app.add_api_route(
            path, endpoint, methods=["POST"], dependencies=needed, include_in_schema=False
        )

    def add_open(
        self, method: str, path: str, endpoint: Callable[..., Any], *, strict: bool = True
    ) -> None:
        """Add a route of ``OPEN``; one that is not strict takes what others may add to it."""
        self._app.add_api_route(
            path,
            endpoint,
            methods=[method],
            dependencies=[Depends(refuse_unknown)] if strict else [],
            include_in_schema=False,
        )


def parameters_of(route: BaseRoute) -> dict[str, bool]:
    """What the query of a route's address may name, and whether more than once."""
    found: dict[str, bool] = {}
    waiting = [route.dependant] if isinstance(route, APIRoute) else []
    while waiting:
        one = waiting.pop()
        waiting += one.dependencies
        for field in one.query_params:
            kind = field.field_info.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                for name, inner in kind.model_fields.items():
                    found[inner.alias or name] = get_origin(inner.annotation) in {list, tuple}
            else:
                found[field.alias] = get_origin(kind) in {list, tuple}
    return found


async def refuse_unknown(request: Request) -> None:
    """Refuse an address that names what its route does not know, or one thing twice.

    It waits for no thread.

    Raises:
        Refusal: 422.
    """
    may = parameters_of(request.scope["route"])
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        shown = name if _PLAIN.fullmatch(name) else "a parameter"
        if name not in may:
            known = ", ".join(sorted(may)) or "none"
            raise Refusal(
                INVALID,
                "parameter",
                f"{shown}: not known at this address, which takes {known}",
                field=name if shown == name else "",
            )
        if times > 1 and not may[name]:
            raise Refusal(INVALID, "parameter", f"{shown}: say it once", field=shown)


def permission_of(route: BaseRoute) -> Permission | None:
    """What a route asks for; None: nothing."""
    if not isinstance(route, APIRoute):
        return None
    for dependency in route.dependant.dependencies:
        if isinstance(dependency.call, Permit):
            return dependency.call.permission
    return None


def refuse_unguarded(app: FastAPI) -> None:
    """Make sure that nobody added a route past ``Routes``.

    Raises:
        SettingsError: a route needs no permission and is not in ``OPEN``.
    """
    for route in app.routes:
        path = getattr(route, "path", "")
        if permission_of(route) is None and path not in OPEN:
            raise SettingsError(f"the route {path} needs no permission: the server does not start")
