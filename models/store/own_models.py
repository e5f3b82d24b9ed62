"""Enters a Whisper into the team's own catalogue, from a folder or from the hub, and takes it out.

Outcomes: ``add`` returns the entry once the model lies in the folder of models, with a sha256 of
each file in the catalogue, and has heard the sample call; ``remove`` returns what it removed. Both
raise ``ModelError``, and nothing is entered then. What comes from a folder is copied first: the
same bytes are hashed, checked and kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from models.store import hub
from models.store.loader import placed
from models.store.model_catalogue import (
    COMMIT,
    NAME,
    REPOSITORY,
    Entry,
    Hub,
    entries,
    own_entries,
)
from models.store.trial import tried
from models.store.whisper_files import WEIGHTS, examine, wanted
from pipeline.errors import ModelError

UNKNOWN_LICENCE: Final = "LicenseRef-unknown"
_BLOCK: Final = 1 << 20
_HUB: Final = re.compile(r"hub:(?P<repository>[^@]+)(?:@(?P<revision>[A-Za-z0-9][\w./-]{0,127}))?")
_HEAD: Final = """\
# Speech models of this installation, beside those that ship: written by 'hushwire models add' and
# 'remove'. A file is loaded only when its sha256 is the one below: whoever may write here says what
# listens to the calls.
"""


@dataclass(frozen=True, slots=True)
class Added:
    """A model that was entered."""

    entry: Entry
    path: Path
    """Where its files lie."""
    asked: str = ""
    """The branch or tag that was named, where it was no commit."""
    new: bool = True
    """Whether it was not there, under the same name and with the same bytes."""


def add(
    source: str, *, folder: Path, catalogue: Path, name: str | None = None, licence: str = ""
) -> Added:
    """Pin a model by the sha256 of every file, and keep it among the models.

    Args:
        source: a folder, or ``hub:owner/name@revision``; a branch or tag is resolved to the commit
            that it stands for now.
        folder: of the models.
        catalogue: the team's own one; made where there is none.
        name: of the model; without it after the folder or repository.
        licence: SPDX expression; without it what the hub's card says.

    Raises:
        ModelError: it is no Whisper of CTranslate2, it can't be had, or its name is another's.
    """
    named = _HUB.fullmatch(source)
    if source.startswith("hub:") and (
        named is None or not re.fullmatch(REPOSITORY, named["repository"])
    ):
        raise ModelError(f"{source}: a model on the hub is named as hub:owner/name@revision")
    known = spdx(licence) if licence else ""
    model_id = _name(name, named["repository"] if named else source)
    place = _Place(folder, catalogue, model_id)
    with place.held():
        if named is None:
            with place.scratch() as scratch:
                names = _copied(Path(source), scratch)
                digests = {name: _sha256(scratch / name) for name in names}
                return place.enter(scratch, digests, known or UNKNOWN_LICENCE, None)
        return _from_hub(place, named["repository"], named["revision"] or "main", known)


def remove(model_id: str, *, folder: Path, catalogue: Path) -> Entry:
    """Take a model out of the team's own catalogue, and its files out of the folder of models.

    Raises:
        ModelError: it ships, no catalogue knows it, or its folder can't be changed.
    """
    place = _Place(folder, catalogue, model_id)
    with place.held():
        found = [one for one in own_entries(catalogue) if one.id == model_id]
        if not found:
            own = ", ".join(one.id for one in own_entries(catalogue)) or "none"
            raise ModelError(
                f"{model_id}: the team's own catalogue has no such model; it has {own}"
            )
        place.write([one for one in own_entries(catalogue) if one.id != model_id])
        for name in found[0].files:
            (place.target / name).unlink(missing_ok=True)
        if place.target.is_dir() and not any(place.target.iterdir()):
            place.target.rmdir()
    return found[0]


def spdx(licence: str) -> str:
    """A licence as SPDX writes it.

    Raises:
        ModelError: it is no SPDX expression.
    """
    try:
        return str(canonicalize_license_expression(licence))
    except InvalidLicenseExpression:
        raise ModelError(
            f"{licence[:60]!r} is no licence of SPDX (https://spdx.org/licenses), such as MIT or "
            "Apache-2.0; one of your own is named LicenseRef-something"
        ) from None


class _Place:
    """Where a model of a name goes."""

    def __init__(self, folder: Path, catalogue: Path, model_id: str) -> None:
        self.folder, self.catalogue, self.model_id = folder, catalogue, model_id
        self.target = folder / model_id

    @contextmanager
    def held(self) -> Iterator[None]:
        """The catalogue is changed by one process at a time."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.catalogue.parent.mkdir(parents=True, exist_ok=True)
            with self.catalogue.with_name(f".{self.catalogue.name}.lock").open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise ModelError(
                f"{error.filename or self.folder}: {error.strerror or type(error).__name__}; the "
                "folder of models and the catalogue have to be writable for this "
                "(HUSHWIRE_MODELS_DIR, HUSHWIRE_MODELS_CATALOGUE)"
            ) from error

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder beside the target, gone afterwards."""
        made = Path(tempfile.mkdtemp(prefix=f".{self.model_id}-", dir=self.folder))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def enter(
        self, scratch: Path, digests: dict[str, str], licence: str, origin: Hub | None
    ) -> Added:
        """Check the files, put them in their place, and enter them."""
        known = {one.id: one for one in entries(self.catalogue)}.get(self.model_id)
        if known is not None and known.files != digests:
            raise ModelError(
                f"{self.model_id}: is a model already, with other files; give this one another "
                f"--name, or 'hushwire models remove {self.model_id}' first"
            )
        ours = {one.id: one for one in own_entries(self.catalogue)}.get(self.model_id)
        if known is not None and ours is None:
            raise ModelError(f"{self.model_id}: ships with Hushwire; nothing has to be added")
        examine(scratch, digests)
        told = tried(scratch)
        origin = origin or (ours.hub if ours else None)  # the same bytes, from here this time
        made = Entry(
            id=self.model_id,
            kind="whisper",
            purpose="Speech model of this installation.",
            licence=licence,
            source=f"https://huggingface.co/{origin.repository}" if origin else "a folder",
            languages=("multilingual",) if told.multilingual else ("en",),
            folder=self.model_id,
            bytes=sum((scratch / name).stat().st_size for name in digests),
            main=WEIGHTS,
            files=digests,
            hub=origin,
        )
        for name in digests:
            (scratch / name).chmod(0o644)
        placed(scratch, self.target, digests)
        stayed = scratch.is_dir()  # where there was one
        if stayed and any(_sha256(self.target / name) != one for name, one in digests.items()):
            raise ModelError(
                f"{self.target}: has other files of these names: move the folder away, and add the "
                "model again"
            )
        rest = [one for one in own_entries(self.catalogue) if one.id != self.model_id]
        self.write([*rest, made])
        return Added(made, self.target, new=known is None)

    def write(self, models: Iterable[Entry]) -> None:
        """Replace the catalogue at once."""
        data = {"models": [_plain(one) for one in models]}
        text = _HEAD + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
        handle, name = tempfile.mkstemp(prefix=".catalogue-", dir=self.catalogue.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(self.catalogue)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _plain(one: Entry) -> dict[str, Any]:
    return one.model_dump(mode="json", exclude_defaults=True)


def _from_hub(place: _Place, repository: str, revision: str, licence: str) -> Added:
    told = hub.listed(repository, revision)
    if not re.fullmatch(COMMIT, told.commit):
        raise ModelError(f"{repository}: the hub names no commit for {revision}")
    names = wanted((one for one in told.sizes if not one.startswith(".")), repository)
    scratch = place.folder / f".add-{place.model_id}-{told.commit[:12]}"  # gone on with later
    needed = sum(told.sizes[name] or 0 for name in names)
    if shutil.disk_usage(place.folder).free < needed:
        raise ModelError(f"{place.folder}: there is no room for the {needed / 1e6:.0f} MB of it")
    hub.download(repository, told.commit, names, scratch)
    digests = {name: _sha256(scratch / name) for name in names}
    wrong = [name for name in names if told.digests.get(name, digests[name]) != digests[name]]
    if wrong:
        shutil.rmtree(scratch, ignore_errors=True)
        raise ModelError(f"{repository}: {wrong[0]} came with another sha256 than the hub states")
    hub.forget(scratch)
    try:
        found = place.enter(
            scratch,
            digests,
            licence or _from_card(told.licence),
            Hub(repository=repository, revision=told.commit),
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    asked = "" if revision == told.commit else revision
    return Added(found.entry, found.path, asked, found.new)


def _from_card(licence: str) -> str:
    """The hub names licences by SPDX's ids in small letters, and some of its own."""
    try:
        return spdx(licence) if licence else UNKNOWN_LICENCE
    except ModelError:
        return UNKNOWN_LICENCE


