"""Makes pseudonyms of numbers, and of calls that are named by one, with the token key.

The key is asked for with each number: who names none needs none, and who goes on for long notices
that it was replaced (``agents.database.known_keys.HeldTokenKey``). Ingest and gateways use
it, so that a number never reaches the broker, and the commands that look for a person's calls.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.records.call_names import holds_number, pseudonym_of, valid_call_id
from pipeline.records.pseudonyms import PSEUDONYM, header_hash, pseudonym, recorder_index


class Pseudonyms:
    """Numbers to pseudonyms.

    Args:
        key: gives the token key.
    """

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key

    def __call__(self, number: str) -> str:
        """The pseudonym of a number; one that is a pseudonym already stays as it is.

        Raises:
            InputError: it is no number.
            StoreError: the key can't be read.
        """
        if PSEUDONYM.fullmatch(number):
            return number
        return pseudonym(number, self._key())

    def call_id(self, name: str) -> str:
        """A call's name, or its pseudonym where it may hold a number or can be no id.

        Raises:
            StoreError: the key can't be read.
        """
        kept = valid_call_id(name) and not holds_number(name)
        return name if kept else pseudonym_of(name, self._key())

    def recorder(self, recorder_id: str) -> str:
        """See ``pipeline.records.pseudonyms.recorder_index``.

        Raises:
            StoreError: the key can't be read.
        """
        return recorder_index(recorder_id, self._key())

    def header(self, header: bytes) -> str:
        """See ``pipeline.records.pseudonyms.header_hash``.

        Raises:
            StoreError: the key can't be read.
        """
        return header_hash(header, self._key())
