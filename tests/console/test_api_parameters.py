"""Whatever stands in an address or a body, the API answers it or says what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from agents.access.roles import MAY, Role
from console.auth.code_flow import BACK
from console.auth.routing import parameters_of, permission_of
from tests.console.serving import HELD_BACK, OTHER, STORED, Console, console, transcript_of

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with console(
        tmp_path_factory.mktemp("asked"), per_minute=10**6, json=transcript_of("hello")
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("role", "address", "parameter"),
    [
        ("analyst", "/api/calls?since=0001-01-01T00:00:00%2B14:00", "since"),
        ("analyst", "/api/calls?until=9999-12-31T23:59:59-14:00", "until"),
        ("analyst", "/api/calls?since=1e400", "since"),
        ("analyst", "/api/calls?purpose=%00", "purpose"),
        ("analyst", "/api/calls?after=%00", "after"),
        ("auditor", f"/api/audit?after={2**63}", "after"),
        ("auditor", f"/api/audit?after={'9' * 5_000}", "after"),
        ("auditor", "/api/audit?limit=99999999999999999999", "limit"),
        ("security", "/api/marks?after=%00", "after"),
    ],
)
def test_a_value_out_of_reach_is_told(
    role: str, address: str, parameter: str, served: Console
) -> None:
    answer = served.role(role).get(address)
    assert answer.status_code == 422
    assert answer.json()["code"] == "parameter"
    assert parameter in answer.json()["detail"]


@pytest.mark.parametrize(
    "address",
    [
        "/api/calls?since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z",
        "/api/calls?since=2026-01-01T00:00:00%2B14:00",
    ],
)
def test_times_at_the_edge_are_times(address: str, served: Console) -> None:
    assert served.role("analyst").get(address).status_code == 200


def test_what_an_address_does_not_know_is_refused_on_every_route(served: Console) -> None:
    seen = 0
    for route in served.app.routes:
        assert isinstance(route, APIRoute)
        if route.path == BACK:
            continue  # an issuer may add what it likes
        permission = permission_of(route)
        role = next((one for one in Role if permission in MAY[one]), Role.ANALYST)
        path = re.sub(r"\{\w+\}", STORED, route.path)
        for method in route.methods:
            answer = _client(served, role).request(method, f"{path}?subject=4111")
            assert answer.status_code == 422, (method, path)
            assert "subject: not known" in answer.text
            assert "4111" not in answer.text
            seen += 1
    assert seen >= 30


@pytest.mark.parametrize("query", ["limit=1&limit=2", "John%20Smith=1", "Limit=1", "=1"])
def test_names_that_are_none_and_names_said_twice_are_refused(query: str, served: Console) -> None:
    answer = served.role("analyst").get(f"/api/calls?{query}")
    assert answer.status_code == 422
    assert "Smith" not in answer.text


NUMBERS = [str(n + d) for n in (0, 2**31, 2**32, 2**63, 2**64, 10**30) for d in (-1, 0, 1)]
TIMES = [
    f"{year}-{day}T{time}{zone}"
    for year in ("0001", "1970", "2026", "9999")
    for day, time in (("01-01", "00:00:00"), ("12-31", "23:59:59.999999"))
    for zone in ("", "Z", "+14:00", "-14:00", "+23:59", "-23:59")
]
VALUES = st.one_of(
    st.sampled_from(
        [*NUMBERS, *TIMES, STORED, OTHER, HELD_BACK, "", "..", "nan", "inf", "-0", "²"]
    ),
    st.integers().map(str),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | VALUES,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(VALUES, one, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(["channel", "start_ms", "end_ms", "missed", "role", "name", "days"])
WANTED = st.dictionaries(FIELDS, BODIES, max_size=5).map(json.dumps) | VALUES


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_no_parameter_is_a_fault(served: Console, data: st.DataObject) -> None:
    """Every route, asked by somebody who may."""
    route = data.draw(st.sampled_from([one for one in served.app.routes if permission_of(one)]))
    assert isinstance(route, APIRoute)
    path, query = route.path, {}
    for parameter in route.dependant.path_params:
        # Most often a call that is there, so that the rest is looked at, too.
        value = data.draw(st.just(STORED) | VALUES)
        path = path.replace(f"{{{parameter.name}}}", quote(value, safe="") or "x")
    for name in parameters_of(route):
        if data.draw(st.booleans()):
            query[name] = data.draw(VALUES)
    method = next(iter(route.methods or ()))
    body = None if method in {"GET", "HEAD"} else data.draw(WANTED).encode()
    role = next(role for role in Role if permission_of(route) in MAY[role])
    answer = _client(served, role).request(method, path, params=query, content=body)
    without_broker = answer.status_code == 503 and answer.json()["code"] == "settings"
    assert without_broker or answer.status_code < 500, answer.text


@cache
def _client(served: Console, role: Role) -> TestClient:
    return served.role(role)