def _name(name: str | None, source: str) -> str:
    """The model's name: the one given, or the folder's or repository's without the converter's."""
    if name is None:
        last = Path(source).name or Path(source).resolve().name
        name = re.sub(r"[^a-z0-9.-]+", "-", last.lower()).strip("-.").removeprefix("faster-")
    if not re.fullmatch(NAME, name) or name == "none" or ".." in name:
        raise ModelError(
            f"{name[:60]!r} can't be a model's name: small letters, digits, dots and dashes; give "
            "one with --name"
        )
    return name


def _copied(source: Path, scratch: Path) -> tuple[str, ...]:
    """Copy a model's files, and nothing that a link leads to; returns their names."""
    if not source.is_dir():
        raise ModelError(
            f"{source}: there is no such folder; a model on the hub is hub:owner/name@revision"
        )
    names: list[str] = []
    for one in sorted(source.iterdir()):
        if one.is_symlink():
            raise ModelError(
                f"{one.name} in {source} is a link, and what it leads to may change: copy the "
                "folder with 'cp -rL' and add the copy, or name the repository as hub:owner/name"
            )
        if one.name.startswith(".git"):
            continue
        names.append(f"{one.name}/" if one.is_dir() else one.name)
    ours = wanted(names, str(source))
    for name in ours:
        _copy(source / name, scratch / name)
    return ours


def _copy(source: Path, target: Path) -> None:
    # Not through a link that somebody lays there meanwhile, and not from a pipe or a device.
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file, target.open("xb") as copy:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ModelError(f"{source}: is no file")
        shutil.copyfileobj(file, copy, _BLOCK)
        copy.flush()
        os.fsync(copy.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
