"""Finds a model's files, checks their hashes, and says what to do when there are none.

Sources in order: a local folder, the installed wheels, the hub; what comes with Hushwire itself is
taken from there and nowhere else. Which models there are say the shipped catalogue and the team's
own one, ``catalogue.yaml`` in the folder of models where no other file is named.

Outcomes of ``find``: the path of a folder whose files all have the catalogue's sha256, or
``ModelError``. A folder with wrong bytes is an error and not a reason to look further: somebody
has changed it. Nothing is loaded before its hash was checked; a result is remembered only inside
the process, by size and modification time of each file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from models.store import hub
from models.store.model_catalogue import Entry, Wheel, entry
from pipeline.errors import ModelError

__all__ = ["Check", "catalogue_file", "default_folder", "find", "here", "placed", "pull", "verify"]

_BLOCK = 1 << 20
_NOTE: Final = re.compile(r"\..*|.*\.md|(LICENSE|LICENCE|NOTICE|README)(\.txt)?", re.IGNORECASE)
"""What lies beside a model and is read by nothing."""
_PACKAGE = Path(__file__).parents[1]

_Fingerprint = tuple[str, int, int]
_verified: dict[_Fingerprint, str] = {}
"""sha256 of the files that were hashed in this process, by path, size and mtime."""


@dataclass(frozen=True, slots=True)
class Check:
    """What checking one model's files brought."""

    model_id: str
    path: Path | None
    """Where it was found, or None."""
    ok: bool
    problem: str = ""
    """Empty where all is well; otherwise what is wrong and what to do."""


def default_folder() -> Path:
    """The user's cache folder for models; joined and pulled models are kept there.

    Raises:
        ModelError: neither ``HOME`` nor the operating system names a home of this user.
    """
    try:
        home = Path.home()
    except RuntimeError:
        raise ModelError(
            "this user has no home where models could lie: name their folder, HUSHWIRE_MODELS_DIR"
        ) from None
    return home / ".cache" / "hushwire" / "models"


def catalogue_file(folder: Path | None = None, catalogue: Path | None = None) -> Path:
    """Where the team's own catalogue lies: the file that is named, or the one among the models."""
    return catalogue or (folder or default_folder()) / "catalogue.yaml"


def find(
    wanted: str | Entry,
    *,
    folder: Path | None = None,
    allow_hub: bool = True,
    catalogue: Path | None = None,
) -> Path:
    """The folder with a model's files, complete and with the right hashes.

    Args:
        wanted: an id of a catalogue, or what one said: whatever it says by now, no other bytes are
            taken then.
        folder: where local models lie, one folder each; without it the user's cache folder.
        allow_hub: whether the hub may be asked when nothing is installed.
        catalogue: file of the team's own catalogue, see ``catalogue_file``.

    Raises:
        ModelError: unknown id, nothing found, a file whose hash is not the catalogue's, or one
            beside them that it does not pin.
    """
    own = catalogue_file(folder, catalogue)
    model = entry(wanted, own) if isinstance(wanted, str) else wanted
    place = folder or default_folder()
    if model.packaged:  # the code and its weights go together: no older copy may stand in
        return _checked(_PACKAGE / model.folder, model)
    local = place / model.folder
    if _complete(local, model):
        return _checked(local, model)
    installed = _from_wheels(model, place)
    if installed is not None:
        return _checked(installed, model)
    if allow_hub and model.hub is not None:
        return _from_hub(model, local)
    raise ModelError(_nothing_found(model, place, allow_hub=allow_hub))


def pull(
    model_id: str,
    *,
    folder: Path | None = None,
    allow_hub: bool = True,
    catalogue: Path | None = None,
) -> Path:
    """Copy a model into the local folder, from the wheels or the hub, and check it there.

    Raises:
        ModelError: as ``find``, or the folder cannot be written.
    """
    model = entry(model_id, catalogue_file(folder, catalogue))
    local = (folder or default_folder()) / model.folder
    found = find(model_id, folder=folder, allow_hub=allow_hub, catalogue=catalogue)
    if model.packaged:
        return found
    if found != local:
        _assemble(local, {name: (found / name,) for name in model.files})
    return _checked(local, model)


