"""What a reader finds in openings that are said as calls, and in ordinary calls: sums."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from benchmarks.consent.learning import is_about_recording
from benchmarks.consent.texts import Opening, Turn, heard, openings
from pipeline.consent.decision import Setting, decide
from pipeline.consent.loading import shipped_rules
from pipeline.consent.spoken import PAUSE_S, Reads, Said, Spoken, Utterance
from pipeline.evaluation.corpora.labelled_texts import LabelledCase
from pipeline.records.consent import Answer, Consent, Evidence, Kind
from pipeline.records.model import Role, WindowTranscript, Word

_RATE: Final = 8_000
_WORD_MS: Final = 150
_BETWEEN_MS: Final = 300
_CHANNELS: Final = (Role.AGENT, Role.CUSTOMER)
_ANSWERS: Final = (Said.YES, Said.NO)

Laid = Sequence[tuple[Turn, int]]
"""Turns, and the word before which one pauses; 0: nowhere."""

Sums = Counter[tuple[str, str, bool, bool]]
"""Openings by language, what is asked for, whether it is in them, and whether it was found."""


def spoken(turns: Laid, reads: Reads, language: str) -> Spoken:
    """A call in which the turns are said, a word in 150 ms."""
    call = Spoken(_CHANNELS, _RATE, language, reads)
    at = 0
    words: list[Word] = []
    for turn, pause in turns:
        for number, text in enumerate(turn.text.split()):
            if pause and number == pause:
                at += int((PAUSE_S + 0.4) * _RATE)
            end = at + _WORD_MS * _RATE // 1_000
            channel = 1 if turn.role is Role.CUSTOMER else 0
            words.append(Word(channel, at, end, text))
            at = end
        at += _BETWEEN_MS * _RATE // 1_000
    for channel in range(2):
        own = tuple(word for word in words if word.channel == channel)
        call.take(WindowTranscript("call", 0, channel, 0, at, own, heard_until=at))
    call.finish()
    return call


def plainly(one: Opening) -> Laid:
    """As it is written."""
    return [(turn, 0) for turn in one.turns]


def cut(one: Opening) -> Laid:
    """Every turn with a pause in the middle of it, so that it becomes two utterances."""
    rng = random.Random(one.turns[0].text)
    laid = []
    for turn in one.turns:
        count = len(turn.text.split())
        laid.append((turn, rng.randint(2, count - 2) if count > 3 else 0))
    return laid


def misheard(one: Opening) -> Laid:
    """As a recogniser prints it: lower case, no punctuation, 5 % of the words wrong."""
    rng = random.Random(one.turns[0].text)
    words = " ".join(turn.text for turn in one.turns).lower().split()
    return [(Turn(t.role, heard(t.text, rng, words, 0.05), t.labels), 0) for t in one.turns]


LAID: Final[Mapping[str, Callable[[Opening], Laid]]] = {
    "written": plainly, "cut": cut, "misheard": misheard,
}  # fmt: skip


class Noting:
    """Notes every label that a reader finds."""

    def __init__(self, reads: Reads) -> None:
        self._reads, self.noted = reads, set[Said]()

    def __call__(
        self, utterance: Utterance, before: Sequence[Utterance], language: str
    ) -> Mapping[Said, float]:
        """As the reader."""
        found = self._reads(utterance, before, language)
        self.noted |= set(found)
        return found


def _evidence(call: Spoken) -> set[str]:
    """What a call has of evidence: it was told, a withdrawal, the last answer."""
    kinds = {one.kind for one in call.evidence}
    given = {one.answer for one in call.evidence}
    answers = [one.answer for one in call.evidence if one.answer in {Answer.YES, Answer.NO}]
    found = {"told"} if Kind.NOTICE_SPOKEN in kinds else set()
    found |= {"withdraw"} if Answer.WITHDRAWN in given else set()
    return found | ({answers[-1].value} if answers and answers[-1] else set())


def _truth(one: Opening) -> set[str]:
    """The same, as it is labelled."""
    answers = [label for turn in one.turns for label in turn.labels if label in _ANSWERS]
    found = {each.value for each in Said if each not in _ANSWERS and one.has(each)}
    found |= {answers[-1].value} if answers else set()
    if one.has(Said.NOTICE) or (one.has(Said.ASK) and Said.YES in found):
        found.add("told")
    return _joined(found)


def _joined(found: set[str]) -> set[str]:
    """With what is asked for together."""
    more = {"notice or ask"} if found & {"notice", "ask"} else set()
    return found | more | ({"no or withdraw"} if found & {"no", "withdraw"} else set())


ASKED_FOR: Final = (
    "notice", "notice or ask", "told", "ask", "yes", "no", "no or withdraw", "withdraw", "pause",
    "resume", "yes for no", "no for yes",
)  # fmt: skip
"""``told``: evidence of a disclosure, by itself or by a question that was answered with yes."""


def measured(texts: Iterable[Opening], reads: Reads, lay: Callable[[Opening], Laid]) -> Sums:
    """What is found in openings."""
    sums: Sums = Counter()
    for one in texts:
        noting = Noting(reads)
        call = spoken(lay(one), noting, one.language)
        noted = {each.value for each in noting.noted - {Said.YES, Said.NO, Said.WITHDRAW}}
        found, truth = _joined(_evidence(call) | noted), _truth(one)
        for name in ASKED_FOR[:-2]:
            sums[one.language, name, name in truth, name in found] += 1
        for wrong, right in (("yes", "no"), ("no", "yes")):
            if right in truth:
                sums[one.language, f"{wrong} for {right}", True, wrong in found] += 1
    return sums


def alarms(cases: Iterable[LabelledCase], reads: Reads) -> Counter[str]:
    """What is found in ordinary calls that don't mention recording."""
    sums: Counter[str] = Counter()
    for case in cases:
        turns = [Turn(turn.role, turn.text) for turn in case.turns]
        if any(is_about_recording(turn.text) for turn in turns):
            sums["left out"] += 1
            continue
        sums["calls"] += 1
        call = spoken([(turn, 0) for turn in turns], reads, case.language)
        sums.update(_evidence(call))
        sums["pause"] += bool(call.paused(call.horizon))
    return sums


def cost(reads: Reads) -> float:
    """Milliseconds of reading what is said in five minutes."""
    turns = [turn for one in openings("tune") for turn in one.turns][: 5 * 60 // 3]
    laid = [(turn, 0) for turn in turns]
    spoken(laid, reads, "en")
    started = time.process_time()
    for _ in range(5):
        spoken(laid, reads, "en")
    return (time.process_time() - started) * 1_000 / 5


def cost_of_deciding() -> float:
    """Milliseconds of one decision."""
    wanted = shipped_rules().holding(["US-CA", "DE"], date(2026, 11, 1))
    told = (Evidence(Kind.NOTICE_SPOKEN, at_ms=2_000), Evidence(Kind.SPOKEN, answer=Answer.YES))
    call, setting = Consent(("US-CA", "DE")), Setting()
    started = time.perf_counter()
    for _ in range(1_000):
        decide(wanted, call, told, setting=setting)
    return time.perf_counter() - started
