"""By what this installation detects, as records and certificates name it."""

from __future__ import annotations

import hashlib
import json
import platform
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from typing import Final

from pipeline.records.model import DIGEST

PACKAGES: Final = ("pipeline", "models")
"""Whose files decide what is heard and found: code, phrases, weights, catalogue of models."""
ASIDE: Final = (
    "pipeline/analytics",
    "pipeline/evaluation",
    "pipeline/gateways",
    "models/speakers",
)
"""What no stage that hears or finds imports; a test looks."""
BESIDE: Final = {
    "agents.stages": ("detect.py", "timeouts.py", "transcribe.py"),
    "agents.runtime": ("call_run.py", "steps.py"),
}
"""What decides beside them: in which order windows are heard and their words read."""
_LIBRARIES: Final = (
    "av",
    "ctranslate2",
    "faster-whisper",
    "ftfy",
    "idna",
    "langcodes",
    "numpy",
    "onnxruntime",
    "phonenumbers",
    "presidio-analyzer",
    "presidio-anonymizer",
    "pycountry",
    "pydantic",
    "pyyaml",
    "regex",
    "soundfile",
    "soxr",
    "spacy",
    "tldextract",
    "tokenizers",
    "wordfreq",
)
"""What they compute with, and what that computes with; one that is not installed counts as such."""


def software() -> str:
    """Version, and in brackets the ``fingerprint``: how records and certificates name it."""
    return f"hushwire {metadata.version('hushwire')} ({fingerprint()})"


@cache
def fingerprint() -> str:
    """A short digest of everything that detection computes with.

    A version would not tell two builds of it apart, constants do not change with a version's
    number, and a version may change nothing of it; so the digest is taken of files (some 24 MB,
    once per process), of the libraries' versions, and of Python's and its table of characters'.
    """
    digest = hashlib.sha256()
    for name, file in sorted(_deciding()):
        digest.update(f"{name}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    for library, version in (*((one, _version(one)) for one in _LIBRARIES), *_language()):
        digest.update(f"{library} {version}\0".encode())
    return digest.hexdigest()[:DIGEST]


def digest_of(*values: object) -> str:
    """Short digest of JSON values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:DIGEST]


def _language() -> tuple[tuple[str, str], ...]:
    """What Python itself decides: how patterns match, and what letters and digits are."""
    return ("python", platform.python_version()), ("unicode", unicodedata.unidata_version)


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "-"


def _deciding() -> Iterator[tuple[str, Traversable]]:
    for package in PACKAGES:
        yield from _files(resources.files(package), package)
    for package, names in BESIDE.items():
        for name in names:
            yield f"{package}/{name}", resources.files(package).joinpath(name)


def _files(folder: Traversable, place: str) -> Iterator[tuple[str, Traversable]]:
    """Every file below a folder but what Python makes of it."""
    for one in folder.iterdir():
        name = f"{place}/{one.name}"
        if one.is_dir():
            if one.name != "__pycache__" and name not in ASIDE:
                yield from _files(one, name)
        elif not name.endswith(".pyc"):
            yield name, one
