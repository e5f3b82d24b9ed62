"""Learns the consent reader's weights, and measures what it finds of what is said about recording.

    python -m benchmarks.consent train
    python -m benchmarks.consent measure

``train`` writes the weights beside the catalogue and pins their hash there. ``measure`` reads the
openings that nothing has learnt from as calls, and prints sums.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from benchmarks.consent.learning import Learning, is_about_recording
from benchmarks.consent.texts import Opening, Turn, heard, openings
from benchmarks.reader.learn import held, tune
from models.consent.reader import FILE, MODEL, load_consent_reader, packed
from pipeline.consent.decision import Setting, decide
from pipeline.consent.loading import shipped_rules
from pipeline.consent.spoken import PAUSE_S, Reads, Said, Spoken, Utterance
from pipeline.evaluation.figures.statistics import wilson
from pipeline.records.consent import Answer, Consent, Evidence, Kind
from pipeline.records.model import Role, WindowTranscript, Word

WEIGHTS: Final = Path("models/consent/weights")
_CATALOGUE: Final = Path("models/store/catalogue.yaml")
_RATE: Final = 8_000
_WORD_MS: Final = 150
_BETWEEN_MS: Final = 300
_CHANNELS: Final = (Role.AGENT, Role.CUSTOMER)

Laid = Sequence[tuple[Turn, int]]
"""Turns, and the word before which one pauses; 0: nowhere."""


def train(seed: int) -> None:
    """Learn the weights and pin them."""
    older, younger = tune()

    def tell(line: str) -> None:
        print(line, flush=True)

    data = packed(*Learning([*older, *younger], seed, tell).all())
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    (WEIGHTS / FILE).write_bytes(data)
    pin(data)


def pin(data: bytes) -> None:
    """Write the hash of the weights into the catalogue."""
    digest = hashlib.sha256(data).hexdigest()
    before, mark, entry = _CATALOGUE.read_text("utf-8").partition(f"  - id: {MODEL}\n")
    entry = re.sub(r"bytes: \d+", f"bytes: {len(data)}", entry, count=1)
    entry = re.sub(rf'{FILE}: "[0-9a-f]*"', f'{FILE}: "{digest}"', entry, count=1)
    _CATALOGUE.write_text(before + mark + entry, "utf-8")
    print(f"{FILE}: {len(data)} bytes, sha256 {digest}")


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


def found_in(call: Spoken) -> set[str]:
    """What was found: a notice, a withdrawal, the last answer, pauses and their ends."""
    found = set()
    for one in call.evidence:
        if one.kind is Kind.NOTICE_SPOKEN:
            found.add("notice")
        elif one.answer is Answer.WITHDRAWN:
            found.add("withdraw")
    answers = [one.answer for one in call.evidence if one.answer in {Answer.YES, Answer.NO}]
    if answers:
        found.add("yes" if answers[-1] is Answer.YES else "no")
    return found


class _Noting:
    """Notes every label that a reader finds."""

    def __init__(self, reads: Reads) -> None:
        self._reads, self.noted = reads, set[Said]()

    def __call__(
        self, utterance: Utterance, before: Utterance | None, language: str
    ) -> Mapping[Said, float]:
        found = self._reads(utterance, before, language)
        self.noted |= set(found)
        return found


def measured(
    texts: Iterable[Opening], reads: Reads, lay: Callable[[Opening], Laid]
) -> Counter[tuple[str, str, bool, bool]]:
    """Openings by language, what is asked for, whether it is in them, and whether it was found."""
    sums: Counter[tuple[str, str, bool, bool]] = Counter()
    for one in texts:
        noting = _Noting(reads)
        call = spoken(lay(one), noting, one.language)
        found = found_in(call)
        found |= {
            each.value for each in (Said.ASK, Said.PAUSE, Said.RESUME) if each in noting.noted
        }
        last = [
            label for turn in one.turns for label in turn.labels if label in {Said.YES, Said.NO}
        ]
        for label in Said:
            told = last[-1:] == [label] if label in {Said.YES, Said.NO} else one.has(label)
            sums[one.language, label, told, label.value in found] += 1
            if label is Said.NOTICE and not one.has(Said.ASK):
                sums[one.language, "notice, unasked", told, "notice" in found] += 1
        refused = one.has(Said.NO) or one.has(Said.WITHDRAW)
        sums[one.language, "no or withdraw", refused, bool(found & {"no", "withdraw"})] += 1
        if Said.YES in last and last[-1] is Said.YES:
            sums[one.language, "no for yes", True, "no" in found] += 1
        if last[-1:] == [Said.NO]:
            sums[one.language, "yes for no", True, "yes" in found] += 1
    return sums


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


def false_alarms(reads: Reads, most: int) -> Counter[str]:
    """What is found in ordinary calls of the held halves that don't mention recording."""
    sums: Counter[str] = Counter()
    for cases in held().values():
        for case in random.Random(0).sample(cases, min(most, len(cases))):
            turns = [Turn(turn.role, turn.text) for turn in case.turns]
            if any(is_about_recording(turn.text) for turn in turns):
                sums["left out"] += 1
                continue
            sums["calls"] += 1
            call = spoken([(turn, 0) for turn in turns], reads, case.language)
            sums.update(found_in(call))
            sums["pause"] += bool(call.paused(call.horizon))
    return sums


