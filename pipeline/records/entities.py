"""Every entity type that detection knows: the names that spans, policies and expectations use.

The names follow Presidio where Presidio has one (``US_SSN``, ``EMAIL_ADDRESS``, ``PERSON``), so
that its recognisers and ours speak of the same thing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Entity(StrEnum):
    """An entity type; a plain string wherever a span or a policy names one."""

    # Payment
    CARD_NUMBER = "CARD_NUMBER"
    CARD_SECURITY_CODE = "CARD_SECURITY_CODE"
    """CVV, CVC, CID: three or four digits."""
    CARD_EXPIRY = "CARD_EXPIRY"
    PIN = "PIN"
    """A PIN, passcode or one-time code that was asked for."""
    PASSWORD = "PASSWORD"  # noqa: S105 - the name of an entity type
    BANK_ACCOUNT = "BANK_ACCOUNT"
    BANK_ROUTING = "BANK_ROUTING"
    """ABA routing number or sort code."""
    IBAN = "IBAN"
    DTMF = "DTMF"
    """A key that was pressed: the tone alone, never which one."""

    # Identifiers of a person
    US_SSN = "US_SSN"
    """Social security number, also its last four digits."""
    NATIONAL_ID = "NATIONAL_ID"
    """National identity, tax or insurance number outside the US (NINO, NIR, NIF, Steuer-ID …)."""
    PHONE_NUMBER = "PHONE_NUMBER"
    ACCOUNT_NUMBER = "ACCOUNT_NUMBER"
    """Account or customer number with a company that is no bank."""
    MEDICAL_RECORD_NUMBER = "MEDICAL_RECORD_NUMBER"
    MEMBER_ID = "MEMBER_ID"
    """Health-plan, member, policy or group number, often with letters."""
    DRIVER_LICENSE = "DRIVER_LICENSE"
    PASSPORT = "PASSPORT"
    VEHICLE_ID = "VEHICLE_ID"
    LICENSE_PLATE = "LICENSE_PLATE"
    DEVICE_ID = "DEVICE_ID"
    """Serial number, IMEI or MAC address of something that one person owns."""
    NUMBER_SEQUENCE = "NUMBER_SEQUENCE"
    """A long run of digits that nothing explains."""

    # Who and where
    PERSON = "PERSON"
    DATE_OF_BIRTH = "DATE_OF_BIRTH"
    AGE_OVER_89 = "AGE_OVER_89"
    STREET_ADDRESS = "STREET_ADDRESS"
    ZIP_CODE = "ZIP_CODE"
    EMAIL_ADDRESS = "EMAIL_ADDRESS"
    URL = "URL"
    IP_ADDRESS = "IP_ADDRESS"

    # Health
    MEDICATION = "MEDICATION"
    MEDICAL_CONDITION = "MEDICAL_CONDITION"
    MEDICAL_PROCEDURE = "MEDICAL_PROCEDURE"


PAYMENT: Final = frozenset(
    {
        Entity.CARD_NUMBER,
        Entity.CARD_SECURITY_CODE,
        Entity.CARD_EXPIRY,
        Entity.PIN,
        Entity.BANK_ACCOUNT,
        Entity.BANK_ROUTING,
        Entity.IBAN,
        Entity.DTMF,
    }
)
"""What the payment-card rules are about; keys are pressed to tell a card's number."""

RECALL_FIRST: Final = PAYMENT | {
    Entity.US_SSN,
    Entity.NATIONAL_ID,
    Entity.PASSPORT,
    Entity.DRIVER_LICENSE,
}
"""Numbers that stay silent once something asks for them or tells them by their form: the reader may
rename them, and takes them back only where a policy's ``payment_below`` lets it."""

NEVER_ALLOWED: Final = PAYMENT | {Entity.PASSWORD, Entity.NUMBER_SEQUENCE}
"""What no allow list may leave audible: payment data, secrets, and long numbers that nothing
explains, because they may be a card that was misheard."""

HEALTH: Final = frozenset({Entity.MEDICATION, Entity.MEDICAL_CONDITION, Entity.MEDICAL_PROCEDURE})
"""What is said about a person's health."""

LEXICAL: Final = frozenset(
    {
        Entity.PERSON,
        Entity.STREET_ADDRESS,
        Entity.EMAIL_ADDRESS,
        Entity.PASSWORD,
        Entity.URL,
        Entity.MEDICATION,
        Entity.MEDICAL_CONDITION,
        Entity.MEDICAL_PROCEDURE,
    }
)
"""Found by what words mean; the conversation only says where they are expected."""

SPOKEN_NUMBERS: Final = frozenset(
    {
        Entity.CARD_NUMBER,
        Entity.CARD_SECURITY_CODE,
        Entity.CARD_EXPIRY,
        Entity.PIN,
        Entity.BANK_ACCOUNT,
        Entity.BANK_ROUTING,
        Entity.IBAN,
        Entity.US_SSN,
        Entity.NATIONAL_ID,
        Entity.PHONE_NUMBER,
        Entity.ACCOUNT_NUMBER,
        Entity.MEDICAL_RECORD_NUMBER,
        Entity.MEMBER_ID,
        Entity.DRIVER_LICENSE,
        Entity.PASSPORT,
        Entity.VEHICLE_ID,
        Entity.LICENSE_PLATE,
        Entity.DEVICE_ID,
        Entity.DATE_OF_BIRTH,
        Entity.ZIP_CODE,
        Entity.NUMBER_SEQUENCE,
    }
)
"""Found by the spoken-number engine and the state of the conversation."""
