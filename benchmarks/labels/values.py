"""The values behind the slots of the labelled texts: which entity each is, how it is written."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.calls import people
from benchmarks.labels.number_words import (
    Bit,
    birth,
    calendar_date,
    clock,
    code,
    count,
    expiry,
    letters,
    number,
    price,
)
from benchmarks.labels.phrased import PHRASES, phonetic
from benchmarks.speech.spoken import cardinal, year
from pipeline.records.entities import Entity

_LETTERS = "BCDFGHJKLMNPRSTVWXZ"
_COMPANIES = (
    "Studio Fifty Four", "Seven Oaks Hardware", "Forever Twenty Bikes", "Route Nine Diner",
    "Baker and Sons", "Three Rivers Bank", "Martin Brothers", "Saint Luke Furniture",
    "Motel Eight", "Johnson Electric", "First National", "Five Star Movers",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_SMALL = frozenset(
    (
        *("a", "an", "the", "my", "in", "of", "on", "and", "is", "has", "been", "since", "last"),
        *("night", "really", "to", "up", "when", "i", "for", "with"),
    )
)
"""Words of a phrase about health that may as well stay audible."""


@dataclass(frozen=True, slots=True)
class Said:
    """A few words and what they are: an entity, something that counts neither way, or nothing."""

    text: str
    entity: str = ""
    optional: bool = False
    slot: str = ""


@dataclass(frozen=True, slots=True)
class Digits:
    """A slot that is a number: its entity, and how many digits are said at a time."""

    entity: Entity
    make: Callable[[random.Random], str]
    sizes: tuple[Sequence[int], ...]


def some(*lengths: int) -> Callable[[random.Random], str]:
    """Random digits, as many as one of the lengths."""
    return lambda rng: "".join(rng.choice("0123456789") for _ in range(rng.choice(lengths)))


def _card(rng: random.Random) -> str:
    pan = people.card_number(rng)
    while len(pan) != 16:
        pan = people.card_number(rng)
    # Recognisers lose a digit; what is left is still a card number.
    if rng.random() < 0.08:
        lost = rng.randrange(16)
        pan = pan[:lost] + pan[lost + 1 :]
    return pan


def _amex(rng: random.Random) -> str:
    body = rng.choice(("34", "37")) + some(12)(rng)
    return body + people.luhn_digit(body)


def _phone(rng: random.Random) -> str:
    return f"{rng.randint(201, 989)}555{rng.choice(('01', '12', '48'))}{some(2)(rng)}"


NUMBERS: Mapping[str, Digits] = {
    "card": Digits(Entity.CARD_NUMBER, _card, ((4,), (4,), (4, 4, 3, 3, 2), (8,))),
    "amex": Digits(Entity.CARD_NUMBER, _amex, ((4, 6, 5),)),
    "last4": Digits(Entity.CARD_NUMBER, some(4), ((4,),)),
    "cvv": Digits(Entity.CARD_SECURITY_CODE, some(3), ((3,),)),
    "cid": Digits(Entity.CARD_SECURITY_CODE, some(4), ((4,), (2,))),
    "pin": Digits(Entity.PIN, some(4), ((4,), (2,))),
    "otp": Digits(Entity.PIN, some(6), ((3,), (2,), (6,))),
    "bank": Digits(Entity.BANK_ACCOUNT, some(8, 9, 10, 12), ((4,), (3,))),
    "routing": Digits(Entity.BANK_ROUTING, people.routing_number, ((3,), (4, 4, 1))),
    "ssn": Digits(
        Entity.US_SSN,
        lambda rng: f"{rng.randint(101, 665)}{rng.randint(10, 98)}{rng.randint(1001, 9998)}",
        ((3, 2, 4),),
    ),
    "ssn4": Digits(Entity.US_SSN, some(4), ((4,), (2,))),
    "phone": Digits(Entity.PHONE_NUMBER, _phone, ((3, 3, 4), (3, 3, 2))),
    "account": Digits(Entity.ACCOUNT_NUMBER, some(7, 8, 9, 10), ((3,), (4,), (2,))),
    "mrn": Digits(Entity.MEDICAL_RECORD_NUMBER, some(6, 7, 8), ((3,), (2,), (4,))),
    "group": Digits(Entity.MEMBER_ID, some(5, 6), ((3,), (5,))),
    "passport": Digits(Entity.PASSPORT, some(9), ((3,),)),
    "imei": Digits(Entity.DEVICE_ID, some(15), ((2, 6, 6, 1), (3,), (5,))),
    "sort": Digits(Entity.BANK_ROUTING, some(6), ((2,),)),
    "acct4": Digits(Entity.BANK_ACCOUNT, some(4), ((4,), (2,))),
    "nhs": Digits(Entity.MEDICAL_RECORD_NUMBER, some(10), ((3, 3, 4),)),
    "sin": Digits(Entity.US_SSN, some(9), ((3,),)),
    "zip": Digits(Entity.ZIP_CODE, lambda rng: str(rng.randint(10_001, 99_899)), ((5,), (3, 2))),
}


class Values:
    """All slots of one case.

    Args:
        rng: of the case.
        lists: first names, last names, streets, … of the half that the case belongs to.
    """

    def __init__(self, rng: random.Random, lists: Mapping[str, Sequence[str]]) -> None:
        self._rng, self._lists = rng, lists
        self._style = ""

    def fill(self, slot: str, style: str = "") -> list[Said]:
        """Write a slot.

        Raises:
            KeyError: no such slot.
        """
        if slot in NUMBERS:
            kind = NUMBERS[slot]
            sizes = self._rng.choice(kind.sizes)
            bits = number(kind.make(self._rng), sizes, self._rng, style)
            return _labelled(bits, kind.entity, slot)
        if slot in PHRASES:
            phrase = PHRASES[slot]
            return _labelled(phrase.write(self._rng), phrase.entity, slot)
        self._style = style
        filler: Callable[[], list[Said]] | None = getattr(self, f"_{slot}", None)
        if filler is None:
            raise KeyError(f"no slot {{{slot}}}")
        return filler()

    # -- with letters ------------------------------------------------------------------------

    def _lettered(self, slot: str, entity: Entity, value: str) -> list[Said]:
        write = phonetic if self._style == "phonetic" else code
        return _labelled(write(value, self._rng), entity, slot)

    def _characters(self, count_: int) -> str:
        return "".join(self._rng.choice(_LETTERS) for _ in range(count_))

    def _member(self) -> list[Said]:
        value = self._characters(self._rng.randint(1, 3)) + some(7, 8, 9)(self._rng)
        return self._lettered("member", Entity.MEMBER_ID, value)

    def _policy(self) -> list[Said]:
        value = self._characters(2) + some(6, 7)(self._rng)
        return self._lettered("policy", Entity.MEMBER_ID, value)

    def _license(self) -> list[Said]:
        value = self._characters(self._rng.randint(1, 2)) + some(6, 7)(self._rng)
        return self._lettered("license", Entity.DRIVER_LICENSE, value)

    def _plate(self) -> list[Said]:
        before = some(0, 1)(self._rng)
        value = before + self._characters(3) + some(3, 4)(self._rng)
        return self._lettered("plate", Entity.LICENSE_PLATE, value)

    def _device(self) -> list[Said]:
        value = self._characters(2) + some(6, 8)(self._rng)
        return self._lettered("device", Entity.DEVICE_ID, value)

    def _vin(self) -> list[Said]:
        alphabet = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
        value = "".join(self._rng.choice(alphabet) for _ in range(17))
        return self._lettered("vin", Entity.VEHICLE_ID, value)

    def _iban(self) -> list[Said]:
        country, bank, digits = self._rng.choice((("GB", 4, 14), ("NL", 4, 10), ("DE", 0, 18)))
        value = country + some(2)(self._rng) + self._characters(bank) + some(digits)(self._rng)
        return self._lettered("iban", Entity.IBAN, value)

    # -- dates, words ------------------------------------------------------------------------

    def _expiry(self) -> list[Said]:
        text = expiry(self._rng.randint(1, 12), self._rng.randint(2027, 2033), self._rng)
        return [Said(text, Entity.CARD_EXPIRY, slot="expiry")]

    def _dob(self) -> list[Said]:
        born = self._rng.randint(1938, 2012)
        text = birth(born, self._rng.randint(1, 12), self._rng.randint(1, 28), self._rng)
        return _labelled([Bit(text)], Entity.DATE_OF_BIRTH, "dob")

    def _age(self) -> list[Said]:
        age = self._rng.randint(90, 101)
        text = self._rng.choice((str(age), cardinal(age).replace("one hundred", "a hundred")))
        return [Said(text, Entity.AGE_OVER_89, slot="age")]

    def _secret(self) -> list[Said]:
        return [Said(self._pick("secret"), Entity.PASSWORD, slot="secret")]

    def _answer(self) -> list[Said]:
        return _phrase(self._pick("answer"), Entity.PASSWORD, "answer")

    def _first(self) -> list[Said]:
        return [Said(self._pick("first"), Entity.PERSON, slot="first")]

    def _last(self) -> list[Said]:
        return [Said(self._pick("last"), Entity.PERSON, slot="last")]

    def _name(self) -> list[Said]:
        text = f"{self._pick('first')} {self._pick('last')}"
        return [Said(text, Entity.PERSON, slot="name")]

    def _name_spelled(self) -> list[Said]:
        write = phonetic if self._style == "phonetic" else letters
        return _labelled(write(self._pick("last"), self._rng), Entity.PERSON, "name_spelled")

    def _email(self) -> list[Said]:
        first, last = self._pick("first").lower(), self._pick("last").lower()
        mail = self._pick("mail")
        said = mail.replace(".", " dot ")
        figures = self._rng.randint(2, 99)
        text = self._rng.choice(
            (
                f"{first}.{last}@{mail}",
                f"{first} dot {last} at {said}",
                f"{first}.{last} at {mail}",
                f"{first}{figures}@{mail}",
                f"{first} {cardinal(figures)} at {said}",
                f"{first[0]} {last} at {said}",
                f"{' '.join(first)} dot {last} at {said}",
                f"{first} underscore {last} at {mail}",
            )
        )
        return [Said(text, Entity.EMAIL_ADDRESS, slot="email")]

    def _address_short(self) -> list[Said]:
        house = self._rng.choice((self._rng.randint(11, 99), self._rng.randint(101, 4_990)))
        if house > 999:
            said = f"{cardinal(house // 100)} {cardinal(house % 100)}"
        else:
            said = cardinal(house)
        text = f"{self._rng.choice((str(house), said))} {self._pick('street')}"
        return [Said(text, Entity.STREET_ADDRESS, slot="address")]

    def _address(self) -> list[Said]:
        (street,) = self._address_short()
        city, _, state = self._pick("city").partition(", ")
        if self._rng.random() < 0.3:
            flat = f"{street.text}, apartment {self._rng.randint(2, 48)}"
            street = Said(flat, Entity.STREET_ADDRESS, slot="address")
        parts = [street, Said(city, Entity.STREET_ADDRESS, slot="address"),
                 Said(state, Entity.STREET_ADDRESS, optional=True)]  # fmt: skip
        return parts if self._rng.random() < 0.4 else [*parts, *self.fill("zip")]

    def _url(self) -> list[Said]:
        path = self._pick("last").lower()
        site = self._rng.choice(
            (
                f"www.{path}.com",
                f"{path} dot com slash login",
                f"w w w dot {path} dot net",
                f"https://{path}.org/profile",
            )
        )
        return [Said(site, Entity.URL, slot="url")]

    def _ip(self) -> list[Said]:
        parts = [str(self._rng.randint(10, 250)) for _ in range(4)]
        text = self._rng.choice((".".join(parts), " dot ".join(parts),
                                 " dot ".join(cardinal(int(part)) for part in parts)))  # fmt: skip
        return [Said(text, Entity.IP_ADDRESS, slot="ip")]

    def _drug(self) -> list[Said]:
        return _labelled([Bit(self._pick("drug"))], Entity.MEDICATION, "drug")

    def _condition(self) -> list[Said]:
        return _phrase(self._pick("condition"), Entity.MEDICAL_CONDITION, "condition")

    def _symptom(self) -> list[Said]:
        return _phrase(self._pick("symptom"), Entity.MEDICAL_CONDITION, "symptom")

    def _procedure(self) -> list[Said]:
        return _phrase(self._pick("procedure"), Entity.MEDICAL_PROCEDURE, "procedure")

    def _person(self) -> list[Said]:
        return _phrase(self._pick("person"), Entity.PERSON, "person")

    def _place(self) -> list[Said]:
        return _phrase(self._pick("place"), Entity.STREET_ADDRESS, "place")

    def _postcode(self) -> list[Said]:
        return _phrase(self._pick("postcode"), Entity.ZIP_CODE, "postcode")

    def _mailbox(self) -> list[Said]:
        return _phrase(self._pick("mailbox"), Entity.EMAIL_ADDRESS, "mailbox")

    def _misheard(self) -> list[Said]:
        return _phrase(self._pick("misheard"), Entity.MEDICATION, "misheard")

    # -- harmless ----------------------------------------------------------------------------

    def _price(self) -> list[Said]:
        return [Said(price(self._rng))]

    def _count(self) -> list[Said]:
        return [Said(count(self._rng))]

    def _digit(self) -> list[Said]:
        return [Said(self._rng.choice(("one", "two", "three", "4", "5")))]

    def _time(self) -> list[Said]:
        return [Said(clock(self._rng))]

    def _date(self) -> list[Said]:
        return [Said(calendar_date(self._rng))]

    def _weekday(self) -> list[Said]:
        return [Said(self._rng.choice(_DAYS))]

    def _year(self) -> list[Said]:
        full = self._rng.randint(1998, 2026)
        return [Said(self._rng.choice((str(full), year(full))))]

    def _version(self) -> list[Said]:
        major, minor = self._rng.randint(2, 24), self._rng.randint(0, 9)
        return [Said(self._rng.choice((f"{major}.{minor}", f"{major}.{minor}.1",
                                       f"{cardinal(major)} point {cardinal(minor)}")))]  # fmt: skip

    def _flight(self) -> list[Said]:
        digits = some(3, 4)(self._rng)
        return [Said(self._rng.choice((digits, f"UA{digits}", f"A A {digits}")))]

    def _model(self) -> list[Said]:
        letter = self._rng.choice(_LETTERS)
        hundreds = f"{letter} {cardinal(self._rng.randint(11, 99))} hundred"
        return [Said(self._rng.choice((f"{letter}{some(3)(self._rng)}", hundreds)))]

    def _company(self) -> list[Said]:
        return [Said(self._rng.choice(_COMPANIES))]

    def _code(self) -> list[Said]:
        digits = some(5, 6, 7, 8)(self._rng)
        if self._rng.random() < 0.3:
            write = phonetic if self._style == "phonetic" else code
            return _plain(write(self._characters(2) + digits, self._rng))
        return _plain(number(digits, (3,), self._rng))

    def _code3(self) -> list[Said]:
        return _plain(number(some(3)(self._rng), (3,), self._rng))

    def _code4(self) -> list[Said]:
        return _plain(number(some(4)(self._rng), (4,), self._rng))

    def _pick(self, name: str) -> str:
        return self._rng.choice(self._lists[name])


def _labelled(bits: Sequence[Bit], entity: Entity, slot: str) -> list[Said]:
    return [Said(bit.text, entity, optional=not bit.value, slot=slot) for bit in bits]


def _plain(bits: Sequence[Bit]) -> list[Said]:
    return [Said(bit.text) for bit in bits]


def _phrase(text: str, entity: Entity, slot: str) -> list[Said]:
    """A phrase whose small words count neither way."""
    return [Said(word, entity, optional=word.lower() in _SMALL, slot=slot) for word in text.split()]
