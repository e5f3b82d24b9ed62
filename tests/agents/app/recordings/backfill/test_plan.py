"""Which recordings of an archive are wanted, and what is known of them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from agents.app.recordings.backfill.pacing import Pacing
from agents.app.recordings.backfill.plan import Item, Rule, archive_key, wanted
from agents.app.recordings.ingest import STAGE, Outcome, stands
from agents.app.recordings.watching.places import FolderPlace
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.crypto.pseudonym_secret import read_or_make_key
from agents.database.backfilled import Backfilled, Noted
from agents.database.call_ledger import CallState, Ledger
from agents.database.door_calls import DoorCalls
from pipeline.errors import InputError

pytestmark = pytest.mark.unit

NOW = datetime(2026, 6, 1, tzinfo=UTC)
YEAR = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)


def by_key(folder: Path) -> Pseudonyms:
    return Pseudonyms(partial(read_or_make_key, folder / "tokens.key"))


def archive(folder: Path) -> FolderPlace:
    """Four recordings: two with a date in their sidecar, one with a bad one, one without."""
    folder.mkdir()
    for name, notes, written in (
        ("a", {"started_at": "2025-03-01T10:00:00+01:00"}, NOW),
        ("b", {"started_at": "2024-12-31T23:30:00-01:00"}, NOW),
        ("c", {"started_at": "yesterday"}, datetime(2024, 5, 1, tzinfo=UTC)),
        ("d", None, datetime(2025, 5, 1, tzinfo=UTC)),
    ):
        path = folder / f"{name}.wav"
        path.write_bytes(b"RIFF")
        if notes is not None:
            path.with_suffix(".json").write_text(json.dumps(notes))
        os.utime(path, (written.timestamp(),) * 2)
    return FolderPlace(folder)


def sent(items: list[Item], stand: dict[str, Outcome], *, again: bool) -> list[bool]:
    return [
        one.to_be_sent(stand.get(one.noted.call_id) if one.noted else None, again=again)
        for one in items
    ]


def names(items: list[Item]) -> list[str]:
    return [one.found.name for one in items]


def test_dates_are_of_the_call_or_else_of_the_file(tmp_path: Path) -> None:
    place, named = (
        archive(tmp_path / "in"),
        Pseudonyms(partial(read_or_make_key, tmp_path / "tokens.key")),
    )
    look = place.look()
    assert names(wanted(place, look.recordings, {}, Rule(), named)) == [
        "a.wav", "b.wav", "c.wav", "d.wav",
    ]  # fmt: skip
    within = wanted(place, look.recordings, {}, Rule(*YEAR), named)
    # The moment of b is 2025 in UTC; a bad sidecar goes by its file, and is refused at its turn.
    assert names(within) == ["a.wav", "b.wav", "d.wav"]
    assert within[0].began == "2025-03-01T09:00:00.000+00:00"
    assert names(wanted(place, look.recordings, {}, Rule(until=YEAR[0]), named)) == ["c.wav"]


def test_what_is_noted_is_known_until_it_changes(tmp_path: Path) -> None:
    place, named = (
        archive(tmp_path / "in"),
        Pseudonyms(partial(read_or_make_key, tmp_path / "tokens.key")),
    )
    ledger = Ledger.embedded(tmp_path / "state")
    noted = Backfilled(ledger.database, archive_key("/in", named))
    items = {
        one.found.name: one for one in wanted(place, place.look().recordings, {}, Rule(), named)
    }
    for number, name in enumerate(("a.wav", "b.wav", "c.wav")):
        ledger.open_call(f"call-{number}")
        ledger.finish(f"call-{number}", STAGE)
        noted.note(
            items[name].key,
            Noted(items[name].mark, "2025-01-01T00:00:00.000+00:00", f"call-{number}", 2.5),
        )
    ledger.close_call("call-0", CallState.STORED)
    ledger.close_call("call-1", CallState.REFUSED)
    (tmp_path / "in" / "c.json").write_text("{}")  # mended
    again = wanted(place, place.look().recordings, noted.known(), Rule(), named)
    stand = stands(ledger.database, ["call-0", "call-1", "call-2"])
    assert sent(again, stand, again=False) == [False, False, True, True]
    assert sent(again, stand, again=True) == [False, True, True, True]
    assert again[0].noted is not None
    assert again[0].noted.seconds == 2.5
    # Another archive knows nothing of them, and an erased call has no row.
    assert Backfilled(ledger.database, archive_key("/other", named)).known() == {}
    DoorCalls(ledger.database).erase("call-0")
    assert items["a.wav"].key not in noted.known()
    # Nor has one whose call nobody knows: it may be of the erased one.
    noted.note(items["a.wav"].key, Noted(items["a.wav"].mark, "", "", 0.0, "input"))
    DoorCalls(ledger.database).erase("call-0")
    assert items["a.wav"].key not in noted.known()
    assert items["b.wav"].key in noted.known()
    # Neither a name nor a place stands in the database.
    row = next(iter(noted.known()))
    assert "wav" not in row
    assert len(row) == 64
    ledger.dispose()


def test_a_row_whose_call_the_ledger_does_not_know_is_sent_again(tmp_path: Path) -> None:
    place, named = (
        archive(tmp_path / "in"),
        Pseudonyms(partial(read_or_make_key, tmp_path / "tokens.key")),
    )
    [first, *_] = wanted(place, place.look().recordings, {}, Rule(), named)
    known = {first.key: Noted(first.mark, "", "gone", 1.0)}
    [again, *_] = wanted(place, place.look().recordings, known, Rule(), named)
    assert again.to_be_sent(None, again=False)


@pytest.mark.parametrize(
    ("outcome", "code", "once", "again"),
    [
        (Outcome.SENT, "", True, True),  # broken off
        (Outcome.SENT_BEFORE, "", False, False),
        (Outcome.STORED_BEFORE, "", False, False),
        (Outcome.STORED_IN_PART, "", False, True),
        (Outcome.REFUSED_BEFORE, "", False, True),
        (Outcome.QUARANTINED_BEFORE, "", False, False),
        (Outcome.ERASED_BEFORE, "", False, False),
        (Outcome.REFUSED_BEFORE, "audio", False, True),
        (None, "input", False, True),
    ],
)
def test_which_are_sent_once_more(
    tmp_path: Path, outcome: Outcome | None, code: str, *, once: bool, again: bool
) -> None:
    place, named = (
        archive(tmp_path / "in"),
        Pseudonyms(partial(read_or_make_key, tmp_path / "tokens.key")),
    )
    [first, *_] = wanted(place, place.look().recordings, {}, Rule(), named)
    item = replace(first, noted=Noted(first.mark, "", "a", 1.0, code))
    assert item.to_be_sent(outcome, again=False) is once
    assert item.to_be_sent(outcome, again=True) is again


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        (datetime(2027, 1, 1, tzinfo=UTC), None, "lies in the future"),
        (YEAR[1], YEAR[0], "is not before --until"),
        (YEAR[0], YEAR[0], "is not before --until"),
    ],
)
def test_dates_that_cannot_be_meant(
    since: datetime | None, until: datetime | None, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        Rule(since, until).checked(NOW)


def test_the_rate_is_kept_and_what_was_missed_is_not_made_up_for() -> None:
    now = 0.0
    pacing = Pacing(10.0, lambda: now)
    assert pacing.wait_s == 0
    pacing.began()
    now = 1.0  # sending took a second
    pacing.sent(60.0)
    assert pacing.wait_s == 5.0
    now = 100.0
    assert pacing.wait_s == 0
    pacing.began()
    pacing.sent(60.0)
    assert pacing.wait_s == 6.0
