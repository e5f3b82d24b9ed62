"""``make mutation``: changes a module in one place after another and asks whether a test notices.

    python -m tests.mutation pipeline/muting/muter.py --sample 60
        --tests tests/pipeline/muting/test_muter.py

Without a module: those of ``MODULES``, which keep what is sensitive from being stored or kept.

The tests run once unchanged, which says how long each takes and which lines of the module it
reaches. For each change, those that reach its lines run in a process of their own, the fastest
first, until one fails. The file itself is never written. The outcomes: killed (a test failed),
timed out (counts as killed), survived (no test failed), not reached (no test runs the line).
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import json
import math
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType, ModuleType

import pytest

from tests.mutation.changes import Mutant, mutants

MODULES = {
    "pipeline/muting/muter.py": (
        "pipeline/muting/test_muter.py",
        "pipeline/muting/test_releasing.py",
        "pipeline/muting/test_muting_properties.py",
        "pipeline/evidence/test_certificate.py",
    ),
    "pipeline/verification/review_state.py": (
        "pipeline/verification/test_verifier.py",
        "pipeline/verification/test_verdicts.py",
        "agents/stages/test_verify.py",
    ),
    "pipeline/verification/verifier.py": (
        "pipeline/verification/test_verifier.py",
        "pipeline/verification/test_verdicts.py",
        "agents/stages/test_verify.py",
        "pipeline/detection/decision/test_language_rule.py",
    ),
    "pipeline/evidence/stored_call.py": (
        "pipeline/evidence/test_stored_call.py",
        "pipeline/evidence/test_certificate.py",
        "agents/app/test_broken_stages.py",
    ),
    "pipeline/detection/decision/not_understood.py": (
        "pipeline/detection/decision/test_not_understood.py",
    ),
    "pipeline/evidence/certificate_check.py": (
        "pipeline/evidence/test_certificate_check.py",
        "pipeline/evidence/test_certificate.py",
    ),
    "pipeline/policy/model.py": (
        "pipeline/policy/test_loading.py",
        "pipeline/policy/test_known_names.py",
        "pipeline/policy/test_union.py",
        "pipeline/policy/test_yaml_document.py",
    ),
    "pipeline/policy/loading.py": (
        "pipeline/policy/test_loading.py",
        "pipeline/policy/test_known_names.py",
        "pipeline/policy/test_union.py",
        "pipeline/policy/test_yaml_document.py",
    ),
    "pipeline/policy/union.py": ("pipeline/policy/test_union.py",),
    "agents/crypto/envelope.py": ("agents/crypto/test_envelope.py",),
    "agents/stages/vault.py": ("agents/stages/test_stages.py",),
    "agents/vault/reader.py": (
        "agents/vault/test_vault.py",
        "agents/vault/exports/test_files.py",
    ),
}
"""Modules, and the files in ``tests`` that ask what they do."""
_OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--timeout=0", "--assert=plain")
"""Nobody reads why a test failed, and to say it may take longer than the test."""
OUTCOMES = ("killed", "timed out", "survived", "not reached")
_SLOWER = 4
"""A run hangs that takes so many times the processor time it takes unchanged, and ten seconds."""
_WAITS_S = 300
"""So does one that takes this long by the clock, however busy the machine is."""


class _Loader(SourceFileLoader):
    """Gives the module's changed code out in the place of its file's."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._tree, self.path, "exec")


class _Finder(MetaPathFinder):
    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self._name, self._loader = name, _Loader(name, str(path), tree)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._loader.path, loader=self._loader)


class _Record:
    """A plugin of pytest: how long each test takes, and which lines it reaches."""

    def __init__(self, path: Path) -> None:
        self.tests: dict[str, tuple[float, list[int]]] = {}
        self._path, self._lines = str(path), set[int]()

    def _trace(self, frame: FrameType, event: str, arg: object) -> Callable[..., object] | None:
        if frame.f_code.co_filename != self._path:
            return None
        self._lines.add(frame.f_lineno)
        return self._trace

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._lines, began = set(), time.process_time()
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        result = yield
        sys.settrace(None)
        self.tests[item.nodeid] = time.process_time() - began, sorted(self._lines)
        return result


class _Choose:
    """A plugin of pytest: only these tests, in this order."""

    def __init__(self, names: Sequence[str]) -> None:
        self._order = {name: index for index, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._order]
        items.sort(key=lambda item: self._order[item.nodeid])


def _fork(work: Callable[[], int], limit_s: int = resource.RLIM_INFINITY) -> int:
    """Run something in a process of its own, silently, for so much time; the process's id."""
    pid = os.fork()
    if pid:
        return pid
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, resource.RLIM_INFINITY))
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    code = 70
    try:
        code = int(work())
    finally:
        os._exit(code)


