"""The blind index: which calls a word is in, by a keyed hash of the word, and pairs of words.

A term (``pipeline.analytics.terms``) is 63 bits of HMAC-SHA256 under a key that HKDF derives from
the installation's token key, so the database names no word; what it gives away all the same is in
``docs/threat-model.md``. Each call also has ``_CHECK``, which nobody says: a server with another
key would find nothing, and has to say why. Nothing here fails.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import ColumnElement, Connection, and_, func, select

from agents.database.analytics_tables import CALL_FACTS, SEARCH_TERMS
from agents.vault.analytics.pair_filter import Sift, pair_filter, sift_of
from pipeline.analytics.terms import WordQuery

_LABEL: Final = b"hushwire/search-terms/1"
_PAIRS_LABEL: Final = b"hushwire/search-pairs/1"
_CHECK: Final = "\0"
_BITS: Final = 63
"""A column of 64 bits has a sign."""
RARE: Final = 20_000
"""Calls with a term that are gone through one by one, before a page is looked for in order."""


@dataclass(frozen=True, slots=True)
class IndexedWords:
    """The words of a call as the database keeps them."""

    terms: Collection[int] = ()
    """Hashes, for ``search_terms``."""
    pairs: bytes = b""
    """For ``call_pairs``; empty: none are kept, and what is in quotes is looked for in the call."""


class SearchIndex:
    """Hashes and finds terms.

    Args:
        secret: the installation's token key (``agents.crypto.pseudonym_secret``).
    """

    def __init__(self, secret: bytes) -> None:
        self._key = HKDF(SHA256(), 32, salt=None, info=_LABEL).derive(secret)
        self._pairs_key = HKDF(SHA256(), 32, salt=None, info=_PAIRS_LABEL).derive(secret)

    def hashed(self, terms: Iterable[str]) -> frozenset[int]:
        """The terms of a call as ``search_terms`` has them."""
        return frozenset(map(self._hash, {*terms, _CHECK}))

    def of_call(self, call_id: str, terms: Iterable[str], pairs: Iterable[str]) -> IndexedWords:
        """What is kept of a call's words (``pipeline.analytics.terms``)."""
        return IndexedWords(self.hashed(terms), pair_filter(self._pairs_key, call_id, pairs))

    def sift(self, query: WordQuery) -> Sift | None:
        """Tells calls that can't have what is in quotes; None where nothing is."""
        return sift_of(self._pairs_key, query)

    def is_of(self, connection: Connection) -> bool:
        """Whether the call that was entered last is hashed under this key, if there is any."""
        last = connection.scalar(select(func.max(CALL_FACTS.c.id)))
        mine = (SEARCH_TERMS.c.term == self._hash(_CHECK)) & (SEARCH_TERMS.c.call == last)
        return (
            last is None or connection.scalar(select(SEARCH_TERMS.c.call).where(mine)) is not None
        )

    def matching(self, connection: Connection, query: WordQuery) -> ColumnElement[bool]:
        """The condition on ``call_facts`` that a call has all terms of a query.

        Args:
            connection: where it is counted how many calls have each term, up to a limit.
            query: what is searched for.
        """
        terms = sorted(map(self._hash, query.terms), key=lambda term: _calls_of(connection, term))
        here = [_has(term, CALL_FACTS.c.id) for term in terms]
        if _calls_of(connection, terms[0]) > RARE:
            return and_(*here)  # so many have it that a page is full before long
        rarest = select(SEARCH_TERMS.c.call).where(SEARCH_TERMS.c.term == terms[0])
        others = [_has(term, SEARCH_TERMS.c.call) for term in terms[1:]]
        return CALL_FACTS.c.id.in_(rarest.where(*others))

    def _hash(self, term: str) -> int:
        digest = hmac.digest(self._key, term.encode(), hashlib.sha256)
        return int.from_bytes(digest[:8], "big") & ((1 << _BITS) - 1)


def _calls_of(connection: Connection, term: int) -> int:
    """How many calls have a term, or ``RARE + 1`` where more do."""
    some = select(SEARCH_TERMS.c.call).where(SEARCH_TERMS.c.term == term).limit(RARE + 1)
    return connection.scalar(select(func.count()).select_from(some.subquery())) or 0


def _has(term: int, call: ColumnElement[int]) -> ColumnElement[bool]:
    other = SEARCH_TERMS.alias()
    return select(other.c.call).where(other.c.term == term, other.c.call == call).exists()
