"""Makes a release of a commit: python .ci/release.py OUT --key FILE (see docs/release.md).

OUT gets the wheel, the sdist and the lock files, a CycloneDX bill of materials of the wheel and of
each image, the licences, the provenance (SLSA v1, in-toto), SHA256SUMS of all of these, and its
signature. All of it comes of what is committed and tagged; built is twice, and both builds have to
be equal byte by byte.

Exit codes: 0 made; 1 refused, with the reason; OUT is then as it was.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKS = (
    "requirements.txt",
    "requirements-base.txt",
    "requirements-small.txt",
    "requirements-image.txt",
    "requirements-voices.txt",
)
BILLS = {
    "sbom-wheel.cdx.json": "requirements.txt",
    "sbom-image.cdx.json": "requirements-image.txt",
    "sbom-image-small.cdx.json": "requirements-small.txt",
}
"""Bills of materials by the lock that is installed."""
NAMESPACE = "hushwire-release"
"""Of the signature: one that was made for something else does not verify."""
SUMS = "SHA256SUMS"
BUILD_TYPE = "urn:hushwire:release:v1"
BUILD = "from setuptools import build_meta as b; b.build_sdist({0!r}); b.build_wheel({0!r})"


FACTS = """
import json
import models
from models.store.licences import licences
from models.store.model_catalogue import entries
models_ = [(one.id, one.sha256, one.licence) for one in entries()]
rest = [(one.name, one.licence, str(one.ships), one.holder, one.source) for one in licences()]
print(json.dumps({"at": models.__file__, "models": models_, "licences": rest}))
"""
"""What a tree's own code says of its models, lists, data and voices."""


class RefusedError(Exception):
    """The release can't be made; the message says why, and what to do."""


def release(
    out: Path, key: Path | None, commit: str, builder: str, source: str, *, untagged: bool = False
) -> list[str]:
    """Make a release, see the module; returns the names of its files."""
    if out.exists() and any(out.iterdir()):
        raise RefusedError(f"{out}: is not empty; name another folder")
    began = _now()
    commit = _git("rev-parse", "--verify", f"{commit}^{{commit}}").strip()
    epoch = _git("log", "-1", "--format=%ct", commit).strip()
    if changed := _git("status", "--porcelain"):
        raise RefusedError(
            f"what is here is not what is committed; commit it or put it away:\n{changed[:500]}"
        )
    version, tag = named(commit)
    if tag is None and not untagged:
        raise RefusedError(
            f"{commit} has no tag v{version}: tag it, or try without (--untagged, which the "
            "provenance says)"
        )
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with ThreadPoolExecutor() as pool:
            first, second = pool.map(
                partial(built, commit, epoch), (work / "first", work / "second")
            )
        for name in sorted(path.name for path in first.iterdir()):
            if (first / name).read_bytes() != (second / name).read_bytes():
                raise RefusedError(f"{name}: two builds of {commit} differ")
        tree = work / "first" / "tree"
        for name in LOCKS:
            shutil.copyfile(tree / name, first / name)
        known = facts(tree)
        for name, lock in BILLS.items():
            make = image_bill if "image" in name else bill
            _write(first / name, checked(name, make(tree, lock, epoch, known["models"])))
        (first / "LICENCES.md").write_text(licence_page(tree, known["licences"]), "utf-8")
        told = {"source": source, "commit": commit, "tag": tag or "none: a trial"}
        _write(
            first / "provenance.intoto.json",
            provenance(first, tree, told, began=began, builder=builder),
        )
        files = sorted(path.name for path in first.iterdir())
        # A comment to sha256sum, and signed with the rest.
        sums = f"# hushwire {version}, commit {commit}, tag {told['tag']}\n"
        sums += "".join(f"{_sha256(first / name)}  {name}\n" for name in files)
        (first / SUMS).write_text(sums, "ascii")
        if key is not None:
            sign(first / SUMS, key)
        shutil.copytree(first, out, dirs_exist_ok=True)
    return [*files, SUMS, *([f"{SUMS}.sig"] if key else [])]


def named(commit: str) -> tuple[str, str | None]:
    """The version of a commit, and its tag; None: it has none of that version."""
    about = tomllib.loads(_git("show", f"{commit}:pyproject.toml"))
    version = str(about["project"]["version"])
    there = _git("tag", "--points-at", commit).split()
    return version, f"v{version}" if f"v{version}" in there else None


