"""By what is detected: what changes the fingerprint, and what does not."""

from __future__ import annotations

import sys
from importlib import metadata

import grimp
import pytest

from models.store import software as module
from models.store.software import ASIDE, BESIDE, PACKAGES, fingerprint, software

pytestmark = pytest.mark.unit

ROOTS = (
    "agents.stages.detect",
    "agents.stages.transcribe",
    "models.consent.reader",
    "models.detection.call_detector",
    "models.detection.detector",
    "models.speech.silero_vad",
    "models.speech.transcriber",
)
"""What hears and finds."""
INDIFFERENT = {
    "agents.kafka.reaching",
    "agents.kafka.topics",
    "agents.system.clock",
    "agents.system.logging",
    "agents.system.sockets.reaching",
    "agents.system.tracing.trace_context",
    "agents.system.tracing.tracer",
}
"""What they import that decides nothing: names of topics, what is said of a broker that is away,
log lines, traces and their times."""
FOREIGN_INDIFFERENT = {"confluent-kafka", "huggingface-hub", "structlog"}
"""The same of libraries: they carry records, fetch pinned bytes, and write log lines."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("pipeline", "models", "agents", include_external_packages=True)


@pytest.fixture(scope="module")
def upstream(graph: grimp.ImportGraph) -> set[str]:
    return {name for root in ROOTS for name in (root, *graph.find_upstream_modules(root))}


@pytest.fixture(scope="module")
def imported(graph: grimp.ImportGraph, upstream: set[str]) -> set[str]:
    return {one for one in upstream if not graph.is_module_squashed(one)}


def test_what_is_left_aside_decides_nothing(imported: set[str]) -> None:
    aside = tuple(one.replace("/", ".") for one in ASIDE)
    assert [one for one in imported if one.startswith(aside)] == []


def test_all_that_decides_is_digested(imported: set[str]) -> None:
    beside = {
        f"{package}.{name.removesuffix('.py')}"
        for package, names in BESIDE.items()
        for name in names
    }
    others = {one for one in imported if one.partition(".")[0] not in PACKAGES}
    assert {one for one in others if not one.startswith("agents.extras")} <= beside | INDIFFERENT
    digested = {name for name, _ in module._deciding()}
    assert {"agents.stages/detect.py", "pipeline/muting/padding.py"} <= digested
    assert not any(name.startswith(ASIDE) for name in digested)


def test_every_library_that_decides_is_digested(upstream: set[str], imported: set[str]) -> None:
    """By what is imported; what libraries import of one another stands in the list by hand."""
    sold_as = metadata.packages_distributions()
    foreign = {one for one in upstream - imported if one not in sys.stdlib_module_names}
    libraries = {_normal(name) for one in foreign for name in sold_as[one]}
    assert {"tldextract", "pycountry", "pyyaml"} <= libraries
    assert libraries - FOREIGN_INDIFFERENT <= set(module._LIBRARIES)
    assert not FOREIGN_INDIFFERENT.intersection(module._LIBRARIES)


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")


@pytest.mark.parametrize("library", ["tldextract", "python", "unicode"])
def test_what_decides_beside_the_code_changes_the_fingerprint(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint()
    fingerprint.cache_clear()
    true = module._version
    monkeypatch.setattr(module, "_version", lambda one: "9.9" if one == library else true(one))
    if library == "python":
        monkeypatch.setattr(module.platform, "python_version", lambda: "3.99.0")
    if library == "unicode":
        monkeypatch.setattr(module.unicodedata, "unidata_version", "99.0.0")
    assert fingerprint() != before
    fingerprint.cache_clear()


def test_another_version_that_detects_the_same_has_the_same_fingerprint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = fingerprint()
    fingerprint.cache_clear()
    true = metadata.version
    monkeypatch.setattr(
        module.metadata, "version", lambda name: "9.9" if name == "hushwire" else true(name)
    )
    assert software() == f"hushwire 9.9 ({before})"
    fingerprint.cache_clear()
    monkeypatch.setattr(module.metadata, "version", lambda _: "9.9")
    assert fingerprint() != before, "another version of a library computes otherwise"
    fingerprint.cache_clear()
