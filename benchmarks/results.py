"""How every benchmark ends: JSON for programs, a Markdown page for people, and the page printed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.cost.processes import machine


def stamp() -> dict[str, str]:
    """What every result names: the machine, and the day (UTC)."""
    return {"machine": machine(), "when": dt.datetime.now(dt.UTC).date().isoformat()}


def keep(out: Path, name: str, result: Mapping[str, Any]) -> None:
    """Write a result as ``NAME.json`` into a folder, which is made where it is missing."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def finish(out: Path, name: str, result: Mapping[str, Any], page: str) -> None:
    """Write a result as ``NAME.json`` and ``NAME.md``, and print the page.

    Args:
        out: folder; made where it is missing.
        name: of both files.
        result: all figures, with what ``stamp`` gives.
        page: Markdown.
    """
    keep(out, name, result)
    (out / f"{name}.md").write_text(page, encoding="utf-8")
    print(page)
    print(f"written to {out / name}.json and .md")
