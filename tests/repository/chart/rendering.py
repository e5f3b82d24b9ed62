"""Renders the chart, and finds one's way in what comes out."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
import yaml

from tests.waiting import HANG_S

ROOT: Final = Path(__file__).parents[3]
CHART: Final = ROOT / "deploy" / "helm" / "hushwire"
BUILT: Final = ROOT / "build" / "tools" / "helm"
CASES: Final = ("small", "ha", "gpu")
KUBERNETES: Final = "1.33.0"
STAGES: Final = ("admit", "transcribe", "detect", "mute", "verify", "vault")

Manifest: TypeAlias = dict[str, Any]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm; the test is left out, and says so, where it can't be had."""
    found = str(BUILT) if BUILT.is_file() else shutil.which("helm")
    if found is None:
        pytest.skip("helm is not there: make chart-tools")
    return subprocess.run(
        [found, *arguments], capture_output=True, text=True, timeout=HANG_S, check=False
    )


def template(*values: str) -> subprocess.CompletedProcess[str]:
    """``helm template`` by arguments such as ``-f``, ``FILE``."""
    return helm(
        "template", "calls", str(CHART), "-n", "phone", "--kube-version", KUBERNETES, *values
    )


def case(name: str) -> str:
    """The file of one of the chart's cases."""
    return str(CHART / "ci" / f"{name}.yaml")


@cache
def rendered(name: str, *values: str) -> tuple[Manifest, ...]:
    """All objects of a case."""
    done = template("-f", case(name), *values)
    assert done.returncode == 0, done.stderr
    # By libyaml, if it is there: a tenth of the time for thousands of lines.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return tuple(one for one in yaml.load_all(done.stdout, loader) if one)


def of_kind(objects: tuple[Manifest, ...], kind: str) -> dict[str, Manifest]:
    """Objects of a kind by their names."""
    found = {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}
    assert len(found) == sum(one["kind"] == kind for one in objects)
    return found


def pods(objects: tuple[Manifest, ...]) -> dict[str, Manifest]:
    """The template of every pod, by the component that it is."""
    owners = (one for one in objects if one["kind"] in {"Deployment", "Job"})
    templates = (one["spec"]["template"] for one in owners)
    return {one["metadata"]["labels"]["app.kubernetes.io/component"]: one for one in templates}


def containers(pod: Manifest) -> list[Manifest]:
    """All containers of a pod."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def main(pod: Manifest) -> Manifest:
    """A pod's one container."""
    (container,) = pod["spec"]["containers"]
    found: Manifest = container
    return found


def environment(pod: Manifest) -> dict[str, str]:
    """Variables of a pod; a value has to stand there itself."""
    return {one["name"]: one["value"] for one in main(pod)["env"]}


def stages(pod: Manifest) -> tuple[str, ...]:
    """The stages that a worker's pod runs."""
    return tuple(one for one in main(pod)["args"] if one in STAGES)


def secret_files(pod: Manifest) -> dict[str, tuple[str, str]]:
    """Secret files that a pod gets: to Secret and key."""
    found = [one for one in pod["spec"]["volumes"] if one["name"] == "secrets"]
    if main(pod)["name"] == "models":  # it loads what everybody may have
        assert not found
        return {}
    (volume,) = found
    return {
        item["path"]: (source["secret"]["name"], item["key"])
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether ``matchLabels`` take a pod."""
    return bool(selector["matchLabels"].items() <= labels.items())
