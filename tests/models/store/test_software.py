"""By what is detected: what changes the fingerprint, and what does not."""

from __future__ import annotations

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
INDIFFERENT = {"agents.kafka.topics", "agents.system.logging"}
"""What they import that decides nothing: names of topics, log lines."""


@pytest.fixture(scope="module")
def imported() -> set[str]:
    graph = grimp.build_graph("pipeline", "models", "agents")
    return {name for root in ROOTS for name in (root, *graph.find_upstream_modules(root))}


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
