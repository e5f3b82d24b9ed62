"""What a stage's Faust app is told."""

from __future__ import annotations

import faust
import pytest
from faust.types.settings import Settings

from agents.app import faust_app

pytestmark = pytest.mark.unit


def _make() -> faust.App:
    return faust_app.make_app(
        "calls-mute", "127.0.0.1:9", partitions=2, longest_job_s=1.0, client_id="test"
    )


def test_every_setting_is_one_that_faust_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    class Told:
        def __init__(self, group: str, **settings: object) -> None:
            given.update(settings)

    monkeypatch.setattr(faust_app, "_App", Told)
    _make()
    # Faust takes a name that it doesn't know without a word, and the setting does nothing.
    assert [name for name in given if not hasattr(Settings, name)] == []


def test_few_records_come_at_once() -> None:
    app = _make()
    assert app.conf.broker_max_poll_records == faust_app.POLL_RECORDS


def test_topics_are_looked_at_often() -> None:
    """How long topics that show late are not given out, as ``tests/kafka/test_late_topics.py``
    waits for them; the client's own five minutes are too long."""
    assert _make().conf.consumer_metadata_max_age_ms == faust_app.METADATA_MS == 5_000
