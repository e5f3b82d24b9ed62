"""The vault on a folder: all files of a call appear at once, or none.

``VAULT/calls/<call_id>/`` holds a call that passed, ``VAULT/quarantine/<call_id>/`` the
certificate of one that did not. A call is written beside them first (``.writing``), flushed to
the disk and renamed as a whole; a call that is there already stays as it is.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from agents.private import OWNER_ONLY, flush_folder, private_folder
from pipeline.errors import RecordError, StoreError
from pipeline.vaulting import StoredCall
from pipeline.wire import valid_call_id

_STALE_S = 86_400
"""A half-written call that is older belongs to a process that was killed."""


class Vault:
    """A vault folder; created where missing.

    Args:
        folder: its path.

    Raises:
        StoreError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writing = folder / ".writing"
        try:
            for path in (folder / "calls", folder / "quarantine", self._writing):
                private_folder(path)
            self._sweep()
        except OSError as error:
            raise StoreError(f"vault {folder}: {error.strerror}") from error

    def store(self, call: StoredCall) -> bool:
        """Write the files of a call; ``False`` when the call is there already.

        Raises:
            RecordError: the call id or a file name is not safe as a file name.
            StoreError: the disk refuses; nothing half-written is visible, trying again may help.
        """
        if not valid_call_id(call.call_id):
            raise RecordError("a call id has 1 to 128 of the characters A-Z a-z 0-9 . _ -")
        if not call.files or any(not _safe(name) for name in call.files):
            raise RecordError("a stored call needs files with plain names")
        target = self.place(call.call_id, passed=call.passed)
        try:
            if target.exists():
                return False
            draft = Path(tempfile.mkdtemp(prefix=f"{call.call_id}.", dir=self._writing))
            try:
                for name, content in call.files.items():
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
            raise StoreError(f"vault: {os.strerror(error.errno or 0)}") from error
        return True

    def read(self, call_id: str, name: str, *, passed: bool = True) -> bytes:
        """A file of a call.

        Raises:
            StoreError: it is not there or can't be read.
        """
        try:
            return (self.place(call_id, passed=passed) / name).read_bytes()
        except OSError as error:
            raise StoreError(f"vault: {os.strerror(error.errno or 0)}") from error

    def place(self, call_id: str, *, passed: bool = True) -> Path:
        """The folder of a call."""
        return self.folder / ("calls" if passed else "quarantine") / call_id

    def _sweep(self) -> None:
        """Remove what killed processes left half-written."""
        for draft in self._writing.iterdir():
            if time.time() - draft.stat().st_mtime > _STALE_S:
                shutil.rmtree(draft, ignore_errors=True)


def _safe(name: str) -> bool:
    return bool(name) and name == Path(name).name and name[0] != "." and "\0" not in name


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