def facts(tree: Path) -> dict[str, Any]:
    """See ``FACTS``: of the tree, whatever is installed or checked out here."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", FACTS],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RefusedError(f"its models and licences can't be read:\n{done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    if not Path(told["at"]).is_relative_to(tree):
        raise RefusedError(f"models and licences would be those of {told['at']}")
    return told


def built(commit: str, epoch: str, folder: Path) -> Path:
    """Wheel and sdist of a commit, in a folder of their own; its tree is left in ``tree``."""
    tree, out = folder / "tree", folder / "out"
    tree.mkdir(parents=True)
    out.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(tree, filter="data")
    _equal_modes(tree)
    done = subprocess.run(
        [sys.executable, "-P", "-c", BUILD.format(str(out))],
        cwd=tree,
        env=os.environ | {"SOURCE_DATE_EPOCH": epoch, "PYTHONHASHSEED": "0"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RefusedError(f"the build failed:\n{done.stderr[-2000:]}")
    for path in out.glob("*.tar.gz"):
        _normalised(path, int(epoch))
    return out


def bill(
    tree: Path, lock: str, epoch: str, models: Sequence[Sequence[str]], *beside: str
) -> dict[str, Any]:
    """The CycloneDX bill of materials of lock files and the models, with licences."""
    locked = "".join((tree / one).read_text("utf-8") for one in (lock, *beside))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "-", "--pyproject",
         "pyproject.toml", "--sv", "1.6", "--of", "JSON", "--output-reproducible", "--short-PURLs",
         "--no-validate"],  # valid has to be what is made of it: see ``checked``
        cwd=tree,
        env=os.environ | {"SOURCE_DATE_EPOCH": epoch},
        check=False,
        capture_output=True,
        text=True,
        input=locked,
    )  # fmt: skip
    if done.returncode:
        raise RefusedError(f"no bill of materials of {lock}:\n{done.stderr[-2000:]}")
    made: dict[str, Any] = json.loads(done.stdout)
    for one in made["components"]:
        del one["description"]  # the lock's line, whose hashes stand in it already
        one["bom-ref"] = one["purl"]
        one["licenses"] = [_choice(licence_of(one["name"], one["version"]))]
    made["components"] += [
        {"type": "machine-learning-model", "bom-ref": f"model:{name}", "name": name,
         "version": sha256[:12], "hashes": [{"alg": "SHA-256", "content": sha256}],
         "licenses": [{"license": {"id": licence}}]}
        for name, sha256, licence in models
    ]  # fmt: skip
    root = made["metadata"]["component"]["bom-ref"]
    names = sorted(one["bom-ref"] for one in made["components"])
    made["dependencies"] = [{"ref": root, "dependsOn": names}, *({"ref": one} for one in names)]
    return made


def image_bill(
    tree: Path, lock: str, epoch: str, models: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """The same of an image: what it installs, on which base image."""
    made = bill(tree, lock, epoch, models, "requirements-voices.txt")
    recipe = (tree / "deploy" / "Dockerfile").read_text("utf-8")
    base = re.search(r"(?m)^FROM (\S+?):(\S+)@sha256:([0-9a-f]{64})", recipe)
    if base is None:
        raise RefusedError("deploy/Dockerfile: its base image is not pinned by digest")
    name, version, digest = base.groups()
    made["metadata"]["component"]["type"] = "container"
    reference = f"pkg:oci/{name}@sha256:{digest}?tag={version}"
    made["components"].append(
        {"type": "container", "bom-ref": reference, "purl": reference, "name": name,
         "version": version, "hashes": [{"alg": "SHA-256", "content": digest}]}
    )  # fmt: skip
    made["dependencies"][0]["dependsOn"].append(reference)
    made["dependencies"].append({"ref": reference})
    return made


def checked(name: str, made: dict[str, Any]) -> dict[str, Any]:
    """A bill of materials as it was; refused where CycloneDX's own schema does not allow it."""
    # Imported here: a second, which a release that is refused before does not need.
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made)):
        raise RefusedError(
            f"{name}: is no bill of materials: {str(getattr(wrong.data, 'message', wrong))[:500]}"
        )
    return made


def licence_of(distribution: str, version: str) -> str:
    """The licence that an installed distribution names."""
    try:
        about: Any = importlib.metadata.metadata(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed where this was made"
    if about["Version"] != version:
        return f"not installed where this was made, but {about['Version']}"
    if expression := about.get("License-Expression"):
        return str(expression)
    prefix = "License :: "
    classes = (one for one in about.get_all("Classifier") or () if one.startswith(prefix))
    named = sorted({one.split(" :: ")[-1] for one in classes} - {"OSI Approved"})
    told = str(about.get("License") or "").strip().splitlines()
    return "; ".join(named) or (told[0][:80] if told else "names none")


def _choice(licence: str) -> dict[str, Any]:
    """As CycloneDX tells it: an SPDX expression, or words."""
    spdx = re.fullmatch(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) \(?[A-Za-z0-9.+-]+\)?)*", licence)
    known = spdx and re.search(r"\d|^MIT$|^ISC$|^0BSD$|^Zlib$", licence)
    return {"expression": licence} if known else {"license": {"name": licence}}


