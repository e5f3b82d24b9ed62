"""There is one way to the wall clock, and what is destroyed by time goes by the database's."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import CallState, Ledger
from agents.system.clock import stamp, system_clock

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for name in ("pipeline", "models", "agents", "console", "policies")
    for path in (ROOT / name).rglob("*.py")
)
READS = frozenset(
    {
        ("datetime", "now"),
        ("datetime", "utcnow"),
        ("datetime", "today"),
        ("date", "today"),
        ("time", "time"),
        ("time", "time_ns"),
        ("time", "localtime"),
        ("time", "gmtime"),
        ("func", "now"),
    }
)
"""What reads the wall clock; ``time.monotonic`` does not."""
READ_NAMES = frozenset(name for _, name in READS)
CLOCKS = frozenset({"time", "agents.system.clock"})
CLOCK = "agents/system/clock.py"
DEFAULTS = {
    "agents/database/engine.py": "the clock of a database, where none is given",
    "agents/database/call_ledger.py": "the same, for a ledger",
    "agents/app/stage_clients.py": "the same, for a worker",
    "agents/vault/file_store.py": "ages of drafts, which are the file system's",
    "agents/reports/gdpr_record.py": "the date on a document",
    "agents/cli/installing/keys.py": "ages that are shown",
    "agents/app/evaluation/bench_models.py": "the date in a file of measurements",
    "agents/cli/running/notice.py": "the day for which a prompt is looked up",
    "agents/cli/measuring/policy.py": "the day on which policies are compared",
    "agents/settings/consent_rules.py": "the day for which prompts are read",
    "agents/settings/notices.py": "the same",
    "agents/app/recordings/recording_folder.py": "evidence from the future is refused",
    "agents/app/gateway/call_feed.py": "when a call began, which has no database",
    "agents/app/checks/surroundings.py": "certificates that end",
    "agents/system/sockets/serving.py": "the same, at the start",
    "agents/upkeep/news/webhooks.py": "the time of a test's signature, which has no database",
}
"""Modules that know the machine's clock, and what for."""


@cache
def _nodes(module: str) -> tuple[list[ast.Attribute], list[ast.ImportFrom]]:
    """Attributes and imports of a module, which is parsed once."""
    nodes = list(ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))))
    return (
        [one for one in nodes if isinstance(one, ast.Attribute) and one.attr in READ_NAMES],
        [one for one in nodes if isinstance(one, ast.ImportFrom) and one.module in CLOCKS],
    )


def _reads(module: str) -> list[int]:
    return [
        node.lineno
        for node in _nodes(module)[0]
        if isinstance(node.value, ast.Name) and (node.value.id, node.attr) in READS
    ]


def _named(module: str) -> set[str]:
    """Names that a module imports from modules with a clock."""
    return {name.name for node in _nodes(module)[1] for name in node.names}


def test_nobody_else_reads_the_wall_clock() -> None:
    assert len(MODULES) > 200
    found = {module: _reads(module) for module in MODULES if _reads(module)}
    assert set(found) == {CLOCK}


def test_the_machine_s_clock_is_known_to_few() -> None:
    knows = {module for module in MODULES if "system_clock" in _named(module)}
    assert knows == set(DEFAULTS)
    assert not any(_named(module) & {"time", "time_ns"} for module in MODULES)


def test_the_test_sees_what_it_forbids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, line in enumerate(("datetime.now(UTC)", "time.time()", "f = time.time")):
        (tmp_path / f"{number}.py").write_text(line)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert [_reads(f"{number}.py") for number in range(3)] == [[1]] * 3


def test_a_ledger_goes_by_the_clock_that_it_was_given(tmp_path: Path) -> None:
    moment = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    kek = KeyEncryptionKey.load_or_create(tmp_path / "kek.json")
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", kek, lambda: moment)
    ledger.open_call("call")
    ledger.close_call("call", CallState.QUARANTINED)
    assert [one.since for one in ledger.quarantined()] == [moment]
    assert ledger.database.stamp() == "2031-05-06T07:08:09.000+00:00"
    assert ledger.database.server_time() is None
    ledger.dispose()


def test_times_are_written_alike_in_whatever_zone() -> None:
    here = datetime.fromisoformat("2026-03-01T10:00:00.123456+02:00")
    assert stamp(here) == "2026-03-01T08:00:00.123+00:00"
    assert abs(system_clock() - datetime.now(UTC)) < timedelta(seconds=5)
