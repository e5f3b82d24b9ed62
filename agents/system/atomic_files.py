"""Puts several files into place together: all of them, or none.

``Placement`` writes into a hidden folder beside the target, so that a file is never half there and
nothing is seen before everything is written; ``commit`` moves them to their names. Where anything
fails, what was brought goes and the target's neighbours are as they were: also those that were to
be replaced, and those that somebody else put there meanwhile.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agents.system.private_files import flush_folder
from pipeline.errors import InputError, StoreError


def refuse_existing(paths: list[Path], *, force: bool) -> None:
    """Refuse targets that are there already, or that have no folder which may be written to.

    Raises:
        InputError: with the file's name and what to do.
    """
    for path in paths:
        if not path.parent.is_dir():
            raise InputError(f"{path.parent}: there is no such folder")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise InputError(f"{path.parent}: nothing can be written there; name another folder")
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file")
        if os.path.lexists(path) and not force:
            raise InputError(f"{path}: is there already; --force replaces it")


class Placement:
    """Files that wait in a hidden folder for their place.

    Args:
        folder: the hidden folder; files lie in it under their final names.
        home: where they go.
        force: whether they replace what is there.
    """

    def __init__(self, folder: Path, home: Path, *, force: bool = False) -> None:
        self.folder = folder
        self._home = home
        self._force = force
        self._names: list[str] = []
        self._placed: list[tuple[Path, os.stat_result]] = []
        self._aside: list[tuple[Path, Path]] = []
        """What was replaced: where it was, and where it waits for the end."""

    def write(self, name: str, content: bytes) -> Path:
        """Write one file and flush it to the disk; returns where it waits."""
        path = self.folder / name
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._names.append(name)
        return path

    def commit(self) -> tuple[Path, ...]:
        """Move every file to its name, in the order in which they were written.

        Raises:
            InputError: something lies there that may not be replaced.
        """
        for name in self._names:
            self._put(self.folder / name, self._home / name)
        flush_folder(self._home)
        return tuple(path for path, _ in self._placed)

    def set_aside(self, path: Path) -> None:
        """Take a file out of the way, if there is one; it goes for good with the hidden folder."""
        waits = self.folder / f"{len(self._aside)}.replaced"
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file")
        with suppress(FileNotFoundError):
            path.replace(waits)
            self._aside.append((path, waits))

    def undo(self) -> None:
        """Take away what was brought, and put back what was replaced."""
        while self._placed:
            path, ours = self._placed.pop()
            with suppress(FileNotFoundError):
                if os.path.samestat(path.lstat(), ours):
                    path.unlink()
        while self._aside:
            path, waits = self._aside.pop()
            waits.replace(path)

    def _put(self, waits: Path, target: Path) -> None:
        ours = waits.lstat()
        if self._force:
            self.set_aside(target)
            waits.replace(target)
        else:
            try:
                target.hardlink_to(waits)  # a rename would replace what came meanwhile
            except FileExistsError:
                raise InputError(
                    f"{target}: appeared meanwhile and stays; --force replaces it"
                ) from None
        self._placed.append((target, ours))


@contextmanager
def placement(home: Path, *, force: bool = False) -> Iterator[Placement]:
    """A placement whose hidden folder goes with the block; a block that fails is undone.

    Raises:
        StoreError: a file can't be written or moved.
    """
    folder: str | None = None
    try:
        folder = tempfile.mkdtemp(prefix=".hushwire-", dir=home)
        files = Placement(Path(folder), home, force=force)
        try:
            yield files
        except BaseException:
            files.undo()
            raise
    except OSError as error:
        # Without a hidden folder it was that one which could not be made.
        name = home if folder is None else Path(str(error.filename or home)).name
        raise StoreError(f"{name}: cannot be written ({error.strerror})") from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
