"""What is said about the recording itself: the disclosure, a yes or no, a withdrawal, a pause.

Words become utterances, one after another over all channels; a ``Reads`` says what each is for;
what that means depends on what was asked before. It reads as far as every channel was listened to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from pipeline.records.consent import Answer, Evidence, Kind, Party
from pipeline.records.model import Hearing, Interval, Role, WindowTranscript, Word

PAUSE_S: Final = 1.0
"""A longer pause ends an utterance."""
MOST_WORDS: Final = 80
LONG: Final = 40
"""Words after which an utterance ends with a sentence."""
LOOKED_BACK: Final = 2
"""Utterances before one that it is read behind: an answer may stand behind a question back."""
ANSWERED_S: Final = 20.0
"""How long a question about recording is open."""
MOST_ALIKE: Final = 8
"""Notices, or answers of one sort, that are kept of a call: the first ones decide."""


class Said(StrEnum):
    """What an utterance is for."""

    NOTICE = "notice"
    ASK = "ask"
    YES = "yes"
    NO = "no"
    WITHDRAW = "withdraw"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one channel says until it pauses or another speaks."""

    role: Role
    start: int
    """Call sample."""
    end: int
    text: str = field(repr=False)


class Reads(Protocol):
    """Says what an utterance is for."""

    def __call__(
        self, utterance: Utterance, before: Sequence[Utterance], language: str
    ) -> Mapping[Said, float]:
        """The probability of each, and only of those that count as said.

        Args:
            utterance: the utterance.
            before: what was said before it, by whomever: ``LOOKED_BACK`` utterances at most, the
                last one last.
            language: of the call.
        """
        ...


