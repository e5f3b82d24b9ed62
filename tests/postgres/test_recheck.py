"""Stored calls under the rules of today, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import Ledger
from agents.upkeep.consent_recheck import Recheck, plan
from agents.vault.call_catalogue import CallFilter
from tests.agents.consented import ASKS, NOW, OLD, PROMPT, YES, Site, decided, policy


@pytest.fixture
def site(ledger_url: str, keyset: Path, tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, Ledger(ledger_url, KeyEncryptionKey(keyset)))
    for number in range(8):
        made.store(f"stays-{number}", decided("DE", PROMPT))
    made.store("held", decided("DE", PROMPT), held=True)
    made.store("yes", decided("DE", PROMPT, YES))
    made.store("nobody", None)
    yield made
    made.ledger.dispose()


def work(site: Site) -> Recheck:
    return Recheck(site.ledger, site.log, site.guard, "somebody")


def test_marks_come_and_go(site: Site) -> None:
    found = plan(site.ledger.database, policy(), ASKS)
    assert (found.asked, found.unasked, len(found.forbidden), len(found.held)) == (10, 1, 8, 1)
    assert len(work(site).flag(found).flagged) == 8
    assert len(site.vault.catalogue.page(CallFilter(flagged=True)).calls) == 8
    again = plan(site.ledger.database, policy(), OLD)
    assert len(work(site).flag(again).cleared) == 8
    assert site.vault.catalogue.page(CallFilter(flagged=True)).calls == ()


def test_holds_that_come_while_calls_are_erased_keep_them(site: Site) -> None:
    found = plan(site.ledger.database, policy(), ASKS)
    names = [one.call_id for one in found.forbidden]
    kept: list[str] = []

    def hold() -> None:
        for name in reversed(names):
            try:
                site.vault.catalogue.hold(name, NOW)
            except Exception:  # noqa: BLE001 - it is erased already
                return
            kept.append(name)

    thread = threading.Thread(target=hold)
    thread.start()
    done = work(site).erase_forbidden(site.vault, found)
    thread.join()
    assert not set(kept) & set(done.erased)
    assert site.stored([*names, "held", "yes", "nobody"]) == {*kept, "held", "yes", "nobody"}
    assert {*kept, *done.erased} == set(names)
