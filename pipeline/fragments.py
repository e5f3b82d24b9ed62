"""Digits of a call's known numbers that come again: read back, repeated, corrected.

Outcome: :meth:`Fragments.recognise` declares such digits sensitive. Of a number that has left the
memory only salted digests of its fragments stay. Nothing is raised.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from pipeline.entities import Entity
from pipeline.tokens import Flag
from pipeline.verdicts import Reading, Verdict

GRAM: Final = 4
"""Digits of a fragment."""
_CHANCE: Final = 2
"""So many fragments that a price or an order number shares with a known number are chance."""
_SAID: Final = frozenset({Flag.MONEY, Flag.PERCENT, Flag.DATE, Flag.YEAR, Flag.TIME})
_KNOWN: Final = frozenset(
    {
        Entity.CARD_NUMBER,
        Entity.US_SSN,
        Entity.BANK_ACCOUNT,
        Entity.BANK_ROUTING,
        Entity.ACCOUNT_NUMBER,
        Entity.MEDICAL_RECORD_NUMBER,
        Entity.MEMBER_ID,
        Entity.PHONE_NUMBER,
        Entity.NUMBER_SEQUENCE,
        Entity.PIN,
        Entity.PASSPORT,
        Entity.DRIVER_LICENSE,
    }
)
"""Whose fragments are silenced wherever they come again."""


class Fragments:
    """The fragments of one call's known numbers, as digests under a salt of the call's own."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._remembered: set[bytes] = set()

    def remember(self, readings: Sequence[Reading], before: int) -> None:
        """Keep the fragments of the known numbers that end before a sample."""
        for reading in readings:
            for verdict in reading.verdicts:
                if verdict.run.end < before:
                    self._remembered |= self._grams(_known_digits(reading, verdict))

    def recognise(self, readings: Sequence[Reading]) -> None:
        """Declare fragments of numbers sensitive that are known in this call, before or after."""
        known = set(self._remembered)
        for reading in readings:
            for verdict in reading.verdicts:
                known |= self._grams(_known_digits(reading, verdict))
        if not known:
            return
        for reading in readings:
            for verdict in reading.verdicts:
                if verdict.entity is None and self._repeats(verdict, known):
                    verdict.take(Entity.CARD_NUMBER, 0.8, "spoken-known-fragment")

    def _repeats(self, verdict: Verdict, known: set[bytes]) -> bool:
        """Whether a number shares more with a known one than chance explains."""
        shared = len(known & self._grams(verdict.run.digits))
        exact = len(verdict.run.digits) == GRAM and not verdict.run.flags & _SAID
        return shared > (_CHANCE if verdict.harmless and not exact else 0)

    def _grams(self, digits: str) -> set[bytes]:
        return {
            hashlib.blake2b(digits[at : at + GRAM].encode(), key=self._salt, digest_size=8).digest()
            for at in range(len(digits) - GRAM + 1)
        }


def _known_digits(reading: Reading, verdict: Verdict) -> str:
    """The digits of a known number, with those of its neighbour that go with it."""
    if verdict.entity not in _KNOWN or verdict.explained:
        return ""
    if verdict.ask is None:
        return verdict.run.digits
    same = [
        other.run.digits
        for other in reading.verdicts
        if other.entity is not None
        and other.ask is verdict.ask
        and other.run.channel == verdict.run.channel
    ]
    return "".join(same)
