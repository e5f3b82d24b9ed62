"""A vault in an S3 bucket, through obstore.

A call's objects lie under ``PREFIX/AREA/CALL/DRAFT/``, where every writer has a draft of its own;
``PREFIX/AREA/CALL/index.json`` is put last, create-only (``If-None-Match: *``), and names the
draft that counts. So a call is there at once or not at all, and files of two writers never mix.
Credentials, region and endpoint come from the usual ``AWS_*`` variables or the machine's role;
credentials also from the file that ``AWS_SHARED_CREDENTIALS_FILE`` names, as AWS's clients do it.

Outcomes: see ``agents.vault.file_store``. A store that can't put create-only is refused with the
first call.
"""

from __future__ import annotations

import configparser
import io
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from agents.system.private_files import read_secret_file
from agents.system.sockets.reaching import cannot_reach, cause
from pipeline.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Config
    from typing_extensions import Buffer

_INDEX: Final = "index.json"
_OURS: Final = re.compile(rf"[0-9a-f]{{16}}/[^/]+|{re.escape(_INDEX)}")
"""Objects behind area and call: those of a draft, and the index."""
_PIECE: Final = 1 << 20
"""Bytes that are taken from the network at a time."""
_TRIES: Final = 3
_PATIENCE: Final = timedelta(seconds=30)
"""How long one request is tried again; the stage tries again after that."""
CREDENTIALS: Final = "AWS_SHARED_CREDENTIALS_FILE"
_REFUSALS: Final = (
    (
        re.compile(r"InvalidAccessKeyId|SignatureDoesNotMatch|\b401\b|^Unauthenticated"),
        f"does not know our access key; see AWS_ACCESS_KEY_ID or {CREDENTIALS}",
    ),
    (
        re.compile(r"AccessDenied|\b403\b|^PermissionDenied"),
        "does not let us at the bucket: we list it, read, write and delete",
    ),
)
"""By what the text of obstore's errors holds: S3's own codes, HTTP's, the exception's name."""
_ASKED: Final = re.compile(r"https?://(?:[^/\s]*@)?([^/\s@?,]+)\S*")
"""A request's address in a text of obstore's, and its host and port."""
_KEYS: Final = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


