"""What has been asked for and not yet answered, and which numbers answer it.

An :class:`Question` lives from the phrase that opens it until it is fulfilled and the talk moves
on, until another matter takes its place, or until nobody came back to it for half a minute.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from pipeline.detection.language.prompts import Prompt
from pipeline.detection.language.vocabulary import PromptKind
from pipeline.detection.numbers.amounts import with_cents
from pipeline.detection.numbers.runs import NumberRun
from pipeline.detection.numbers.tokens import Flag
from pipeline.records.entities import LEXICAL, Entity

LASTS_S: Final = 30.0
"""Seconds for which a question waits after it was last touched."""
QUEUE_S: Final = 8.0
"""Asks that come within this of each other were made in one breath and wait together."""
REFERENCE_S: Final = 20.0
"""Seconds for which "the order number is" explains the numbers that follow."""
REFERENCE_TALK: Final = 10
"""Content words after which it explains none any more."""
REFERENCE_DONE: Final = 5
"""The same once a number of that kind was said."""
TALK_DONE: Final = 5
"""Content words after which a fulfilled ask is over."""
TALK_DONE_CARD: Final = 8
"""The same for a card, which is read back with more ado."""
TALK_HALFWAY: Final = 18
"""Content words after which a question for a short value that was begun is over."""
TALK_OPEN: Final = 40
"""Content words after which any question is over."""

NEED: Final = {
    Entity.CARD_NUMBER: 12,
    Entity.CARD_SECURITY_CODE: 3,
    Entity.CARD_EXPIRY: 3,
    Entity.PIN: 4,
    Entity.US_SSN: 4,
    Entity.DATE_OF_BIRTH: 4,
    Entity.PHONE_NUMBER: 7,
    Entity.ZIP_CODE: 5,
    Entity.BANK_ROUTING: 8,
    Entity.STREET_ADDRESS: 1,
    Entity.IBAN: 12,
    Entity.NUMBER_SEQUENCE: 12,
    Entity.LICENSE_PLATE: 7,
}
"""Digits from which a question counts as answered; 5 where nothing is said."""
LONG: Final = 12
"""Digits from which a run is silenced whatever is said about it."""
LONG_NEED: Final = 8
"""Values of this many digits are given in pieces, with talk between."""
_LETTERS: Final = 2
_CODE: Final = 6
"""Letters and characters of a code that is none of a card: "M N 6 R W 2"."""
DATED: Final = frozenset({Entity.DATE_OF_BIRTH, Entity.CARD_EXPIRY})
"""Answered by dates."""
_DIGIT_BY_DIGIT: Final = frozenset(
    {
        Entity.CARD_NUMBER,
        Entity.CARD_SECURITY_CODE,
        Entity.PIN,
        Entity.US_SSN,
        Entity.BANK_ROUTING,
        Entity.BANK_ACCOUNT,
        Entity.MEMBER_ID,
        Entity.MEDICAL_RECORD_NUMBER,
    }
)
"""Where one lone digit may be all that was heard of an answer."""
LETTERED: Final = frozenset(
    {
        Entity.MEMBER_ID,
        Entity.ACCOUNT_NUMBER,
        Entity.DRIVER_LICENSE,
        Entity.PASSPORT,
        Entity.LICENSE_PLATE,
        Entity.VEHICLE_ID,
        Entity.DEVICE_ID,
        Entity.IBAN,
        Entity.MEDICAL_RECORD_NUMBER,
        Entity.US_SSN,
        Entity.ZIP_CODE,
    }
)
"""Answered by letters too, as in a national insurance number or a postcode."""
WORDY: Final = LEXICAL - {Entity.STREET_ADDRESS}
"""Asks that no number answers."""
_BY_CHARACTERS: Final = frozenset({Entity.LICENSE_PLATE, Entity.ZIP_CODE})
"""Answers that may have but two or three digits among letters."""
_SHORT_OR_ANY: Final = frozenset(
    {
        Entity.CARD_SECURITY_CODE,
        Entity.CARD_EXPIRY,
        Entity.PIN,
        Entity.ZIP_CODE,
        Entity.NUMBER_SEQUENCE,
    }
)
"""Asks that a long number does not answer."""
_LONGEST_DATE: Final = 10
_SHORT: Final = 5
"""Prices and quantities have no more digits."""
_FRAGMENT: Final = 4
_MONTHS: Final = 12
_YEARS: Final = (20, 45)
"""Of cards that are in use."""
_READ_BACK: Final = 3
"""Digits of the shortest piece that is read back."""


@dataclass(slots=True)
class Question:
    """One expectation; times in samples."""

    entity: Entity
    channel: int
    opened: int
    asked_until: int
    touched: int
    closed: int | None = None
    given: Counter[int] = field(default_factory=Counter)
    """Digits that came, per channel: a read-back does not count twice."""
    characters: Counter[int] = field(default_factory=Counter)
    """Digits and letters that came, per channel."""
    reopened: bool = False
    """Whether it asks for more of, or another than, a value that was given before."""

    @classmethod
    def of(cls, prompt: Prompt) -> Question:
        """The question that a phrase opens."""
        entity = prompt.entity or Entity.NUMBER_SEQUENCE
        return cls(entity, prompt.channel, prompt.start, prompt.end, prompt.end)

    @property
    def need(self) -> int:
        """Digits from which it counts as answered."""
        return NEED.get(self.entity, 5)

    @property
    def answered(self) -> int:
        """Most digits that one channel gave; of a plate or a postcode letters too."""
        given = self.characters if self.entity in _BY_CHARACTERS else self.given
        return max(given.values(), default=0)

    @property
    def spelled(self) -> bool:
        """Whether letters came with the digits of an answer that may have some."""
        given = max(self.given.values(), default=0)
        return self.entity in LETTERED and max(self.characters.values(), default=0) > given + 1

    @property
    def fulfilled(self) -> bool:
        """Whether enough digits came."""
        return self.answered >= self.need

    @property
    def halfway(self) -> bool:
        """Whether some digits came, but too few."""
        return 0 < self.answered < self.need

    def over(self, at: int, talk: int, rate: int) -> bool:
        """Whether it is over at a sample, ``talk`` content words after it was last touched."""
        if self.closed is not None and self.closed <= at:
            return True
        if at - self.touched > LASTS_S * rate or talk > TALK_OPEN:
            return True
        if self.halfway and self.need < LONG_NEED and talk > TALK_HALFWAY:
            return True
        done = TALK_DONE_CARD if self.entity is Entity.CARD_NUMBER else TALK_DONE
        return self.fulfilled and talk > done

    def answer(self, run: NumberRun) -> None:
        """Note digits that came."""
        self.given[run.channel] += len(run.digits)
        self.characters[run.channel] += len(run.characters)
        self.touched = max(self.touched, run.end)

    def meant(self, run: NumberRun) -> Entity:
        """The entity by length, where the length contradicts what was asked for."""
        count = len(run.digits)
        if count >= LONG and self.entity in _SHORT_OR_ANY:
            return Entity.CARD_NUMBER
        if self.entity is Entity.STREET_ADDRESS and count in (5, 9):
            return Entity.ZIP_CODE
        return self.entity

    def accepts(self, run: NumberRun, local: PromptKind | None, *, trailing_word: bool) -> bool:
        """Whether a run may be an answer, or a part of one.

        Args:
            run: the digits.
            local: what the words directly before the run say about it.
            trailing_word: whether the speaker goes straight on with another word.
        """
        code = self.entity is Entity.CARD_SECURITY_CODE and _mixed(run)
        if self.entity in WORDY or Flag.PRONOUN in run.flags or code:
            return False
        if not run.digits or (self.entity in LETTERED and Flag.SPELLED in run.flags):
            return self.entity in LETTERED and not self._names_itself(run)
        if self.entity in DATED:
            return self._accepts_date(run, local)
        if self.entity is Entity.STREET_ADDRESS and local is PromptKind.PLACE:
            local = None  # "unit 5", "on Fifth": part of an address
        if len(run.digits) == 1 and self.entity is not Entity.STREET_ADDRESS:
            begun = self.halfway or self.reopened or self.entity in _DIGIT_BY_DIGIT
            # The first half of a postcode: "NE6, and the second bit's …".
            begun = begun or (self.entity is Entity.ZIP_CODE and len(run.characters) > 1)
            plain = not (run.flags or trailing_word or local is not None)
            return begun and plain and not self.fulfilled
        clock = self.entity is Entity.PIN and local is PromptKind.PLACE and not run.digit_by_digit
        # A call back is asked for at a time of day: "at 3:30".
        clock = clock or (self.entity is Entity.PHONE_NUMBER and run.clocks and not self.halfway)
        if clock or self._counts_something(run, local):
            return False
        return (
            self._accepts_again(run, local) if self.fulfilled else self._accepts_plain(run, local)
        )

    def _names_itself(self, run: NumberRun) -> bool:
        """Whether a word in capitals before any digit says what is asked for: "your BVN"."""
        word = not run.digits and len(run.parts) == 1 and len(run.characters) > 1
        return word and not self.answered and Flag.SPELLED not in run.flags

    def _counts_something(self, run: NumberRun, local: PromptKind | None) -> bool:
        """Whether a short run is a price or a quantity: its unit or the words before say so."""
        flags = run.flags
        if len(run.digits) > _SHORT:
            return run.amounts
        if flags & {Flag.MONEY, Flag.PERCENT} or (with_cents(run) and not self.halfway):
            return True
        if Flag.UNIT in flags and not run.digit_by_digit:
            # "5 1 4 8 items" is no quantity while a longer number is being given.
            quantity = len(run.digits) < _FRAGMENT or Flag.CARDINAL in flags
            return quantity or not self.halfway
        if run.digit_by_digit:
            return False
        if local is PromptKind.AMOUNT and not (self.halfway and self._may_give(run)):
            return True
        return local is not None and Flag.CARDINAL in flags

    def _may_give(self, run: NumberRun) -> bool:
        """Whether the answer may go on here: a short one goes on with the side that began it."""
        return self.need >= LONG_NEED or self.given[run.channel] > 0

    @staticmethod
    def _accepts_again(run: NumberRun, local: PromptKind | None) -> bool:
        """A question that is fulfilled takes what may be its answer read back."""
        said = {Flag.CARDINAL, Flag.TIME, Flag.DECIMAL, Flag.YEAR, Flag.DATE, Flag.ORDINAL}
        return not run.flags & said and len(run.digits) >= _READ_BACK and local is None

    @staticmethod
    def _accepts_plain(run: NumberRun, local: PromptKind | None) -> bool:
        if run.flags & {Flag.DATE, Flag.ORDINAL}:
            return len(run.digits) >= _READ_BACK  # a day of the month has less
        return not (Flag.TIME in run.flags and local is not None)

    def _accepts_date(self, run: NumberRun, local: PromptKind | None) -> bool:
        if run.flags & {Flag.MONEY, Flag.PERCENT, Flag.UNIT, Flag.TIME}:
            return False
        if len(run.digits) > _LONGEST_DATE or (with_cents(run) and not _monthly(run.digits)):
            return False
        if self.fulfilled:
            dated = bool(run.flags & {Flag.DATE, Flag.ORDINAL})
            return local is None and (dated or len(run.digits) >= _READ_BACK)
        return local is not PromptKind.AMOUNT


def _monthly(digits: str) -> bool:
    """Whether digits with a point in them may be a month and a year: "11.28", but not "9.99"."""
    return 1 <= int(digits[:-2]) <= _MONTHS and _YEARS[0] <= int(digits[-2:]) <= _YEARS[1]


def _mixed(run: NumberRun) -> bool:
    """Whether a run is a code of letters and digits; a letter or two may be misheard digits."""
    return run.letters >= _LETTERS and len(run.characters) >= _CODE
