"""Makes pseudonyms of numbers, and of calls that are named by one, with the token key.

The key is read with the first number: who names none needs none. Ingest and gateways use
it, so that a number never reaches the broker, and the commands that look for a person's calls.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agents.crypto.pseudonym_secret import read_key
from pipeline.records.call_names import holds_number, pseudonym_of, valid_call_id
from pipeline.records.pseudonyms import PSEUDONYM, header_hash, pseudonym, recorder_index


class Pseudonyms:
    """Numbers to pseudonyms.

    Args:
        path: the token key's file, ``Settings.token_key_file``.
        read: reads it; may make it where that is known to harm nothing.
    """

    def __init__(self, path: Path, read: Callable[[Path], bytes] = read_key) -> None:
        self._path, self._load = path, read
        self._key: bytes | None = None

    def __call__(self, number: str) -> str:
        """The pseudonym of a number; one that is a pseudonym already stays as it is.

        Raises:
            InputError: it is no number.
            StoreError: the key can't be read.
        """
        if PSEUDONYM.fullmatch(number):
            return number
        return pseudonym(number, self._read())

    def call_id(self, name: str) -> str:
        """A call's name, or its pseudonym where it may hold a number or can be no id.

        Raises:
            StoreError: the key can't be read.
        """
        kept = valid_call_id(name) and not holds_number(name)
        return name if kept else pseudonym_of(name, self._read())

    def recorder(self, recorder_id: str) -> str:
        """See ``pipeline.records.pseudonyms.recorder_index``.

        Raises:
            StoreError: the key can't be read.
        """
        return recorder_index(recorder_id, self._read())

    def header(self, header: bytes) -> str:
        """See ``pipeline.records.pseudonyms.header_hash``.

        Raises:
            StoreError: the key can't be read.
        """
        return header_hash(header, self._read())

    def _read(self) -> bytes:
        if self._key is None:
            self._key = self._load(self._path)
        return self._key
