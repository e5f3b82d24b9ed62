"""The names of what recognises, as spans carry them and policies set thresholds, and its scores."""

from __future__ import annotations

from typing import Final

from pipeline.records.entities import NEVER_ALLOWED, Entity

READER: Final = "reader"
"""What recognises by the reader's opinion alone, as spans and policies name it."""
WORDLESS: Final = "unexplained-speech"
"""Recogniser of speech that no word explains: its borders are those of the sound."""
SPEECH_WITHOUT_WORDS: Final = "speech-without-words"
SOUND_WITHOUT_WORDS: Final = "sound-without-words"
"""Recognisers of what was not understood: whether a voice detector took it for speech."""
AFTER_CARD: Final = "spoken-after-card"
"""Recogniser of short answers after card data, whose prompt was not understood."""
KEY_TONES: Final = "key-tones"
"""Recogniser of tones of a telephone keypad; no policy sets a threshold for it."""
UNASKED: Final = "spoken-after-unheard"
"""Recogniser of numbers that may answer a question which nobody heard."""
CHECKED: Final = 0.99
"""Score of a number that was asked for and whose checksum holds;"""
UNDECIDED: Final = "spoken-undecided-number"
"""Recogniser of a number that is not over when it may be held back no longer; no policy sets a
threshold for it."""
ASKED_FOR: Final = 0.85
"""of any other that was asked for by its name;"""
ANNOUNCED: Final = 0.8
"""of one that its speaker names after it: "… is my card number";"""
BY_LENGTH: Final = 0.75
"""of one that is a card by its length, where something else was asked for or it came in pieces;"""
BY_FORM: Final = 0.6
"""of one that only its form or length tells."""
SCORES: Final = {
    AFTER_CARD: 0.5,
    UNASKED: 0.5,
    "spoken-answer": 0.5,
    "spoken-known-fragment": 0.8,
    "spoken-long-number": 0.7,
    "spoken-own-code": 0.5,
    "spoken-spelled-code": 0.6,
    "spoken-spelled-letters": 0.6,
    "spoken-whole-date": 0.55,
}
"""Scores of the recognisers that find one kind of evidence each."""


def spoken(entity: Entity) -> str:
    """The name of what recognises an entity type in spoken numbers."""
    return "spoken-" + entity.value.lower().replace("_", "-")


NUMBER_RECOGNIZERS: Final = frozenset(
    {*(spoken(entity) for entity in Entity if entity is not Entity.DTMF), *SCORES}
)
"""What recognises spoken numbers, by the names that spans carry and policies set thresholds for."""
_LEAST: Final = {
    Entity.CARD_NUMBER: BY_LENGTH,
    Entity.BANK_ROUTING: BY_FORM,
    Entity.IBAN: BY_FORM,
    Entity.NUMBER_SEQUENCE: BY_FORM,
}
_GUESSED: Final = {
    Entity.CARD_NUMBER: ("spoken-known-fragment",),
    Entity.CARD_SECURITY_CODE: (AFTER_CARD,),
    Entity.CARD_EXPIRY: (AFTER_CARD,),
    Entity.PASSWORD: ("spoken-spelled-letters",),
    Entity.NUMBER_SEQUENCE: (
        "spoken-answer",
        "spoken-long-number",
        "spoken-own-code",
        "spoken-spelled-code",
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
    guesses = {name: SCORES[name] for name in _GUESSED.get(entity, ())}
    return {spoken(entity): _LEAST.get(entity, ANNOUNCED), **guesses}


NEVER_OFF: Final = frozenset(
    {UNASKED, *(name for entity in NEVER_ALLOWED for name in least(entity))}
)
"""Recognisers that no policy switches off: of payment data, secrets, and numbers that may be."""
