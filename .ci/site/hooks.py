"""What the site has beyond the pages of docs/: MkDocs calls these when it builds (mkdocs.yml).

Made at each build from the program itself: the command line, the HTTP API, the events, the list
of decisions. Brought from the top of the tree: changelog, contributing, security. Files of the tree
that a page links to lie under ``source/``, so that the site is whole without a host of code.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import reference  # noqa: E402 - beside this file, which is no package

ON_TOP = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
_FENCE = re.compile(r"(?ms)^```.*?^```|`[^`\n]+`")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Every decision and every runbook is in the navigation."""
    config.extra["polyfills"] = ["assets/iframe-worker.js"]
    for name, folder in (("Decisions", "adr"), ("Runbooks", "runbooks")):
        pages = sorted((ROOT / "docs" / folder).glob("*.md"))
        _section(config.nav or [], name).extend(f"{folder}/{one.name}" for one in pages)
    return config


def _section(nav: list[Any], name: str) -> list[Any]:
    """The list behind a name, at any depth."""
    for one in nav:
        if isinstance(one, dict):
            for key, inside in one.items():
                if isinstance(inside, list):
                    if key == name:
                        return inside
                    if found := _section(inside, name):
                        return found
    return []


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages that are made, and the files that pages link to."""
    for name in ON_TOP:
        text = (ROOT / name).read_text("utf-8")
        files.append(File.generated(config, name, content=_moved(text, ROOT / "docs" / name)))
    for name, made in _made().items():
        files.append(File.generated(config, f"reference/{name}.md", content=made))
    pages = [ROOT / "docs" / file.src_uri for file in files.documentation_pages()]
    linked = {
        target
        for page in pages
        if page.is_file()
        for match in _LINK.finditer(page.read_text("utf-8"))
        if (target := _outside(page, match[1])) is not None
    }
    linked |= {
        target
        for name in ON_TOP
        for match in _LINK.finditer((ROOT / name).read_text("utf-8"))
        if (target := _outside(ROOT / name, match[1])) is not None
    }
    for target in sorted(linked):
        files.append(File.generated(config, _uri(target), abs_src_path=str(ROOT / target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links that lead out of docs/ lead to the site's copy."""
    del config, files
    if page.file.src_uri in ON_TOP or page.file.src_uri.startswith("reference/"):
        return markdown
    return _moved(markdown, ROOT / "docs" / page.file.src_uri, written=True)


def _moved(text: str, place: Path, *, written: bool = False) -> str:
    """A text with links as its place on the site needs them.

    Args:
        text: Markdown.
        place: where the page lies on the site, as if docs/ were its top.
        written: whether links are those of ``place``, not those of the tree's top.
    """
    origin = place if written else ROOT / place.name

    def moved(match: re.Match[str]) -> str:
        target = (origin.parent / match[1]).resolve()
        docs = ROOT / "docs"
        if docs in target.parents or target == docs:
            at = target
            if target.is_dir():
                at = (
                    docs / "reference/decisions.md" if target.name == "adr" else target / "index.md"
                )
        elif target.parent == ROOT and target.name in ON_TOP:
            at = docs / target.name
        elif target == ROOT / "README.md":
            at = docs / "index.md"
        elif (outside := _outside(origin, match[1])) is not None:
            at = docs / _uri(outside)
        else:
            return match[0]  # nothing is there: the build says so
        return os.path.relpath(at, place.parent) + (match[2] or "")

    kept: list[str] = []

    def put_by(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    text = _LINK.sub(moved, _FENCE.sub(put_by, text))
    return re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], text)


def _outside(page: Path, link: str) -> PurePosixPath | None:
    """The file of the tree that a link of a page leads to, if it is none of the site's pages."""
    target = (page.parent / link).resolve()
    inside = ROOT / "docs" in target.parents or (target.parent == ROOT and target.suffix == ".md")
    if inside or ROOT not in target.parents or not target.is_file():
        return None
    return PurePosixPath(target.relative_to(ROOT).as_posix())


def _uri(target: PurePosixPath) -> str:
    """Where it lies on the site: as text, which every browser shows."""
    return f"source/{target}.txt"


@cache
def _made() -> dict[str, str]:
    return reference.pages()
