"""A prefix of an S3 bucket as a place of recordings, through obstore as the vault.

Nothing of an object touches a disk: it is read into memory, so its size is bounded. Credentials,
region and endpoint come from the usual ``AWS_*`` variables or the machine's role.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from agents.app.recordings.recording_folder import LARGEST_SIDECAR
from agents.app.recordings.watching.places import (
    DONE,
    REASON,
    REFUSED,
    After,
    Found,
    Loaded,
    Look,
    free_name,
    sidecar_of,
    sorted_out,
)
from pipeline.errors import InputError, StoreError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

LARGEST: Final = 512 << 20
"""Bytes of a recording that is read into memory."""
_TRIES: Final = 3
_PATIENCE: Final = timedelta(seconds=30)


class BucketPlace:
    """See ``Place``.

    Args:
        store: of obstore, for the bucket and prefix.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def named(cls, location: str) -> Self:
        """A place by its name, ``s3://bucket/prefix``.

        Raises:
            StoreError: there is no such bucket, it can't be listed, or is away.
        """
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        with _translated():
            store = S3Store(
                bucket,
                prefix=prefix.strip("/") or None,
                retry_config={"max_retries": _TRIES, "retry_timeout": _PATIENCE},
            )
            next(iter(obstore.list(store, chunk_size=1)), None)
        return cls(store)

    def look(self) -> Look:
        """See ``Place``."""
        with _translated():
            return sorted_out(
                {
                    one["path"]: f"{one['size']}.{one['e_tag']}"
                    for page in obstore.list(self._store)
                    for one in page
                }
            )

    def load(self, found: Found) -> Loaded:
        """See ``Place``."""
        size = int(found.mark.partition(".")[0])
        if size > LARGEST:
            raise InputError(
                f"{found.shown}: {size >> 20} MiB; {LARGEST >> 20} MiB are the most from a bucket, "
                "send it from a folder"
            )
        content = self._read(found.name)
        sidecar = self._read(sidecar_of(found.name)) if found.sidecar else b"{}"
        if len(sidecar) > LARGEST_SIDECAR:
            raise InputError(f"{found.shown}: its sidecar is larger than 1 MiB; mend it")
        return Loaded(Path(PurePosixPath(found.name).name), content, sidecar)

    def same(self, found: Found) -> bool:
        """See ``Place``."""
        try:
            with _translated():
                about = obstore.head(self._store, found.name)
        except FileNotFoundError:
            return False
        return f"{about['size']}.{about['e_tag']}" == found.mark

    def done(self, found: Found, after: After) -> None:
        """See ``Place``."""
        match after:
            case After.MOVE:
                self._move(found, DONE)
            case After.DELETE:
                self._delete(found.name)
                self._delete(sidecar_of(found.name))
            case After.KEEP:
                pass

    def refuse(self, found: Found, reason: str) -> None:
        """See ``Place``."""
        target = self._move(found, REFUSED)
        with _translated():
            name = PurePosixPath(target)
            obstore.put(
                self._store,
                name.with_name(name.stem + REASON).as_posix(),
                f"{reason}\n".encode(),
            )

    def _move(self, found: Found, where: str) -> str:
        target = next(
            name
            for name in free_name(f"{where}/{found.name}")
            if not self._is_there(name) and not self._is_there(sidecar_of(name))
        )
        with _translated():
            obstore.copy(self._store, found.name, target)
        if found.sidecar and self._is_there(sidecar_of(found.name)):
            with _translated():
                obstore.copy(self._store, sidecar_of(found.name), sidecar_of(target))
        self._delete(found.name)
        self._delete(sidecar_of(found.name))
        return target

    def _read(self, name: str) -> bytes:
        try:
            with _translated():
                return bytes(obstore.get(self._store, name).bytes())
        except FileNotFoundError:
            raise StoreError("it is gone") from None

    def _delete(self, name: str) -> None:
        if self._is_there(name):
            with _translated():
                obstore.delete(self._store, name)

    def _is_there(self, name: str) -> bool:
        try:
            with _translated():
                obstore.head(self._store, name)
        except FileNotFoundError:
            return False
        return True


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        raise StoreError(f"the bucket can't be used ({type(error).__name__})") from error
