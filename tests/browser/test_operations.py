"""An operator's way through the pages: how it is doing, what died, what goes when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from agents.app.operations.replaying import DeadLetters
from agents.app.operations.worker_states import WorkerState, WorkerStates
from agents.runtime.dead_letters import DeadLetter, Depth, Fate, Record
from agents.settings.model import Settings
from tests.browser.conftest import log_in
from tests.console.serving import Console

pytestmark = pytest.mark.browser

LETTER = DeadLetter(
    0, 7, datetime(2026, 3, 1, tzinfo=UTC), "call-1", "hushwire.audio.raw", 3, 41, "mute", "seal", 1
)


def note(console: Console, worker_id: str, seen: datetime) -> None:
    state = WorkerState(
        worker_id,
        ("detect", "mute"),
        host=f"host-{worker_id}",
        version="1.0",
        policy="default",
        policy_version="1",
        state="ready",
        started=seen,
        seen=seen,
    )
    WorkerStates(console.ledger.database).note(state)


def more_often(route: Route) -> None:
    """The page as it is, but for how often it renews itself: each two seconds."""
    answer = route.fetch()
    text = answer.text()
    assert text.count('data-every="10"') == 1
    route.fulfill(response=answer, body=text.replace('data-every="10"', 'data-every="2"'))


def test_the_overview_renews_itself_and_keeps_the_focus(
    page: Page, served: tuple[str, Console], axe: Callable[[Page], None]
) -> None:
    _, console = served
    now = console.ledger.database.now()
    note(console, "one", now)
    log_in(page, console.token("operator"))
    expect(page).to_have_url(f"{served[0]}/operations")
    page.route("**/operations", more_often)
    page.reload()
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
    expect(page.get_by_role("row", name="host-one")).to_be_visible()
    # Health is looked for meanwhile; what to do stands beside what is weak.
    expect(page.get_by_text("To mend it: chmod")).to_be_visible()
    axe(page)
    details = page.locator("#fine summary")
    details.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#fine")).to_have_attribute("open", "")
    note(console, "one", now - timedelta(minutes=5))
    note(console, "two", console.ledger.database.now() + timedelta(minutes=5))
    # A worker that went away shows within thirty seconds, without anybody doing anything.
    expect(page.get_by_role("row", name="host-two")).to_be_visible()
    expect(page.get_by_role("row", name="host-one")).to_contain_text("away")
    expect(page.locator("#fine")).to_have_attribute("open", "")
    expect(details).to_be_focused()


def test_a_dead_letter_is_replayed_after_a_question(
    page: Page,
    served: tuple[str, Console],
    axe: Callable[[Page], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, console = served
    letters, sent = (
        [LETTER, replace(LETTER, call_id="call-2", record_offset=42, fate=Fate.CLOSED)],
        [],
    )

    def read(_: DeadLetters, *, depth: Depth, **__: object) -> list[DeadLetter]:
        if depth is Depth.CALL:
            return letters
        return [replace(letters[0], sealed=Record({}, b"sealed")), letters[1]]

    def replay(_: DeadLetters, found: list[DeadLetter], *, by: str) -> list[DeadLetter]:
        sent.append(by)
        return found

    monkeypatch.setattr(DeadLetters, "read", read)
    monkeypatch.setattr(DeadLetters, "replay", replay)
    assert Settings().bootstrap is None
    log_in(page, console.token("operator"))
    page.get_by_role("link", name="Dead letters").click()
    expect(page.get_by_role("row")).to_have_count(3)
    expect(page.get_by_text("its call is closed")).to_be_visible()
    axe(page)
    page.get_by_role("link", name="Replay…").first.click()
    expect(page.get_by_text("1 of 2 records is sent again")).to_be_visible()
    axe(page)
    page.get_by_role("link", name="Cancel").click()
    assert sent == []
    page.get_by_role("link", name="Replay…").first.click()
    page.get_by_role("button", name="Replay 1 record").click()
    expect(page.get_by_role("status")).to_contain_text("1 record sent again")
    assert len(sent) == 1


def test_what_goes_when(
    page: Page, served: tuple[str, Console], axe: Callable[[Page], None]
) -> None:
    log_in(page, served[1].token("operator"))
    page.get_by_role("link", name="Retention").click()
    expect(page.get_by_role("heading", name="Legal holds")).to_be_visible()
    axe(page)
