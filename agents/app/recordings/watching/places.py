"""Where recordings are dropped: what lies there, and how one is put away.

A place is looked at as a whole, again and again. ``DONE`` and ``REFUSED`` in it are ours, and names
that begin with a dot belong to programs that still write.

Outcomes: ``Look``; problems of one recording raise ``InputError``, of the place ``StoreError``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from agents.app.recordings.recording_folder import read_sidecar, sidecar_of, sorted_out
from pipeline.errors import InputError, StoreError
from pipeline.records.call_names import shown

DONE: Final = "done"
"""Holds what was stored and is to be kept."""
REFUSED: Final = "refused"
"""Holds what nothing is kept of, and why."""
REASON: Final = ".reason.txt"
_TRIES: Final = 1_000


class After(StrEnum):
    """What becomes of a recording once its call is stored."""

    MOVE = "move"
    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Found:
    """A recording that lies in a place."""

    name: str = field(repr=False)
    """Below the place, with slashes."""
    mark: str
    """Another one when its content is."""
    sidecar: str = ""
    """The mark of its sidecar, or empty."""
    modified: datetime | None = field(default=None, compare=False)
    """When it was written there."""

    @property
    def shown(self) -> str:
        """Its name for people."""
        return "/".join(shown(part) for part in self.name.split("/"))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A recording that is about to be sent."""

    path: Path = field(repr=False)
    content: bytes | None = field(default=None, repr=False)
    """None: ``path`` is a file, and its sidecar lies beside it."""
    sidecar: bytes = field(default=b"{}", repr=False)


@dataclass(frozen=True, slots=True)
class Look:
    """What lies in a place."""

    recordings: tuple[Found, ...]
    others: Mapping[str, str]
    """By their names for people: what is not taken, and why."""


class Place(Protocol):
    """A place where recordings are dropped."""

    def look(self) -> Look:
        """What lies there.

        Raises:
            StoreError: it can't be listed.
        """
        ...

    def load(self, found: Found) -> Loaded:
        """A recording, to be sent.

        Raises:
            InputError: it is too large.
            StoreError: it can't be read now.
        """
        ...

    def notes(self, found: Found) -> bytes:
        """What a recording's sidecar holds; an empty object where there is none.

        Raises:
            InputError: it can't be read, or is too large.
            StoreError: the place is away.
        """
        ...

    def same(self, found: Found) -> bool:
        """Whether a recording is still there as it was found.

        Raises:
            StoreError: the place is away.
        """
        ...

    def done(self, found: Found, after: After) -> None:
        """Put a recording away whose call is stored.

        Raises:
            StoreError: that fails.
        """
        ...

    def refuse(self, found: Found, reason: str) -> None:
        """Put a recording aside of which nothing is kept, with the reason beside it.

        Raises:
            StoreError: that fails.
        """
        ...


def look_at(marks: Mapping[str, str], modified: Mapping[str, datetime]) -> Look:
    """What is a recording, among names, their marks, and when each was written."""
    recordings, others = sorted_out(name for name in marks if not _ours(name))
    found = (
        Found(name, marks[name], marks.get(sidecar_of(name), ""), modified.get(name))
        for name in recordings
    )
    told = {Found(name, "").shown: why for name, why in sorted(others.items())}
    return Look(tuple(sorted(found, key=lambda one: one.name)), told)


def free_name(name: str) -> Iterator[str]:
    """A name and others like it, for where the first is taken."""
    path = PurePosixPath(name)
    yield name
    for number in range(2, _TRIES):
        yield path.with_name(f"{path.stem}.{number}{path.suffix}").as_posix()


def _ours(name: str) -> bool:
    parts = name.split("/")
    return parts[0] in {DONE, REFUSED} or any(part.startswith(".") for part in parts)


class FolderPlace:
    """A folder, with what lies deeper; links to folders are not followed.

    Args:
        folder: it.

    Raises:
        InputError: it is no folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder; make it, or name another")
        self._folder = folder

    def look(self) -> Look:
        """See ``Place``."""

        def unreadable(error: OSError) -> None:
            raise error

        marks: dict[str, str] = {}
        modified: dict[str, datetime] = {}
        with _translated("it can't be listed"):
            for place, folders, names in os.walk(self._folder, onerror=unreadable):
                inside = Path(place).relative_to(self._folder)
                folders[:] = [one for one in folders if not _ours((inside / one).as_posix())]
                for name in names:
                    mark, written = _mark(Path(place, name))
                    if mark:
                        marks[(inside / name).as_posix()] = mark
                        modified[(inside / name).as_posix()] = written
        return look_at(marks, modified)

    def load(self, found: Found) -> Loaded:
        """See ``Place``."""
        return Loaded(self._folder / found.name)

    def notes(self, found: Found) -> bytes:
        """See ``Place``."""
        return read_sidecar(self._folder / sidecar_of(found.name)) or b"{}"

    def same(self, found: Found) -> bool:
        """See ``Place``."""
        return _mark(self._folder / found.name)[0] == found.mark

    def done(self, found: Found, after: After) -> None:
        """See ``Place``."""
        with _translated(f"{found.shown}: can't be put away"):
            match after:
                case After.MOVE:
                    self._move(found, DONE)
                case After.DELETE:
                    (self._folder / found.name).unlink(missing_ok=True)
                    (self._folder / sidecar_of(found.name)).unlink(missing_ok=True)
                case After.KEEP:
                    pass

    def refuse(self, found: Found, reason: str) -> None:
        """See ``Place``."""
        with _translated(f"{found.shown}: can't be put aside"):
            target = self._move(found, REFUSED)
            target.with_name(target.name + REASON).write_text(f"{reason}\n", encoding="utf-8")

    def _move(self, found: Found, where: str) -> Path:
        """Move a recording, then its sidecar: one that lies alone would wait for it for ever."""
        source, home = self._folder / found.name, self._folder / where
        for name in free_name(found.name):
            target = home / name
            if not os.path.lexists(target) and not os.path.lexists(target.with_suffix(".json")):
                break
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
        sidecar = self._folder / sidecar_of(found.name)
        if os.path.lexists(sidecar):
            sidecar.rename(target.with_suffix(".json"))
        return target


def _mark(path: Path) -> tuple[str, datetime]:
    """Size, time and identity of a file, empty where it is gone; and when it was written."""
    try:
        about = path.lstat()
    except OSError:
        return "", datetime.min.replace(tzinfo=UTC)
    written = datetime.fromtimestamp(about.st_mtime, UTC)
    return f"{about.st_size}.{about.st_mtime_ns}.{about.st_ino}", written


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{what} ({error.strerror})") from error