def here(model: Entry, *, folder: Path | None = None) -> bool:
    """Whether all files of a model are on this machine; none is hashed, and none written."""
    place = folder or default_folder()
    local = _PACKAGE / model.folder if model.packaged else place / model.folder
    if _complete(local, model) or model.packaged:
        return _complete(local, model)
    roots = [root for wheel in model.wheels if (root := _root(wheel)) is not None]
    pieces = [piece for name in model.files for piece in model.parts.get(name, (name,))]
    return bool(roots) and all(_first(roots, piece) is not None for piece in pieces)


def verify(model_id: str, *, folder: Path | None = None, catalogue: Path | None = None) -> Check:
    """Hash a model's files anew; never raises for what it finds, and never asks the hub.

    Raises:
        ModelError: no catalogue knows the id.
    """
    entry(model_id, catalogue_file(folder, catalogue))
    _verified.clear()
    try:
        path = find(model_id, folder=folder, allow_hub=False, catalogue=catalogue)
    except ModelError as error:
        return Check(model_id, None, ok=False, problem=str(error))
    return Check(model_id, path, ok=True)


def _complete(path: Path, model: Entry) -> bool:
    return all((path / name).is_file() for name in model.files)


def _checked(path: Path, model: Entry) -> Path:
    for name, expected in model.files.items():
        if _sha256(path / name) != expected:
            raise ModelError(
                f"{model.id}: {name} in {path} is not the file that the catalogue pins "
                f"(sha256 {expected[:12]}…); {_mend(model)}"
            )
    # Libraries that are given a folder look for more in it, such as another vocabulary.
    for one in path.iterdir() if model.kind == "whisper" else ():
        if one.name not in model.files and not one.is_dir() and not _NOTE.fullmatch(one.name):
            raise ModelError(
                f"{model.id}: {one.name} in {path} is none of the files that the catalogue pins, "
                "and might be loaded: take it away"
            )
    return path


def _mend(model: Entry) -> str:
    if model.packaged:
        return "reinstall hushwire; in a checkout 'make reader' learns and pins it anew"
    return "remove the folder and run 'hushwire models pull'"


def _sha256(path: Path) -> str:
    try:
        state = path.stat()
        fingerprint = (str(path.resolve()), state.st_size, state.st_mtime_ns)
        if fingerprint not in _verified:
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
            _verified[fingerprint] = digest.hexdigest()
    except OSError as error:
        raise ModelError(f"{path.name}: cannot be read ({error.strerror})") from error
    return _verified[fingerprint]


def _from_wheels(model: Entry, place: Path) -> Path | None:
    """Where the installed wheels have the model; parts are joined into ``place`` once."""
    roots = [root for wheel in model.wheels if (root := _root(wheel)) is not None]
    if not roots or len(roots) < len(model.wheels):
        return None
    if not model.parts:
        return roots[0] if _complete(roots[0], model) else None
    sources: dict[str, tuple[Path, ...]] = {}
    for name in model.files:
        pieces = tuple(_first(roots, part) for part in model.parts.get(name, (name,)))
        if None in pieces:
            return None
        sources[name] = tuple(piece for piece in pieces if piece is not None)
    return _assemble(place / model.folder, sources)


def _root(wheel: Wheel) -> Path | None:
    try:
        distribution = metadata.distribution(wheel.distribution)
    except metadata.PackageNotFoundError:
        return None
    root = Path(str(distribution.locate_file(wheel.root)))
    return root if root.is_dir() else None


def _first(roots: Iterable[Path], name: str) -> Path | None:
    return next((root / name for root in roots if (root / name).is_file()), None)


