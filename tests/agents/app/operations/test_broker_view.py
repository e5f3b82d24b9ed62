"""Which topics the overview misses."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.app.operations import overview
from agents.app.operations.overview import Operations
from agents.database.call_ledger import Ledger
from agents.kafka.lag import BrokerLag
from agents.kafka.topics import Topics
from agents.settings.model import Settings

pytestmark = pytest.mark.unit

BOTH = Topics.named(backfilled=True)
LIVE = set(Topics.named().all())


@pytest.mark.parametrize(
    ("there", "taken", "missing"),
    [
        (LIVE, False, set()),  # nobody takes archives' calls
        (LIVE, True, set(BOTH.archive())),
        ({*LIVE, BOTH.backfill().words}, False, set(BOTH.archive()) - {BOTH.backfill().words}),
        (set(BOTH.all()) - {BOTH.words}, False, {BOTH.words}),
    ],
)
def test_an_archives_topics_are_missed_where_some_of_them_are_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: set[str],
    missing: set[str],
    *,
    taken: bool,
) -> None:
    class Reader:
        def __init__(self, *_: object) -> None: ...

        def read(self, groups: dict[str, tuple[str, ...]], topics: tuple[str, ...]) -> BrokerLag:
            gone = tuple(one for one in topics if one not in there)
            return BrokerLag(dict.fromkeys(groups, 0), dict.fromkeys(topics, 0), gone)

    monkeypatch.setattr(overview, "LagReader", Reader)
    ledger = Ledger.embedded(tmp_path / "state")
    settings = Settings(bootstrap="127.0.0.1:1", state_dir=tmp_path / "state", backfill=taken)
    broker = Operations(settings, ledger).look().broker
    ledger.dispose()
    assert set(broker.missing) == missing
    assert ("topics are not there" in broker.told) is bool(missing)
