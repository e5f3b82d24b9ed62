"""How every benchmark ends: JSON for programs, a Markdown page for people, and the page printed.

Figures that README.md shows are recorded in ``figures.json`` by ``--record`` of the benchmark that
measured them; ``tests/repository/test_figures.py`` holds README against it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.cost.processes import machine

FIGURES: Final = Path(__file__).parent / "figures.json"
"""By name: command, machine and day of a run, and its figures as README has them."""


def stamp() -> dict[str, str]:
    """What every result names: the machine, and the day (UTC)."""
    return {"machine": machine(), "when": dt.datetime.now(dt.UTC).date().isoformat()}


def keep(out: Path, name: str, result: Mapping[str, Any]) -> None:
    """Write a result as ``NAME.json`` into a folder, which is made where it is missing."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def record(name: str, command: str, values: Mapping[str, str], to: Path = FIGURES) -> None:
    """Record what README shows of a run, instead of what stood there by that name.

    Args:
        name: of the entry, such as ``samples``.
        command: what was run.
        values: figures by name, written as README writes them, such as ``"4.8"``.
        to: the file.
    """
    kept = json.loads(to.read_text(encoding="utf-8"))
    kept[name] = {"command": command, **stamp(), "values": dict(values)}
    to.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(f"recorded as {name} in {to}")


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
