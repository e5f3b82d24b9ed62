"""What stands around a number: the phrase before it, the turn, the words after it."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Final

from pipeline.detection.dialogue.model import Talk
from pipeline.detection.hypotheses.fusion import ParsedChannel
from pipeline.detection.language.normalise import bare
from pipeline.detection.language.prompts import Prompt
from pipeline.detection.language.vocabulary import PromptKind
from pipeline.detection.numbers.runs import NumberRun
from pipeline.detection.numbers.tokens import Flag
from pipeline.records.entities import Entity
from pipeline.records.model import Interval, Word

_LOCAL_WORDS: Final = 3
"""Words that may stand between a phrase and the number that it speaks of."""
_LOCAL_SLACK_S: Final = 0.4
"""How far the times of two hearings may be apart."""
_AFTER_WORDS: Final = 5
_TURN_WORDS: Final = 3
"""Other words that a turn may hold on each side of its number."""
_TURN_PAUSE_S: Final = 1.0
_SENTENCE_PAUSE_S: Final = 0.4
"""Pause after the end of a sentence with which the other side may begin, on one channel."""
_TURN_REPLY_S: Final = 8.0
_GOES_ON_S: Final = 0.3
_CLOCK_DIGITS: Final = (3, 4)
_CLOCK_WORDS: Final = 2
"""Words from a date to the hour: "at", or "um, at"."""
_HOURS: Final = 24
_MINUTES: Final = 60
_ENDS: Final = (".", "?", "!")


class Surroundings:
    """Looks at the words around the runs of one reading.

    Args:
        tracks: the reading, one track per channel.
        heard: the phrases of all readings, in time order.
        rate: samples per second.
        talk: counts the content words of the reading.
        unexplained: per channel, speech that no word explains.
        announcing: words of the language such as "is" in "… is my card number".
    """

    def __init__(
        self,
        tracks: Sequence[ParsedChannel],
        heard: Sequence[Prompt],
        rate: int,
        talk: Talk,
        unexplained: Sequence[Sequence[Interval]],
        announcing: frozenset[str],
    ) -> None:
        self.tracks = {track.channel: track for track in tracks}
        self.heard = heard
        self._around = [
            prompt
            for prompt in heard
            if prompt.kind in (PromptKind.AMOUNT, PromptKind.PLACE, PromptKind.ASK)
        ]
        self._starts = [prompt.start for prompt in self._around]
        self.rate = rate
        self.talk = talk
        self._unexplained = unexplained
        self._announcing = announcing

    def local(self, run: NumberRun) -> PromptKind | None:
        """The kind of the phrase directly before a run on its channel, in any hearing."""
        nearest: Prompt | None = None
        slack = round(_LOCAL_SLACK_S * self.rate)
        for prompt in self._around[: bisect.bisect_right(self._starts, run.start)]:
            near = prompt.channel == run.channel and -slack <= run.start - prompt.end <= 4 * slack
            if near and (nearest is None or prompt.end >= nearest.end):
                nearest = prompt
        if nearest is None or nearest.kind is PromptKind.ASK:
            return None
        words = self.tracks[run.channel].words
        if run.first and words[run.first - 1].text.rstrip().endswith(_ENDS):
            return None  # "let me turn it over. Seven …": a phrase speaks for its own sentence
        comma = run.first and words[run.first - 1].text.rstrip().endswith(",")
        if comma and nearest.kind is PromptKind.PLACE and run.digit_by_digit:
            return None  # "there is a truck going by, nine nine oh seven"
        said = bisect.bisect_left(words, nearest.end - slack, key=lambda word: word.start)
        return nearest.kind if run.first - said <= _LOCAL_WORDS + 1 else None

    def clock(self, run: NumberRun, local: PromptKind | None) -> bool:
        """Whether a run is a time of day right behind a date: "October 26th at 945"."""
        digits = run.digits
        if (
            local is not PromptKind.PLACE
            or run.characters != digits
            or len(digits) not in _CLOCK_DIGITS
        ):
            return False
        if not (1 <= int(digits[:-2]) <= _HOURS and int(digits[-2:]) < _MINUTES):
            return False
        return any(
            Flag.DATE in other.flags
            and 0 < run.first - other.last <= _CLOCK_WORDS
            and run.start - other.end < _TURN_PAUSE_S * self.rate
            for other in self.tracks[run.channel].runs
        )

    def missing(self, run: NumberRun) -> int:
        """Stretches of speech without a word in or beside a run: a digit each, at least."""
        slack = round(_TURN_PAUSE_S * self.rate)
        return sum(
            1
            for gap in self._unexplained[run.channel]
            if gap.start < run.end + slack and run.start - slack < gap.end
        )

    def turn(self, run: NumberRun) -> tuple[int, int] | None:
        """First and last word of the turn, if the run is most of it and answers the other side."""
        found = self._bounds(run)
        others = [channel for channel in self.tracks if channel != run.channel]
        return found if found and self._said_before(run, found[0], others) else None

    def alone(self, run: NumberRun) -> bool:
        """Whether a run is most of what stands between two pauses, soon after other talk.

        On one channel, where a turn of the other side shows by its pauses only.
        """
        found = self._bounds(run)
        mixed = len(self.tracks) == 1
        return found is not None and mixed and self._said_before(run, found[0], [run.channel])

    def _said_before(self, run: NumberRun, first: int, channels: Sequence[int]) -> bool:
        """Whether there was talk on some of the channels shortly before a word of a run's."""
        begin = self.tracks[run.channel].words[first].start
        since = begin - round(_TURN_REPLY_S * self.rate)
        return any(self.talk.between(since, begin, channel) for channel in channels)

    def _bounds(self, run: NumberRun) -> tuple[int, int] | None:
        """First and last word between the pauses around a run, if there are few others."""
        words = self.tracks[run.channel].words
        first, last = run.first, run.last
        while first > 0 and not self._parts(words[first - 1], words[first]):
            first -= 1
            if run.first - first > _TURN_WORDS:
                return None
        while last + 1 < len(words) and not self._parts(words[last], words[last + 1]):
            last += 1
            if last - run.last > _TURN_WORDS:
                return None
        return first, last

    def _parts(self, before: Word, after: Word) -> bool:
        """Whether the pause between two words parts turns; of two sides it may be shorter."""
        ends = len(self.tracks) == 1 and before.text.rstrip().endswith(_ENDS)
        pause = _SENTENCE_PAUSE_S if ends else _TURN_PAUSE_S
        return after.start - before.end >= round(pause * self.rate)

    def goes_on(self, run: NumberRun) -> bool:
        """Whether the speaker goes straight on with a word after the run."""
        words = self.tracks[run.channel].words
        if run.last + 1 >= len(words):
            return False
        closes = words[run.last].text.rstrip().endswith((".", ",", "!", "?"))
        return (
            not closes and words[run.last + 1].start - words[run.last].end < _GOES_ON_S * self.rate
        )

    def announced_after(self, run: NumberRun) -> Entity | None:
        """What "is my card number" after the digits says that they are."""
        track = self.tracks[run.channel]
        place = bisect.bisect_right(track.prompts, run.last, key=lambda prompt: prompt.first)
        if place >= len(track.prompts):
            return None
        prompt = track.prompts[place]
        if prompt.kind is not PromptKind.ASK or prompt.first - run.last > _AFTER_WORDS:
            return None
        between = track.words[run.last + 1 : prompt.first]
        said = self._announcing.intersection(bare(word.text, "¡¿") for word in between)
        numeric = prompt.entity is not None and prompt.entity is not Entity.PERSON
        return prompt.entity if said and numeric else None


def cut(
    track: ParsedChannel, asked: Sequence[Prompt], references: Sequence[Prompt]
) -> list[NumberRun]:
    """Runs of a channel, cut where the other side asks for something else in between."""
    cuts = sorted(
        prompt.start
        for prompt in [*asked, *references]
        if prompt.channel != track.channel and prompt.kind is not PromptKind.TOPIC
    )
    pieces: list[NumberRun] = []
    for run in track.runs:
        rest = run.parts
        for cut in cuts[bisect.bisect_right(cuts, run.start) :]:
            if cut >= run.parts[-1].word.start:
                break
            at = next(i for i, part in enumerate(rest) if part.word.start >= cut)
            if any(part.digits or part.letters for part in rest[:at]):
                pieces.append(NumberRun(run.channel, rest[:at]))
            rest = rest[at:]
        if any(part.digits or part.letters for part in rest):
            pieces.append(run if rest is run.parts else NumberRun(run.channel, rest))
    return pieces
