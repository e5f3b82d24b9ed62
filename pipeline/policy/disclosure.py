"""What of a muted value a transcript may show, and when a number was heard well enough for it.

Pure rules: ``refusal`` says why a policy may not ask for something, ``complete`` whether digits
are the whole number and exact. Everything else than a placeholder is the policy's wish; without
it no part of a value leaves detection.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pipeline.records.checksums import aba, card_brand, iban, luhn, ssn_shape, vin
from pipeline.records.entities import Entity


class Show(StrEnum):
    """What stands in a placeholder of the transcript."""

    PLACEHOLDER = "placeholder"
    """The type alone: ``[CARD_NUMBER]``."""
    MASK = "mask"
    """A star for every character that was heard."""
    TOKEN = "token"  # noqa: S105 - a keyed hash, equal for equal values
    """A keyed hash: equal values give equal tokens."""
    LAST_FOUR = "last_four"
    BIN = "bin"
    """The first six digits of a card: who issued it."""
    BIN_LAST_FOUR = "bin_last_four"
    """Both, the most that PCI DSS 3.4.1 lets be displayed."""


BIN_DIGITS: Final = 6
LAST_DIGITS: Final = 4
PARTIAL: Final = frozenset({Show.LAST_FOUR, Show.BIN, Show.BIN_LAST_FOUR})
"""What shows digits of the value."""
_LAST_FOUR: Final = frozenset({Entity.CARD_NUMBER, Entity.US_SSN, Entity.PHONE_NUMBER})
"""Numbers whose length says whether they are complete, and of which most stays hidden."""
_SECRET: Final = frozenset({Entity.CARD_SECURITY_CODE, Entity.PIN, Entity.PASSWORD, Entity.DTMF})
"""Never kept in any form after they were used (PCI DSS 3.3.1)."""
_LEAST_TOKEN: Final = 4
"""Fewer characters are a fragment, not a value that could be recognised again."""
_SSN: Final = 9
_PHONE: Final = (10, 11)


def refusal(entity: str, show: Show) -> str:
    """Why a policy may not ask for this; empty where it may."""
    if show is not Show.PLACEHOLDER and entity in _SECRET:
        return "a secret is never shown or hashed in any form; leave it a placeholder"
    if show is Show.LAST_FOUR and entity not in _LAST_FOUR:
        return f"last_four is for {_listed(_LAST_FOUR)}"
    if show in {Show.BIN, Show.BIN_LAST_FOUR} and entity != Entity.CARD_NUMBER:
        return f"{show} is for CARD_NUMBER"
    return ""


def complete(entity: str, value: str, second: str) -> bool:
    """Whether digits (and letters) are the whole number, heard exactly.

    Args:
        entity: its type.
        value: as the main hearing has it, digits and capital letters.
        second: as the other model has it.

    Returns:
        True where a checksum holds for the length, or where two models that err differently
        agree on a value of the right length.
    """
    match entity:
        case Entity.CARD_NUMBER:
            return value.isdecimal() and card_brand(value) is not None and luhn(value)
        case Entity.IBAN:
            return iban(value)
        case Entity.VEHICLE_ID:
            return vin(value)
        case Entity.BANK_ROUTING:
            return aba(value)
        case Entity.US_SSN:
            fits = len(value) == _SSN and value.isdecimal() and ssn_shape(value)
        case Entity.PHONE_NUMBER:
            fits = len(value) in _PHONE and value.isdecimal()
        case _:
            fits = len(value) >= _LEAST_TOKEN
    return fits and value == second


def _listed(entities: frozenset[Entity]) -> str:
    return ", ".join(sorted(entities))
