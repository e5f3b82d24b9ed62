"""Files that only their owner may read, written so that a half-written one is never seen.

``secret_text``, ``secret_line`` and ``read_secret_file`` read one that its owner's group may read,
too, as secrets of a service are mounted.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from pipeline.errors import SettingsError, StoreError

OWNER_ONLY = 0o600
FOLDER = 0o700
MOST_SECRETS = 65_536
"""Bytes of a file of secrets."""
PASSWORD_MOST = 4_096
"""Longest password in bytes: a larger file is not a password."""
_Read = TypeVar("_Read")


def there(path: Path) -> bool:
    """Whether a key file exists.

    Raises:
        StoreError: nobody can tell, such as in a folder that is not ours.
    """
    try:
        return path.exists()
    except OSError as error:
        raise StoreError(f"key file {path}: {os.strerror(error.errno or 0)}") from error


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


def secret_text(name: str, path: Path, *, most: int = MOST_SECRETS) -> str:
    """What a file of secrets holds, in UTF-8; not everybody may read it.

    Args:
        name: what it is, for the message; such as the setting's name.
        path: of the file.
        most: bytes; a larger file is none.

    Raises:
        SettingsError: it can't be read, is too large or no text, or everybody may read it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(most + 1)
    except OSError as error:
        raise SettingsError(f"{name}: {path} can't be read ({error.strerror})") from None
    if stat.S_IMODE(mode) & 0o007:
        raise SettingsError(f"{name}: everybody may read {path}; set its mode to 0600 or 0440")
    if len(data) > most:
        raise SettingsError(f"{name}: {path} has more than {most:,} bytes")
    try:
        return data.decode("utf-8-sig")  # some editors begin a file with a mark of its own
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: {path} is not UTF-8") from None


def secret_line(name: str, path: Path) -> str:
    """The first line of a file of secrets: a password, without the line's end.

    Args:
        name: as for ``secret_text``.
        path: of the file.

    Raises:
        SettingsError: see ``secret_text``, or the line is empty.
    """
    # By bytes: a password may hold what Unicode counts as the end of a line.
    lines = secret_text(name, path, most=PASSWORD_MOST).encode().splitlines()
    if not lines or not lines[0]:
        raise SettingsError(f"{name}: {path} holds no password in its first line")
    return lines[0].decode()


def read_secret_file(name: str, path: Path, read: Callable[[str], _Read]) -> _Read:
    """What a file of secrets means.

    Args:
        name: as for ``secret_text``.
        path: of the file.
        read: its text to what it means; raises ``SettingsError`` that names no file.

    Raises:
        SettingsError: see ``secret_text``, or the text is not of the form; it names the file.
    """
    text = secret_text(name, path)
    try:
        return read(text)
    except SettingsError as error:
        raise SettingsError(f"{name}: {path}: {error}") from None
