"""The bytes of a vault from outside."""

from __future__ import annotations

from pathlib import Path

import obstore

from agents.vault.file_store import PASSED, FolderPlace
from agents.vault.s3_store import BucketPlace
from agents.vault.vault import Vault


class Raw:
    """The bytes of a vault as a thief, a bad disk or a careless hand sees them."""

    def __init__(self, vault: Vault) -> None:
        self.place = vault.place

    def _path(self, call_id: str, name: str) -> str:
        if isinstance(self.place, FolderPlace):
            return str(self.place.folder / PASSED / call_id / name)
        assert isinstance(self.place, BucketPlace)
        return f"{PASSED}/{call_id}/{self.place._draft(f'{PASSED}/{call_id}')}/{name}"

    def read(self, call_id: str, name: str) -> bytes:
        if isinstance(self.place, FolderPlace):
            return Path(self._path(call_id, name)).read_bytes()
        assert isinstance(self.place, BucketPlace)
        return bytes(obstore.get(self.place._store, self._path(call_id, name)).bytes())

    def write(self, call_id: str, name: str, content: bytes) -> None:
        if isinstance(self.place, FolderPlace):
            Path(self._path(call_id, name)).write_bytes(content)
        else:
            assert isinstance(self.place, BucketPlace)
            obstore.put(self.place._store, self._path(call_id, name), content)

    def everything(self) -> bytes:
        if isinstance(self.place, FolderPlace):
            files = [one for one in self.place.folder.rglob("*") if one.is_file()]
            return b"".join(str(one).encode() + one.read_bytes() for one in files)
        assert isinstance(self.place, BucketPlace)
        store = self.place._store
        paths = [one["path"] for page in obstore.list(store) for one in page]
        return b"".join(one.encode() + bytes(obstore.get(store, one).bytes()) for one in paths)
