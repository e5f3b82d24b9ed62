"""A wrong clock destroys nothing, and no sweep takes a great part of all without being asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from sqlalchemy import insert
from typer.testing import CliRunner

from agents.access.audit_log import AuditLog, Event
from agents.access.sessions import people
from agents.cli.main import app
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import CallState
from agents.database.tables import PEOPLE
from agents.settings.model import Settings
from agents.system.clock import stamp
from agents.system.metrics import Metrics
from agents.upkeep import audit_keeper, quarantine, retention
from agents.upkeep.sweep_guard import Bounds, Confirmed, SweepGuard
from agents.vault.shadow_results import ShadowResults
from agents.vault.vault import Vault
from pipeline.errors import InputError, SweepRefusedError
from tests.agents.storing import new_ledger, stored_call

pytestmark = pytest.mark.unit

KIND = "hushwire.audit.call-closed.v1"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Site:
    """An installation with three stored calls, one in quarantine, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.ledger = new_ledger(folder / "vault" / ".hushwire")
        self.clock = Clock(self.ledger.database.now())
        self.begun = self.clock.now
        self.ledger.database.now = self.clock
        self.vault = Vault.opened(folder / "vault", self.ledger)
        self.log = AuditLog(self.ledger.database)
        self.metrics = Metrics()
        self.guard = SweepGuard(self.ledger.database, metrics=self.metrics)
        for call_id in ("one", "two", "three"):
            self.store(call_id)
        self.ledger.open_call("bad")
        self.ledger.close_call("bad", CallState.QUARANTINED)

    def store(self, call_id: str, days: int = 30) -> None:
        self.ledger.open_call(call_id)
        self.vault.store(stored_call(call_id, files={f"{call_id}.json": b"{}"}), keep_days=days)
        self.ledger.close_call(call_id, CallState.STORED)
        self.log.append(Event(f"{call_id}/closed", call_id, KIND, {"state": "stored"}))

    def sweep(self, confirmed: Confirmed | None = None) -> list[str]:
        return retention.sweep(self.vault, self.ledger, self.log, self.guard, confirmed=confirmed)

    def stored(self) -> int:
        return self.vault.catalogue.count()

    def refused(self) -> bool:
        page = generate_latest(self.metrics.registry).decode()
        return 'hushwire_sweep_refused{sweep="retention"} 1.0' in page

    def told(self) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.log.export()]
        return [one["facts"] for one in lines if one["facts"].get("what") == "sweep-confirmed"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.ledger.dispose()


def test_a_clock_400_days_ahead_erases_nothing(site: Site) -> None:
    assert site.sweep() == []
    site.clock.now += 400 * DAY
    with pytest.raises(SweepRefusedError, match="the clock says"):
        site.sweep()
    with pytest.raises(SweepRefusedError):
        quarantine.sweep(site.ledger, site.log, 72, site.guard)
    assert site.stored() == 3
    assert site.ledger.quarantined_seal("bad")
    assert site.refused()
    site.clock.now = site.begun + HOUR
    assert site.sweep() == []
    assert not site.refused()


def test_it_erases_nothing_before_any_sweep_either(site: Site) -> None:
    """The newest entry of the audit log is what is known of the time then."""
    site.clock.now += 400 * DAY
    with pytest.raises(SweepRefusedError):
        site.sweep()
    assert site.stored() == 3


def test_what_a_wrong_clock_writes_makes_it_no_more_credible(site: Site) -> None:
    site.sweep()
    site.clock.now += 400 * DAY
    site.store("four", days=1_000)
    for _ in range(3):
        with pytest.raises(SweepRefusedError):
            site.sweep()
        site.clock.now += HOUR
    assert site.stored() == 4


def test_time_that_passes_is_believed(site: Site) -> None:
    for _ in range(30):
        assert site.sweep() == []
        site.clock.now += DAY
    assert sorted(site.sweep()) == ["one", "three", "two"]


def test_a_new_installation_begins_with_the_clock_it_has(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path / "state")
    vault = Vault.opened(tmp_path / "vault", ledger)
    guard = SweepGuard(ledger.database)
    log = AuditLog(ledger.database)
    assert retention.sweep(vault, ledger, log, guard) == []
    assert guard.believes(ledger.database.now())
    assert not guard.believes(ledger.database.now() + 4 * DAY)
    ledger.dispose()


def test_an_installation_idle_for_months_goes_on_when_it_is_confirmed(site: Site) -> None:
    site.sweep()
    site.clock.now += 120 * DAY
    with pytest.raises(SweepRefusedError, match="--confirm 3"):
        site.sweep()
    with pytest.raises(InputError, match="3 are due now, not 2"):
        site.sweep(Confirmed(2, "somebody"))
    assert site.stored() == 3
    assert sorted(site.sweep(Confirmed(3, "somebody"))) == ["one", "three", "two"]
    assert [(one["sweep"], one["count"], one["by"]) for one in site.told()] == [
        ("retention", 3, "somebody")
    ]
    # From here on the clock is believed, by the other sweeps too.
    assert quarantine.sweep(site.ledger, site.log, 72, site.guard) == ["bad"]


def test_a_clock_that_was_ahead_while_entries_were_written(site: Site) -> None:
    """Nothing was swept yet: the log says a time that is still to come."""
    site.clock.now += 300 * DAY
    site.log.append(Event("x", "", KIND, {"state": "stored"}))
    site.clock.now = site.begun + 31 * DAY
    with pytest.raises(SweepRefusedError):
        site.sweep()
    assert len(site.sweep(Confirmed(3, "somebody"))) == 3
    site.store("late", days=1)
    site.clock.now += 2 * DAY
    assert site.sweep() == ["late"]


def test_a_clock_that_is_behind_is_not_believed_either(site: Site) -> None:
    site.store("short", days=1)
    site.clock.now += DAY * 2
    assert site.sweep() == ["short"]
    site.store("other", days=1)
    site.clock.now -= 40 * DAY
    site.store("back", days=1)
    site.clock.now += 2 * DAY
    assert not site.guard.believes(site.clock.now)
    assert site.sweep() == []
    assert site.stored() == 5


def test_what_is_stored_by_a_clock_that_is_behind_is_kept_as_long_as_anything(site: Site) -> None:
    """It was due at once for who has the time: "a day" from forty days ago."""
    site.sweep()
    right = site.clock.now
    site.clock.now -= 40 * DAY
    site.store("back", days=1)
    site.clock.now = right + DAY - HOUR
    assert site.sweep() == []
    site.clock.now = right + DAY + HOUR
    assert site.sweep() == ["back"]


def test_what_is_stored_by_a_clock_that_is_far_ahead_is_kept_no_longer(site: Site) -> None:
    site.sweep()
    right = site.clock.now
    site.clock.now += 400 * DAY
    site.store("ahead", days=1)
    site.clock.now = right + DAY + HOUR
    assert site.sweep() == ["ahead"]


@pytest.mark.parametrize("hours", [71, 73])
def test_the_bound_is_what_the_settings_say(site: Site, hours: int) -> None:
    site.store("short", days=1)
    site.sweep()
    site.clock.now += hours * HOUR
    if hours < 72:
        assert site.sweep() == ["short"]
    else:
        with pytest.raises(SweepRefusedError):
            site.sweep()


@pytest.mark.parametrize(("more", "goes"), [(0, False), (60, True)])
def test_a_great_part_at_once_waits(site: Site, *, more: int, goes: bool) -> None:
    """21 are more than the least number; of 24 they are a great part, of 84 exactly a quarter."""
    for number in range(21):
        site.store(f"short-{number}", days=1)
    for number in range(more):
        site.store(f"long-{number}")
    site.sweep()
    site.clock.now += 2 * DAY
    if goes:
        assert len(site.sweep()) == 21
        return
    with pytest.raises(SweepRefusedError, match="21 of 24 at once"):
        site.sweep()
    assert site.refused()
    assert len(site.sweep(Confirmed(21, "somebody"))) == 21
    assert site.stored() == 3


def test_up_to_the_least_number_no_part_is_great(site: Site) -> None:
    for number in range(17):
        site.store(f"more-{number}")
    for _ in range(31):
        site.sweep()
        site.clock.now += DAY
    assert site.stored() == 0


def test_comparisons_stay_while_the_clock_is_not_believed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[datetime] = []
    monkeypatch.setattr(ShadowResults, "drop_old", lambda _, now: dropped.append(now))
    site.sweep()
    assert len(dropped) == 1
    for call_id in ("one", "two", "three"):
        site.vault.catalogue.hold(call_id, site.begun)
    site.clock.now += 400 * DAY
    assert site.sweep() == []  # nothing is due, so nothing is refused
    assert len(dropped) == 1


def test_the_audit_log_is_not_pruned_by_a_wrong_clock(site: Site, tmp_path: Path) -> None:
    key = SigningKey.load_or_create(tmp_path / "signing.pem")
    site.sweep()
    site.clock.now += 400 * DAY
    with pytest.raises(SweepRefusedError):
        audit_keeper.prune(site.log, key, 366, site.guard)
    keeper = audit_keeper.AuditKeeper(
        site.log, key, keep_days=366, guard=site.guard, metrics=site.metrics
    )
    keeper._guarded(keeper._look)
    assert site.log.unsigned(key.public) == 0, "it is signed all the same"
    page = generate_latest(site.metrics.registry).decode()
    assert "hushwire_audit_broken 0.0" in page
    assert 'hushwire_sweep_refused{sweep="audit-log"} 1.0' in page
    due, total = site.log.older(key.public, 366, site.clock.now)
    assert (due, total) == (3, 3)
    assert audit_keeper.prune(site.log, key, 366, site.guard, confirmed=Confirmed(3, "me")) == 3


def test_names_go_a_year_after_the_last_login_though_nobody_logs_in(
    site: Site, tmp_path: Path
) -> None:
    key = SigningKey.load_or_create(tmp_path / "signing.pem")
    for who, days in (("oidc:ann", 367), ("oidc:bob", 365)):
        with site.ledger.database.writing() as connection:
            row = {"who": who, "name": who[-3:], "seen": stamp(site.begun - days * DAY)}
            connection.execute(insert(PEOPLE).values(row))

    def after_a_day() -> list[str]:
        keeper = audit_keeper.AuditKeeper(
            site.log, key, keep_days=366, guard=site.guard, metrics=site.metrics
        )
        keeper._guarded(keeper._look)
        return list(people(site.ledger.database).values())

    site.clock.now += 400 * DAY
    assert after_a_day() == ["ann", "bob"]  # such a clock is not believed
    site.clock.now = site.begun
    assert after_a_day() == ["bob"]


def test_by_command_it_is_refused_until_the_number_is_confirmed(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.sweep()
    with site.ledger.database.writing() as connection:
        connection.exec_driver_sql("UPDATE sweep_clock SET seen = '2020-01-01T00:00:00.000+00:00'")
        connection.exec_driver_sql("UPDATE catalogue SET retain_until = '2020-01-02T00:00:00.000'")
        connection.exec_driver_sql(
            "UPDATE calls SET closed = '2020-01-02T00:00:00.000+00:00' WHERE call_id = 'bad'"
        )
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*arguments, "--vault", str(tmp_path / "vault")])
        return result.exit_code, f"{result.output} {result.exception or ''}"

    code, output = run("quarantine", "list")
    assert code == 0
    assert "its time is up" in output
    code, output = run("quarantine", "sweep")
    assert code != 0
    assert "--confirm 1" in output
    code, output = run("retention", "sweep")
    assert code != 0
    assert "--confirm 3" in output
    assert run("retention", "sweep", "--confirm", "1")[0] != 0
    assert site.stored() == 3
    code, output = run("retention", "sweep", "--confirm", "3")
    assert (code, "3 calls erased" in output) == (0, True)
    code, output = run("quarantine", "sweep")
    assert (code, "1 quarantines ended" in output) == (0, True)


def test_who_confirms_that_nothing_is_due_confirms_no_clock(site: Site) -> None:
    """It made a clock believed by which another sweep then destroyed."""
    site.sweep()
    assert quarantine.sweep(site.ledger, site.log, 10_000 * 24, site.guard) == []
    site.clock.now += 400 * DAY
    with pytest.raises(InputError, match="nothing is due now; there is nothing to confirm"):
        quarantine.sweep(
            site.ledger, site.log, 10_000 * 24, site.guard, confirmed=Confirmed(0, "somebody")
        )
    assert not site.guard.believes(site.clock.now)
    assert site.told() == []
    with pytest.raises(SweepRefusedError, match="the clock says"):
        site.sweep()
    assert site.stored() == 3


def test_bounds_come_from_the_settings() -> None:
    settings = Settings(sweep_clock_hours=5, sweep_percent=6, sweep_least=7)
    assert Bounds.of(settings) == Bounds(5, 6, 7)
    assert Bounds.of(Settings()) == Bounds()
