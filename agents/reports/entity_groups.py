"""Kinds of entities as people see them: one colour and one word for several types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.records.entities import HEALTH, PAYMENT, Entity


@dataclass(frozen=True, slots=True)
class Kind:
    """A colour class of the report and what it is called."""

    name: str
    """CSS class."""
    title: str


PAY: Final = Kind("pay", "Payment")
IDENTITY: Final = Kind("identity", "Identity numbers")
CONTACT: Final = Kind("contact", "Contact")
PERSON: Final = Kind("person", "Names")
HEALTH_KIND: Final = Kind("health", "Health")
OTHER: Final = Kind("other", "Precaution")

KINDS: Final = (PAY, IDENTITY, PERSON, CONTACT, HEALTH_KIND, OTHER)
"""In the legend's order."""

_CONTACT = frozenset(
    {
        Entity.PHONE_NUMBER,
        Entity.EMAIL_ADDRESS,
        Entity.STREET_ADDRESS,
        Entity.ZIP_CODE,
        Entity.URL,
        Entity.IP_ADDRESS,
    }
)
_IDENTITY = frozenset(
    {
        Entity.US_SSN,
        Entity.NATIONAL_ID,
        Entity.PASSPORT,
        Entity.DRIVER_LICENSE,
        Entity.DATE_OF_BIRTH,
        Entity.AGE_OVER_89,
        Entity.ACCOUNT_NUMBER,
        Entity.MEDICAL_RECORD_NUMBER,
        Entity.MEMBER_ID,
        Entity.VEHICLE_ID,
        Entity.LICENSE_PLATE,
        Entity.DEVICE_ID,
        Entity.NUMBER_SEQUENCE,
        Entity.PASSWORD,
    }
)
_ABBREVIATIONS = {
    "us": "US",
    "ssn": "SSN",
    "id": "ID",
    "iban": "IBAN",
    "url": "URL",
    "ip": "IP",
    "cvv": "CVV",
    "pin": "PIN",
    "dtmf": "key pressed",
}


def kind_of(entity: str) -> Kind:
    """The kind of an entity type; types that no group names are a precaution."""
    if entity in PAYMENT:
        return PAY
    if entity in HEALTH:
        return HEALTH_KIND
    if entity in _CONTACT:
        return CONTACT
    if entity in _IDENTITY:
        return IDENTITY
    return PERSON if entity == Entity.PERSON else OTHER


def label_of(entity: str) -> str:
    """An entity type for people: ``CARD_NUMBER`` becomes "Card number"."""
    words = [_ABBREVIATIONS.get(word, word) for word in entity.lower().split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]
