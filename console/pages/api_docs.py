"""The interface for programs as a page: what there is, who may, and what problems mean."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.responses import Response

from agents.access.roles import Permission
from console.api.openapi import described
from console.auth.looks import Looks
from console.auth.routing import Routes
from console.http.errors import CODES
from console.pages.rendering import page


@dataclass(frozen=True, slots=True)
class ApiPages:
    """Answers with the interface's description."""

    app: FastAPI
    looks: Looks

    def add_to(self, routes: Routes) -> None:
        """Add the route."""
        routes.add("GET", "/reference", Permission.WHO_AM_I, self.docs)

    def docs(self, request: Request) -> Response:
        """Every route of the API, made from its OpenAPI document."""
        me = request.state.principal
        self.looks.write(me, "api-docs")
        return page("entry/api_docs.html", me=me, api=described(self.app), codes=CODES)
