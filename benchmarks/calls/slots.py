"""The values that scripts name in ``{braces}``: which entity each one is, and how it is spoken."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.calls import people
from benchmarks.speech.spoken import MONTHS, Token, cardinal, letters, ordinal, speak, split, year

_PRODUCTS = ["the desk lamps", "the wool blankets", "the garden chairs", "the coffee grinders"]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]


@dataclass(frozen=True, slots=True)
class Entity:
    """What a piece of speech is, for the truth."""

    type: str
    group: str
    value: str
    full_value: str
    optional: bool = False
    """Counts neither as sensitive nor as harmless."""
    correction: bool = False
    """Said by mistake and put right at once; sensitive all the same."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Plain words, or one entity; each token is spoken by itself."""

    tokens: tuple[Token, ...]
    entity: Entity | None = None

    @classmethod
    def plain(cls, text: str) -> Piece:
        """Words that are not sensitive."""
        return cls((Token(text),))

    @property
    def text(self) -> str:
        """The piece as written."""
        return " ".join(token.text for token in self.tokens)

    @property
    def silent(self) -> bool:
        """Whether there is nothing to speak (punctuation after a slot)."""
        return not any(character.isalnum() for character in self.text)


class Slots:
    """The values of one call.

    Args:
        rng: makes the caller and all that is chosen.
        companies: who may be called.
    """

    def __init__(self, rng: random.Random, companies: Sequence[str]) -> None:
        self._rng = rng
        self._caller = people.caller(rng)
        self._agent = people.first_name(rng)
        self._company = rng.choice(companies)
        self._neutral: dict[str, Callable[[], str]] = {
            "company": lambda: self._company,
            "product": lambda: rng.choice(_PRODUCTS),
            "quantity": lambda: cardinal(rng.randint(2, 12)),
            "price": self._price,
            "order_number": lambda: self._code(6),
            "tracking_number": lambda: self._code(8),
            "item_number": lambda: self._code(4),
            "case_number": lambda: self._code(5),
            "flight": lambda: f"flight {self._code(3)}",
            "recent_year": lambda: year(rng.randint(2012, 2025)),
            "order_date": lambda: f"{rng.choice(MONTHS)} {ordinal(rng.randint(1, 28))}",
            "version": lambda: (
                f"{cardinal(rng.randint(2, 19))} point {cardinal(rng.randint(0, 9))}"
            ),
            "wait": lambda: f"{cardinal(rng.randint(3, 10))} business days",
        }

    def digits(self, slot: str) -> str:
        """The digits of a number that can be dictated."""
        return str(getattr(self._caller, slot))

    @staticmethod
    def entity_type(slot: str) -> str:
        """The truth's type for a slot that can be dictated."""
        return slot

    def fill(self, slot: str, side: str) -> list[Piece]:
        """Speak a slot.

        Raises:
            KeyError: no such slot.
        """
        if slot in self._neutral:
            return [Piece.plain(self._neutral[slot]())]
        if slot == "name":
            return self._name(side)
        filler: Callable[[], list[Piece]] | None = getattr(self, f"_{slot}", None)
        return filler() if filler else self._number(slot)

    def _number(self, slot: str) -> list[Piece]:
        if not hasattr(self._caller, slot):
            raise KeyError(f"no slot {{{slot}}}")
        digits = self.digits(slot)
        style = self._rng.choices(("digits", "doubles"), (3, 1))[0]
        sizes = {10: (3, 3, 4), 9: (3, 3, 3), 8: (4,), 7: (3, 4)}.get(len(digits), (len(digits),))
        return [
            _piece(speak(group, self._rng, style), slot, slot, group, digits)
            for group in split(digits, sizes)
        ]

    def _name(self, side: str) -> list[Piece]:
        full = f"{self._caller.first} {self._caller.last}"
        said = full if side == "customer" else self._caller.first
        return [_piece((Token(said),), "name", "name", said, full)]

    def _name_spelled(self) -> list[Piece]:
        last = self._caller.last
        return [_piece(letters(last, self._rng), "name", "name", last.upper(), last)]

    def _agent_name(self) -> list[Piece]:
        return [_piece((Token(self._agent),), "agent_name", "agent", self._agent, optional=True)]

    def _expiry(self) -> list[Piece]:
        month, full_year = self._caller.expiry_month, self._caller.expiry_year
        value = f"{month:02d}/{full_year % 100}"
        if self._rng.random() < 0.5:
            tokens = (Token(MONTHS[month - 1]), Token(year(full_year), str(full_year)))
        else:
            first = f"oh {cardinal(month)}" if month < 10 else cardinal(month)
            tokens = (
                Token(first, f"{month:02d}"),
                Token(cardinal(full_year % 100), str(full_year % 100)),
            )
        return [_piece(tokens, "expiry", "expiry", value)]

    def _dob(self) -> list[Piece]:
        born, month, day = self._caller.birth
        value = f"{born}-{month:02d}-{day:02d}"
        tokens = (
            Token(f"{MONTHS[month - 1]} {ordinal(day)}", str(day)),
            Token(year(born), str(born)),
        )
        return [_piece(tokens, "dob", "dob", value)]

    def _ssn_last4(self) -> list[Piece]:
        last = self._caller.ssn[-4:]
        return [_piece(speak(last, self._rng), "ssn_last4", "ssn", last, self._caller.ssn)]

    def _email(self) -> list[Piece]:
        user = self._caller.email_user
        domain = self._rng.choice(("example.com", "example.org"))
        said = f"{user.replace('.', ' dot ')} at {domain.replace('.', ' dot ')}"
        return [_piece((Token(said),), "email", "email", f"{user}@{domain}")]

    def _address(self) -> list[Piece]:
        caller = self._caller
        number = speak(caller.house, self._rng, "pairs" if len(caller.house) == 2 else "digits")
        tokens = (*number, Token(caller.street), Token(caller.city), *self._spell(caller.postcode))
        value = f"{caller.house} {caller.street}, {caller.city} {caller.postcode}"
        return [_piece(tokens, "address", "address", value)]

    def _policy_number(self) -> list[Piece]:
        return self._lettered("policy_number")

    def _member_id(self) -> list[Piece]:
        return self._lettered("member_id")

    def _drug(self) -> list[Piece]:
        return [_piece((Token(self._caller.drug),), "drug", "drug", self._caller.drug)]

    def _dose(self) -> list[Piece]:
        said = f"{self._rng.choice(('five', 'ten', 'twenty', 'fifty'))} milligrams"
        return [_piece((Token(said),), "dose", "dose", said, optional=True)]

    def _diagnosis(self) -> list[Piece]:
        said = self._caller.diagnosis
        return [_piece((Token(said),), "diagnosis", "diagnosis", said)]

    def _visit_date(self) -> list[Piece]:
        day = self._rng.choice(_DAYS)
        said = f"{day} {self._rng.choice(MONTHS)} {ordinal(self._rng.randint(1, 28))}"
        return [_piece((Token(said),), "visit_date", "visit", said, optional=True)]

    def _lettered(self, slot: str) -> list[Piece]:
        value = self.digits(slot)
        return [_piece(self._spell(value), slot, slot, value)]

    def _spell(self, value: str) -> tuple[Token, ...]:
        tokens: list[Token] = []
        for character in value:
            tokens.extend(
                speak(character, self._rng)
                if character.isdigit()
                else letters(character, random.Random(0))
            )
        return tuple(tokens)

    def _version(self) -> str:
        return f"{cardinal(self._rng.randint(2, 19))} point {cardinal(self._rng.randint(0, 9))}"

    def _price(self) -> str:
        dollars, cents = self._rng.randint(12, 480), self._rng.randint(5, 95)
        return f"{cardinal(dollars)} dollars and {cardinal(cents)} cents"

    def _code(self, length: int) -> str:
        digits = "".join(self._rng.choice("123456789") for _ in range(length))
        return " ".join(token.text for token in speak(digits, self._rng, "pairs"))


def _piece(
    tokens: tuple[Token, ...],
    kind: str,
    group: str,
    value: str,
    full_value: str = "",
    *,
    optional: bool = False,
) -> Piece:
    return Piece(tokens, Entity(kind, group, value, full_value or value, optional=optional))
