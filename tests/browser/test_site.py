"""The site as it is read: from a folder, without a network, on a wide and a narrow screen."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.waiting import HANG_S

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
WANTED = (
    "index.html", "quickstart.html", "concepts.html", "settings.html", "deploy/install.html",
    "reference/api.html", "reference/commands.html", "runbooks/weak.html",
)  # fmt: skip
ASSETS = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc=\"?((?:https?:)?//[^\" >]+)"
    r"|<link\b[^>]*?\bhref=\"?((?:https?:)?//[^\" >]+)"
    r"|url\(\s*[\"']?((?:https?:)?//[^\"')]+)"
)


def built(to: Path, config: Path = ROOT / "mkdocs.yml") -> subprocess.CompletedProcess[str]:
    """MkDocs over a configuration; with ``--quiet`` it would count no warning."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", to]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = built(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = [path for path in site.rglob("*") if path.suffix in {".html", ".css", ".svg"}]
    assert len(pages) > 80
    foreign = {
        f"{path.relative_to(site)}: {next(filter(None, found))}"
        for path in pages
        for found in ASSETS.findall(path.read_text("utf-8"))
    }
    assert foreign == set()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1_440, 390])
def test_pages_from_a_folder_fit_and_ask_no_network(
    browser: Browser, site: Path, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    try:
        page = context.new_page()
        page.set_default_timeout(HANG_S * 1_000)
        wrong: list[str] = []
        page.on(
            "request",
            lambda one: (
                None if one.url.startswith(("file:", "data:", "about:")) else wrong.append(one.url)
            ),
        )
        # An icon that is still being loaded where the next page begins is given up.
        page.on(
            "requestfailed",
            lambda one: (
                None if one.failure == "net::ERR_ABORTED" else wrong.append(f"failed: {one.url}")
            ),
        )
        page.on("pageerror", lambda one: wrong.append(str(one)))
        for name in WANTED:
            page.goto((site / name).as_uri())
            expect(page.locator("h1").first).to_be_visible()
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} is {wide} px too wide"
            shown = page.evaluate("document.body.dataset.mdColorScheme")
            assert shown == ("slate" if scheme == "dark" else "default")
        assert wrong == []
    finally:
        context.close()


def test_the_search_works_from_a_folder(browser: Browser, site: Path) -> None:
    context = browser.new_context(viewport={"width": 1_440, "height": 900})
    try:
        page = context.new_page()
        page.set_default_timeout(HANG_S * 1_000)
        page.goto((site / "index.html").as_uri())
        page.locator(".md-search__input").first.click()
        page.keyboard.type("dead letters", delay=20)
        hit = page.locator(".md-search-result__link").first
        expect(hit).to_be_visible()
        hit.click()
        expect(page.locator("h1").first).to_be_visible()
        assert page.url.startswith("file:")
    finally:
        context.close()


def test_what_leads_nowhere_ends_the_build(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    page = tmp_path / "docs" / "glossary.md"
    wrong = ("no-such-page.md", "redact.md#no-such-heading", "../no/such/file.yaml")
    links = "\n".join(f"[away]({one})" for one in wrong)
    page.write_text(f"{page.read_text('utf-8')}\n{links}\n")
    (tmp_path / "docs" / "lonely.md").write_text("# Lonely\n")
    config = tmp_path / "mkdocs.yml"
    text = (ROOT / "mkdocs.yml").read_text("utf-8").replace(".ci/site", f"{ROOT}/.ci/site")
    config.write_text(text)
    done = built(tmp_path / "site", config)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert [one for one in (*wrong, "lonely.md") if one not in said] == []
    assert said.count("WARNING") == len(wrong) + 1
