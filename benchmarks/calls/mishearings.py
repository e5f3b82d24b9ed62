"""What detection makes of hearings that disagree: digits audible, and harmless numbers silent.

    python -m benchmarks.calls.mishearings [--calls 1500] [--seed 1] [--policy default]

A scripted call has one or two places at which the recognisers mishear; here each call is one. No
sound is made: somebody asks for a number, and what the main model, the second model and the second
listening write of the answer is drawn by chance. Each loses digits, joins them to figures, doubles
them, writes words that sound alike, is unsure and misplaces them, in its own way. What no word
explains is stated as the transcriber states it. Beside it stands what detection makes of the main
hearing alone, as if the other models were not there. The same seed gives the same calls.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.results import finish, stamp
from benchmarks.speech.spoken import DIGITS
from models.detection.detector import Detector
from pipeline.detection.hypotheses.fusion import read
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.policy.loading import load_policy
from pipeline.records.intervals import (
    length,
    merge_intervals,
    subtract_intervals,
    uncovered,
)
from pipeline.records.model import (
    Action,
    CallEnd,
    CallInfo,
    Hearing,
    Interval,
    Role,
    WindowTranscript,
    Word,
)
from pipeline.transcription.word_timing import plausible

RATE: Final = 8_000
INFO: Final = CallInfo("made-up", RATE, (Role.AGENT, Role.CUSTOMER))
ASKED: Final = {
    "What is your card number?": 16,
    "Can I have the security code?": 3,
    "What is your PIN?": 4,
    "What is your date of birth, please?": 8,
    "What is your account number?": 8,
    "What is your social security number?": 9,
}
"""Questions for what has to be silent, and how many digits their answers have."""
HARMLESS: Final = {
    "What is the order number?": 7,
    "And the tracking number, please?": 10,
    "Which flight number is it?": 3,
    "What does the meter say?": 5,
}
_ALIKE: Final = {
    "0": ("Oh", "O", "no"),
    "1": ("won", "and", "on"),
    "2": ("to", "too", "do", "you"),
    "3": ("free", "tree", "the"),
    "4": ("for", "or", "full"),
    "5": ("fine", "by", "I"),
    "6": ("sex", "sick", "it"),
    "7": ("heaven", "even"),
    "8": ("ate", "A", "hey"),
    "9": ("mine", "nein", "night"),
}
"""What recognisers write for a digit."""
_BEFORE: Final = ("", "yes it is", "sure um", "okay", "it's")
_AFTER: Final = ("", "okay", "thank you", "that is it")
_PADDED: Final = round(0.06 * RATE)
"""What muting adds at both ends of a span."""
_LEAST: Final = round(0.2 * RATE)
"""The shortest sound that the transcriber states as unexplained."""
_WORD_S: Final = 0.28


@dataclass(frozen=True, slots=True)
class Call:
    """An answer as it was said, and it and its question as they were heard."""

    digits: tuple[Interval, ...]
    windows: tuple[WindowTranscript, ...]

    @property
    def end(self) -> CallEnd:
        """Its end."""
        return CallEnd(INFO.call_id, 1, max(window.heard_until for window in self.windows))


@dataclass(frozen=True, slots=True)
class _Ear:
    """How one decode mishears: chances for each digit, and in seconds."""

    hearing: Hearing
    lost: float
    alike: float
    joined: float
    doubled: float
    unsure: float
    apart_s: float

    def of(self, digits: Sequence[tuple[str, Interval]], rng: random.Random) -> Iterator[Word]:
        """What it writes."""
        at = 0
        while at < len(digits):
            joined = rng.choice((2, 3, 4)) if rng.random() < self.joined else 1
            some = digits[at : at + joined]
            at += len(some)
            if rng.random() < self.lost:
                continue
            figures = "".join(digit for digit, _ in some)
            text = rng.choice((figures, DIGITS[int(figures)])) if len(some) == 1 else figures
            if len(some) == 1 and rng.random() < self.alike:
                text = rng.choice(_ALIKE[figures])
            sure = rng.uniform(0, 0.1) if rng.random() < self.unsure else rng.uniform(0.15, 1)
            moved = rng.uniform(-self.apart_s, self.apart_s)
            start = max(0, some[0][1].start + round(moved * RATE))
            end = max(start, some[-1][1].end + round((moved + rng.uniform(0, 0.2)) * RATE))
            number = rng.choice((0.0001, 0.01, 0.3))
            yield Word(1, start, end, text, sure, self.hearing, number)
            if rng.random() < self.doubled:
                again = start + round(0.05 * RATE)
                yield Word(1, again, max(again, end), text, sure, self.hearing, number)


def made_up(question: str, count: int, rng: random.Random) -> Call:
    """A call in which somebody asks, and somebody tells so many digits."""
    asked = [*_said(0, question, 0.5, rng, sure=True)]
    at = max(word.end for word in asked) / RATE + 0.5
    before = [*_said(1, rng.choice(_BEFORE), at, rng)]
    at = max([at, *(word.end / RATE for word in before)]) + 0.05
    digits, pace = [], rng.choice((0.2, 0.25, 0.35, 0.5))
    for number in range(count):
        place = Interval(round(at * RATE), round((at + 0.9 * pace) * RATE))
        digits.append((rng.choice("0123456789"), place))
        at += pace + (rng.choice((0, 0.4)) if number % 4 == 3 else 0)
    words = [*before, *_said(1, rng.choice(_AFTER), at - rng.choice((0, 0.3)), rng)]
    for ear in _ears(rng):
        part = digits
        if ear.hearing is Hearing.AGAIN and rng.random() < 0.5:
            first = rng.randrange(count)
            part = digits[first : rng.randrange(first, count) + 1]
        words += ear.of(part, rng)
    places = tuple(place for _, place in digits)
    return Call(places, _windows(asked, words, places))


def _said(
    channel: int, text: str, at: float, rng: random.Random, *, sure: bool = False
) -> Iterator[Word]:
    """Ordinary words that both models write, nearly always."""
    for number, word in enumerate(text.split()):
        start = round((at + number * _WORD_S) * RATE)
        for hearing in (Hearing.MAIN, Hearing.SECOND):
            if sure or rng.random() < 0.9:
                end = start + round((0.25 if sure else rng.choice((0.25, 0.25, 0.6))) * RATE)
                probability = 0.95 if sure else rng.uniform(0.2, 1)
                yield Word(channel, start, end, word, probability, hearing, 0.0001)


def _ears(rng: random.Random) -> Iterator[_Ear]:
    """Both models, and one to four decodes of the second listening."""
    hard = rng.choice((0.0, 0.1, 0.3))
    for hearing in (Hearing.MAIN, Hearing.SECOND):
        lost = hard + rng.choice((0.0, 0.2, 0.5))
        alike, joined = rng.choice((0.0, 0.1, 0.3)), rng.choice((0.0, 0.2))
        yield _Ear(hearing, lost, alike, joined, rng.choice((0.0, 0.1)), 0.05, 0.12)
    for _ in range(rng.choice((1, 2, 3, 4))):
        lost, alike, joined = (rng.choice((0.0, 0.1)) for _ in range(3))
        unsure, apart_s = rng.choice((0.0, 0.1, 0.4)), rng.choice((0.02, 0.1))
        yield _Ear(Hearing.AGAIN, lost, alike, joined, rng.choice((0.0, 0.2)), unsure, apart_s)


def _windows(
    asked: Sequence[Word], words: list[Word], digits: Sequence[Interval]
) -> tuple[WindowTranscript, ...]:
    """What the transcriber hands on: the question, the answer, and silence on both channels."""
    words.sort(key=lambda word: word.start)
    end = max([digits[-1].end, *(word.end for word in words)]) + RATE
    after = end + 15 * RATE
    told = _speech([*words, *digits])
    answer = WindowTranscript(INFO.call_id, 1, 1, 0, end, tuple(words), told, heard_until=end)
    return (
        WindowTranscript(INFO.call_id, 0, 0, 0, end, tuple(asked), _speech(asked), heard_until=end),
        stated(answer),
        WindowTranscript(INFO.call_id, 2, 0, end, after, heard_until=after),
        WindowTranscript(INFO.call_id, 3, 1, end, after, heard_until=after),
    )


def _speech(parts: Iterable[Word | Interval]) -> tuple[Interval, ...]:
    return tuple(merge_intervals(Interval(part.start, part.end) for part in parts))


def stated(window: WindowTranscript) -> WindowTranscript:
    """A window with what no word of it explains, as the transcriber states it."""
    counts = read(window.words, vocabulary(), RATE)
    covers = [
        plausible(word.text, Interval(word.start, word.end), RATE)
        for word, counted in zip(window.words, counts, strict=True)
        if counted
    ]
    left = uncovered(window.speech, covers, at_least=_LEAST)
    return replace(window, unexplained=tuple(left))


def of_main(call: Call) -> Call:
    """The same, had only the main model listened."""
    windows = [
        replace(window, words=tuple(word for word in window.words if word.hearing is Hearing.MAIN))
        for window in call.windows
    ]
    return replace(call, windows=tuple(map(stated, windows)))


def audible(detector: Detector, call: Call) -> list[bool]:
    """Of each digit, whether more than half of it can be heard."""
    open_call = detector.open(INFO)
    findings = [one for window in call.windows for one in open_call.take(window)]
    findings += open_call.finish(call.end)
    mutes = [
        Interval(max(0, span.start - _PADDED), span.end + _PADDED)
        for one in findings
        for span in one.spans
        if span.action is Action.MUTE and span.channel == 1
    ]
    return [2 * length(subtract_intervals([digit], mutes)) > len(digit) for digit in call.digits]


def measure(detector: Detector, calls: int, seed: int) -> dict[str, Any]:
    """Digits in all and audible, of every question, with all hearings and with the main one."""
    counts: dict[str, Counter[str]] = {question: Counter() for question in (*ASKED, *HARMLESS)}
    for number in range(calls):
        rng = random.Random(f"{seed}/{number}")
        question, count = rng.choice([*ASKED.items(), *HARMLESS.items()])
        call = made_up(question, count, rng)
        counts[question]["digits"] += count
        counts[question]["all"] += sum(audible(detector, call))
        counts[question]["main"] += sum(audible(detector, of_main(call)))
    sums = {
        name: sum((counts[question] for question in group), Counter[str]())
        for name, group in (("sensitive", ASKED), ("harmless", HARMLESS))
    }
    return {"calls": calls, "seed": seed, **sums, "questions": counts}


def page(result: dict[str, Any]) -> str:
    """The figures for people."""
    sensitive, harmless = result["sensitive"], result["harmless"]

    def silent(hearings: str) -> str:
        return f"{100 * (1 - harmless[hearings] / max(1, harmless['digits'])):.1f} %"

    ratio = sensitive["all"] / sensitive["main"] if sensitive["main"] else 1.0
    of, leaked = sensitive["digits"], f"{sensitive['all']} (ratio {ratio:.2f})"
    rows = [
        f"| {question} | {one['digits']} | {one['main']} | {one['all']} |"
        for question, one in result["questions"].items()
    ]
    return "\n".join(
        (
            f"# Hearings that disagree: {result['calls']} made-up calls, seed {result['seed']}",
            "",
            "| | digits | main hearing alone | all hearings |",
            "|---|---|---|---|",
            f"| have to be silent: audible | {of} | {sensitive['main']} | {leaked} |",
            f"| harmless: silent | {harmless['digits']} | {silent('main')} | {silent('all')} |",
            "",
            "| question | digits | audible, main hearing alone | audible, all hearings |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure detection on hearings that disagree.")
    parser.add_argument("--calls", type=int, default=1_500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--policy", default="default")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args(arguments)
    result = measure(Detector(load_policy(options.policy)), options.calls, options.seed)
    finish(options.out, "mishearings", result | stamp(), page(result))


if __name__ == "__main__":
    main()
