"""How the installation is doing: what the page and the API show, and what they write down."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from agents.app.operations.findings import Finding, Grade
from agents.app.operations.health import OLD, HealthWatch
from agents.app.operations.worker_states import WorkerState, WorkerStates
from agents.system.clock import system_clock
from agents.system.metrics import DELAYS_S
from console.operations import overview
from tests.console.serving import HELD_BACK, OTHER, STORED, Console, console
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as made:
        yield made


def note(served: Console, worker_id: str, ago_s: float, stages: tuple[str, ...]) -> None:
    now = served.ledger.database.now()
    seen = now - timedelta(seconds=ago_s)
    WorkerStates(served.ledger.database).note(
        WorkerState(
            worker_id,
            stages,
            host=f"host-{worker_id}",
            version="9.9.9",
            policy="default",
            policy_version="3",
            state="ready",
            started=now - timedelta(hours=2),
            seen=seen,
            counts={"in_flight.mute": 2},
            delays=(0, 0, 0, 0, 0, 10, *[0] * (len(DELAYS_S) - 5)),
        )
    )


def test_workers_delay_and_what_waits(served: Console) -> None:
    note(served, "a", 1, ("detect", "mute"))
    note(served, "b", 60, ("mute", "vault"))
    served.ledger.open_call("call-open")
    served.ledger.finish("call-open", "transcribe")
    state = served.role("operator").get("/api/operations").json()
    seen = state["overview"]
    assert [(one["host"], one["state"]) for one in seen["workers"]] == [
        ("host-a", "ready"),
        ("host-b", "away"),
    ]
    stages = {one["name"]: one for one in seen["stages"]}
    assert (stages["mute"]["workers"], stages["mute"]["away"]) == (1, 1)
    assert stages["mute"]["in_flight"] == 2  # of those that are alive
    assert stages["vault"]["workers"] == 0
    assert stages["detect"]["oldest_seconds"] >= 0
    # The three calls of the installation are open in this ledger as well, and older.
    assert seen["kept"]["open_calls"] == 4
    assert seen["delay"] == {"releases": 10, "median_s": 1.75, "p95_s": 1.98, "over": False}
    assert seen["throughput"]["calls"] == 2
    assert (seen["kept"]["stored"], seen["kept"]["quarantined"]) == (2, 1)
    assert seen["versions"]["workers"] == ["9.9.9"]
    assert seen["versions"]["policies"] == ["default 3"]
    assert [one["what"] for one in seen["keys"]] == ["Wrapping key"]
    # Nobody named a broker: it is said, and nothing is invented.
    assert seen["broker"]["state"] == "unnamed"
    assert seen["broker"]["dead_letters"] is None
    assert {one["behind"] for one in seen["stages"]} == {None}


def test_the_page_says_what_to_do_and_names_no_call(served: Console) -> None:
    note(served, "a", 1, ("detect",))
    operator = served.role("operator")
    page = operator.get("/operations")
    assert page.status_code == 200
    assert "HUSHWIRE_BOOTSTRAP" in page.text
    assert 'class="chip bad">none' not in page.text  # nobody could have named one here
    assert "host-a" in page.text
    assert 'data-live="/operations/live"' in page.text
    for call in (STORED, OTHER, HELD_BACK):
        assert call not in page.text
    assert [json.loads(facts)["what"] for _, facts in served.audited()] == ["operations"]
    # What is fetched every few seconds is counts, and no look of its own.
    assert "host-a" in operator.get("/operations/live").text
    assert len(served.audited()) == 1
    assert served.role("analyst").get("/operations/live").status_code == 403


def test_health_is_looked_for_in_the_background_and_kept() -> None:
    may_end, asked = threading.Event(), []
    now = [system_clock()]

    def examine() -> list[Finding]:
        asked.append(1)
        assert may_end.wait(HANG_S)
        return [Finding(Grade.WEAK, "vault", "too open", "chmod 700")]

    watch = HealthWatch(examine, lambda: now[0])
    first = watch.latest()
    assert (first.at, first.looking, first.findings) == (None, True, ())
    assert watch.latest().looking
    may_end.set()
    found = watch.until_known(10)
    assert (found.looking, [one.advice for one in found.findings]) == (False, ["chmod 700"])
    assert len(asked) == 1
    now[0] += OLD
    again = watch.latest()
    assert again.looking
    assert again.findings == found.findings
    watch.until_known(10)
    assert len(asked) == 2


def test_a_look_that_breaks_is_no_end(capfd: pytest.CaptureFixture[str]) -> None:
    def examine() -> list[Finding]:
        raise ValueError("4111111111111111")

    watch = HealthWatch(examine, system_clock)
    found = watch.until_known(10)
    assert [(one.grade, one.told) for one in found.findings] == [
        (Grade.WEAK, "not looked at: a fault of ours: tell the operator when it was")
    ]
    assert not found.looking
    assert found.at is not None
    assert "4111" not in "".join(capfd.readouterr())


def test_a_page_that_renews_itself_keeps_nobody_logged_in(
    served: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = served.visitor("operator")
    database, began = served.ledger.database, served.ledger.database.now()
    for minutes in (15, 29):
        now = began + timedelta(minutes=minutes)
        monkeypatch.setattr(database, "now", lambda now=now: now)
        assert operator.get("/operations/live").status_code == 200
    monkeypatch.setattr(database, "now", lambda: began + timedelta(minutes=31))
    assert operator.get("/operations/live").status_code == 303
    assert operator.get("/operations").headers["location"].endswith("why=ended")


def test_only_what_renews_itself_is_live(served: Console) -> None:
    live = {
        str(getattr(route, "path", ""))
        for route in served.app.routes
        if isinstance(route, APIRoute)
        and any(getattr(one.call, "_live", False) for one in route.dependant.dependencies)
    }
    templates = (Path(overview.__file__).parents[1] / "templates").rglob("*.html")
    texts = "".join(one.read_text() for one in templates)
    assert live == set(re.findall(r'data-live="([^"?]+)', texts))
