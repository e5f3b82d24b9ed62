"""What the listener says between the groups of a number: "okay", "uh-huh", "got it".

One side reads a card out in groups, the other repeats some of them and says "okay" after others.
The words between two groups that were repeated are harmless as long as every one is known.
"""

from __future__ import annotations

from typing import Final

from pipeline.detection.dialogue.model import Reading, Verdict
from pipeline.detection.hypotheses.agreement import Witnesses
from pipeline.detection.hypotheses.fusion import ParsedChannel
from pipeline.detection.language.normalise import bare
from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.composition import Part
from pipeline.records.model import Word

_LEAST_S: Final = 1.2
"""A shorter break holds no turn of the other side."""
_SURE: Final = 0.6
"""Word probability from which "okay" is no digit heard wrongly."""
_DIGITS: Final = 2
"""Digits of the other side that make a break its turn."""


class Replies:
    """Knows the breaks of one channel's numbers in which the other side gave digits.

    Args:
        track: the channel.
        reading: all verdicts.
        voc: the harmless words.
        rate: samples per second.
        witnesses: all hearings of the call.
    """

    def __init__(
        self,
        track: ParsedChannel,
        reading: Reading,
        voc: Vocabulary,
        rate: int,
        witnesses: Witnesses,
    ) -> None:
        self._track = track
        self._witnesses = witnesses
        self._least = round(_LEAST_S * rate)
        self._known = (voc.words["harmless_reply"] | voc.words["fillers"]) - set(voc.near_digits)
        self._others = [
            verdict
            for verdict in reading.verdicts
            if verdict.entity is not None and verdict.run.channel != track.channel
        ]

    def between(self, verdict: Verdict, before: Part, after: Part) -> bool:
        """Whether a break is the other side's turn, with nothing but known words in it here.

        Only for the side that asked: the other one may have said digits that nobody understood.
        """
        question = verdict.question
        start, end = before.word.end, after.word.start
        if question is None or question.channel != self._track.channel or end - start < self._least:
            return False
        given = sum(
            len(part.digits)
            for other in self._others
            if other.question is question
            for part in other.run.parts
            if start <= part.word.start < end
        )
        words = self._track.words[before.index + 1 : after.index]
        return given >= _DIGITS and all(self._harmless(word) for word in words)

    def _harmless(self, word: Word) -> bool:
        known = all(bare(piece) in self._known for piece in word.text.replace("-", " ").split())
        return known and (word.probability >= _SURE or self._witnesses.agree(word))