def licence_page(tree: Path, rest: Iterable[Iterable[object]]) -> str:
    """The licences of all packages of a tree's locks, and of models, lists, data and voices."""
    text = "".join((tree / lock).read_text("utf-8") for lock in LOCKS)
    pinned = sorted(set(re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^]]+\])?==(\S+)", text)))
    packages = [(name, version, licence_of(name, version)) for name, version in pinned]
    return (
        "# Licences\n\nHushwire: Apache-2.0, see LICENSE.\n\n## Packages\n\n"
        + _table(("package", "version", "licence"), packages)
        + "\n## Models, lists, data and voices\n\n"
        + _table(("what", "licence", "ships", "holder", "source"), rest)
    )


def _table(titles: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [[str(cell).replace("|", "/") for cell in one] for one in rows]
    return "".join(f"| {' | '.join(one)} |\n" for one in (titles, ["---"] * len(titles), *lines))


def provenance(
    folder: Path, tree: Path, told: dict[str, str], *, began: str, builder: str
) -> dict[str, Any]:
    """An in-toto statement with SLSA provenance v1: of which files, made how, of what, by whom."""
    source, commit = told["source"], told["commit"]
    materials = [{"uri": f"{source}@{commit}", "digest": {"gitCommit": commit}}]
    materials += [
        {"uri": f"{source}@{commit}#{name}", "digest": {"sha256": _sha256(tree / name)}}
        for name in LOCKS
    ]
    tools = {name: importlib.metadata.version(name) for name in ("setuptools", "cyclonedx-bom")}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": path.name, "digest": {"sha256": _sha256(path)}}
            for path in sorted(folder.iterdir())
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": told,
                "internalParameters": {
                    "SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct", commit).strip(),
                    "python": sys.version.split()[0],
                    **tools,
                },
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": {"id": builder},
                "metadata": {"startedOn": began, "finishedOn": _now()},
            },
        },
    }


def sign(file: Path, key: Path) -> None:
    """Sign a file by an SSH key: ``FILE.sig``."""
    done = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", key, "-n", NAMESPACE, file],
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode or not file.with_name(f"{file.name}.sig").exists():
        raise RefusedError(f"{key}: can't sign: {done.stderr.strip()}")


def _normalised(path: Path, epoch: int) -> None:
    """Pack an sdist anew: in order, of one time, of nobody."""
    packed = io.BytesIO()
    with (
        # Unpacked at once: out of its order, each step back would unpack it from its start.
        tarfile.open(fileobj=io.BytesIO(gzip.decompress(path.read_bytes()))) as old,
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=epoch, filename="") as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for one in sorted(old.getmembers(), key=lambda each: each.name):
            one.mtime, one.uid, one.gid, one.uname, one.gname = epoch, 0, 0, "", ""
            one.pax_headers = {}
            new.addfile(one, old.extractfile(one) if one.isreg() else None)
    path.write_bytes(packed.getvalue())


def _equal_modes(tree: Path) -> None:
    """The same modes whatever the umask is."""
    for path in tree.rglob("*"):
        executable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if executable else 0o644)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", "utf-8")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RefusedError(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def main() -> None:
    """Make a release, or print the licences."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("out", type=Path, nargs="?", help="folder, made when missing")
    parser.add_argument("--key", type=Path, help="SSH key (Ed25519) that signs")
    parser.add_argument("--unsigned", action="store_true", help="make one that proves nothing")
    parser.add_argument("--commit", default="HEAD")
    parser.add_argument("--untagged", action="store_true", help="a trial of a commit without tag")
    parser.add_argument("--builder", default="urn:hushwire:builder:by-hand", help="its URI")
    parser.add_argument("--source", default="urn:hushwire:source", help="URI of the repository")
    parser.add_argument("--licences", action="store_true", help="print the licences, make nothing")
    options = parser.parse_args()
    if options.licences:
        print(licence_page(ROOT, facts(ROOT)["licences"]), end="")
        return
    if options.out is None or (options.key is None) is not options.unsigned:
        parser.error("name a folder, and a key by --key FILE (or say --unsigned)")
    if options.key is not None and not options.key.is_file():
        parser.error(f"{options.key}: there is no such key")
    try:
        made = release(
            options.out, options.key, options.commit, options.builder, options.source,
            untagged=options.untagged,
        )  # fmt: skip
    except RefusedError as error:
        sys.exit(f"release: {error}")
    if options.unsigned:
        print("NOT SIGNED: nobody can tell whose release this is.", file=sys.stderr)
    print("\n".join(f"{options.out}/{name}" for name in made))


if __name__ == "__main__":
    main()
