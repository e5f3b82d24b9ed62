"""Which recordings of an archive are wanted, and what is known of each.

The date of a recording is when its call began, as its sidecar says, else when its file was written.
Sidecars are read only where dates are asked for, and each once.

Outcomes of ``wanted``: items, in the order of their names; ``StoreError`` where the archive or the
ledger is away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from agents.app.recordings.ingest import Outcome
from agents.app.recordings.recording_folder import began_at, sidecar_of
from agents.app.recordings.watching.places import Found, Place
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.database.backfilled import Noted
from agents.system.clock import stamp
from pipeline.errors import InputError
from pipeline.records.call_names import shown

RATE: Final = 10.0
AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """How an archive is taken."""

    since: datetime | None = None
    """Calls that began then or later."""
    until: datetime | None = None
    """Calls that began before."""
    rate: float = RATE
    """Seconds of calls that are sent in a second."""
    at_once: int = AT_ONCE
    """Calls that are in work at once."""
    again: bool = False
    """Whether what was refused, or stored in part, is taken anew."""

    def checked(self, now: datetime) -> Rule:
        """The rule, whose dates can be meant.

        Raises:
            InputError: they can't.
        """
        if self.since is not None and self.since > now:
            raise InputError(
                f"--since {stamp(self.since)} lies in the future (it is {stamp(now)}): is the "
                "clock right, and the date?"
            )
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InputError(
                f"--since {stamp(self.since)} is not before --until {stamp(self.until)}; --until "
                "is the first moment that is not wanted any more"
            )
        return self

    def wants(self, began: datetime) -> bool:
        """Whether a call that began then is wanted."""
        late_enough = self.since is None or began >= self.since
        return late_enough and (self.until is None or began < self.until)


@dataclass(frozen=True, slots=True)
class Item:
    """A recording that is wanted."""

    found: Found
    key: str
    """Keyed hash of its name."""
    mark: str
    """Another one when it or its sidecar is."""
    began: str
    """When its call began, as ``stamp`` writes it; empty: not looked at."""
    noted: Noted | None
    """What is known of it, unless it was changed since."""

    def to_be_sent(self, outcome: Outcome | None, *, again: bool) -> bool:
        """Whether it was not sent to its end, or is to be sent once more.

        Args:
            outcome: how its call stands; None: the ledger knows no such call.
            again: see ``Rule``.
        """
        if self.noted is None:
            return True
        if self.noted.code:
            return again
        if outcome is None or outcome is Outcome.SENT:
            return True
        return again and outcome.anew


def archive_key(location: str, named: Pseudonyms) -> str:
    """Keyed hash of where an archive is."""
    return named.recorder(f"archive {location}")


def wanted(
    place: Place,
    recordings: tuple[Found, ...],
    known: Mapping[str, Noted],
    rule: Rule,
    named: Pseudonyms,
) -> list[Item]:
    """The recordings of some time.

    Args:
        place: where they lie.
        recordings: all of them.
        known: what is noted, by key.
        rule: which are wanted.
        named: makes the keyed hashes.
    """
    dated = rule.since is not None or rule.until is not None
    items = []
    for found in recordings:
        item = _item(found, known, named)
        if dated:
            began = _began(place, item)
            if not rule.wants(began):
                continue
            item = replace(item, began=stamp(began))
        items.append(item)
    return items


def written(found: Found) -> datetime:
    """When the file of a recording was written."""
    return found.modified or datetime.fromtimestamp(0, UTC)


def _item(found: Found, known: Mapping[str, Noted], named: Pseudonyms) -> Item:
    key = named.recorder(f"recording {found.name}")
    mark = hashlib.sha256(f"{found.mark}|{found.sidecar}".encode()).hexdigest()
    noted = known.get(key)
    if noted is not None and noted.mark != mark:
        noted = None
    return Item(found, key, mark, noted.began if noted else "", noted)


def _began(place: Place, item: Item) -> datetime:
    if item.began:
        return datetime.fromisoformat(item.began)
    name = shown(sidecar_of(item.found.name).rpartition("/")[2])
    try:
        began = began_at(place.notes(item.found), name) if item.found.sidecar else None
    except InputError:
        began = None  # refused with its reason when its turn comes
    return began or written(item.found)
