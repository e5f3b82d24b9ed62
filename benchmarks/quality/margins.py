"""What each margin and each rule costs of harmless speech, and what it keeps silent.

    python -m benchmarks.quality.margins [--calls DIR …] [--fresh 16] [--seed 1] [--out DIR]

The calls' truth is known. Each is listened to and searched once; then its findings are muted again
and again, each time with a part of them or of the policy's margins left out. Harmless speech counts
as in ``hushwire evaluate``: beyond 200 ms around what is sensitive. Three tables for every set:

- **Where it goes**: the margins added one after the other, from the spans cut down to what is
  sensitive in them, over the words' times as they were heard, to what the policy silences. Each
  row's speech is what it adds.
- **Without one margin**, and **without one rule**: all that is silenced today but for this.

Verification is left out: it adds what it hears in what is left. ``--fresh`` makes calls that
nobody has seen, by a seed; it needs the voices of ``make samples``. Exit code 1 where a digit of a
card, security code or social security number is audible today.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from agents.app.evaluation.run_calls import read_manifest
from benchmarks.calls.corpus import SAMPLES, plan_at, write
from benchmarks.quality.muting import Case, cases, mute
from benchmarks.results import finish, stamp
from benchmarks.speech.voices import VoiceError
from pipeline.evaluation.corpora.call_manifest import TruthCall
from pipeline.evaluation.scoring.leak_scoring import CallResult, score_call
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.model import FULL_SCALE, Action, Span

BARE: Final[dict[str, Any]] = {"snap_ms": 0, "merge_ms": 0, "after_silence_ms": 0}
"""Muting without any margin; paddings are 0 too, and no echo is mirrored."""
_PADS: Final = ("pad_before_ms", "pad_after_ms")
Known = tuple[Case, TruthCall]
Change = Callable[[Span], Span | None]


@dataclass(frozen=True, slots=True)
class Price:
    """What one way of muting does to a set of calls."""

    harmless_ms: float = 0.0
    """Harmless speech that is silent, beyond the collar."""
    of_ms: float = 0.0
    digits: int = 0
    """Digits of cards, security codes and social security numbers that can be heard."""
    sensitive_ms: float = 0.0
    """Sensitive speech that can be heard."""
    words: int = 0
    """Sensitive words that can still be made out."""

    @classmethod
    def of(cls, results: Iterable[CallResult]) -> Price:
        """The sum over calls."""
        found = list(results)
        entities = [entity for call in found for entity in call.entities]
        return cls(
            sum(call.harmless_muted_ms for call in found),
            sum(call.harmless_ms for call in found),
            sum(call.audible_digits for call in found),
            sum(entity.audible_ms - entity.silenced_ms for entity in entities),
            sum(word.leaked for entity in entities for word in entity.words),
        )

    def less(self, other: Price) -> dict[str, float]:
        """This one's figures less another's; ``points`` in hundredths of the harmless speech."""
        return {
            "harmless_ms": round(self.harmless_ms - other.harmless_ms),
            "points": round(100 * (self.harmless_ms - other.harmless_ms) / max(1.0, self.of_ms), 3),
            "digits": self.digits - other.digits,
            "sensitive_ms": round(self.sensitive_ms - other.sensitive_ms),
            "words": self.words - other.words,
        }


def within(
    policy: Policy, *, echo: bool = True, pads: Sequence[str] = _PADS, **muting: int
) -> Policy:
    """A policy with some of its margins.

    Args:
        policy: the whole one.
        echo: whether an echo is mirrored.
        pads: which of the two paddings stay.
        muting: milliseconds of the ``muting`` section that differ.
    """
    none = dict.fromkeys(set(_PADS) - set(pads), 0)
    return policy.model_copy(
        update={
            "default": policy.default.model_copy(update=none),
            "entities": {
                name: rule.model_copy(update=none) for name, rule in policy.entities.items()
            },
            "muting": policy.muting.model_copy(update=muting),
            "echo": policy.echo if echo else policy.echo.model_copy(update={"mode": "never"}),
        }
    )


def priced(known: Known, policy: Policy, change: Change = lambda span: span) -> CallResult:
    """Mute one call and compare it with the truth.

    Args:
        known: the call.
        policy: its margins.
        change: what becomes of a span; None leaves it out.
    """
    case, truth = known
    findings = []
    for one in case.findings:
        spans = [span if span.action is not Action.MUTE else change(span) for span in one.spans]
        by = None if one.detection is None else replace(one.detection, policy=policy.digest)
        kept = tuple(span for span in spans if span is not None)
        findings.append(replace(one, spans=kept, detection=by))
    after, _ = mute(replace(case, findings=tuple(findings)), policy)
    before = case.pcm / FULL_SCALE
    return score_call(truth, before, after / FULL_SCALE, case.call.sample_rate)


def touched(known: Known, span: Span) -> tuple[int, int] | None:
    """First sample and sample after the last of what is sensitive and overlaps with a span."""
    case, truth = known
    rate = case.call.sample_rate / 1_000
    words = [
        (int(word.start_ms * rate), int(word.end_ms * rate))
        for entity in truth.entities
        if truth.channels[span.channel] == entity.channel
        for word in entity.words
        if word.start_ms * rate < span.end and span.start < word.end_ms * rate
    ]
    return (min(low for low, _ in words), max(high for _, high in words)) if words else None


def steps(calls: Sequence[Known], policy: Policy) -> list[tuple[str, Price]]:
    """The margins added one after the other; each price is of all up to it."""
    bare = within(policy, echo=False, pads=(), **BARE)
    padded = within(policy, echo=False, **BARE)
    after = policy.muting.after_silence_ms
    snapped = within(policy, echo=False, merge_ms=0, after_silence_ms=after)

    def cut(known: Known, *, early: bool, late: bool, false: bool) -> Change:
        def changed(span: Span) -> Span | None:
            place = touched(known, span)
            if place is None:
                return span if false else None
            start = span.start if early else max(span.start, place[0])
            end = span.end if late else min(span.end, place[1])
            return replace(span, start=start, end=end)

        return changed

    def part(*, early: bool, late: bool, false: bool) -> Price:
        return Price.of(
            priced(known, bare, cut(known, early=early, late=late, false=false)) for known in calls
        )

    before = within(policy, echo=False, pads=_PADS[:1], **BARE)
    return [
        ("between the words of a value", part(early=False, late=False, false=False)),
        ("words heard too early", part(early=True, late=False, false=False)),
        ("words heard too late", part(early=True, late=True, false=False)),
        ("spans over nothing sensitive", part(early=True, late=True, false=True)),
        ("padding before", Price.of(priced(known, before) for known in calls)),
        ("padding after", Price.of(priced(known, padded) for known in calls)),
        ("moved to a quiet moment", Price.of(priced(known, snapped) for known in calls)),
        ("merged", Price.of(priced(known, within(policy, echo=False)) for known in calls)),
        ("mirrored as an echo", Price.of(priced(known, policy) for known in calls)),
    ]


def margins(calls: Sequence[Known], policy: Policy) -> list[tuple[str, Price]]:
    """All that is silenced, each time without one margin."""
    less = {
        "padding before": within(policy, pads=_PADS[1:]),
        "padding after": within(policy, pads=_PADS[:1]),
        "moving to a quiet moment": within(policy, snap_ms=0),
        "merging": within(policy, merge_ms=0),
        "mirroring an echo": within(policy, echo=False),
    }
    return [(name, Price.of(priced(known, one) for known in calls)) for name, one in less.items()]


def rules(calls: Sequence[Known], policy: Policy) -> list[tuple[str, int, Price]]:
    """All that is silenced, each time without the spans of one rule; and how many it has."""
    names = [span.recognizer for case, _ in calls for span in case.spans]
    now = [priced(known, policy) for known in calls]
    found = []
    for name in sorted(set(names), key=lambda one: (-names.count(one), one)):
        results = [
            priced(known, policy, _without(name))
            if any(span.recognizer == name for span in known[0].spans)
            else before
            for known, before in zip(calls, now, strict=True)
        ]
        found.append((name, names.count(name), Price.of(results)))
    return found


def _without(name: str) -> Change:
    return lambda span: None if span.recognizer == name else span


def measure(calls: Sequence[Known], policy: Policy) -> dict[str, Any]:
    """All three tables of a set of calls."""
    now = Price.of(priced(known, policy) for known in calls)
    added, last = [], Price(of_ms=now.of_ms)
    for name, price in steps(calls, policy):
        added.append({"name": name, **price.less(last), "audible": price.digits})
        last = price
    return {
        "calls": len(calls),
        "harmless_ms": now.of_ms,
        "muted_ms": now.harmless_ms,
        "share": now.harmless_ms / max(1.0, now.of_ms),
        "digits": now.digits,
        "sensitive_ms": now.sensitive_ms,
        "words": now.words,
        "steps": added,
        "margins": [{"name": n, **price.less(now)} for n, price in margins(calls, policy)],
        "rules": [
            {"name": n, "spans": count, **price.less(now)}
            for n, count, price in rules(calls, policy)
        ],
    }


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [f"{result['machine']}; {result['when']}."]
    for name, one in result["sets"].items():
        lines += [
            "",
            f"## {name}: {one['calls']} calls",
            "",
            (
                f"Of {one['harmless_ms'] / 1_000:.0f} s of harmless speech "
                f"{100 * one['share']:.2f} % is silent; {one['digits']} digits, "
                f"{one['words']} sensitive words and {one['sensitive_ms']:.0f} ms are audible."
            ),
            "",
            "| where it goes | harmless s | points | digits audible so far |",
            "|---|---|---|---|",
            *(
                f"| {row['name']} | {row['harmless_ms'] / 1_000:.2f} | {row['points']:.2f} "
                f"| {row['audible']} |"
                for row in one["steps"]
            ),
        ]
        for title, rows in (("margin", one["margins"]), ("rule", one["rules"])):
            lines += [
                "",
                (
                    f"| without this {title} | spans | harmless s | points | digits audible "
                    "| words | sensitive ms |"
                ),
                "|---|---|---|---|---|---|---|",
                *(
                    f"| {row['name']} | {row.get('spans', '')} | {row['harmless_ms'] / 1_000:.2f} "
                    f"| {row['points']:.2f} | {row['digits']:+} | {row['words']:+} "
                    f"| {row['sensitive_ms']:+} |"
                    for row in rows
                ),
            ]
    return "\n".join(lines) + "\n"


def known_calls(folder: Path, policy: Policy) -> list[Known]:
    """Listen to every call of a folder with a manifest and search it.

    Raises:
        HushwireError: a recording, the manifest or a model is unusable.
    """
    truth = read_manifest(folder / "manifest.jsonl")
    return list(zip(cases(folder, policy), truth, strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure what margins and rules cost.")
    parser.add_argument("--calls", type=Path, nargs="*", default=[SAMPLES])
    parser.add_argument("--fresh", type=int, default=0, help="so many more calls, made by a seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--policy", default="default")
    parser.add_argument("--out", type=Path, default=Path("build/bench-margins"))
    options = parser.parse_args(arguments)
    policy = load_policy(options.policy)
    sets = {folder.name: measure(known_calls(folder, policy), policy) for folder in options.calls}
    if options.fresh:
        with tempfile.TemporaryDirectory() as folder:
            try:
                write([plan_at(n, options.seed) for n in range(options.fresh)], Path(folder))
            except VoiceError as error:
                print(f"no fresh calls: {error}", file=sys.stderr)
                return 2
            name = f"fresh calls of seed {options.seed}"
            sets[name] = measure(known_calls(Path(folder), policy), policy)
    finish(options.out, "result", {**stamp(), "sets": sets}, page({**stamp(), "sets": sets}))
    return 1 if any(one["digits"] for one in sets.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