class Spoken:
    """Reads one call; ``evidence`` grows with what is heard.

    Args:
        roles: who speaks, by channel.
        sample_rate: Hz of the call.
        language: of the call.
        reads: see ``Reads``.
        longest_pause_s: how long the agent may pause the recording.
    """

    def __init__(
        self,
        roles: Sequence[Role],
        sample_rate: int,
        language: str,
        reads: Reads,
        longest_pause_s: int = 180,
    ) -> None:
        self._longest_pause = longest_pause_s * sample_rate
        self._roles, self._rate, self._language, self._reads = roles, sample_rate, language, reads
        self._words: list[Word] = []
        self._until = [0] * len(roles)
        self._open: deque[Word] = deque()
        self._before: deque[Utterance] = deque(maxlen=LOOKED_BACK)
        self._asked: tuple[int, int, float] | None = None
        """When somebody began to ask in ms, the sample where the question ends, how sure it is."""
        self._told_at: int | None = None
        self.evidence: list[Evidence] = []
        self._paused: list[Interval] = []
        self._pausing_since: int | None = None

    @property
    def horizon(self) -> int:
        """The sample up to which every channel was listened to."""
        return min(self._until)

    def paused(self, until: int) -> list[Interval]:
        """Samples during which the agent says that nothing is recorded, as far as ``until``."""
        since = self._pausing_since
        return [*self._paused, *([] if since is None else [self._pause(since, max(since, until))])]

    @property
    def judged_until(self) -> int:
        """The sample before which everything that was said is judged."""
        return self._open[0].start if self._open else self.horizon

    def take(self, transcript: WindowTranscript) -> None:
        """Add a window; windows come in the order of their numbers."""
        self._words += [word for word in transcript.words if word.hearing is Hearing.MAIN]
        until = self._until[transcript.channel]
        self._until[transcript.channel] = max(until, transcript.heard_until)
        self._read(self.horizon, final=False)

    def finish(self) -> None:
        """Read what is left: the call is over."""
        self._read(max([self.horizon, *(word.end for word in self._words)]) + 1, final=True)

    def _read(self, horizon: int, *, final: bool) -> None:
        ready = sorted(
            (word for word in self._words if word.end <= horizon), key=lambda word: word.start
        )
        self._words = [word for word in self._words if word.end > horizon]
        for word in ready:
            if self._ends_before(word):
                self._utter()
            self._open.append(word)
        quiet = self._open and horizon - self._open[-1].end > PAUSE_S * self._rate
        if final or quiet:
            self._utter()

    def _ends_before(self, word: Word) -> bool:
        """Whether a word begins another utterance than the one that is open."""
        if not self._open:
            return False
        last = self._open[-1]
        paused = word.start - last.end > PAUSE_S * self._rate
        sentence = last.text.rstrip().endswith((".", "?", "!"))
        full = len(self._open) >= (LONG if sentence else MOST_WORDS)
        return word.channel != last.channel or paused or full

    def _utter(self) -> None:
        if not self._open:
            return
        words = list(self._open)
        self._open.clear()
        text = " ".join(word.text.strip() for word in words)
        role = self._roles[words[0].channel]
        uttered = Utterance(role, words[0].start, max(word.end for word in words), text)
        self._judge(uttered, self._reads(uttered, tuple(self._before), self._language))
        self._before.append(uttered)

    def _judge(self, said: Utterance, found: Mapping[Said, float]) -> None:
        """What an utterance means after what was said before it."""
        ours, theirs = said.role is not Role.CUSTOMER, said.role is not Role.AGENT
        open_question = self._asked is not None and self._recent(self._asked[1], said)
        asked = open_question or self._recent(self._told_at, said)
        if theirs and Said.WITHDRAW in found:
            self._answer(Answer.WITHDRAWN, said, found[Said.WITHDRAW])
        elif theirs and Said.NO in found and asked:
            self._answer(Answer.NO, said, found[Said.NO])
        elif theirs and Said.YES in found and open_question:
            self._tell()
            self._answer(Answer.YES, said, found[Said.YES])
            self._asked = None
        if ours and Said.NOTICE in found:
            certainty = round(found[Said.NOTICE], 3)
            self._add(Evidence(Kind.NOTICE_SPOKEN, at_ms=self._ms(said.start), certainty=certainty))
            self._told_at = said.end
        if ours and Said.ASK in found:
            certainty = round(found[Said.ASK], 3)
            self._asked = (self._ms(said.start), said.end, certainty)
        since = self._pausing_since
        # What is said beside the words that pause or resume may belong to what is paused.
        if ours and Said.PAUSE in found:
            if since is not None and said.start - since > self._longest_pause:
                self._paused.append(self._pause(since, said.start))
                since = None
            self._pausing_since = said.start if since is None else since
        elif ours and Said.RESUME in found and since is not None:
            self._paused.append(self._pause(since, said.end))
            self._pausing_since = None

    def _pause(self, since: int, until: int) -> Interval:
        """A pause, no longer than it may be."""
        return Interval(since, min(until, since + self._longest_pause))

    def _recent(self, at: int | None, said: Utterance) -> bool:
        return at is not None and said.start - at <= ANSWERED_S * self._rate

    def _tell(self) -> None:
        """Who agrees to being asked about recording was told of it by the question."""
        if self._asked is not None and not any(one.is_notice for one in self.evidence):
            at, _, certainty = self._asked
            self._add(Evidence(Kind.NOTICE_SPOKEN, at_ms=at, certainty=certainty))

    def _answer(self, answer: Answer, said: Utterance, certainty: float) -> None:
        at = self._ms(said.start)
        self._add(Evidence(Kind.SPOKEN, Party.CUSTOMER, answer, at, certainty=round(certainty, 3)))

    def _add(self, one: Evidence) -> None:
        """Keep a piece of evidence; of each sort no more than a call's record may hold."""
        alike = [each for each in self.evidence if each.answer is one.answer]
        if len(alike) < MOST_ALIKE:
            self.evidence.append(one)

    def _ms(self, sample: int) -> int:
        return sample * 1_000 // self._rate
