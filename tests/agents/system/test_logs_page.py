"""docs/logs.md has every event that is logged, with its levels and fields, and no other."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from agents.system.logging import ALLOWED

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PACKAGES = ("pipeline", "models", "agents", "console")
LEVELS = frozenset({"debug", "info", "warning", "error"})
USUAL = frozenset({"log", "_log", "_told", "get_logger"})
SWEEPS = {"done": ("info", {"count"}), "failed": ("error", {"code"})}
"""What ``sweep_forever`` logs under the names that it is given."""


@dataclass
class Event:
    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def _name(node: ast.expr) -> str:
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _pairs(tree: ast.Module) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What is assigned, and its value; of several at once each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    yield from zip(target.elts, node.value.elts, strict=True)
                else:
                    yield target, node.value


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant):
        yield str(node.value)
    else:
        yield f"<{ast.unparse(node)}>"


def logged(tree: ast.Module) -> Iterator[tuple[str, set[str], set[str]]]:
    """Text, levels and fields of each line that a module logs."""
    pairs = list(_pairs(tree))
    loggers = USUAL | {_name(to) for to, value in pairs if _name(value) == "get_logger"}

    def level(node: ast.expr) -> set[str]:
        """Of a method such as ``self._log.info``, or of one of two."""
        if isinstance(node, ast.IfExp):
            both = level(node.body), level(node.orelse)
            return both[0] | both[1] if all(both) else set()
        if isinstance(node, ast.Attribute) and node.attr in LEVELS and _name(node.value) in loggers:
            return {node.attr}
        return set()

    chosen = {_name(to): level(value) for to, value in pairs if isinstance(value, ast.IfExp)}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        levels = level(call.func)
        if isinstance(call.func, ast.Name):
            levels = chosen.get(call.func.id, set())
        if levels:
            for text in _texts(call.args[0]):
                yield text, levels, {str(one.arg) for one in call.keywords}
        yield from _swept(call)


def _swept(call: ast.Call) -> Iterator[tuple[str, set[str], set[str]]]:
    if _name(call.func) == "sweep_forever":
        for one in call.keywords:
            if one.arg in SWEEPS and isinstance(one.value, ast.Constant):
                yield str(one.value.value), {SWEEPS[one.arg][0]}, SWEEPS[one.arg][1]


@cache
def in_code() -> dict[str, Event]:
    found: dict[str, Event] = defaultdict(Event)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            place = path.relative_to(ROOT).as_posix()
            for text, levels, fields in logged(ast.parse(path.read_text(encoding="utf-8"))):
                if place == "agents/upkeep/sweep_guard.py" and text in {"<done>", "<failed>"}:
                    continue  # see SWEEPS
                found[text].levels |= levels
                found[text].fields |= fields
    return found


def on_page() -> dict[str, Event]:
    page = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| ([a-z, ]+) \|(.*?) \|.*\|$", page, re.MULTILINE)
    return {
        name: Event(
            set(levels.split(", ")),
            {one for one in re.findall(r"`([^`]+)`", fields) if one in ALLOWED},
        )
        for name, levels, fields in rows
    }


def test_the_page_says_what_is_logged() -> None:
    code, page = in_code(), on_page()
    assert set(page) == set(code)
    for name, event in code.items():
        assert page[name] == event, name


def test_every_field_is_allowed_and_every_event_a_constant_text() -> None:
    for name, event in in_code().items():
        assert event.fields <= ALLOWED, name
        assert not name.startswith("<"), name
        assert name.isascii()
        assert len(name) < 60


def test_events_are_in_order() -> None:
    names = list(on_page())
    assert names == sorted(names)
    assert len(names) > 40


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("self._log.info('a', code=1)", [("a", {"info"}, {"code"})]),
        ("told, x = get_logger('v'), 1\ntold.error('b')", [("b", {"error"}, set())]),
        (
            "log = self._log.info if x else self._log.error\nlog('a' if y else 'b', code=1)",
            [("a", {"info", "error"}, {"code"}), ("b", {"info", "error"}, {"code"})],
        ),
        ("get_logger().warning(f'{x}')", [("<f'{x}'>", {"warning"}, set())]),
        ("await sweep_forever(work, done='d', failed='f')", [
            ("d", {"info"}, {"count"}), ("f", {"error"}, {"code"}),
        ]),
        ("math.log(2); window.info('x')", []),
    ],
)  # fmt: skip
def test_the_walk_sees_every_way_of_logging(
    code: str, expected: list[tuple[str, set[str], set[str]]]
) -> None:
    assert sorted(logged(ast.parse(code)), key=str) == sorted(expected, key=str)
