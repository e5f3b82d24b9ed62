"""Every page of every role, in both themes, wide and narrow: whole, and for everybody.

Nothing wider than the screen, nothing serious for axe-core, no error on the browser's console.
``HUSHWIRE_SHOTS`` names a folder that what was seen is written to.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, Page

from agents.access.roles import MAY, Role
from console.auth.routing import permission_of
from tests.browser.conftest import log_in, watched
from tests.console.serving import Console
from tests.waiting import HANG_S

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDE, NARROW = 1_440, 390
NO_PAGES = re.compile(
    r"^/(api/|static/|metrics|healthz|login/oidc|home$)|/(export|download|live)|^/compliance/(html|json)|\.\w+$"
)
FOR_ALL = frozenset({"/login", "/nowhere", "/account", "/reference"})
"""They are the same for every role."""


def pages_of(served: Console, role: Role, call: str, held_back: str) -> list[str]:
    """Addresses of the pages that a role may see; with no parameter but a call."""
    found = ["/login", "/nowhere"]
    for route in served.app.routes:
        permission = permission_of(route)
        if (
            not isinstance(route, APIRoute)
            or permission not in MAY[role]
            or "GET" not in route.methods
            or NO_PAGES.search(route.path)
        ):
            continue
        shown = held_back if route.path.startswith("/quarantine") else call
        path = route.path.replace("{call_id}", shown)
        if "{" not in path:
            found.append(path)
    return found


def see(page: Page, where: str, axe: Callable[[Page], None], name: str) -> None:
    """Look at a page, wide and narrow."""
    answer = page.goto(where)
    assert answer
    assert answer.status == (404 if where == "/nowhere" else 200), where
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        wider = page.evaluate("document.documentElement.scrollWidth") - width
        assert wider <= 0, f"{where} is {wider} px wider than {width}"
        page.wait_for_timeout(50)  # what is drawn anew for the size
        if folder := os.environ.get("HUSHWIRE_SHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
    axe(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("role", list(Role))
def test_every_page_of_a_role(
    role: Role,
    theme: str,
    browser: Browser,
    busy: tuple[str, Console, str],
    axe: Callable[[Page], None],
) -> None:
    address, served, call = busy
    elsewhere = lambda url: not url.startswith((address, "blob:"))  # noqa: E731 - said once
    options = {"base_url": address, "color_scheme": theme}
    with watched(browser, elsewhere, **options) as (page, problems):
        log_in(page, served.token(role))
        places = pages_of(served, role, call, "call-q")
        assert len(places) >= 5
        for where in places:
            if where in FOR_ALL and role is not Role.ANALYST:
                continue
            name = where.strip("/").replace("/", "-").replace(call, "one") or "calls"
            see(page, where, axe, f"{role}-{name}-{theme}")
    # A refused page is told on the browser's own console; nothing else may be.
    assert [one for one in problems if "status of 40" not in one] == []


def test_the_theme_is_kept(browser: Browser, busy: tuple[str, Console, str]) -> None:
    address, served, _ = busy
    with watched(
        browser, lambda url: not url.startswith(address), base_url=address, color_scheme="light"
    ) as (page, problems):
        log_in(page, served.token("auditor"))
        page.goto("/certificates")
        ground = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)
        button = page.get_by_role("button", name=re.compile("^Theme"))
        button.click()
        button.click()
        dark = page.evaluate(ground)
        assert dark != light
        page.goto("/certificates")
        assert page.evaluate(ground) == dark
        button.click()
        page.reload()
        assert page.evaluate(ground) == light
    assert problems == []


def test_times_are_local_and_ids_are_copied(
    browser: Browser, busy: tuple[str, Console, str]
) -> None:
    address, served, _ = busy
    context = browser.new_context(
        base_url=address,
        timezone_id="America/New_York",
        locale="de-DE",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.set_default_timeout(HANG_S * 1_000)
    log_in(page, served.token("analyst"))
    shown = page.locator("main time[data-local]").first
    utc = shown.get_attribute("datetime")
    told = page.evaluate(
        "iso => new Intl.DateTimeFormat('de-DE', {dateStyle: 'medium', timeStyle: 'short',"
        " timeZone: 'America/New_York'}).format(new Date(iso))",
        utc,
    )
    assert shown.inner_text() == told
    page.locator("button.copy").first.click()
    assert page.evaluate("navigator.clipboard.readText()") in page.content()
    context.close()
