"""The image is built, without an engine: every step of the recipe, by buildah.

No registry of images is asked: in the place of the base image stands a Debian of the same release
with its Python, made from Debian's packages. What differs is the base's own files and patch level.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
BASE = "localhost/python:3.11"
FOR_PIP = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
"""How this machine reaches its package registry."""


@dataclass(frozen=True, slots=True)
class Builder:
    folder: Path

    def run(self, *words: str | Path, status: int = 0) -> str:
        storage = ("--root", self.folder / "images", "--runroot", self.folder / "run")
        done = subprocess.run(
            ["buildah", *storage, "--storage-driver", "vfs", *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=1500,
            env=os.environ | {"BUILDAH_ISOLATION": "chroot"},
        )
        assert done.returncode == status, (done.stdout + done.stderr)[-4000:]
        return (done.stdout + done.stderr).strip()

    def inside(self, container: str, command: str, status: int = 0) -> str:
        return self.run("run", container, "--", "sh", "-c", command, status=status)


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    missing = [one for one in ("buildah", "mmdebstrap") if shutil.which(one) is None]
    if missing:
        pytest.skip(f"NO IMAGE IS BUILT: {', '.join(missing)} can't be had here")
    folder = tmp_path_factory.mktemp("builder")
    packages = "python3,python3-venv,python-is-python3,ca-certificates"
    subprocess.run(
        [
            "mmdebstrap",
            "--variant=minbase",
            f"--include={packages}",
            "bookworm",
            folder / "root.tar",
        ],
        check=True,
        capture_output=True,
        timeout=900,
    )
    made = Builder(folder)
    container = made.run("from", "scratch")
    made.run("add", "--quiet", container, folder / "root.tar", "/")
    made.run("commit", "--quiet", container, BASE)
    made.run("rm", container)
    yield made
    made.run("rm", "--all")
    made.run("rmi", "--all", "--force")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git knows, as a builder gets it; ``.dockerignore`` lies with it."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def built(builder: Builder, clone: Path, lock: str) -> str:
    """A container of the image with a lock."""
    volumes = [f"--volume={path}:{path}:ro" for path in FOR_PIP if Path(path).is_file()]
    recipe = ("--file", clone / "deploy" / "Dockerfile", "--build-arg", f"LOCK={lock}")
    builder.run("bud", "--from", BASE, *volumes, *recipe, "--tag", f"localhost/{lock}", clone)
    return builder.run("from", "--pull-never", f"localhost/{lock}")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("lock", ["requirements-small.txt", "requirements-image.txt"])
def test_the_recipe_builds_an_image_whose_commands_run(
    builder: Builder, clone: Path, lock: str
) -> None:
    container = built(builder, clone, lock)
    assert builder.inside(container, "id -u; id -g") == "10001\n10001"
    # What compose mounts volumes on is the user's own; the program is not.
    for path in ("state", "models", "public", "signing", "tokens", "transit", "vault"):
        assert builder.inside(container, f"stat -c '%U %a' /{path}") == "hushwire 700"
    builder.inside(container, "! touch /opt/hushwire/lib/x 2>/dev/null")
    builder.inside(container, "hushwire keys transit new && test -s /state/transit-private.json")
    refused = builder.inside(container, "hushwire worker mute --bootstrap 127.0.0.1:1", status=4)
    assert "can't reach Kafka" in refused
    # It has what its roles need, and the small one nothing else.
    builder.inside(
        container, "python -c 'import obstore, psycopg, confluent_kafka, opentelemetry.sdk'"
    )
    heavy = "python -c 'import faster_whisper, presidio_analyzer, duckdb, fastapi'"
    builder.inside(container, heavy if lock == "requirements-image.txt" else f"! {heavy} 2>&1")
    builder.run("rm", container)
    builder.run("rmi", f"localhost/{lock}")
