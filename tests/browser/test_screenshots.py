"""The README's screenshots: what an analyst sees of made-up calls (``make screenshots``)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import watched
from tests.console.serving import Console

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MOST_BYTES = 200_000
"""Of a picture: the README loads three."""


def test_three_pages_as_the_readme_shows_them(
    browser: Browser, busy: tuple[str, Console, str], tmp_path: Path
) -> None:
    address, served, call = busy
    folder = Path(os.environ.get("HUSHWIRE_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    with watched(browser, lambda url: not url.startswith((address, "blob:"))) as (page, _):
        for name, where, theme in (
            ("calls", "/", "light"),
            ("call", f"/calls/{call}#t=12", "light"),
            ("analytics", "/analytics", "dark"),
        ):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": 1_280, "height": 800})
            if name == "calls":
                page.goto(f"{address}/login")
                page.get_by_label("Token").fill(served.token("analyst"))
                page.get_by_role("button", name="Log in").click()
            answer = page.goto(f"{address}{where}")
            assert answer is None or answer.status == 200, where  # None: only the fragment changed
            page.wait_for_load_state("networkidle")
            shot = folder / f"{name}.png"
            page.screenshot(path=shot)
            assert 10_000 < shot.stat().st_size <= MOST_BYTES, name
