"""A release of HEAD is made whole, with a throwaway key; its wheel and sdist work from anywhere."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import soundfile

from tests.waiting import HANG_S

pytestmark = [pytest.mark.release, pytest.mark.slow, pytest.mark.models]

ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "console", "models", "pipeline", "policies")
SAMPLES = ROOT / "benchmarks" / "samples"


@dataclass(frozen=True, slots=True)
class Release:
    folder: Path
    key: Path
    commit: str
    clone: Path

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    def data(self, name: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.text(name))

    def one(self, pattern: str) -> Path:
        (found,) = self.folder.glob(pattern)
        return found


VERSION = importlib.metadata.version("hushwire")


def release(clone: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, clone / ".ci" / "release.py", *words],
        cwd=clone, check=False, capture_output=True, text=True, timeout=HANG_S,
    )  # fmt: skip


def release_program(clone: Path) -> ModuleType:
    """``.ci/release.py`` of a clone, loaded here."""
    program = importlib.util.spec_from_file_location("release", clone / ".ci" / "release.py")
    assert program is not None
    assert program.loader is not None
    loaded = importlib.util.module_from_spec(program)
    program.loader.exec_module(loaded)
    return loaded


def git(clone: Path, *words: str) -> None:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    subprocess.run(["git", *who, *words], cwd=clone, check=True, capture_output=True)


def cloned(folder: Path) -> Path:
    git(ROOT, "clone", "--quiet", "--no-tags", "--shared", str(ROOT), str(folder / "clone"))
    return folder / "clone"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is committed, and no tag."""
    return cloned(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def made(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    key = folder / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "throwaway", "-f", key], check=True
    )
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=clone, check=True, capture_output=True, text=True
    ).stdout.strip()
    git(clone, "tag", f"v{VERSION}")
    # What is checked out is a later one, of other models and locks: not a word of it may get in.
    listed = clone / "models" / "store" / "licences.py"
    listed.write_text("raise RuntimeError('of another commit')\n", "utf-8")
    (clone / "requirements-image.txt").write_text("other==1\n", "utf-8")
    git(clone, "commit", "--quiet", "--all", "--message", "later")
    of = ("--commit", commit, "--source", "urn:example:source")
    done = release(clone, folder / "dist", "--key", key, *of)
    assert done.returncode == 0, done.stderr
    assert "NOT SIGNED" not in done.stderr
    return Release(folder / "dist", key, commit, clone)


def committed(commit: str, *under: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", commit, *under],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return set(listed.stdout.splitlines())


def test_all_parts_are_there(made: Release) -> None:
    assert {path.name for path in made.folder.iterdir()} == {
        f"hushwire-{VERSION}-py3-none-any.whl",
        f"hushwire-{VERSION}.tar.gz",
        "requirements.txt",
        "requirements-base.txt",
        "requirements-small.txt",
        "requirements-image.txt",
        "requirements-voices.txt",
        "sbom-wheel.cdx.json",
        "sbom-image.cdx.json",
        "sbom-image-small.cdx.json",
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
    """By the commands of docs/release.md."""
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
    subprocess.run(check, cwd=made.folder, check=True, timeout=HANG_S)
    head, *lines = sums.splitlines()
    assert head == f"# hushwire {VERSION}, commit {made.commit}, tag v{VERSION}"
    listed = {line.split("  ")[1] for line in lines}
    assert listed == {one.name for one in made.folder.iterdir() if "SHA256SUMS" not in one.name}
    # One more file is found by the last command, and by no sum.
    page = (ROOT / "docs" / "release.md").read_text("utf-8")
    (compare,) = re.findall(r"(?m)^    (ls .*SHA256SUMS.*)$", page)
    for extra in ("", "evil-0.1.0-py3-none-any.whl"):
        copy = tmp_path / f"copy{extra}"
        shutil.copytree(made.folder, copy)
        if extra:
            (copy / extra).write_text("x", "utf-8")
        done = subprocess.run(
            ["sh", "-c", compare], cwd=copy, check=False, capture_output=True, text=True
        )
        assert done.stdout.split() == ([extra] if extra else [])
        assert not done.stderr


@pytest.mark.parametrize(
    ("name", "lock"),
    [
        ("sbom-wheel.cdx.json", "requirements.txt"),
        ("sbom-image.cdx.json", "requirements-image.txt"),
        ("sbom-image-small.cdx.json", "requirements-small.txt"),
    ],
)
def test_a_bill_names_every_package_and_model(made: Release, name: str, lock: str) -> None:
    """That it is valid is what the release looks at itself, see the next test."""
    bill = made.data(name)
    libraries = {
        f"{one['name']}=={one['version']}" for one in bill["components"] if one["type"] == "library"
    }
    locks = [lock, *(["requirements-voices.txt"] if "image" in name else [])]
    locked = "".join(made.text(one) for one in locks)
    pinned = re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^]]+\])?==(\S+)", locked)
    assert libraries == {f"{package}=={version}" for package, version in pinned}
    assert all(one["licenses"] for one in bill["components"] if one["type"] != "container")
    models = {one["name"] for one in bill["components"] if "machine" in one["type"]}
    assert {"whisper-base", "reader"} <= models
    assert bill["metadata"]["component"]["name"] == "hushwire"
    bases = [one for one in bill["components"] if one["type"] == "container"]
    recipe = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    assert [one["hashes"][0]["content"] in recipe for one in bases] == [True] * ("image" in name)


