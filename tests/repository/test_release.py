"""A release of HEAD is made whole, with a throwaway key; its wheel and sdist work from anywhere."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

pytestmark = [pytest.mark.slow, pytest.mark.models]

ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "console", "models", "pipeline", "policies")
SCRIPT = ROOT / ".ci" / "release.py"
SAMPLES = ROOT / "benchmarks" / "samples"


@dataclass(frozen=True, slots=True)
class Release:
    folder: Path
    key: Path
    commit: str

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    def data(self, name: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.text(name))

    def one(self, pattern: str) -> Path:
        (found,) = self.folder.glob(pattern)
        return found


def release(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *words], check=False, capture_output=True, text=True, timeout=600
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    key = folder / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "throwaway", "-f", key], check=True
    )
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    of = ("--commit", commit, "--source", "urn:example:source")
    done = release(folder / "dist", "--key", key, *of)
    assert done.returncode == 0, done.stderr
    assert "NOT SIGNED" not in done.stderr
    return Release(folder / "dist", key, commit)


def committed(commit: str, *under: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", commit, *under],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return set(listed.stdout.splitlines())


def test_all_parts_are_there(made: Release) -> None:
    version = importlib.metadata.version("hushwire")
    assert {path.name for path in made.folder.iterdir()} == {
        f"hushwire-{version}-py3-none-any.whl",
        f"hushwire-{version}.tar.gz",
        "requirements.txt",
        "requirements-base.txt",
        "requirements-image.txt",
        "sbom-wheel.cdx.json",
        "sbom-image.cdx.json",
        "LICENCES.md",
        "provenance.intoto.json",
        "SHA256SUMS",
        "SHA256SUMS.sig",
    }


def test_the_wheel_holds_every_file_of_every_package(made: Release) -> None:
    with zipfile.ZipFile(made.one("*.whl")) as file:
        names = set(file.namelist())
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        about = file.read(metadata).decode()
    ours = {name for name in names if ".dist-info/" not in name}
    assert ours == committed(made.commit, *PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= ours
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert "License-Expression: Apache-2.0\n" in about
    assert "Provides-Extra: speech\n" in about
    assert "Classifier: Typing :: Typed\n" in about


def test_the_sdist_holds_what_builds_it(made: Release) -> None:
    with tarfile.open(made.one("*.tar.gz")) as file:
        members = file.getmembers()
    names = {one.name.partition("/")[2] for one in members if one.isreg()}
    assert committed(made.commit, *PACKAGES, "LICENSE", "README.md", "pyproject.toml") <= names
    assert not {name for name in names if name.startswith(("tests/", "benchmarks/"))}
    assert {(one.uid, one.gid, one.uname) for one in members} == {(0, 0, "")}


def test_the_signature_and_the_sums_hold(made: Release, tmp_path: Path) -> None:
    """By the two commands of docs/release.md."""
    signers = tmp_path / "release-signers"
    signers.write_text(f"maintainers {made.key.with_suffix('.pub').read_text()}", "utf-8")
    who = ["-I", "maintainers", "-s", "SHA256SUMS.sig"]
    verify = ["ssh-keygen", "-Y", "verify", "-f", str(signers), *who]

    def signed(namespace: str, sums: str) -> int:
        return subprocess.run(
            [*verify, "-n", namespace], cwd=made.folder, input=sums, text=True, check=False,
            capture_output=True,
        ).returncode  # fmt: skip

    sums = made.text("SHA256SUMS")
    assert signed("hushwire-release", sums) == 0
    assert signed("hushwire-release", sums.replace("0", "1", 1)) != 0
    assert signed("file", sums) != 0
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(check, cwd=made.folder, check=True, timeout=60)
    listed = {line.split("  ")[1] for line in sums.splitlines()}
    assert listed == {one.name for one in made.folder.iterdir() if "SHA256SUMS" not in one.name}


@pytest.mark.parametrize(
    ("name", "lock"),
    [
        ("sbom-wheel.cdx.json", "requirements.txt"),
        ("sbom-image.cdx.json", "requirements-image.txt"),
    ],
)
def test_a_bill_names_every_package_and_model(made: Release, name: str, lock: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(made.text(name)) is None
    bill = made.data(name)
    libraries = {
        f"{one['name']}=={one['version']}" for one in bill["components"] if one["type"] == "library"
    }
    pinned = re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^]]+\])?==(\S+)", made.text(lock))
    assert libraries == {f"{package}=={version}" for package, version in pinned}
    assert all(one["licenses"] for one in bill["components"] if one["type"] != "container")
    models = {one["name"] for one in bill["components"] if "machine" in one["type"]}
    assert {"whisper-base", "reader"} <= models
    assert bill["metadata"]["component"]["name"] == "hushwire"
    bases = [one for one in bill["components"] if one["type"] == "container"]
    recipe = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    assert [one["hashes"][0]["content"] in recipe for one in bases] == [True] * ("image" in name)


def test_the_provenance_says_what_was_made_of_which_commit(made: Release) -> None:
    told = made.data("provenance.intoto.json")
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://slsa.dev/provenance/v1"
    subjects = {one["name"]: one["digest"]["sha256"] for one in told["subject"]}
    assert {made.one("*.whl").name, made.one("*.tar.gz").name} <= set(subjects)
    for name, digest in subjects.items():
        assert hashlib.sha256((made.folder / name).read_bytes()).hexdigest() == digest
    build, run = told["predicate"]["buildDefinition"], told["predicate"]["runDetails"]
    assert build["externalParameters"] == {"source": "urn:example:source", "commit": made.commit}
    assert build["resolvedDependencies"][0]["digest"] == {"gitCommit": made.commit}
    assert re.match(r"[a-z]+:", build["buildType"])
    assert re.match(r"[a-z]+:", run["builder"]["id"])
    assert run["metadata"]["startedOn"] <= run["metadata"]["finishedOn"]


def test_the_licences_name_packages_and_models(made: Release) -> None:
    page = made.text("LICENCES.md")
    assert "| numpy | " in page
    assert "| model whisper-base | MIT |" in page
    assert "not installed where this was made" not in page


@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_it_works_from_any_folder_in_an_environment_of_its_own(
    made: Release, kind: str, tmp_path: Path
) -> None:
    """What it depends on is lent by this environment; Hushwire itself is the one installed."""
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True, timeout=120)
    python = place / "bin" / "python"
    (site,) = place.glob("lib/python3*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index",
         "--no-build-isolation", "--force-reinstall", "--quiet", made.one(kind)],
        check=True, timeout=300, cwd="/",
    )  # fmt: skip

    def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [place / "bin" / "hushwire", *words], cwd="/", check=False, capture_output=True,
            text=True, timeout=280,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    where = subprocess.run(
        [python, "-P", "-c", "import agents, pipeline; print(agents.__file__, pipeline.__file__)"],
        cwd="/", check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert all(path.startswith(str(place)) for path in where.stdout.split())
    assert command("--help").stdout.count("│ worker ") == 1
    assert command("version").stdout.strip() == importlib.metadata.version("hushwire")
    if kind == "*.whl":
        sample = min(SAMPLES.glob("*.flac"), key=lambda path: path.stat().st_size)
        done = command("redact", sample, tmp_path / "out.flac", "--report", tmp_path / "out.html")
        assert done.returncode == 0, done.stderr
        assert soundfile.info(tmp_path / "out.flac").frames == soundfile.info(sample).frames
        assert (tmp_path / "out.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name a folder, and a key"),
        (("dist",), "name a folder, and a key"),
        (("dist", "--key", "gone"), "gone: there is no such key"),
        ((".", "--unsigned"), "is not empty"),
        (("dist-of-nothing", "--unsigned", "--commit", "no-such-commit"), "git rev-parse"),
    ],
)
def test_what_can_be_no_release_is_refused(words: tuple[str, ...], told: str) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, *words], cwd=ROOT, check=False, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (ROOT / "dist-of-nothing").exists()
