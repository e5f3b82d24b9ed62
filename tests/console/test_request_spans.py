"""A span for each request: its route and status, never its address or query."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.system.tracing import tracer
from agents.system.tracing.trace_context import HEADER, Context
from agents.system.tracing.tracer import Kind, Span
from tests.console.serving import STORED, Console, console

pytestmark = pytest.mark.unit

THEIRS = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Told:
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def sampled(self, _trace: int, _parent: Context | None) -> bool:
        return True

    def tell(self, span: Span) -> None:
        self.spans.append(span)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as made:
        yield made


def test_requests_are_told_by_their_routes(served: Console) -> None:
    told = Told()
    with tracer.start(told), served.role("analyst") as client:
        assert client.get(f"/api/calls/{STORED}", headers={HEADER: THEIRS.decode()}).is_success
        assert client.get("/api/calls", params={"text": "violet walrus"}).status_code < 500
        assert client.get("/no/such/4000001234567899?secret=walrus").status_code == 404
        assert client.request("WALRUS", "/api/calls").status_code == 405
        assert client.get("/healthz").is_success
    call, found, missing, odd = told.spans
    assert call.name == "GET /api/calls/{call_id}"
    assert call.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/calls/{call_id}",
        "http.response.status_code": 200,
    }
    assert (call.kind, call.trace, call.parent) == (Kind.SERVER, 0, None)
    assert call.link is not None
    assert call.link.span == int("00f067aa0ba902b7", 16)
    assert found.name == "GET /api/calls"
    assert found.link is None
    assert (missing.name, missing.attributes["http.response.status_code"]) == ("GET", 404)
    assert odd.attributes["http.request.method"] == "_OTHER"
    assert "walrus" not in repr(told.spans).lower()
    assert "4000001234567899" not in repr(told.spans)
    assert STORED not in repr(told.spans)


def test_off_nothing_is_told(served: Console) -> None:
    assert served.role("analyst").get(f"/api/calls/{STORED}").is_success
    assert not tracer.is_on()


def test_a_fault_is_told_by_its_status(served: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("violet walrus")

    monkeypatch.setattr("agents.vault.reader.VaultReader.call", broken, raising=False)
    monkeypatch.setattr("agents.vault.reader.VaultReader.find", broken, raising=False)
    monkeypatch.setattr("agents.vault.call_catalogue.Catalogue.get", broken, raising=False)
    monkeypatch.setattr("agents.vault.call_catalogue.Catalogue.find", broken, raising=False)
    with tracer.start(told):
        status = served.role("analyst").get(f"/api/calls/{STORED}").status_code
    (span,) = told.spans
    assert status == 500
    assert (span.failed, span.attributes["http.response.status_code"]) == ("500", 500)
    assert "walrus" not in repr(span)