@pytest.mark.parametrize("field", ["bomFormat", "components"])
def test_a_bill_that_is_none_by_its_schema_is_refused(made: Release, field: str) -> None:
    program = release_program(made.clone)
    bill = made.data("sbom-image-small.cdx.json")
    wrong = bill | {"components": bill["components"][:2], "dependencies": [], field: [{"a": 1}]}
    with pytest.raises(program.RefusedError, match="is no bill of materials: "):
        program.checked("sbom-wheel.cdx.json", wrong)


def test_the_provenance_says_what_was_made_of_which_commit(made: Release) -> None:
    told = made.data("provenance.intoto.json")
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://slsa.dev/provenance/v1"
    subjects = {one["name"]: one["digest"]["sha256"] for one in told["subject"]}
    assert {made.one("*.whl").name, made.one("*.tar.gz").name} <= set(subjects)
    for name, digest in subjects.items():
        assert hashlib.sha256((made.folder / name).read_bytes()).hexdigest() == digest
    build, run = told["predicate"]["buildDefinition"], told["predicate"]["runDetails"]
    assert build["externalParameters"] == {
        "source": "urn:example:source",
        "commit": made.commit,
        "tag": f"v{VERSION}",
    }
    assert build["resolvedDependencies"][0]["digest"] == {"gitCommit": made.commit}
    assert re.match(r"[a-z]+:", build["buildType"])
    assert re.match(r"[a-z]+:", run["builder"]["id"])
    assert run["metadata"]["startedOn"] <= run["metadata"]["finishedOn"]


def test_the_licences_name_packages_and_models(made: Release) -> None:
    page = made.text("LICENCES.md")
    for package in ("numpy", "boto3", "hvac", "opentelemetry-sdk"):  # of whichever lock
        assert page.count(f"| {package} | ") == 1
    assert "| model whisper-base | MIT |" in page
    assert "not installed where this was made" not in page


@dataclass(frozen=True, slots=True)
class Installed:
    """Hushwire in an environment that lends it what it depends on, and nothing of this clone."""

    venv: Path

    def command(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.venv / "bin" / "hushwire", *words], cwd="/", check=False, capture_output=True,
            text=True, timeout=HANG_S,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.venv), "OMP_NUM_THREADS": "1",
                 "HUSHWIRE_STATE_DIR": str(self.venv / "state")},
        )  # fmt: skip


@pytest.fixture(scope="module", params=["*.whl", "*.tar.gz"])
def installed(
    made: Release, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    place = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", place], check=True, timeout=HANG_S
    )
    (site,) = place.glob("lib/python3*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", "--no-deps",
         "--no-index", "--no-build-isolation", "--no-compile", "--force-reinstall", "--quiet",
         made.one(request.param)],
        check=True, timeout=HANG_S, cwd="/",
    )  # fmt: skip
    return Installed(place)


