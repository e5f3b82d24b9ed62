"""What recognises, by the names that spans carry and policies set thresholds for, and how sure."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final, NamedTuple, Self

from pipeline.records.entities import NEVER_ALLOWED, Entity


class Recognizer(StrEnum):
    """What recognises by a rule of ours and is not named after a type, see :func:`spoken`."""

    READER = "reader"
    """The reader's opinion alone."""
    AFTER_CARD = "spoken-after-card"
    """Short answers after card data, whose prompt was not understood."""
    AFTER_UNHEARD = "spoken-after-unheard"
    """Numbers that may answer a question which nobody heard."""
    ANSWER = "spoken-answer"
    """Digits said one by one, without a reason."""
    KNOWN_FRAGMENT = "spoken-known-fragment"
    """Digits that are known from elsewhere in the call."""
    LONG_NUMBER = "spoken-long-number"
    OWN_CODE = "spoken-own-code"
    """A code that a customer spells."""
    SPELLED_CODE = "spoken-spelled-code"
    SPELLED_LETTERS = "spoken-spelled-letters"
    WHOLE_DATE = "spoken-whole-date"
    UNDECIDED = "spoken-undecided-number"
    """A number that is not over when it may be held back no longer."""
    WORDLESS = "unexplained-speech"
    """Speech that no word explains: its borders are those of the sound."""
    ODD_WORD = "doubtful-word"
    """A word beside a number that may be digits heard wrongly."""
    SPEECH_WITHOUT_WORDS = "speech-without-words"
    """What was not understood, and a voice detector took for speech;"""
    SOUND_WITHOUT_WORDS = "sound-without-words"
    """and did not."""
    WHOLE_CHANNEL = "whole-channel"
    """A channel of which hardly a word was understood."""
    KEY_TONES = "key-tones"
    """Tones of a telephone keypad."""
    LEFT_DIGITS = "leftover digits"
    """What verification still hears: digits that are telling anywhere;"""
    FEW_DIGITS = "a few leftover digits"
    """a security code or a group of a number, which counts only near a muted number;"""
    EDGE_DIGITS = "leftover digits beside a mute"
    """a digit or two that count only directly beside one;"""
    LEFT_SOUND = "sound beside a mute"
    """what sounds beside one and no word explains."""


class FoundBy(NamedTuple):
    """What recognised a span: a recogniser and, of one of forms, which form."""

    recognizer: str
    """As policies name it."""
    pattern: str = ""

    def __str__(self) -> str:
        """As spans carry it."""
        return f"{self.recognizer}: {self.pattern}" if self.pattern else self.recognizer

    @classmethod
    def read(cls, carried: str) -> Self:
        """What a span carries."""
        recognizer, _, pattern = carried.partition(": ")
        return cls(recognizer, pattern)


