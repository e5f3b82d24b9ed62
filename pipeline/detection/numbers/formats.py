"""Numbers with letters that are known by their form alone: postcodes, IBANs, vehicle numbers.

Outcome: :func:`shaped` names the entity type, or none. It raises nothing.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.records.checksums import iban, vin
from pipeline.records.entities import Entity

_INDIAN: Final = (
    "AN|AP|AR|AS|BH|BR|CG|CH|DD|DL|GA|GJ|HP|HR|JH|JK|KA|KL|LA|LD|MH|ML|MN|MP|MZ|NL|OD|PB|PY|RJ|SK"
    "|TG|TN|TR|TS|UK|UP|WB"
)
_IRISH: Final = "C|CE|CN|CW|D|DL|G|KE|KK|KY|L|LD|LH|LK|LM|LS|MH|MN|MO|OY|RN|SO|T|TS|W|WH|WX|WW"

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
    # DVLA INF104: area, age identifier from 2001 on, three letters without I and Q.
    (
        Entity.LICENSE_PLATE,
        re.compile(r"[A-HJ-PR-Y][A-HJ-PR-Y][0-25-7]\d[A-HJ-PR-Z0]{3}(?<!\d\d)"),
    ),
    # Central Motor Vehicles Rules, rule 50: state, district, series, four digits.
    (Entity.LICENSE_PLATE, re.compile(rf"(?:{_INDIAN})\d{{1,2}}[A-Z]{{1,3}}\d{{4}}")),
    # S.I. 318/1992: year with its half since 2013, county, number.
    (
        Entity.LICENSE_PLATE,
        re.compile(rf"(?:[089]\d|1[0-2]|1[3-9][12]|2\d[12])(?:{_IRISH})\d{{3,6}}"),
    ),
    # Income Tax Department of India: five letters of which the fourth says the kind of holder.
    (Entity.NATIONAL_ID, re.compile(r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]")),
    # Reserve Bank of India: bank, zero, branch.
    (Entity.BANK_ROUTING, re.compile(r"[A-Z]{4}0[A-Z\d]{6}")),
    # DVLA: surname, date of birth (a woman's month has 5 more tens), initials, check.
    (
        Entity.DRIVER_LICENSE,
        re.compile(r"[A-Z9]{5}\d[0156]\d[0-3]\d\d[A-Z9]{2}[A-Z\d]{3}"),
    ),
    # Centers for Medicare & Medicaid Services: the Medicare Beneficiary Identifier.
    (
        Entity.MEMBER_ID,
        re.compile(r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y\d]\d"
                   r"[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y\d]\d[AC-HJKMNP-RT-Y]{2}\d{2}"),
    ),
)  # fmt: skip

# As telephone numbers are written: North American ones without and with an area code, British ones
# (Ofcom, National Telephone Numbering Plan) and Australian mobiles.
_TELEPHONE: Final = re.compile(
    r"(?:(?:\(?\d{3}\)?[- ])?\d{3}-\d{4}|\(?\d{3}\)? \d{3} \d{4}"
    r"|(?=(?:\D*\d){11}\D*$)0\d{2,4} \d{3,4} \d{3,4}|04\d\d \d{3} \d{3})[.,;:!?]*"
)

# Numbers that a business pays for, or that cost extra: of no person. North America, the United
# Kingdom, Ireland, India and South Africa, Australia and New Zealand.
_BUSINESS: Final = re.compile(
    r"18(?:00|33|44|55|66|77|88)\d{7}"
    r"|0(?:800|300|303|330|333|344|345|370|371|843|844|845|870|871|872)\d{7}"
    r"|1(?:800|850|890)\d{6}|1860\d{6,7}|0800\d{6}"
    r"|1[38]00\d{6}|0508\d{6}"
)


def toll_free(characters: str) -> bool:
    """Whether digits are the telephone number of a business, by its first ones."""
    return _BUSINESS.fullmatch(characters) is not None


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