class BucketPlace:
    """See ``agents.vault.file_store.Place``.

    Args:
        store: of obstore, for the bucket and prefix.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def named(cls, bucket: str, prefix: str) -> Self:
        """A bucket by its name.

        Raises:
            StoreError: there is no such bucket, it can't be listed, or is away.
        """
        with _translated():
            try:
                return cls(opened_bucket(bucket, prefix))
            except (BaseError, FileNotFoundError) as error:
                if isinstance(error, BaseError) and "NoSuchBucket" not in str(error):
                    raise
                told = f"there is no bucket {bucket}; see AWS_ENDPOINT_URL, AWS_REGION"
                raise StoreError(f"vault: {told}") from None

    def put(self, area: str, call_id: str, files: Mapping[str, bytes]) -> bool:
        """See ``Place``."""
        base, draft = f"{area}/{call_id}", secrets.token_hex(8)
        with _translated():
            if self._draft(base) is not None:
                return False
            for name, content in files.items():
                obstore.put(self._store, f"{base}/{draft}/{name}", content)
            index = {"draft": draft, "files": sorted(files)}
            try:
                obstore.put(
                    self._store, f"{base}/{_INDEX}", json.dumps(index).encode(), mode="create"
                )
            except AlreadyExistsError:
                # Also when our own first attempt got through and only its answer was lost.
                won = self._draft(base) == draft
            else:
                won = True
            self._delete(base, besides=None if won else draft, keep=draft if won else None)
        return won

    def ids(self, area: str) -> tuple[str, ...]:
        """See ``Place``."""
        with _translated():
            found = obstore.list_with_delimiter(self._store, f"{area}/")
        return tuple(sorted(path.rstrip("/").split("/")[-1] for path in found["common_prefixes"]))

    def names(self, area: str, call_id: str) -> tuple[str, ...]:
        """See ``Place``."""
        with _translated():
            index = self._index(f"{area}/{call_id}")
        return tuple(cast("list[str]", index["files"])) if index else ()

    def open(self, area: str, call_id: str, name: str) -> BinaryIO:
        """See ``Place``."""
        with _translated():
            path = self._path(area, call_id, name)
            pieces = obstore.get(self._store, path).stream(_PIECE)
        return io.BufferedReader(_Pieces(iter(pieces)), _PIECE)

    def parts(self, area: str, call_id: str, name: str) -> Callable[[int, int], bytes]:
        """See ``Place``."""
        with _translated():
            path = self._path(area, call_id, name)

        def part(place: int, count: int) -> bytes:
            with _translated():
                try:
                    return bytes(obstore.get_range(self._store, path, start=place, length=count))
                except BaseError:
                    if place >= obstore.head(self._store, path)["size"]:
                        return b""  # a range behind the end is an error of its own to S3
                    raise

        return part

    def remove(self, area: str, call_id: str) -> bool:
        """See ``Place``."""
        base = f"{area}/{call_id}"
        with _translated():
            there = self._draft(base) is not None
            if there:
                obstore.delete(self._store, f"{base}/{_INDEX}")
            return self._delete(base) or there

    def _path(self, area: str, call_id: str, name: str) -> str:
        """Of a file in the draft that counts.

        Raises:
            StoreError: there is no such call.
        """
        base = f"{area}/{call_id}"
        draft = self._draft(base)
        if draft is None:
            raise StoreError("vault: No such file or directory")
        return f"{base}/{draft}/{name}"

    def _draft(self, base: str) -> str | None:
        index = self._index(base)
        return str(index["draft"]) if index else None

    def _index(self, base: str) -> dict[str, object] | None:
        try:
            data = bytes(obstore.get(self._store, f"{base}/{_INDEX}").bytes())
        except FileNotFoundError:
            return None
        try:
            index = json.loads(data)
            if isinstance(index["draft"], str) and isinstance(index["files"], list):
                return cast("dict[str, object]", index)
        except (ValueError, KeyError, TypeError):
            pass
        raise StoreError("vault: the index of a call is damaged")

    def _delete(self, base: str, *, besides: str | None = None, keep: str | None = None) -> bool:
        """Delete objects that a vault put for a call, no others; whether there were any.

        Args:
            base: area and call.
            besides: only this draft.
            keep: all drafts but this one, and not the index.
        """
        # The slash keeps calls apart whose ids begin alike.
        listed = [one["path"] for page in obstore.list(self._store, f"{base}/") for one in page]
        paths = [path for path in listed if _OURS.fullmatch(path.removeprefix(f"{base}/"))]
        if besides is not None:
            paths = [path for path in paths if path.startswith(f"{base}/{besides}/")]
        if keep is not None:
            kept = (f"{base}/{keep}/", f"{base}/{_INDEX}")
            paths = [path for path in paths if not path.startswith(kept)]
        if paths:
            obstore.delete(self._store, paths)
        return bool(paths)


class _Pieces(io.RawIOBase):
    """An object's bytes as a file, one piece of the network in memory at a time."""

    def __init__(self, pieces: Iterator[Buffer]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: Buffer, /) -> int:
        """Fill a buffer as far as the piece at hand goes."""
        while not self._rest:
            with _translated():
                piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece).cast("B")
        target = memoryview(into).cast("B")
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def opened_bucket(bucket: str, prefix: str) -> S3Store:
    """A prefix of a bucket, which is there and can be listed; raises obstore's errors.

    Raises:
        SettingsError: the file of credentials that is named is of no use.
    """
    store = S3Store(
        bucket,
        prefix=prefix or None,
        config=_credentials(),
        retry_config={"max_retries": _TRIES, "retry_timeout": _PATIENCE},
    )
    # To reading, a missing bucket looks like a missing object.
    next(iter(obstore.list(store, chunk_size=1)), None)
    return store


def _credentials() -> S3Config:
    """Those of the file that is named, in the form of AWS's own clients."""
    named = os.environ.get(CREDENTIALS)
    return read_secret_file(CREDENTIALS, Path(named), _profile) if named else {}


def _profile(text: str) -> S3Config:
    profile = os.environ.get("AWS_PROFILE", "default")
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
        section = parser[profile]
    except (configparser.Error, KeyError):
        raise SettingsError(f"no section [{profile}] in the form of AWS's clients") from None
    found = {key: section[key] for key in _KEYS if section.get(key)}
    if not found.keys() >= set(_KEYS[:2]):
        raise SettingsError(f"[{profile}] needs {_KEYS[0]} and {_KEYS[1]}")
    return cast("S3Config", found)


@contextmanager
def _translated() -> Iterator[None]:
    """Only our own errors go further; the client's messages hold addresses and ids."""
    try:
        yield
    except FileNotFoundError:
        raise StoreError("vault: No such file or directory") from None
    except (BaseError, OSError, ValueError) as error:
        raise StoreError(f"vault: {_told(error)}") from None


def _told(error: Exception) -> str:
    """Cause, host and what to do; the client's own text has whole requests."""
    asked = _ASKED.search(str(error))
    where = "" if asked is None else asked[1]
    text = f"{type(error).__name__}: {_ASKED.sub('', str(error))}"
    refused = next((told for pattern, told in _REFUSALS if pattern.search(text)), "")
    if not refused and (why := cause(text)):
        return cannot_reach("the store", where, why, "see that it runs, and AWS_ENDPOINT_URL")
    at = f" at {where}" if where else ""
    return f"the store{at} {refused or f'refuses ({type(error).__name__}); see AWS_REGION'}"
