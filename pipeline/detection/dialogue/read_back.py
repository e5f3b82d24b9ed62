"""Digits of a call's known numbers that come again: read back, repeated, corrected.

Outcome: :meth:`Fragments.recognise` declares such digits sensitive. Of a number that has left the
memory only salted digests of its fragments stay. Nothing is raised.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.detection.dialogue.model import Reading, Verdict
from pipeline.detection.numbers.tokens import Flag
from pipeline.records.entities import Entity
from pipeline.records.scores import Basis

GRAM: Final = 4
"""Digits of a fragment."""
_CODE: Final = 3
"""Characters of a fragment with letters."""
_CHANCE: Final = 2
"""So many fragments that a price or an order number shares with a known number are chance."""
_SAID: Final = frozenset({Flag.MONEY, Flag.PERCENT, Flag.DATE, Flag.YEAR, Flag.TIME})
_KNOWN: Final = frozenset(
    {
        Entity.CARD_NUMBER,
        Entity.US_SSN,
        Entity.BANK_ACCOUNT,
        Entity.BANK_ROUTING,
        Entity.IBAN,
        Entity.ACCOUNT_NUMBER,
        Entity.MEDICAL_RECORD_NUMBER,
        Entity.MEMBER_ID,
        Entity.PHONE_NUMBER,
        Entity.NUMBER_SEQUENCE,
        Entity.PIN,
        Entity.PASSPORT,
        Entity.DRIVER_LICENSE,
        Entity.NATIONAL_ID,
        Entity.LICENSE_PLATE,
        Entity.VEHICLE_ID,
        Entity.DEVICE_ID,
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
                    self._remembered |= self._grams(_known(reading, verdict))

    def recognise(self, readings: Sequence[Reading]) -> None:
        """Declare fragments of numbers sensitive that are known in this call, before or after."""
        known = set(self._remembered)
        for reading in readings:
            for verdict in reading.verdicts:
                known |= self._grams(_known(reading, verdict))
        if not known:
            return
        for reading in readings:
            for verdict in reading.verdicts:
                if verdict.entity is None and self._repeats(verdict, known):
                    verdict.take(Entity.CARD_NUMBER, Basis.KNOWN_FRAGMENT)

    def _repeats(self, verdict: Verdict, known: set[bytes]) -> bool:
        """Whether a number shares more with a known one than chance explains."""
        run = verdict.run
        shared = len(known & self._digests(_fragments(run.digits)))
        exact = len(run.digits) == GRAM and not run.flags & _SAID
        if shared > (_CHANCE if verdict.harmless and not exact else 0):
            return True
        lettered = self._digests(_lettered(run.characters))
        return bool(lettered) and not verdict.explained and lettered <= known

    def _grams(self, number: tuple[str, str]) -> set[bytes]:
        """Digests of all fragments of a known number's digits and characters."""
        digits, characters = number
        return self._digests([*_fragments(digits), *_lettered(characters)])

    def _digests(self, fragments: Iterable[str]) -> set[bytes]:
        return {
            hashlib.blake2b(one.encode(), key=self._salt, digest_size=8).digest()
            for one in fragments
        }


def _fragments(text: str, length: int = GRAM) -> list[str]:
    return [text[at : at + length] for at in range(len(text) - length + 1)]


def _lettered(characters: str) -> list[str]:
    """The fragments of a code that hold a letter."""
    return [one for one in _fragments(characters.upper(), _CODE) if not one.isdecimal()]


def _known(reading: Reading, verdict: Verdict) -> tuple[str, str]:
    """Digits and characters of a known number, with those of its neighbour that go with it."""
    if verdict.entity not in _KNOWN or verdict.explained:
        return "", ""
    if verdict.question is None:
        return verdict.run.digits, verdict.run.characters
    same = [
        other.run
        for other in reading.verdicts
        if other.entity is not None
        and other.question is verdict.question
        and other.run.channel == verdict.run.channel
    ]
    return "".join(run.digits for run in same), "".join(run.characters for run in same)