def _assemble(target: Path, sources: dict[str, tuple[Path, ...]]) -> Path:
    """Write files, each joined from its pieces, as one folder that appears at once.

    Several processes may do this together: the first rename wins, and all wrote the same bytes.
    """
    scratch: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        for name, pieces in sources.items():
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            with (scratch / name).open("wb") as joined:
                for piece in pieces:
                    with piece.open("rb") as part:
                        shutil.copyfileobj(part, joined, _BLOCK)
                joined.flush()
                os.fsync(joined.fileno())
        placed(scratch, target, sources)
    except OSError as error:
        raise _not_written(target, error) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def placed(scratch: Path, target: Path, names: Iterable[str]) -> None:
    """Rename a finished folder to its place; one that is complete there already stays.

    Args:
        scratch: beside the target. It is left where the target stays.
        target: where it goes; an interrupted copy there is replaced.
        names: of the model's files.

    Raises:
        ModelError: there are other files at the target than the model's.
        OSError: it can't be renamed.
    """
    ours = tuple(names)
    scratch.chmod(0o755)  # pulled by root for an image, read by a worker that is not
    if target.is_dir() and not all((target / name).is_file() for name in ours):
        _refuse_others(target, ours)
        shutil.rmtree(target, ignore_errors=True)  # an interrupted copy of an older version
    try:
        scratch.rename(target)
    except OSError:
        if not all((target / name).is_file() for name in ours):
            raise


def _not_written(target: Path, error: OSError) -> ModelError:
    return ModelError(
        f"{target}: the model cannot be written there ({error.strerror}); "
        "make room, or name another folder with HUSHWIRE_MODELS_DIR"
    )


def _refuse_others(target: Path, ours: Iterable[str]) -> None:
    """Refuse to replace a folder in which there is anything but files of the model.

    Raises:
        ModelError: there is.
    """
    known = {target / name for name in ours}
    for path in target.rglob("*"):
        # The hub's client keeps its notes in a hidden folder.
        hidden = path.relative_to(target).parts[0].startswith(".")
        if path.is_file() and path not in known and not hidden:
            raise ModelError(
                f"{target}: it has other files than the model's, such as {path.name}: move them, "
                "or name another folder with HUSHWIRE_MODELS_DIR"
            )


def _from_hub(model: Entry, target: Path) -> Path:
    """Download the pinned revision, check it, and put it in its place.

    What an interrupted download left is gone on with. Processes that need the same model wait for
    the one that fetches it.
    """
    pinned = model.hub
    if pinned is None:  # pragma: no cover - find() asks only where there is one
        raise ModelError(f"{model.id}: is on no hub")
    scratch = target.with_name(f".pull-{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(scratch):
            if _complete(target, model):
                return _checked(target, model)
            there = sum(one.stat().st_size for one in scratch.rglob("*") if one.is_file())
            missing = model.bytes - there
            if shutil.disk_usage(target.parent).free < missing:
                raise ModelError(
                    f"{target}: there is no room for the {model.bytes / 1e6:.0f} MB of {model.id}; "
                    "make room, or name another folder with HUSHWIRE_MODELS_DIR"
                )
            try:
                hub.download(pinned.repository, pinned.revision, model.files, scratch)
            except ModelError as error:
                raise ModelError(f"{model.id}: {error} {_ways(model, target.parent)}") from error
            try:
                _checked(scratch, model)
            except ModelError:
                shutil.rmtree(scratch, ignore_errors=True)  # it would be gone on with
                raise
            hub.forget(scratch)
            placed(scratch, target, model.files)
    except OSError as error:
        raise _not_written(target, error) from error
    return _checked(target, model)


@contextmanager
def _alone(scratch: Path) -> Iterator[None]:
    """Nobody else fetches into the same folder meanwhile."""
    with scratch.with_suffix(f"{scratch.suffix}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _nothing_found(model: Entry, place: Path, *, allow_hub: bool) -> str:
    asked = "" if allow_hub or model.hub is None else " (the hub was not asked)"
    return f"{model.id}: not found{asked}. {_ways(model, place)}"


def _ways(model: Entry, place: Path) -> str:
    ways = []
    if model.wheels:
        wheels = " ".join(wheel.requirement for wheel in model.wheels)
        ways.append(f"install it: pip install {wheels}")
    ways.append(f"put {', '.join(sorted(model.files)[:4])} … into {place / model.folder}")
    if model.hub is not None:
        ways.append(f"where the hub can be reached: hushwire models pull {model.id}")
    return "Either " + "; or ".join(ways) + "."
