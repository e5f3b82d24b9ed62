"""One way to log, for every module: structlog, constant texts, fields of the allow-list."""

from __future__ import annotations

import ast
import io
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from agents.system import fatal_exit
from agents.system.logging import ALLOWED, configure_logging, get_logger, silence_libraries

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PACKAGES = ("pipeline", "models", "agents", "console")
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*.py")
)
LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
LOGGERS = frozenset({"log", "_log", "logger", "_logger", "_told", "get_logger"})
"""What a logger is called here."""
FOREIGN = {
    "agents/system/logging.py": "sets it up",
    "models/registry/analyzer.py": "closes the loggers of presidio",
    "console/server.py": "closes the loggers of uvicorn",
    "console/auth/code_flow.py": "silences a warning of Authlib",
}
"""Modules that know Python's own logging or warnings, and why."""
WORDED = {
    "console/http/envelope.py": "file and line of a fault",
    "console/server.py": "the address that it serves on",
}
"""Modules with a log line that is put together, and of what."""
WRITES = {
    "agents/system/fatal_exit.py": "a constant text and an exit code",
    "agents/system/logging.py": "type and place of an exception",
    "agents/app/consumers.py": "a number of clients",
    "console/http/metrics_page.py": "a page of the docs, to standard output",
    "agents/cli/evidence/audit.py": "an export that was asked for, to standard output",
}
"""Modules that write to a standard stream themselves, and what."""


@cache
def _nodes(module: str) -> tuple[ast.AST, ...]:
    """Calls and imports of a module, which is parsed once."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    kinds = (ast.Call, ast.Import, ast.ImportFrom)
    return tuple(node for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.fixture(scope="module", autouse=True)
def parsed() -> Iterator[None]:
    """No other file's garbage collection goes through all these nodes."""
    yield
    _nodes.cache_clear()


def _calls(module: str) -> Iterator[ast.Call]:
    return (node for node in _nodes(module) if isinstance(node, ast.Call))


def _logger(call: ast.Call) -> bool:
    """Whether it is a call such as ``self._log.warning(…)`` or ``get_logger().info(…)``."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS):
        return False
    owner = call.func.value
    if isinstance(owner, ast.Call):
        owner = owner.func
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return name in LOGGERS


def test_the_rule_sees_log_lines() -> None:
    assert sum(_logger(call) for module in MODULES for call in _calls(module)) >= 5


def _offences(module: str) -> Iterator[str]:
    """What log lines of a module may not be."""
    for call in filter(_logger, _calls(module)):
        place = f"{module}:{call.lineno}"
        if len(call.args) != 1:
            yield f"{place}: not one text"
        elif not isinstance(call.args[0], ast.Constant) and module not in WORDED:
            yield f"{place}: a text that is put together"
        names = {str(keyword.arg) for keyword in call.keywords}
        if names - ALLOWED:
            yield f"{place}: {sorted(names - ALLOWED)}"
        if isinstance(call.func, ast.Attribute) and call.func.attr == "exception":
            yield f"{place}: a traceback quotes"


def test_log_lines_are_constant_and_their_fields_allowed() -> None:
    assert [one for module in MODULES for one in _offences(module)] == []


def _other_ways(module: str) -> Iterator[str]:
    """Where a module tells something but by our log."""
    imported = {
        name.name.split(".")[0]
        for node in _nodes(module)
        if isinstance(node, ast.Import)
        for name in node.names
    } | {
        (node.module or "").split(".")[0]
        for node in _nodes(module)
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    if "logging" in imported and module not in FOREIGN:
        yield f"{module}: logging"
    if "warnings" in imported and module not in FOREIGN:
        yield f"{module}: warnings"
    for call in _calls(module):
        told = ast.unparse(call.func)
        writes = told.endswith((".stderr.write", ".stdout.write", ".stdout.buffer.write"))
        if (
            told == "print"
            or told.startswith(("traceback.print", "traceback.format"))
            or (writes and module not in WRITES)
        ):
            yield f"{module}:{call.lineno}: {told}"


def test_nothing_is_told_another_way() -> None:
    assert [one for module in MODULES for one in _other_ways(module)] == []


def test_a_logger_goes_by_what_is_configured_after_it_was_made() -> None:
    code = """
    from agents.system.logging import configure_logging, get_logger
    log = get_logger("gateway")
    configure_logging("warning")
    log.info("quiet", call_id="a")
    log.warning("loud", call_id="a", number="+4917012345")
    """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, check=True
    )
    assert told.stdout == b""
    (line,) = told.stderr.splitlines()
    assert b'"dropped_fields": 1' in line
    assert b"4917012345" not in line


def test_what_a_library_logs_goes_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.lastResort
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        silence_libraries()
        logging.getLogger("some.library").error("secret")
        logging.getLogger("aiokafka.consumer").critical("secret")
    finally:
        logging.lastResort, root.handlers = before, handlers
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "raised",
    [
        "raise RuntimeError(SECRET)",
        """
        def work():
            raise ValueError(SECRET)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        """,
        """
        class Odd:
            def __del__(self):
                raise KeyError(SECRET)
        Odd()
        """,
    ],
    ids=["main thread", "another thread", "destructor"],
)
def test_an_exception_that_nobody_caught_is_told_without_its_text(raised: str) -> None:
    code = (
        "import threading\nfrom agents.system.logging import content_free_tracebacks\n"
        "content_free_tracebacks()\nSECRET = ' '.join(['four', 'one', 'one', 'two'])\n"
    ) + textwrap.dedent(raised)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert "four one one two" not in done.stderr + done.stdout
    assert "a fault of ours" in done.stderr
    assert "Error at" in done.stderr


def test_every_command_has_hooks_and_the_allow_list() -> None:
    code = (
        "import sys, threading, structlog\n"
        "from agents.cli import main as cli\n"
        "from agents.system.logging import get_logger\n"
        "sys.argv = ['hushwire', 'version']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "get_logger('mute').warning('told', code='seal', words='secret')\n"
        "threading.Thread(target=lambda: 1 / 0).start()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert '"dropped_fields": 1' in done.stderr
    assert "secret" not in done.stderr
    assert "a fault of ours, ZeroDivisionError at" in done.stderr


class _FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_log_on_a_full_disk_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(sys, "stderr", _FullDisk())
    monkeypatch.setattr(os, "_exit", ended.append)
    configure_logging("info")
    get_logger("vault").warning("store away", attempt=1)
    monkeypatch.setattr(fatal_exit, "_hook", [])
    fatal_exit.exit_now(fatal_exit.ExitCode.STORE, "the store is away")
    assert ended == [fatal_exit.ExitCode.STORE]
