"""What goes when, and what a legal hold keeps."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from agents.app.operations.retention_plan import DAYS, plan
from agents.database.tables import CATALOGUE
from agents.settings.model import Settings
from agents.system.clock import stamp
from tests.console.serving import HELD_BACK, OTHER, STORED, console

pytestmark = pytest.mark.unit


def test_days_months_holds_and_what_is_over(tmp_path: Path) -> None:
    with console(tmp_path) as served:
        database = served.ledger.database
        now = database.now()

        def keep(call: str, days: float) -> None:
            until = stamp(now + timedelta(days=days))
            with database.writing() as connection:
                mine = CATALOGUE.c.call_id == call
                connection.execute(update(CATALOGUE).where(mine).values(retain_until=until))

        keep(STORED, 2)
        keep(OTHER, -1)
        keep(HELD_BACK, 100)
        made = plan(database, Settings(), now)
        assert made.over == 1
        assert len(made.days) == DAYS
        there = {one.title: one.calls for one in made.days if one.calls}
        assert there == {(now + timedelta(days=2)).date().isoformat(): 1}
        assert [(one.title, one.calls) for one in made.months] == [
            ((now + timedelta(days=100)).date().isoformat()[:7], 1)
        ]
        assert (made.held, made.held_all) == ((), 0)

        served.vault.catalogue.hold(OTHER, now)
        held = plan(database, Settings(), now)
        assert held.over == 0
        assert [(one.call_id, one.over) for one in held.held] == [(OTHER, True)]
        page = served.role("operator").get("/retention").text
        assert OTHER in page
        assert "kept by the hold alone" in page
        assert "72 hours" in page
        # An auditor gets from there to the certificate; an operator may not see it.
        assert "/certificates/" not in page
        assert f"/certificates/{OTHER}" in served.role("auditor").get("/retention").text
        assert served.role("auditor").get("/api/retention").json()["held"] == 1
        assert served.role("analyst").get("/retention").status_code == 403
