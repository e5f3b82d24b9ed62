"""Where policies lie: files, and those that are shipped, by name.

Outcomes: a path, whether or not a policy is there; ``require_named`` raises ``PolicyError`` where
none is. It reads nothing, so that a wrong name is told at once.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Final

from pipeline.errors import PolicyError
from pipeline.policy.yaml_document import shown

_NO_POLICIES: Final = {"topics"}
"""What else lies in their folder: ``pipeline.analytics.topics``."""


def shipped() -> Path:
    """The folder of the shipped policies."""
    return Path(str(resources.files("policies")))


def names_in(source: str | Path) -> list[str]:
    """The policies that are named; several are joined by a plus sign (``pci+hipaa``)."""
    text = str(source)
    return [text] if "+" not in text or Path(text).is_file() else text.split("+")


def place_of(name: str, folder: Path | None) -> Path:
    """The file of a policy; a relative path begins at ``folder``."""
    path = (folder or shipped()) / name
    if path.suffix not in {".yaml", ".yml"}:
        path = shipped() / f"{name}.yaml"
    return Path(os.path.normpath(path))


def unreadable(name: str, why: str) -> str:
    """What is told of a policy whose file can't be read."""
    names = ", ".join(sorted({one.stem for one in shipped().glob("*.yaml")} - _NO_POLICIES))
    return f"policy {shown(name)}: cannot be read ({why}); name a YAML file or {names}"


def require_named(source: str | Path) -> None:
    """Refuse policies whose file is not there, before anything is loaded that reads one.

    Raises:
        PolicyError: with a line for each.
    """
    missing = [
        unreadable(name, os.strerror(2))
        for name in names_in(source)
        if not place_of(name, Path()).exists()
    ]
    if missing:
        raise PolicyError("\n".join(missing))