def test_it_is_found_from_any_folder_in_an_environment_of_its_own(installed: Installed) -> None:
    where = subprocess.run(
        [installed.venv / "bin" / "python", "-P", "-c",
         "import agents, pipeline; print(agents.__file__, pipeline.__file__)"],
        cwd="/", check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert all(path.startswith(str(installed.venv)) for path in where.stdout.split())
    assert installed.command("--help").stdout.count("│ worker ") == 1
    assert installed.command("version").stdout.strip() == importlib.metadata.version("hushwire")


@pytest.mark.parametrize("installed", ["*.whl"], indirect=True)
def test_a_call_is_redacted_there(installed: Installed, tmp_path: Path) -> None:
    pcm, rate = soundfile.read(SAMPLES / "order.flac", frames=4 * 8_000, dtype="int16")
    sample = tmp_path / "sample.flac"
    soundfile.write(sample, pcm, rate)
    report = tmp_path / "out.html"
    done = installed.command("redact", sample, tmp_path / "out.flac", "--report", report)
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "out.flac").frames == soundfile.info(sample).frames
    assert report.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name a folder, and a key"),
        (("dist",), "name a folder, and a key"),
        (("dist", "--key", "gone"), "gone: there is no such key"),
        ((".", "--unsigned"), "is not empty"),
        (("dist-of-nothing", "--unsigned", "--commit", "no-such-commit"), "git rev-parse"),
        (("dist-of-nothing", "--unsigned"), f"has no tag v{VERSION}: tag it, or try without"),
    ],
)
def test_what_can_be_no_release_is_refused(clone: Path, words: tuple[str, ...], told: str) -> None:
    git(clone, "tag", "--force", f"v{VERSION}", "HEAD~1")
    done = release(clone, *words)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (clone / "dist-of-nothing").exists()


@pytest.mark.parametrize("name", ["README.md", "models/new.py"])
def test_what_is_not_committed_is_refused(clone: Path, tmp_path: Path, name: str) -> None:
    file = clone / name
    before = file.read_bytes() if file.exists() else None
    file.write_text("not committed\n", "utf-8")
    try:
        done = release(clone, tmp_path / "dist", "--unsigned", "--untagged")
    finally:
        file.unlink() if before is None else file.write_bytes(before)
    assert done.returncode == 1
    assert f"commit it or put it away:\n{'??' if before is None else ' M'} {name}" in done.stderr
    assert not (tmp_path / "dist").exists()


@pytest.mark.nightly
def test_the_command_line_makes_a_trial(tmp_path: Path) -> None:
    """As its user tries it: nothing stands in for a build."""
    clone = cloned(tmp_path)  # that of the others has a commit which can't be released
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "tried")
    done = release(clone, tmp_path / "dist", "--unsigned", "--untagged")
    assert done.returncode == 0, done.stderr
    assert "NOT SIGNED" in done.stderr
    names = {path.name for path in (tmp_path / "dist").iterdir()}
    assert {str(tmp_path / "dist" / name) for name in names} == {*done.stdout.splitlines()}
    assert {"provenance.intoto.json", "SHA256SUMS", "LICENCES.md"} < names
    assert "SHA256SUMS.sig" not in names
    assert "tag none: a trial\n" in (tmp_path / "dist" / "SHA256SUMS").read_text("utf-8")


def test_a_trial_says_that_it_is_one(
    made: Release, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of stand-ins for what is built and listed."""
    trial = release_program(clone)

    def built(commit: str, _epoch: str, folder: Path) -> Path:
        out, tree = folder / "out", folder / "tree"
        out.mkdir(parents=True)
        tree.mkdir()
        (out / made.one("*.whl").name).write_bytes(b"as it was built")
        for name in trial.LOCKS:
            shutil.copy(made.folder / name, tree)
        return out

    for name, stand_in in (
        ("built", built),
        ("facts", lambda _: {"models": [], "licences": []}),
        ("bill", lambda *_: {}),
        ("image_bill", lambda *_: {}),
        ("checked", lambda _, made: made),
    ):
        monkeypatch.setattr(trial, name, stand_in)
    monkeypatch.setattr(
        sys, "argv", ["release.py", str(tmp_path / "dist"), "--unsigned", "--untagged"]
    )
    git(clone, "checkout", "--quiet", made.commit)
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "not yet released")
    try:
        trial.main()
    finally:
        git(clone, "checkout", "--quiet", "-")
    told = json.loads((tmp_path / "dist" / "provenance.intoto.json").read_text("utf-8"))
    build = told["predicate"]["buildDefinition"]
    assert build["externalParameters"]["tag"] == "none: a trial"
    assert "tag none: a trial\n" in (tmp_path / "dist" / "SHA256SUMS").read_text("utf-8")