def _baseline(path: Path, tests: Sequence[str]) -> dict[str, tuple[float, list[int]]]:
    """What the tests reach unchanged; leaves the libraries imported that they need."""
    record = _Record(path)
    with tempfile.NamedTemporaryFile("w+") as file:

        def work() -> int:
            code = pytest.main([*_OPTIONS, *tests], plugins=[record])
            outside = [
                name
                for name, module in list(sys.modules.items())
                if "-packages" in str(getattr(module, "__file__", ""))
            ]
            json.dump([record.tests, outside], file)
            file.flush()
            return code

        if os.waitstatus_to_exitcode(os.waitpid(_fork(work), 0)[1]) != 0:
            raise SystemExit("the tests fail without any change")
        file.seek(0)
        reached, outside = json.load(file)
    for name in outside:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001, S112 - it only saves time
            continue
    return {name: (seconds, lines) for name, (seconds, lines) in reached.items()}


def _run(path: Path, mutant: Mutant, names: Sequence[str]) -> int:
    """The tests on a mutant, in this process."""
    module = ".".join(path.relative_to(Path.cwd()).with_suffix("").parts)
    sys.meta_path.insert(0, _Finder(module, path, mutant.tree))
    files = sorted({name.partition("::")[0] for name in names})
    return pytest.main([*_OPTIONS, *files], plugins=[_Choose(names)])


def _judge(
    path: Path, chosen: Sequence[Mutant], reached: dict[str, tuple[float, list[int]]], jobs: int
) -> list[tuple[Mutant, str]]:
    """The outcome of each mutant."""
    in_functions = {
        line
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for statement in node.body
        for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    }
    waiting, running = list(reversed(chosen)), dict[int, tuple[Mutant, float]]()
    outcomes: list[tuple[Mutant, str]] = []

    def told(mutant: Mutant, outcome: str) -> None:
        outcomes.append((mutant, outcome))
        if outcome != "killed":
            print(f"{path.name}:{mutant.line}: {outcome}: {mutant.change}", flush=True)

    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            names = sorted(
                (
                    name
                    for name, (_, lines) in reached.items()
                    if mutant.line not in in_functions
                    or any(mutant.line <= line <= mutant.last for line in lines)
                ),
                key=lambda name: reached[name][0],
            )
            if not names:
                told(mutant, "not reached")
                continue
            limit_s = 10 + _SLOWER * math.ceil(sum(reached[name][0] for name in names))
            pid = _fork(lambda: _run(path, mutant, names), limit_s)  # noqa: B023 - runs at once
            running[pid] = mutant, time.monotonic() + _WAITS_S
        for pid, (mutant, limit) in list(running.items()):
            if time.monotonic() > limit:
                os.killpg(pid, signal.SIGXCPU)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del running[pid]
                hung = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
                told(mutant, "timed out" if hung else "killed" if status else "survived")
        time.sleep(0.02)
    return outcomes


def _report(module: Path, tests: Sequence[str], options: argparse.Namespace) -> bool:
    """Try the changes of a module; whether all were noticed."""
    path = module.resolve()
    every = mutants(path.read_text(encoding="utf-8"))
    if options.lines:
        first, _, last = options.lines.partition("-")
        every = [one for one in every if int(first) <= one.line <= int(last or first)]
    chosen = every
    if options.sample and options.sample < len(every):
        chosen = random.Random(options.seed).sample(every, options.sample)
    outcomes = _judge(path, chosen, _baseline(path, tests), options.jobs)
    count = Counter(outcome for _, outcome in outcomes)
    told = ", ".join(f"{count[one]} {one}" for one in OUTCOMES)
    print(f"{module}: {len(every)} changes, {len(chosen)} tried: {told}", flush=True)
    return count["survived"] + count["not reached"] == 0


def main() -> int:
    """The command: 1 where a mutant survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", type=Path, nargs="?")
    parser.add_argument("--tests", nargs="+", help="files; default: those of MODULES")
    parser.add_argument("--sample", type=int, help="so many of each, drawn by --seed; default: all")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--lines", help="only these, such as 10-40")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    os.environ |= {"HYPOTHESIS_PROFILE": "mutation", "OMP_NUM_THREADS": "1"}
    noticed = True
    for name in [options.module.as_posix()] if options.module else MODULES:
        asked = [f"tests/{one}" for one in MODULES.get(name, ())]
        noticed &= _report(Path(name), options.tests or asked, options)
    return int(not noticed)


if __name__ == "__main__":
    sys.exit(main())
