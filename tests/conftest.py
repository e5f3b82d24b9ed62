"""What all tests share: order, running brokers, migrated ledgers, and the profiles of Hypothesis.

``ci`` tries the same examples every time, so that what one change passes does not fail the next;
``HYPOTHESIS_PROFILE=nightly`` tries others each night, and more where a test names no number of its
own. No example has a time limit: a busy machine is no fault of the code.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings

if TYPE_CHECKING:
    from agents.database.engine import Database
    from tests.broker.brokers import Broker

LONGEST = (
    "broker/test_backfill.py",
    "broker/test_pages.py",
    "faults/test_rolling.py",
    "broker/test_leak_scan_faults.py",
    "broker/test_restart.py",
    "broker/test_stopping.py",
    "broker/test_deadletter.py",
    "broker/test_operations.py",
    "broker/test_crash.py",
    "broker/test_outputs.py",
    "broker/test_admit.py",
    "broker/test_leak_scan.py",
    "broker/test_shadow.py",
    "kafka/test_broker.py",
    "faults/test_chaos.py",
    "repository/test_release.py",
    "simulation/test_simulation.py",
    "models/loaded/test_damage.py",
    "models/loaded/test_evaluating.py",
    "pipeline/muting/test_misbehaving.py",
    "models/loaded/test_transcriber.py",
    "models/loaded/test_processors.py",
    "models/loaded/test_rounds.py",
    "agents/runtime/test_many_calls.py",
    "agents/runtime/test_runtime_model.py",
    "repository/test_compose.py",
    "agents/app/test_bench_models.py",
    "models/consent/test_reader.py",
)
"""By what ``make test`` prints of the slowest; the others come as they lie."""
SLOW = [HealthCheck.too_slow]
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile(
    "nightly",
    deadline=None,
    derandomize=False,  # it would be true where the environment variable CI is set
    max_examples=2_000,
    print_blob=True,
    suppress_health_check=SLOW,
)
# For ``make mutation``: the same examples every time, and no search for a smaller one.
settings.register_profile(
    "mutation",
    settings.get_profile("ci"),
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: the last to be begun are short, and all processes end together."""
    places = {one: place for place, one in enumerate(LONGEST)}
    root = Path(__file__).parent
    items.sort(key=lambda one: places.get(one.path.relative_to(root).as_posix(), len(places)))


def pytest_collection_finish() -> None:
    """Whoever looks for garbage from now on need not go through all that was imported.

    And looks seldom: of every 700 objects, as is Python's custom, it took a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(scope="session")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Broker]]:
    """Running brokers by their names in ``tests/broker/brokers.py``; each is started once."""
    from tests.broker.brokers import running  # noqa: PLC0415 - most tests need no broker

    made: dict[str, Broker] = {}
    with ExitStack() as stack:

        def named(name: str) -> Broker:
            if name not in made:
                made[name] = stack.enter_context(running(name, tmp_path_factory.mktemp(name)))
            return made[name]

        yield named


@pytest.fixture(scope="session", autouse=True)
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The first empty ledger on SQLite is migrated, those after it are copies; gives ``upgrade``.

    ``tests/postgres/test_schema.py`` has the migrations themselves, one by one.
    """
    if (migrate := sys.modules.get("agents.database.migrate")) is None:
        yield None  # none of the tests that were collected has a ledger
        return
    upgrade: Callable[[Database], tuple[str | None, str]] = migrate.upgrade
    file = tmp_path_factory.mktemp("migrated") / "ledger.db"
    one_at_a_time = Lock()

    def copied(database: Database) -> tuple[str | None, str]:
        place = str(database.engine.url.database)
        with one_at_a_time:
            if not database.sqlite or migrate.current(database) is not None:
                return upgrade(database)
            if not file.exists():
                first = migrate.Database(f"sqlite:///{file}")
                upgrade(first)
                first.dispose()
            with closing(sqlite3.connect(file)) as made, closing(sqlite3.connect(place)) as empty:
                made.backup(empty)
        return None, str(migrate.newest())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "upgrade", copied)
        yield upgrade
