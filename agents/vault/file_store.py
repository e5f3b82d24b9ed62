"""Where a vault's files lie: a folder, or a bucket; all files of a call appear at once, or none.

``FolderPlace`` keeps a call in a folder that is written beside its place, flushed to the disk and
renamed as a whole. ``BucketPlace`` (``agents.vault.s3_store``) puts an index last, create-only. In
both, whoever is first stays, and a call without all of its files is never seen.

Outcomes: ``put`` says whether the files are these now; ``StoreError`` where the disk or the store
refuses: nothing half-written is visible, trying again may help.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from shlex import quote
from typing import BinaryIO, Final, Protocol
from urllib.parse import urlsplit

from agents.settings.model import STATE
from agents.system.clock import system_clock
from agents.system.private_files import OWNER_ONLY, flush_folder, private_folder
from pipeline.errors import SettingsError, StoreError

PASSED: Final = "calls"
QUARANTINE: Final = "quarantine"
CHECKPOINTS: Final = "checkpoints"
WITNESSED: Final = "witnessed"
AREAS: Final = (PASSED, QUARANTINE, CHECKPOINTS, WITNESSED)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""With one slash alone it is misspelt: no folder is meant."""
_STALE_S: Final = 86_400
"""A half-written call that is older belongs to a process that was killed."""
_DRAFT: Final = "~"
"""Behind the call's id in the name of a draft: no id holds it."""
_DRAFT_NAME: Final = re.compile(rf"[A-Za-z0-9._-]+{_DRAFT}[a-z0-9_]{{8}}")
"""As ``tempfile.mkdtemp`` ends it."""


class Place(Protocol):
    """Files by area (``calls`` or ``quarantine``), call and name.

    ``checkpoints`` and ``witnessed`` hold those of the audit log, by number in place of a call.
    """

    def put(self, area: str, call_id: str, files: Mapping[str, bytes]) -> bool:
        """Make all files of a call visible at once; ``False`` when the call is there already."""
        ...

    def ids(self, area: str) -> tuple[str, ...]:
        """Every call in an area, in order; one that is half-written may be among them."""
        ...

    def names(self, area: str, call_id: str) -> tuple[str, ...]:
        """The files of a call, in order; none where it is not there."""
        ...

    def open(self, area: str, call_id: str, name: str) -> BinaryIO:
        """A file from its beginning, to be read in pieces and closed.

        Raises:
            StoreError: it is not there.
        """
        ...

    def parts(self, area: str, call_id: str, name: str) -> Callable[[int, int], bytes]:
        """Reads of a file that need not begin at its beginning: place and number of bytes in.

        Out come so many bytes, or fewer where the file ends.

        Raises:
            StoreError: it is not there; also when it is read.
        """
        ...

    def remove(self, area: str, call_id: str) -> bool:
        """Remove a call and every half-written copy of it; whether anything was there.

        It disappears at once; what an interruption leaves is removed by a repeat.
        """
        ...


def open_place(location: str | Path) -> Place:
    """The place that a location names.

    Args:
        location: a folder, or ``s3://bucket/prefix``.

    Raises:
        SettingsError: another scheme, or no bucket.
        StoreError: the folder cannot be made, or the bucket is away.
    """
    if not is_bucket(location):
        return FolderPlace(Path(location))
    from agents.vault.s3_store import BucketPlace  # noqa: PLC0415 - only who has one needs the client

    parts = urlsplit(str(location))
    return BucketPlace.named(parts.netloc, parts.path.strip("/"))


def is_bucket(location: str | Path) -> bool:
    """Whether a location is a bucket, not a folder.

    Raises:
        SettingsError: a scheme that is not known, or no bucket.
    """
    text = str(location)
    if not _SCHEME.match(text):
        return False
    parts = urlsplit(text)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise SettingsError(f"vault {text}: a folder or s3://bucket/prefix is needed")
    return True


