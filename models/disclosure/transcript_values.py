"""What the transcript shows of muted values, worked out while their words are in memory.

Outcome of ``Disclosures.take``: ``Shown`` for what the policy lets be shown and what was heard
well enough, nothing for the rest: it stays a plain placeholder. Only masked or hashed text leaves
this module. A number that is spoken in pieces is put together over up to a minute; what is shown
then stands at its last piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from models.disclosure.masking import Anonymiser
from models.text.turn_segmentation import Stream, streams_of
from pipeline.detection.numbers.runs import read
from pipeline.policy.disclosure import PARTIAL, Show, complete, refusal
from pipeline.policy.model import Policy
from pipeline.records.entities import SPOKEN_NUMBERS
from pipeline.records.intervals import merge_intervals, shared
from pipeline.records.model import Action, Interval, Shown, Span, Word

JOIN_S: Final = 60.0
"""Longest rest between two pieces of one number."""
MOST_PIECES: Final = 8
"""A card number is read in four groups, and read back in four."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A number, or a part of one, as both hearings have it."""

    start: int
    end: int
    value: str = field(repr=False)
    second: str = field(repr=False)


class Disclosures:
    """Of one call.

    Args:
        policy: what may be shown.
        anonymiser: makes it.
        sample_rate: Hz.
    """

    def __init__(self, policy: Policy, anonymiser: Anonymiser, sample_rate: int) -> None:
        self._policy = policy
        self._anonymiser = anonymiser
        self._join = round(JOIN_S * sample_rate)
        self._pieces: dict[tuple[str, int], list[_Piece]] = {}
        self._taken: dict[tuple[str, int, Stream], int] = {}
        """First sample whose words are not part of a piece yet: a span that goes on is stated
        again from the last watermark, which may lie before words that were read."""

    def __repr__(self) -> str:
        """Content-free."""
        return "Disclosures()"

    def take(self, spans: Iterable[Span], words: Sequence[Word]) -> tuple[Shown, ...]:
        """What is shown for spans that were just stated.

        Args:
            spans: new ones; those that the policy leaves a placeholder are skipped.
            words: every hearing of the stretch that they lie in.
        """
        places: dict[tuple[str, int], list[Interval]] = {}
        for span in spans:
            show = self._policy.rule(span.entity).transcript
            if span.action is not Action.MUTE or show is Show.PLACEHOLDER:
                continue
            if refusal(span.entity, show):  # a policy that was not read from a file
                continue
            place = Interval(span.start, max(span.end, span.start + 1))
            places.setdefault((span.entity, span.channel), []).append(place)
        return tuple(
            shown
            for (entity, channel), stretches in sorted(places.items())
            for place in merge_intervals(stretches)
            if (shown := self._shown(entity, channel, place, words)) is not None
        )

    def _shown(
        self, entity: str, channel: int, place: Interval, words: Sequence[Word]
    ) -> Shown | None:
        streams = streams_of(
            word for word in words if word.channel == channel and _inside(word, place)
        )
        first, second = (streams.get(one, []) for one in (Stream.SHOWN, Stream.EVIDENCE))
        show = self._policy.rule(entity).transcript
        if entity in SPOKEN_NUMBERS:
            value, other = (
                _characters(self._fresh(entity, channel, stream, words))
                for stream, words in ((Stream.SHOWN, first), (Stream.EVIDENCE, second))
            )
            piece = _Piece(place.start, place.end, value, other)
            value = piece.value if show is Show.MASK else self._whole(entity, channel, piece)
        else:
            value = _plain(first) if show not in PARTIAL else ""
        text = self._anonymiser.shown(entity, value, show) if value else ""
        return Shown(entity, channel, place.start, place.end, text) if text else None

    def _fresh(
        self, entity: str, channel: int, stream: Stream, words: Sequence[Word]
    ) -> list[Word]:
        """Words that no earlier piece holds."""
        key = (entity, channel, stream)
        fresh = [word for word in words if word.start >= self._taken.get(key, 0)]
        if fresh:
            self._taken[key] = max(word.start for word in fresh) + 1
        return fresh

    def _whole(self, entity: str, channel: int, piece: _Piece) -> str:
        """The number that a piece completes, alone or with those before it; else nothing."""
        kept = self._pieces.setdefault((entity, channel), [])
        if kept and piece.start - kept[-1].end > self._join:
            kept.clear()
        if piece.value or piece.second:
            kept.append(piece)
        del kept[:-MOST_PIECES]
        for at in range(len(kept) - 1, -1, -1):
            value = "".join(one.value for one in kept[at:])
            second = "".join(one.second for one in kept[at:])
            # A checksum tells which model heard it well; without one, both have to agree.
            for one, other in ((value, second), (second, value)):
                if complete(entity, one, other):
                    kept.clear()
                    return one
        return ""


def _inside(word: Word, place: Interval) -> bool:
    """Whether at least half of a word lies in a stretch."""
    return 2 * shared(word, place) >= max(1, word.end - word.start)


def _characters(words: Sequence[Word]) -> str:
    return "".join(run.characters for run in read(words)).upper()


def _plain(words: Sequence[Word]) -> str:
    return without_signs(" ".join(word.text for word in words))


def without_signs(text: str) -> str:
    """A value as it is compared: it does not depend on case or punctuation."""
    parts = "".join(c if c.isalnum() or c in "@." else " " for c in text.casefold()).split()
    return " ".join(part.strip(".") for part in parts)