class Basis(Enum):
    """On what digits are taken for a value, with the score and the recogniser of its span."""

    score: float
    """Of the span."""
    rule: Recognizer | None
    """What its recogniser is called by; None: by the type."""

    CHECKED_ANSWER = 0.99, None
    """Asked for by its name, and its checksum holds;"""
    CHECKED = 0.95, None
    """nobody asked for it, and checksum and brand hold;"""
    ASKED_FOR = 0.85, None
    """any other that was asked for by its name;"""
    ANNOUNCED = 0.8, None
    """its speaker names it after it: "… is my card number";"""
    BY_LENGTH = 0.75, None
    """a card by its length, where something else was asked for or it came in pieces;"""
    BY_FORM = 0.6, None
    """only its form or length tells."""
    KNOWN_FRAGMENT = 0.8, Recognizer.KNOWN_FRAGMENT
    LONG_NUMBER = 0.7, Recognizer.LONG_NUMBER
    SPELLED_CODE = 0.6, Recognizer.SPELLED_CODE
    SPELLED_LETTERS = 0.6, Recognizer.SPELLED_LETTERS
    WHOLE_DATE = 0.55, Recognizer.WHOLE_DATE
    AFTER_CARD = 0.5, Recognizer.AFTER_CARD
    AFTER_UNHEARD = 0.5, Recognizer.AFTER_UNHEARD
    ANSWER = 0.5, Recognizer.ANSWER
    OWN_CODE = 0.5, Recognizer.OWN_CODE
    UNDECIDED = 0.5, Recognizer.UNDECIDED
    WORDLESS = 0.5, Recognizer.WORDLESS
    ODD_WORD = 0.5, Recognizer.ODD_WORD
    EXPLAINED_LONG_NUMBER = 0.35, Recognizer.LONG_NUMBER
    """It was called an order's or the like: policies for payment cards set their threshold below,
    since a card may follow such words too."""
    NONE = 0.0, None

    def __init__(self, score: float, rule: Recognizer | None) -> None:
        self.score, self.rule = score, rule

    @property
    def checked(self) -> bool:
        """Whether a checksum speaks for it."""
        return is_checked(self.score)

    def recognizer(self, entity: Entity) -> str:
        """What recognised a value of a type, by the name that its span carries."""
        return self.rule.value if self.rule else spoken(entity)


def is_checked(score: float) -> bool:
    """Whether a number's score is that of one whose checksum holds."""
    return score >= Basis.CHECKED.score


def spoken(entity: Entity) -> str:
    """The name of what recognises an entity type in spoken numbers."""
    return "spoken-" + entity.value.lower().replace("_", "-")


_GUESSES: Final = (
    Basis.AFTER_CARD,
    Basis.AFTER_UNHEARD,
    Basis.ANSWER,
    Basis.KNOWN_FRAGMENT,
    Basis.LONG_NUMBER,
    Basis.OWN_CODE,
    Basis.SPELLED_CODE,
    Basis.SPELLED_LETTERS,
    Basis.WHOLE_DATE,
)
"""What names a recogniser for which policies set thresholds."""
NUMBER_RECOGNIZERS: Final = frozenset(
    {
        *(spoken(entity) for entity in Entity if entity is not Entity.DTMF),
        *(str(one.rule) for one in _GUESSES),
    }
)
"""What recognises spoken numbers, by the names that spans carry and policies set thresholds for."""
_LEAST: Final = {
    Entity.CARD_NUMBER: Basis.BY_LENGTH,
    Entity.BANK_ROUTING: Basis.BY_FORM,
    Entity.IBAN: Basis.BY_FORM,
    Entity.NUMBER_SEQUENCE: Basis.BY_FORM,
}
_GUESSED: Final = {
    Entity.CARD_NUMBER: (Basis.KNOWN_FRAGMENT,),
    Entity.CARD_SECURITY_CODE: (Basis.AFTER_CARD,),
    Entity.CARD_EXPIRY: (Basis.AFTER_CARD,),
    Entity.PASSWORD: (Basis.SPELLED_LETTERS,),
    Entity.NUMBER_SEQUENCE: (
        Basis.ANSWER,
        Basis.LONG_NUMBER,
        Basis.OWN_CODE,
        Basis.SPELLED_CODE,
    ),
}


def least(entity: Entity) -> dict[str, float]:
    """The lowest score of each recogniser that takes spoken numbers for a type.

    Args:
        entity: one of those that no policy may allow (``NEVER_ALLOWED``). A long number that was
            called an order's scores less: policies choose whether that is one. Keys are not spoken.
    """
    if entity is Entity.DTMF:
        return {}
    surest = _LEAST.get(entity, Basis.ANNOUNCED)
    return {one.recognizer(entity): one.score for one in (surest, *_GUESSED.get(entity, ()))}


NEVER_OFF: Final = frozenset(
    {Recognizer.AFTER_UNHEARD.value, *(name for entity in NEVER_ALLOWED for name in least(entity))}
)
"""Recognisers that no policy switches off: of payment data, secrets, and numbers that may be."""