def same_place(vault: str | Path | None, state_dir: Path | None = None) -> str:
    """The options that lead a command that is advised to where the one that advises it was."""
    named = {"--vault": vault, "--state-dir": state_dir}
    return "".join(f" {option} {quote(str(at))}" for option, at in named.items() if at is not None)


def state_inside(location: str | Path | None) -> Path:
    """The state folder that ``hushwire run`` makes for a vault: inside it, where it is a folder."""
    return STATE if location is None or is_bucket(location) else Path(location) / STATE


class FolderPlace:
    """A folder; created where missing.

    Args:
        folder: its path.

    Raises:
        StoreError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writing = folder / ".writing"
        try:
            for path in (*(folder / one for one in AREAS), self._writing):
                private_folder(path)
            self._sweep()
        except OSError as error:
            raise StoreError(f"vault {folder}: {error.strerror}") from error

    def put(self, area: str, call_id: str, files: Mapping[str, bytes]) -> bool:
        """See ``Place``."""
        target = self.folder / area / call_id
        try:
            if target.exists():
                return False
            draft = Path(tempfile.mkdtemp(prefix=f"{call_id}{_DRAFT}", dir=self._writing))
            try:
                for name, content in files.items():
                    _write(draft / name, content)
                flush_folder(draft)
                # A folder is never renamed over one that has files: whoever is first stays.
                draft.rename(target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            flush_folder(target.parent)
        except OSError as error:
            if target.exists():
                return False
            raise _refused(error) from error
        return True

    def ids(self, area: str) -> tuple[str, ...]:
        """See ``Place``."""
        try:
            return tuple(sorted(path.name for path in (self.folder / area).iterdir()))
        except OSError as error:
            raise _refused(error) from error

    def names(self, area: str, call_id: str) -> tuple[str, ...]:
        """See ``Place``."""
        try:
            return tuple(sorted(path.name for path in (self.folder / area / call_id).iterdir()))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _refused(error) from error

    def open(self, area: str, call_id: str, name: str) -> BinaryIO:
        """See ``Place``."""
        try:
            return (self.folder / area / call_id / name).open("rb")
        except OSError as error:
            raise _refused(error) from error

    def parts(self, area: str, call_id: str, name: str) -> Callable[[int, int], bytes]:
        """See ``Place``."""

        def part(place: int, count: int) -> bytes:
            with closing(self.open(area, call_id, name)) as file:
                try:
                    file.seek(place)
                    return file.read(count)
                except OSError as error:
                    raise _refused(error) from error

        return part

    def remove(self, area: str, call_id: str) -> bool:
        """See ``Place``."""
        target = self.folder / area / call_id
        there = False
        try:
            drafts = [one for one in self._drafts() if one.name.split(_DRAFT)[0] == call_id]
            there = target.exists() or bool(drafts)
            if target.exists():
                gone = Path(tempfile.mkdtemp(prefix=f"{call_id}{_DRAFT}", dir=self._writing))
                target.rename(gone)  # an empty folder may be renamed over
                flush_folder(target.parent)
                drafts.append(gone)
            for path in drafts:
                shutil.rmtree(path)
            flush_folder(self._writing)
        except FileNotFoundError as error:
            # Another process may be removing it too; otherwise the vault's folder is not whole.
            if target.exists() or not self._writing.is_dir():
                raise _refused(error) from error
        except OSError as error:
            raise _refused(error) from error
        return there

    def _sweep(self) -> None:
        """Remove what killed processes left half-written."""
        for draft in self._drafts():
            if system_clock().timestamp() - draft.stat().st_mtime > _STALE_S:
                shutil.rmtree(draft, ignore_errors=True)

    def _drafts(self) -> Iterator[Path]:
        """What ``put`` and ``remove`` made; whatever else lies there is somebody's."""
        return (one for one in self._writing.iterdir() if _DRAFT_NAME.fullmatch(one.name))


def _refused(error: OSError) -> StoreError:
    return StoreError(f"vault: {os.strerror(error.errno or 0)}")


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
