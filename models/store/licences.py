"""The licences of what is data and no code: models, lists, texts, voices.

The data stands in ``licences.yaml`` beside this file, that of models in the catalogues. Outcomes:
``licences`` returns frozen records, or raises ``ModelError`` for an own catalogue that is not one.
The licences of the code that Hushwire depends on are the packages' own metadata.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from models.store.model_catalogue import entries


class Licensed(BaseModel):
    """One model, list or collection."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    licence: str
    """SPDX expression."""
    holder: str
    source: str
    ships: Literal["package", "wheel or hub", "dependency", "checkout"]
    """How it comes: in the package, fetched, by a package that is depended on, or never."""
    files: tuple[str, ...] = ()
    """Patterns of the files, below the project's folder."""
    package: str = ""
    """The distribution that brings it."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    entries: tuple[Licensed, ...]


def licences(own: Path | None = None) -> tuple[Licensed, ...]:
    """Models first, then lists and data.

    Args:
        own: file of the team's own catalogue of models.

    Raises:
        ModelError: the own catalogue is not one.
    """
    fetched = tuple(
        Licensed(
            name=f"model {one.id}",
            licence=one.licence,
            holder=one.hub.repository.partition("/")[0] if one.hub else "see the source",
            source=f"{one.source} @{one.hub.revision}" if one.hub else one.source,
            ships="wheel or hub" if one.hub or not one.wheels else "dependency",
            package="" if one.hub or not one.wheels else one.wheels[0].distribution,
        )
        for one in entries(own)
        if not one.packaged
    )
    return (*fetched, *_listed())


@cache
def _listed() -> tuple[Licensed, ...]:
    text = (resources.files(__package__) / "licences.yaml").read_text(encoding="utf-8")
    return _Data.model_validate(yaml.safe_load(text)).entries