def _line(name: str, sums: Counter[tuple[str, str, bool, bool]], language: str, label: str) -> str:
    parts = []
    for told in (True, False):
        by = {
            found: sum(
                count
                for (one, other, is_told, is_found), count in sums.items()
                if other == label and is_told is told and is_found is found
                and language in {one, "both"}
            )
            for found in (True, False)
        }  # fmt: skip
        hits, all_ = by[True], by[True] + by[False]
        share = wilson(hits, all_)
        interval = f"({100 * share.low:.1f}-{100 * share.high:.1f})"
        parts.append(f"{hits:4d}/{all_:<4d} {100 * share.value:5.1f} {interval:12s}")
    return f"  {name:9s} {language:5s} {label:16s} {parts[0]}  {parts[1]}"


def measure(half: str) -> None:
    """Print what is found."""
    reads = load_consent_reader()
    texts = openings(half)
    print(
        f"{len(texts)} openings of {half}: found where it is, and where it isn't (95 % intervals)"
    )
    labels = [*(label.value for label in Said), "notice, unasked"]
    labels += ["no or withdraw", "yes for no", "no for yes"]
    for name, lay in (("written", plainly), ("cut", cut), ("misheard", misheard)):
        sums = measured(texts, reads, lay)
        for label in labels:
            for language in ("en", "es", "both"):
                print(_line(name, sums, language, label))
    alarms = false_alarms(reads, 1_500)
    print("ordinary calls of the held halves:", dict(alarms))
    print(f"reading 5 minutes: {_cost(reads):.1f} ms; deciding: {_cost_of_deciding():.3f} ms")


def _cost(reads: Reads) -> float:
    """Milliseconds of reading what is said in five minutes."""
    turns = [turn for one in openings("tune") for turn in one.turns][: 5 * 60 // 3]
    laid = [(turn, 0) for turn in turns]
    spoken(laid, reads, "en")
    started = time.perf_counter()
    for _ in range(5):
        spoken(laid, reads, "en")
    return (time.perf_counter() - started) * 1_000 / 5


def _cost_of_deciding() -> float:
    """Milliseconds of one decision."""
    wanted = shipped_rules().holding(["US-CA", "DE"], date(2026, 11, 1))
    told = (Evidence(Kind.NOTICE_SPOKEN, at_ms=2_000), Evidence(Kind.SPOKEN, answer=Answer.YES))
    call, setting = Consent(("US-CA", "DE")), Setting()
    started = time.perf_counter()
    for _ in range(1_000):
        decide(wanted, call, told, setting=setting)
    return time.perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Learn and measure the consent reader.")
    commands = parser.add_subparsers(dest="command", required=True)
    learning = commands.add_parser("train", help="learn the weights and pin them")
    learning.add_argument("--seed", type=int, default=0)
    measuring = commands.add_parser("measure", help="print what is found, and what it costs")
    measuring.add_argument("--half", choices=("tune", "held"), default="held")
    options = parser.parse_args(arguments)
    if options.command == "train":
        train(options.seed)
    else:
        measure(options.half)


if __name__ == "__main__":
    main()
