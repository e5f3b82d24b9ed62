"""Numbers with letters that are known by their form alone: postcodes, IBANs, vehicle numbers.

Outcome: :func:`shaped` names the entity type, or none. It raises nothing.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.checksums import iban, vin
from pipeline.entities import Entity

_FORMS: Final = (
    # Royal Mail PAF: one or two letters, a district, a sector, and a unit of two letters without
    # C, I, K, M, O and V.
    (
        Entity.ZIP_CODE,
        re.compile(r"(?:[A-PR-UWYZ][A-HK-Y]?\d[A-HJKPSTUW\d]?)\d[ABD-HJLNP-UW-Z]{2}"),
    ),
    # Canada Post: letter and digit in turn; no D, F, I, O, Q, U.
    (Entity.ZIP_CODE, re.compile(r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z]\d[ABCEGHJ-NPRSTV-Z]\d")),
    # HM Revenue & Customs, manual NIM39110: two letters, six digits, A to D.
    (Entity.US_SSN, re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")),
    # Centers for Medicare & Medicaid Services: the Medicare Beneficiary Identifier.
    (
        Entity.MEMBER_ID,
        re.compile(r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y\d]\d"
                   r"[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y\d]\d[AC-HJKMNP-RT-Y]{2}\d{2}"),
    ),
)  # fmt: skip

# North American Numbering Plan, as it is written without and with an area code.
_TELEPHONE: Final = re.compile(r"(?:\(?\d{3}\)?[- ])?\d{3}-\d{4}[.,;:!?]*")


def written(text: str) -> Entity | None:
    """What a number is by the marks in it, where only one kind is written so."""
    return Entity.PHONE_NUMBER if _TELEPHONE.fullmatch(text.strip()) else None


def shaped(characters: str) -> Entity | None:
    """What letters and digits are by their form, where only one kind of number has it.

    Args:
        characters: digits and letters in the order in which they were said.
    """
    text = characters.upper()
    if text.isdecimal() or not any(map(str.isdecimal, text)):
        return None
    if iban(text):
        return Entity.IBAN
    if vin(text):
        return Entity.VEHICLE_ID
    return next((entity for entity, form in _FORMS if form.fullmatch(text)), None)
