"""The interface's description: complete, and made into a page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute

from console.auth.routing import permission_of
from console.http.errors import CODES, PROBLEM
from tests.console.serving import Console, console

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with console(tmp_path_factory.mktemp("described")) as made:
        yield made


def test_no_route_lacks_words_answers_or_a_scheme(served: Console) -> None:
    document = served.role("operator").get("/api/openapi.json").json()
    assert document["info"]["version"]
    assert set(document["components"]["securitySchemes"]) == {"token", "session"}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            where = f"{method} {path}"
            assert len(told["summary"].split()) >= 3, where
            assert "Needs the permission `" in told["description"], where
            assert told["tags"], where
            assert told["tags"][0], where
            reading = method == "get"
            assert told["security"] == [{"token": []}] + [{"session": []}] * reading, where
            problems = {status for status, one in told["responses"].items() if status >= "400"}
            assert problems >= {"401", "403", "422", "429", "503"}, where
            for status in problems:
                assert list(told["responses"][status]["content"]) == [PROBLEM], where
            for one in told.get("parameters", []):
                assert one.get("description") or one["schema"].get("description"), (where, one)
    for gone in ("HTTPValidationError", "ValidationError"):
        assert gone not in str(document)


def test_every_route_for_programs_is_in_it(served: Console) -> None:
    document = served.role("operator").get("/api/openapi.json").json()
    ours = {
        (route.path, method.lower())
        for route in served.app.routes
        if isinstance(route, APIRoute) and route.path.startswith(("/api/", "/metrics"))
        for method in route.methods
    }
    assert ours == {(path, method) for path, ways in document["paths"].items() for method in ways}
    assert all(
        permission_of(route) is not None
        for route in served.app.routes
        if getattr(route, "include_in_schema", False)
    )


def test_the_page_shows_it(served: Console) -> None:
    text = served.role("operator").get("/reference").text
    for path in served.role("operator").get("/api/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in text
    for code in CODES:
        assert f'id="{code}"' in text
