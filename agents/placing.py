"""Puts several files into place together: all of them, or none.

``Placement`` writes into a hidden folder beside the target, so that a file is never half there and
nothing is seen before everything is written; ``commit`` moves them to their names. Where anything
fails before that, the folder goes and the target's neighbours are as they were.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.private import flush_folder
from pipeline.errors import InputError, StoreError


def refuse_existing(paths: list[Path], *, force: bool) -> None:
    """Refuse targets that are there already, or that have no folder to lie in.

    Raises:
        InputError: with the file's name and what to do.
    """
    for path in paths:
        if not path.parent.is_dir():
            raise InputError(f"{path.parent}: there is no such folder")
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file")
        if path.exists() and not force:
            raise InputError(f"{path}: is there already; --force replaces it")


class Placement:
    """Files that wait in a hidden folder for their place.

    Args:
        folder: the hidden folder; files lie in it under their final names.
        home: where they go.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self._home = home
        self._names: list[str] = []

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

        Where a move fails, what this call brought is taken away again.
        """
        placed: list[Path] = []
        try:
            for name in self._names:
                target = self._home / name
                (self.folder / name).replace(target)
                placed.append(target)
            flush_folder(self._home)
        except OSError:
            for path in placed:
                path.unlink(missing_ok=True)
            raise
        return tuple(placed)


@contextmanager
def placement(home: Path) -> Iterator[Placement]:
    """A placement whose hidden folder goes with the block.

    Raises:
        StoreError: a file can't be written or moved.
    """
    folder: str | None = None
    try:
        folder = tempfile.mkdtemp(prefix=".hushwire-", dir=home)
        yield Placement(Path(folder), home)
    except OSError as error:
        name = Path(str(error.filename or home)).name
        raise StoreError(f"{name}: cannot be written ({error.strerror})") from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
