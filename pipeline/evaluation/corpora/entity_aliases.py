"""What entity types are called elsewhere, so that one gate fits every kind of truth."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from pipeline.errors import likely
from pipeline.policy.known_names import BUILT_IN
from pipeline.policy.yaml_document import shown
from pipeline.records.entities import Entity

ALIASES: Final[Mapping[str, str]] = {
    # Truth manifests of audio, and short names for the command line
    "card": Entity.CARD_NUMBER,
    "pan": Entity.CARD_NUMBER,
    "cvv": Entity.CARD_SECURITY_CODE,
    "expiry": Entity.CARD_EXPIRY,
    "account": Entity.ACCOUNT_NUMBER,
    "routing": Entity.BANK_ROUTING,
    "routing_number": Entity.BANK_ROUTING,
    "ssn": Entity.US_SSN,
    "ssn_last4": Entity.US_SSN,
    "phone": Entity.PHONE_NUMBER,
    "email": Entity.EMAIL_ADDRESS,
    "name": Entity.PERSON,
    "address": Entity.STREET_ADDRESS,
    "dob": Entity.DATE_OF_BIRTH,
    "mrn": Entity.MEDICAL_RECORD_NUMBER,
    "policy_number": Entity.MEMBER_ID,
    "drug": Entity.MEDICATION,
    "diagnosis": Entity.MEDICAL_CONDITION,
    "condition": Entity.MEDICAL_CONDITION,
    "member": Entity.MEMBER_ID,
    "license": Entity.DRIVER_LICENSE,
    "zip": Entity.ZIP_CODE,
    "vin": Entity.VEHICLE_ID,
    "plate": Entity.LICENSE_PLATE,
    # Presidio and presidio-research
    "credit_card": Entity.CARD_NUMBER,
    "iban_code": Entity.IBAN,
    "us_bank_number": Entity.BANK_ACCOUNT,
    "us_driver_license": Entity.DRIVER_LICENSE,
    "us_passport": Entity.PASSPORT,
    "domain_name": Entity.URL,
    "medical_license": Entity.DRIVER_LICENSE,
    "uk_nino": Entity.NATIONAL_ID,
    "es_nif": Entity.NATIONAL_ID,
    "es_nie": Entity.NATIONAL_ID,
    "de_tax_id": Entity.NATIONAL_ID,
    "it_fiscal_code": Entity.NATIONAL_ID,
    "pl_pesel": Entity.NATIONAL_ID,
    # BIO sets: CoNLL, the clinical de-identification tasks, ai4privacy
    "per": Entity.PERSON,
    "patient": Entity.PERSON,
    "doctor": Entity.PERSON,
    "medicalrecord": Entity.MEDICAL_RECORD_NUMBER,
    "firstname": Entity.PERSON,
    "middlename": Entity.PERSON,
    "lastname": Entity.PERSON,
    "creditcardnumber": Entity.CARD_NUMBER,
    "creditcardcvv": Entity.CARD_SECURITY_CODE,
    "accountnumber": Entity.ACCOUNT_NUMBER,
    "phonenumber": Entity.PHONE_NUMBER,
    "street": Entity.STREET_ADDRESS,
    "zipcode": Entity.ZIP_CODE,
    "ipv4": Entity.IP_ADDRESS,
    "ipv6": Entity.IP_ADDRESS,
    "phoneimei": Entity.DEVICE_ID,
    "mac": Entity.DEVICE_ID,
    "vehiclevin": Entity.VEHICLE_ID,
    "vehiclevrm": Entity.LICENSE_PLATE,
}


def entity_name(name: str) -> str:
    """Our name for an entity type, however it is written; a name that is not ours stays."""
    plain = name.strip()
    ours = ALIASES.get(plain.lower(), plain.upper())
    return str(ours) if ours in BUILT_IN.entities else plain


def is_known(name: str, known: Collection[str] = BUILT_IN.entities) -> bool:
    """Whether an entity type is found here at all."""
    return entity_name(name) in known


def no_type(name: str, known: Collection[str]) -> str:
    """What is told of a type that is not known, and which one was probably meant."""
    reason = "no type that Hushwire or the recogniser file in use finds"
    meant = likely(name, {*known, *ALIASES})
    # Where words stand in a type's place, they may be what was said: only a near miss is quoted.
    return f"{shown(name)}: {reason}{meant}" if meant else f"an entity type: {reason}"
