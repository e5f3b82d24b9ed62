"""Made-up people and numbers, the same for the same seed. None of them belongs to anyone.

Card numbers pass the Luhn check and use the issuers' first digits; telephone numbers are from the
555-01xx range that is kept for fiction; e-mail addresses are under example.com and example.org.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

_FIRST = [
    "Laura",
    "Daniel",
    "Megan",
    "Robert",
    "Susan",
    "Kevin",
    "Angela",
    "Brian",
    "Rachel",
    "Steven",
    "Karen",
    "Thomas",
    "Julia",
    "Peter",
    "Monica",
    "Walter",
    "Diane",
    "Marcus",
    "Helen",
    "Victor",
    "Alice",
    "Gordon",
    "Teresa",
    "Philip",
]
_LAST = [
    "Barrett",
    "Collins",
    "Dawson",
    "Ellison",
    "Fletcher",
    "Garner",
    "Hudson",
    "Jennings",
    "Keller",
    "Lawson",
    "Mercer",
    "Norton",
    "Osborne",
    "Parker",
    "Quinn",
    "Ramsey",
    "Sutton",
    "Turner",
    "Vaughn",
    "Walker",
    "Benson",
    "Carver",
    "Dalton",
    "Foster",
]
_STREETS = [
    "Maple Street",
    "Ridge Road",
    "Lincoln Avenue",
    "Harbor Lane",
    "Willow Drive",
    "Summit Court",
]
_CITIES = ["Albany, New York", "Dayton, Ohio", "Salem, Oregon", "Tulsa, Oklahoma", "Boise, Idaho"]
DRUGS = [
    "lisinopril",
    "metformin",
    "atorvastatin",
    "sertraline",
    "amoxicillin",
    "warfarin",
    "omeprazole",
    "gabapentin",
    "levothyroxine",
    "prednisone",
]
DIAGNOSES = [
    "type two diabetes",
    "high blood pressure",
    "asthma",
    "a kidney infection",
    "depression",
    "migraine",
    "atrial fibrillation",
    "pneumonia",
]


@dataclass(frozen=True, slots=True)
class Caller:
    """All that a scripted caller may be asked for."""

    first: str
    last: str
    pan: str
    cvv: str
    expiry_month: int
    expiry_year: int
    ssn: str
    birth: tuple[int, int, int]
    """Year, month, day."""
    phone: str
    house: str
    street: str
    city: str
    postcode: str
    account_number: str
    routing_number: str
    policy_number: str
    member_id: str
    mrn: str
    passport: str
    drug: str
    diagnosis: str

    @property
    def email_user(self) -> str:
        """What stands before the @."""
        return f"{self.first}.{self.last}".lower()


def caller(rng: random.Random) -> Caller:
    """Make up a caller."""
    pan = card_number(rng)
    return Caller(
        first=rng.choice(_FIRST),
        last=rng.choice(_LAST),
        pan=pan,
        cvv=_digits(rng, 4 if pan.startswith("3") else 3),
        expiry_month=rng.randint(1, 12),
        expiry_year=rng.randint(2027, 2032),
        ssn=f"{rng.randint(101, 665)}{rng.randint(10, 98)}{rng.randint(1001, 9998)}",
        birth=(rng.randint(1940, 2001), rng.randint(1, 12), rng.randint(1, 28)),
        phone=f"{rng.randint(201, 989)}55501{_digits(rng, 2)}",
        house=str(rng.randint(12, 98)) if rng.random() < 0.5 else str(rng.randint(110, 989)),
        street=rng.choice(_STREETS),
        city=rng.choice(_CITIES),
        postcode=str(rng.randint(10_001, 99_899)),
        account_number=_digits(rng, rng.choice((8, 9, 10))),
        routing_number=routing_number(rng),
        policy_number="".join(rng.sample("BCDFHKPRTW", 2)) + _digits(rng, 7),
        member_id="".join(rng.sample("GHJKMQXZ", 2)) + _digits(rng, 8),
        mrn=_digits(rng, 7),
        passport=_digits(rng, 9),
        drug=rng.choice(DRUGS),
        diagnosis=rng.choice(DIAGNOSES),
    )


def first_name(rng: random.Random) -> str:
    """A first name, for the agent."""
    return rng.choice(_FIRST)


def card_number(rng: random.Random) -> str:
    """A card number of Visa, Mastercard, Discover (16 digits) or Amex (15) that passes Luhn."""
    prefix, length = rng.choice(
        (("4", 16), ("4", 16), (f"5{rng.randint(1, 5)}", 16), ("6011", 16), ("37", 15))
    )
    body = prefix + _digits(rng, length - len(prefix) - 1)
    return body + luhn_digit(body)


def luhn_digit(body: str) -> str:
    """The digit that makes ``body`` pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    total = 0
    for index, character in enumerate(reversed(body)):
        value = int(character) * (2 if index % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def routing_number(rng: random.Random) -> str:
    """Nine digits that pass the ABA check: weights 3, 7, 1 sum to a multiple of ten."""
    body = f"0{rng.randint(1, 9)}" + _digits(rng, 6)
    total = sum(int(digit) * weight for digit, weight in zip(body, (3, 7, 1) * 3, strict=False))
    return body + str(-total % 10)


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))
