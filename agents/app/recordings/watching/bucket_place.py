"""A prefix of an S3 bucket as a place of recordings, through obstore as the vault.

Nothing of an object touches a disk: it is read into memory, so its size is bounded. Credentials,
region and endpoint come from the usual ``AWS_*`` variables or the machine's role.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Self

import obstore
from obstore.exceptions import BaseError

from agents.app.recordings.recording_folder import LARGEST_SIDECAR, sidecar_of
from agents.app.recordings.watching.places import (
    DONE,
    REASON,
    REFUSED,
    After,
    Found,
    Loaded,
    Look,
    free_name,
    look_at,
)
from agents.vault.s3_store import opened_bucket
from pipeline.errors import InputError, StoreError

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

LARGEST: Final = 512 << 20
"""Bytes of a recording that is read into memory."""


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
            try:
                return cls(opened_bucket(bucket, prefix.strip("/")))
            except BaseError as error:
                if "NoSuchBucket" in str(error):
                    raise StoreError(f"s3://{bucket}: there is no such bucket") from None
                raise

    def look(self) -> Look:
        """See ``Place``."""
        with _translated():
            there = [one for page in obstore.list(self._store) for one in page]
        marks = {one["path"]: _mark(one) for one in there}
        return look_at(marks, {one["path"]: one["last_modified"] for one in there})

    def load(self, found: Found) -> Loaded:
        """See ``Place``."""
        size = _size(found.mark)
        if size > LARGEST:
            raise InputError(
                f"{found.shown}: {size >> 20} MiB; {LARGEST >> 20} MiB are the most from a bucket, "
                "send it from a folder"
            )
        notes = self.notes(found)
        content = self._read(found.name, found.mark)
        return Loaded(Path(PurePosixPath(found.name).name), content, notes)

    def notes(self, found: Found) -> bytes:
        """See ``Place``."""
        if not found.sidecar:
            return b"{}"
        if _size(found.sidecar) > LARGEST_SIDECAR:
            raise InputError(f"{found.shown}: its sidecar is larger than 1 MiB; mend it")
        return self._read(sidecar_of(found.name), found.sidecar)

    def same(self, found: Found) -> bool:
        """See ``Place``."""
        about = self._about(found.name)
        return about is not None and _mark(about) == found.mark

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
                name.with_name(name.name + REASON).as_posix(),
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

    def _read(self, name: str, mark: str) -> bytes:
        """An object as it was listed, so that its size is known before any of it is read."""
        with _translated():
            got = obstore.get(self._store, name)
            if _mark(got.meta) != mark:
                raise StoreError("it was replaced meanwhile")
            return bytes(got.bytes())

    def _delete(self, name: str) -> None:
        if self._is_there(name):
            with _translated():
                obstore.delete(self._store, name)

    def _is_there(self, name: str) -> bool:
        return self._about(name) is not None

    def _about(self, name: str) -> ObjectMeta | None:
        """What the bucket says of an object; None where there is none."""
        try:
            with _translated():
                return obstore.head(self._store, name)
        except _GoneError:
            return None


class _GoneError(StoreError):
    """An object that was there is not any more."""


def _mark(about: ObjectMeta) -> str:
    """Size and tag of an object, see ``Found``."""
    return f"{about['size']}.{about['e_tag']}"


def _size(mark: str) -> int:
    return int(mark.partition(".")[0])


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise _GoneError("it is gone") from error
    except (BaseError, OSError) as error:
        raise StoreError(f"the bucket can't be used ({type(error).__name__})") from error
