"""An auditor's way through the pages: a certificate, its entries, and whether the log holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from agents.access.audit_log import AuditLog
from agents.crypto.ed25519 import SigningKey
from tests.browser.conftest import CALL, log_in
from tests.console.serving import HELD_BACK, Console

pytestmark = pytest.mark.browser


def test_from_a_certificate_to_the_log_and_back_out_of_the_browser(
    page: Page, served: tuple[str, Console], axe: Callable[[Page], None], tmp_path: Path
) -> None:
    _, console = served
    log_in(page, console.token("auditor"))
    page.get_by_role("link", name="Certificates").click()
    expect(page.get_by_role("link", name=HELD_BACK)).to_be_visible()
    axe(page)
    page.get_by_label("Call").fill(CALL)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name=f"Certificate of {CALL}")).to_be_visible()
    # The test's own call was signed by nobody, which is said first of all.
    expect(page.get_by_role("alert")).to_contain_text("not signed")
    expect(page.get_by_role("row", name="Card number")).to_contain_text("2.0")
    axe(page)
    with page.expect_download() as loading:
        page.get_by_role("link", name="Download").click()
    kept = tmp_path / "certificate.json"
    loading.value.save_as(kept)
    assert json.loads(kept.read_bytes())["call_id"] == CALL
    page.get_by_role("link", name="Its audit entries").click()
    expect(page.get_by_role("status").last).to_contain_text("not shown")
    page.get_by_role("link", name="Show looks too", exact=True).click()
    expect(page.get_by_role("link", name="auditor").first).to_be_visible()
    expect(page.get_by_role("textbox", name="Call")).to_have_value(CALL)
    axe(page)


def test_the_log_is_gone_through_while_one_watches(
    page: Page, served: tuple[str, Console], axe: Callable[[Page], None], tmp_path: Path
) -> None:
    _, console = served
    state = console.ledger.kek.path.parent
    AuditLog(console.ledger.database).adopt(
        SigningKey.load_or_create(state / "signing.pem"), by="test"
    )
    log_in(page, console.token("auditor"))
    page.get_by_label("Pages").get_by_role("link", name="Audit log").click()
    page.get_by_role("button", name="Verify the whole log").click()
    expect(page.get_by_text("The audit log holds.")).to_be_visible()
    axe(page)
    with page.expect_download() as loading:
        page.get_by_role("link", name="Export all (JSON lines)").click()
    kept = tmp_path / "audit.jsonl"
    loading.value.save_as(kept)
    assert json.loads(kept.read_bytes().splitlines()[0])["seq"] == 1
    page.get_by_label("Kind").select_option("token-created")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="Export what was found (JSON lines)")).to_be_visible()
    assert page.locator("tbody tr").count() > 0
    expect(page.locator("tbody")).not_to_contain_text("Looked")
