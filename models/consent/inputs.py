"""An utterance, and what was said before it, as the encoder gets them.

Word pieces in lower case; every number is the same number. Of each piece is told who says it, and
whether it is of the utterance itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from models.encoder.session import parting
from pipeline.consent.spoken import LOOKED_BACK, Said
from pipeline.records.model import Role

LABELS: Final = tuple(Said)
OURS: Final = frozenset({Said.NOTICE, Said.ASK, Said.PAUSE, Said.RESUME})
"""What the agent says; the customer says the others."""
LONGEST: Final = 160
"""Pieces of the utterance that are read: its first ones."""
BACK: Final = 48
"""Pieces of each utterance before that are read: its last ones."""
PLACES: Final = -(-(2 + LONGEST + LOOKED_BACK * (BACK + 1)) // 8) * 8
"""Pieces that are read at most, rounded up as they are in learning."""
KINDS: Final = 4
"""Who says a piece, before or now."""
NOW: Final = 2
"""The first of the kinds of what is said now."""
_LETTERS: Final = 4_000
_NUMBER: Final = re.compile(r"\w*\d[\w]*")
NUMBER: Final = "5"
"""What stands for every number."""

Spoke = tuple[Role, str]
"""Who says something, and what."""


@dataclass(frozen=True, slots=True)
class Read:
    """What is read in one go."""

    ids: tuple[int, ...] = field(repr=False)
    """Rows of the vocabulary."""
    kinds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """What is learnt from."""

    read: Read
    truth: tuple[float, ...]
    """1 or 0 of each label; -1: not known."""


class Pieces:
    """Parts utterances into pieces.

    Args:
        tokenizer: the content of the weights' ``tokenizer.json``.
    """

    def __init__(self, tokenizer: bytes) -> None:
        self._tokenizer = parting(tokenizer)
        known = self._tokenizer.get_vocab()
        self._first, self._end = known["[CLS]"], known["[SEP]"]
        self._unknown = known["[UNK]"]

    def read(self, now: Spoke, before: Sequence[Spoke]) -> Read | None:
        """What is read of an utterance; None where it has no word that is known.

        Args:
            now: the utterance; its role is the agent's or the customer's.
            before: what was said before it, the last one last.
        """
        ids, kinds = [self._first], [0]
        for role, text in before[-LOOKED_BACK:]:
            own = self._parted(text)[-BACK:]
            ids += [*own, self._end]
            kinds += [int(role is Role.CUSTOMER)] * (len(own) + 1)
        own = self._parted(now[1])[:LONGEST]
        if all(one == self._unknown for one in own):
            return None
        ids += [*own, self._end]
        kinds += [NOW + int(now[0] is Role.CUSTOMER)] * (len(own) + 1)
        return Read(tuple(ids), tuple(kinds))

    def _parted(self, text: str) -> list[int]:
        plain = _NUMBER.sub(NUMBER, text[:_LETTERS])
        found: list[int] = self._tokenizer.encode(plain, add_special_tokens=False).ids
        return found
