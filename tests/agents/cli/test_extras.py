"""What a host lacks is told with what to install; small roles need the base package alone."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from agents.cli.running.worker import NEEDS
from agents.cli.shared import extras
from pipeline.errors import SettingsError
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ABSENT = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in GONE:
            return self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = map(Without, sys.meta_path)
"""
"""In a process of its own, makes modules as absent as they are where no extra is installed."""
SMALL = (
    "agents.app.wiring",
    "agents.app.worker",
    "agents.app.checks.doctor",
    "agents.app.gateway.server",
    "agents.app.recordings.ingest_by_door",
    "agents.app.recordings.watching.run_watch",
    "agents.stages.admit",
    "agents.stages.mute",
    "agents.stages.vault",
    "agents.cli.installing.ledger",
)
"""What admit, mute, vault, gateway, ingest, watch and doctor are made of."""


def without(gone: set[str], script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"GONE = {gone!r}\n{ABSENT}\n{script}"],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


def named(requirements: list[str]) -> set[str]:
    """Distributions that requirements name."""
    found = (re.match(r"[A-Za-z0-9._-]+", one) for one in requirements)
    return {re.sub(r"[-_.]+", "-", one.group()).lower() for one in found if one}


@pytest.mark.parametrize("extra", ["speech", "detect", "console", "broker"])
def test_an_extra_is_known_by_what_it_brings(extra: str) -> None:
    brought = packages_distributions()
    wanted = named(PROJECT["optional-dependencies"][extra])
    known = {
        re.sub(r"[-_.]+", "-", owner).lower()
        for module in extras.EXTRAS[extra]
        for owner in brought.get(module, [])
    }
    assert wanted <= known


def test_no_module_of_an_extra_is_in_the_base_package() -> None:
    base = named(PROJECT["dependencies"])
    for name in ("speech", "detect", "console", "broker", "weights"):
        assert not base & named(PROJECT["optional-dependencies"][name]), name


def test_all_holds_every_extra_that_running_needs() -> None:
    (whole,) = PROJECT["optional-dependencies"]["all"]
    assert set(re.findall(r"\w+", whole)) - {"hushwire"} == {
        "speech", "detect", "console", "broker", "weights",
    }  # fmt: skip


def test_small_roles_load_without_any_extra() -> None:
    gone = {module for modules in extras.EXTRAS.values() for module in modules}
    script = "import importlib\n" + "".join(
        f"importlib.import_module({name!r})\n" for name in SMALL
    )
    done = without(gone, script)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("arguments", "gone", "told"),
    [
        (["worker", "transcribe"], "speech", 'worker transcribe needs .*"hushwire[speech]"'),
        (["worker", "detect", "mute"], "detect", 'worker detect mute needs .*"hushwire[detect]"'),
        (["worker", "verify"], "speech", 'worker verify needs .*"hushwire[speech]"'),
        (["redact", "a.wav", "b.wav"], "detect", 'redact needs .*"hushwire[detect]"'),
        (["serve", "--vault", "v"], "console", 'serve needs .*"hushwire[console]"'),
        (["recognizers", "list"], "detect", 'this needs .*"hushwire[detect]"'),
    ],
)
def test_a_missing_extra_is_named(arguments: list[str], gone: str, told: str) -> None:
    script = f"sys.argv = ['hushwire', *{arguments!r}]\nfrom agents.__main__ import main\nmain()\n"
    shared = {"onnxruntime", "tokenizers"}  # by speech and detect
    done = without(set(extras.EXTRAS[gone]) - shared, script)
    assert done.returncode == 2, done.stderr
    assert re.search(told.replace("[", r"\["), done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_there_is_not_asked_for() -> None:
    extras.need("worker all", *NEEDS["all"])
    with pytest.raises(KeyError):
        extras.need("worker all", "no such extra")


def test_a_module_that_no_extra_brings_stays_a_fault() -> None:
    assert extras.extra_of("presidio_analyzer.nlp_engine") == "detect"
    assert extras.extra_of("agents.gone") is None
    assert extras.extra_of(None) is None


def locked(lock: str) -> set[str]:
    """Distributions that a lock file pins."""
    return named(re.findall(r"(?m)^[\w.-]+(?===)", (ROOT / lock).read_text("utf-8")))


@pytest.mark.parametrize(
    "wanted",
    [(one,) for one in extras.EXTRAS]
    + [("speech", "detect"), ("speech", "detect", "broker"), ("console", "kms"), ("broker", "kms")],
)
def test_what_pins_them_is_named_and_does(wanted: tuple[str, ...]) -> None:
    (lock,) = re.findall(r"by (requirements[\w-]*\.txt) ", extras.how_to_get(*wanted))
    for extra in wanted:
        assert named(PROJECT["optional-dependencies"][extra]) <= locked(lock)


def test_every_message_that_names_an_extra_names_a_lock_that_pins_it() -> None:
    """Also those of packages below the commands."""
    found = 0
    for package in ("agents", "console", "models", "pipeline"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                    continue
                for extra in re.findall(r"hushwire\[(\w+)\]", node.value):
                    if "\n" in node.value:  # a docstring
                        continue
                    found += 1
                    (lock,) = re.findall(r"by (requirements[\w-]*\.txt) ", node.value)
                    assert named(PROJECT["optional-dependencies"][extra]) <= locked(lock), path
    assert found >= 5


def test_several_missing_ones_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(extras.EXTRAS, "speech", ("no_such_module",))  # type: ignore[arg-type]
    monkeypatch.setitem(extras.EXTRAS, "detect", ("no_such_module",))  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r'pip install "hushwire\[speech,detect\]", or'):
        extras.need("redact", "speech", "detect")
