"""Routes can only be made with a permission; what is open to all stands in ``OPEN``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from agents.access.roles import Permission
from console.auth.door import Door, Permit
from pipeline.errors import SettingsError

OPEN: Final = frozenset({"/healthz", "/login", "/logout", "/static/{name}"})
"""Routes that need no token: whether the server lives, and the way in."""


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
        **options: Any,  # noqa: ANN401 - FastAPI's own
    ) -> None:
        """Add a route that needs a permission.

        Args:
            method: of HTTP.
            path: with parameters in braces.
            permission: what the caller needs.
            endpoint: answers.
            **options: of ``FastAPI.add_api_route``.
        """
        permit = Depends(Permit(self._door, permission))
        self._app.add_api_route(path, endpoint, methods=[method], dependencies=[permit], **options)

    def add_form(self, path: str, permission: Permission, endpoint: Callable[..., Any]) -> None:
        """Add a route that takes a form of our own pages, for whoever has a permission."""
        permit = Depends(Permit(self._door, permission, form=True))
        self._app.add_api_route(
            path, endpoint, methods=["POST"], dependencies=[permit], include_in_schema=False
        )

    def add_open(self, method: str, path: str, endpoint: Callable[..., Any]) -> None:
        """Add a route of ``OPEN``."""
        self._app.add_api_route(path, endpoint, methods=[method], include_in_schema=False)


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
