"""Files that only their owner may read, written so that a half-written one is never seen."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

OWNER_ONLY = 0o600
FOLDER = 0o700


def private_folder(path: Path) -> None:
    """Create a folder and the missing ones above it (mode 0700); an existing one stays as it is."""
    for folder in (*reversed(path.parents), path):
        # ``parents=True`` would give the ones above the mode that the umask leaves.
        if not folder.exists():
            folder.mkdir(mode=FOLDER, exist_ok=True)


def write_private(path: Path, data: bytes | Iterable[bytes], *, replace: bool = True) -> bool:
    """Write a file whole (mode 0600): into a neighbour first, flushed to the disk, then renamed.

    Parts are written as they come, so that a long file needs no memory. With ``replace=False`` an
    existing file stays as it is, also one that appears meanwhile.

    Returns:
        Whether it was written.

    Raises:
        OSError: the disk refuses.
    """
    private_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines((data,) if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(name).replace(path)
        else:
            try:
                path.hardlink_to(name)
            except FileExistsError:
                return False
    finally:
        Path(name).unlink(missing_ok=True)
    flush_folder(path.parent)
    return True


def flush_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
