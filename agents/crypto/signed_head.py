"""What a signing key remembers: the entry of the audit log that it signed last.

It lies beside the key (``signing.pem.head``, mode 0600), out of reach of whoever writes to the
database alone, and is written and flushed to the disk before a signature is made, as a witness of a
transparency log does it (https://c2sp.org/tlog-witness). It is made with the key, so a key without
one has lost it, or comes from a version that had none: nothing says then what it signed, and it
signs no log before somebody says so (``hushwire audit adopt``). A key that takes the place of
another goes on where that one ended.

Outcomes: ``read`` raises ``ForgottenError`` where there is nothing to go by; all raise
``StoreError`` where the disk refuses.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from agents.system.private_files import write_private
from pipeline.errors import ForgottenError, StoreError
from pipeline.evidence.canonical_json import canonical_json

SCHEMA: Final = "hushwire.signed-head.v1"
GENESIS: Final = "0" * 64
"""What stands for the hash of the entry before the first one."""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """An entry that was the last one when it was signed."""

    seq: int
    """0: nothing was signed yet."""
    hash: str
    at: str
    """When, ISO 8601 in UTC; empty for nothing."""
    schema: Literal["hushwire.signed-head.v1"] = SCHEMA


_ADAPTER: Final = TypeAdapter(SignedHead)


class HeadMemory:
    """The memory of one key file.

    Args:
        key_file: the key; the memory lies beside it.
    """

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._path = key_file.with_name(key_file.name + ".head")

    def begin(self) -> bool:
        """Make the memory of a new key; one that is there stays as it is, and False is returned."""
        return self._write(SignedHead(0, GENESIS, ""), replace=False)

    def remove(self) -> None:
        """Remove the memory of a key that is removed before it signed."""
        self._path.unlink(missing_ok=True)

    def read(self) -> SignedHead:
        """What was signed last.

        Raises:
            ForgottenError: there is no memory, or it does not say.
        """
        try:
            return _ADAPTER.validate_json(self._path.read_bytes(), strict=True)
        except FileNotFoundError:
            told = "is missing, so nobody knows which audit log this key signed last"
        except OSError as error:
            raise StoreError(f"{self._path.name}: {os.strerror(error.errno or 0)}") from error
        except ValidationError:
            told = "does not say which entry of the audit log this key signed last"
        raise ForgottenError(
            f"{self._path.name} beside the signing key {told}: nothing is signed. Put it back from "
            "where the key was copied, or look at the log and run `hushwire audit adopt`"
        )

    def write(self, head: SignedHead) -> None:
        """Remember, before it is signed."""
        self._write(head, replace=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold off every other process that signs with this key file."""
        try:
            handle = os.open(self._key_file, os.O_RDONLY)
        except OSError as error:
            raise _refused(self._key_file, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _write(self, head: SignedHead, *, replace: bool) -> bool:
        try:
            return write_private(self._path, canonical_json(asdict(head)) + b"\n", replace=replace)
        except OSError as error:
            raise _refused(self._path, error) from error


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path.name}: {os.strerror(error.errno or 0)}")
