"""README's figures are what benchmarks wrote into ``benchmarks/figures.json``, and no others.

A paragraph or table with figures is followed by a comment that names their entries, in order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results import FIGURES, record

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"(?<![\w.-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w-]|\.\d)")
NAMED = re.compile(r"<!-- figures: ([^>]+?) *-->")
MEASURED = "## How well it works"
CONSTANT = {"3.11", "0", "1", "2", "8", "48", "16"}
"""Outside of that section: Python, exit codes, rates and widths of recordings."""


def _prose(text: str) -> str:
    """Without blocks of code, code, targets of links and comments."""
    text = re.sub(r"(?ms)^```.*?^```", "", text)
    return re.sub(r"`[^`]*`|\]\([^)]*\)|(?s:<!--.*?-->)", " ", text)


def _numbers(text: str) -> list[str]:
    return [found.replace(",", "") for found in NUMBER.findall(_prose(text))]


def _wrong(section: str, kept: dict[str, Any]) -> Iterator[str]:
    """What of a section is not as the file has it: a part's numbers, and what they should be."""
    values = {
        f"{name}.{figure}": value
        for name, entry in kept.items()
        for figure, value in entry["values"].items()
    }
    before, *rest = NAMED.split(section)
    for names, after in zip(rest[::2], rest[1::2], strict=True):
        *others, part = re.split(r"\n{2,}", before.strip())
        for other in others:
            if _numbers(other):
                yield f"no entry is named for {_numbers(other)}"
        wanted = [values.get(name, f"no {name}") for name in names.split()]
        if _numbers(part) != wanted:
            yield f"README has {_numbers(part)}, benchmarks/figures.json {wanted}"
        before = after
    if _numbers(before):
        yield f"no entry is named for {_numbers(before)}"


def _section() -> tuple[str, str]:
    """What is said of how well it works, and all the rest of README."""
    before, _, after = (ROOT / "README.md").read_text(encoding="utf-8").partition(MEASURED)
    section, _, rest = after.partition("\n## ")
    return section, before + rest


def test_what_readme_says_of_measurements_is_what_benchmarks_wrote() -> None:
    section, rest = _section()
    kept = json.loads(FIGURES.read_text(encoding="utf-8"))
    assert list(_wrong(section, kept)) == []
    assert set(_numbers(rest)) <= CONSTANT
    for name, entry in kept.items():
        # "from": of a run before there was ``--record``, taken from the page that it printed.
        assert entry.keys() - {"from"} == {"command", "machine", "when", "values"}, name
        assert f"{name}." in section, f"{name}: README shows nothing of it"


def test_a_figure_that_changes_on_either_side_is_found() -> None:
    kept = {"a": {"values": {"calls": "3853", "share": "4.8"}}}
    good = "On 3,853 calls 4.8 %.\n<!-- figures: a.calls a.share -->\n\nIt ends (`x 3`).\n"
    assert list(_wrong(good, kept)) == []
    assert len(list(_wrong(good.replace("4.8", "4.7"), kept))) == 1
    assert len(list(_wrong(good, {"a": {"values": {"calls": "3853", "share": "5"}}}))) == 1
    assert len(list(_wrong(good.replace("a.share", "b.share"), kept))) == 1
    assert len(list(_wrong(f"{good}\nAnd 7 more.\n", kept))) == 1
    assert len(list(_wrong(f"And 7 more.\n\n{good}", kept))) == 1


def test_a_run_replaces_what_was_recorded_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    file.write_text('{"a": {"values": {"x": "1"}}, "b": {"values": {"y": "2"}}}', encoding="utf-8")
    record("a", "make demo", {"x": "3"}, file)
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert kept["b"] == {"values": {"y": "2"}}
    assert (kept["a"]["command"], kept["a"]["values"]) == ("make demo", {"x": "3"})
    assert kept["a"].keys() == {"command", "machine", "when", "values"}
