"""Security with a policy: a mistake at its line, mended, tried on calls, published, in use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from agents.access.audit_log import AuditLog
from agents.access.policy_versions import PolicyVersions
from agents.database.policies.pins import Pins
from agents.database.policies.published import Following, InForce
from agents.system.metrics import Metrics
from pipeline.evidence.candidates import candidates_json
from pipeline.policy.known_names import BUILT_IN
from pipeline.policy.loading import load_policy
from pipeline.records.model import Span
from tests.agents.storing import stored_call
from tests.browser.conftest import log_in
from tests.console.serving import Console

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CALL = "call-weighed"
OWN = load_policy("default")


def weighed(made: Console) -> None:
    """A stored call with two names that thresholds decide on."""
    spans = [
        Span("PERSON", 0, 0, 8_000, 0.4, "reader"),
        Span("PERSON", 1, 16_000, 24_000, 0.95, "reader"),
    ]
    call = stored_call(CALL)
    file = {f"{CALL}.candidates": candidates_json(8_000, OWN.digest, spans)}
    made.ledger.open_call(CALL)
    made.vault.store(replace(call, files={**call.files, **file}), keep_days=30)


def test_a_policy_is_mended_tried_and_published(  # noqa: PLR0915 - one person's whole way
    page: Page, served: tuple[str, Console], axe: Callable[[Page], None]
) -> None:
    made = served[1]
    weighed(made)
    log_in(page, made.token("security"))
    page.get_by_role("link", name="Policy", exact=True).click()
    text = page.get_by_label("Text of the policy")
    good = text.input_value()
    text.fill(good + "\nhold: {max_secnds: 30}\n")
    page.get_by_role("button", name="Check and compare").click()
    line = len(good.rstrip("\n").splitlines()) + 2
    mistake = page.get_by_role("alert")
    expect(mistake).to_contain_text(f"Line {line}: hold.max_secnds")
    axe(page)
    # Its number leads to the line, which stays as it was written.
    mistake.get_by_role("link", name=str(line), exact=True).click()
    assert page.evaluate("document.activeElement.id") == "document"
    chosen = "(t => t.value.slice(t.selectionStart, t.selectionEnd))(document.activeElement)"
    assert page.evaluate(chosen) == "hold: {max_secnds: 30}"

    text.fill(good)
    page.get_by_text("action, thresholds, padding").click()
    page.get_by_label("Person: threshold of the reader").fill("0.6")
    page.get_by_role("button", name="Try on the last").click()
    trial = page.get_by_role("region", name="On the last calls")
    expect(trial).to_contain_text("Would be audible 1.0 s 1 stretches")
    expect(trial).to_contain_text(CALL)
    expect(page.get_by_role("region", name="Against what is in force")).to_contain_text(
        "what reader finds of PERSON counts from a score of: 0.6"
    )
    axe(page)

    page.get_by_role("button", name="Publish").click()
    assert page.get_by_label("Why").evaluate("field => field.validity.valueMissing")
    page.get_by_label("Why").fill("agents' names were muted too often")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert")).to_contain_text("accept first what it is laxer in")
    axe(page)
    page.get_by_label("Publish anyway").check()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", name="Version 1")).to_be_visible()
    expect(page.get_by_text("in force", exact=True)).to_be_visible()
    axe(page)

    # A call that begins now is worked on by it, whatever the worker was started with.
    ledger = made.ledger
    in_force = InForce(ledger.database, ledger.kek, OWN, Following(BUILT_IN), Metrics())
    pins = Pins(ledger.database, in_force.policy, Metrics())
    seal = ledger.open_call("call-next").seal
    assert pins.policy("call-next", seal).threshold("PERSON", "reader") == 0.6

    page.get_by_role("link", name="Versions", exact=True).click()
    page.get_by_role("link", name="0", exact=True).click()
    axe(page)
    page.get_by_label("Why go back to it").fill("as it was")
    page.get_by_role("button", name="Put it in force again").click()
    expect(page.get_by_role("heading", name="Version 2")).to_be_visible()
    log = AuditLog(ledger.database)
    versions = PolicyVersions(ledger.database, ledger.kek, log, BUILT_IN, OWN)
    found = versions.in_force()
    assert found is not None
    assert found.stated.sha256 == OWN.digest
    for name in ("Evaluation", "Shadow", "Recognisers"):
        page.get_by_role("link", name=name, exact=True).click()
        axe(page)
