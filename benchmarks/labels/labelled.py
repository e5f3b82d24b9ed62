"""The labelled texts: templates and hand-written lines in, cases with every value marked out.

    python -m benchmarks.labels.labelled            writes benchmarks/texts/{tune,held}.jsonl anew
    python -m benchmarks.labels.labelled --check    1 when the files are not what the templates give

The same templates and seed give the same files, byte for byte. See ``benchmarks/texts/README.md``.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import math
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.labels.number_words import number
from benchmarks.labels.values import NUMBERS, Said, Values
from benchmarks.speech.spoken import split
from pipeline.evaluation.corpora.labelled_texts import (
    Label,
    LabelledCase,
    LabelledTurn,
    parse_cases,
)
from pipeline.records.model import Role

TEXTS = Path(__file__).parents[1] / "texts"
HALVES = ("tune", "held")
TALK = (
    "talk_tune", "talk_held", "calls_tune", "calls_held", "desks_tune", "desks_held",
    "asks_tune", "asks_held", "plain_tune", "plain_held",
)  # fmt: skip
"""Dialogues that were written as a whole, not from templates."""
LINES = ("lines_tune", "lines_held")
"""Many more of them; the first ones are most of what the reader learns from."""
FRESH, FRESH_TUNE = "fresh_held", ("fresh_tune", "fresh_spanish")
"""Whole calls, half of them without anything sensitive, that no rule and no weight was made on; and
what is learnt from."""
FRESH_DEV = "fresh_dev"
"""More of them that no weight was made on yet, at which anybody may look."""
SPANISH_HELD = "spanish_held"
"""The same in Spanish."""
HEARD, HEARD_TUNE = "heard_held", "heard_tune"
"""Calls of both as they were heard when they were spoken."""
_COPIES = 4
_LEAST = 16
"""How often a value comes at least, so that a figure of it means something."""
_SLOT = re.compile(r"\{([a-z0-9]+(?:_spelled|_short)?)(?:_(turns|readback))?(?::([a-z]+))?\}")
_ROLES = {"A": Role.AGENT, "C": Role.CUSTOMER}
_OKAYS = ("Okay.", "uh-huh", "Mm-hmm.", "Go ahead.", "Got it.", "yes", "Alright, next?")
_PUNCTUATION = re.compile(r"[.,?!;:](?=\s|$)")


@dataclass(slots=True)
class _Line:
    role: Role
    said: list[tuple[Said, str]] = field(default_factory=list)
    """What is said, and the group of the entity that it belongs to."""


def talk(name: str) -> list[LabelledCase]:
    """The dialogues of a half."""
    kind, half = name.split("_")
    folder = TEXTS / kind
    files = sorted([*(folder / half).glob("*.txt"), *folder.glob(f"{half}.jsonl.gz")])
    found = [
        case
        for file in files or [TEXTS / f"{name}.jsonl"]
        for case in parse_cases(_text(file), origin=f"{half}/{file.name}")
    ]
    spanish = {"language": "es"} if "spanish" in name else {}
    return [case.model_copy(update=spanish) for case in found]


def _text(file: Path) -> str:
    data = file.read_bytes()
    return (gzip.decompress(data) if file.suffix == ".gz" else data).decode("utf-8")


def cases(half: str) -> list[LabelledCase]:
    """All cases of a half; what comes out twice is left out."""
    found: dict[tuple[LabelledTurn, ...], LabelledCase] = {}
    for part, source, least in ((half, _source(half), _LEAST), (f"{half}-w", _words(half), 0)):
        for kind in ("positives", "negatives"):
            templates = source[kind].strip().split("\n\n")
            copies = _copies(templates, least)
            for index, template in enumerate(templates):
                for copy in range(copies[index]):
                    name = f"{part}-{kind[:3]}-{index:03}-{copy}"
                    case = _case(name, template, source["values"])
                    found.setdefault(case.turns, case)
    return list(found.values())


def _copies(templates: Sequence[str], least: int = _LEAST) -> list[int]:
    """How often each template is filled: a value that few templates ask for comes often."""
    slots = [{found.group(1) for found in _SLOT.finditer(each)} for each in templates]
    uses = Counter(slot for each in slots for slot in each)
    return [
        max((_COPIES, *(math.ceil(least / uses[slot]) for slot in each))) if each else 1
        for each in slots
    ]


def fresh(half: str) -> Iterator[LabelledCase]:
    """More cases of a half's positive templates with other values, without end."""
    source = _source(half)
    templates = [each for each in source["positives"].strip().split("\n\n") if "{" in each]
    for copy in itertools.count(_LEAST):
        for index, template in enumerate(templates):
            yield _case(f"{half}-more-{index:03}-{copy}", template, source["values"])


def _source(half: str) -> Mapping[str, Any]:
    whole: dict[str, Any] = {"values": {}, "positives": "", "negatives": ""}
    for name in (half, f"{half}_phrasings"):
        text = (TEXTS / f"{name}.yaml").read_text(encoding="utf-8")
        part = yaml.safe_load(text)
        whole["values"] |= part["values"]
        for kind in ("positives", "negatives"):
            whole[kind] += "\n\n" + part[kind].strip()
    return whole


def _words(half: str) -> Mapping[str, Any]:
    """Names, health and addresses in words, with values of their own."""
    source: dict[str, Any] = yaml.safe_load((TEXTS / f"{half}_words.yaml").read_text("utf-8"))
    return source


def _case(name: str, template: str, lists: Mapping[str, Sequence[str]]) -> LabelledCase:
    rng = random.Random(name)
    values = Values(rng, lists)
    lines = [line for text in template.splitlines() for line in _lines(text, values, rng)]
    bare, mixed = rng.random() < 0.2, rng.random() < 0.1
    tags = [said.slot for line in lines for said, _ in line.said if said.slot]
    if not tags:
        tags = [found.group(1) for found in _SLOT.finditer(template)] or ["plain"]
    return LabelledCase(
        id=name,
        tags=tuple(dict.fromkeys(tags)),
        turns=tuple(_turn(line, bare=bare, mixed=mixed) for line in lines),
    )


def _lines(text: str, values: Values, rng: random.Random) -> Iterator[_Line]:
    """One line of a template; a number that is given over turns becomes several."""
    speaker, _, rest = text.partition(": ")
    line = _Line(_ROLES[speaker.strip()])
    at = 0
    for count, found in enumerate(_SLOT.finditer(rest)):
        line.said.append((Said(rest[at : found.start()].strip()), ""))
        at = found.end()
        slot, way, style = found.group(1), found.group(2), found.group(3) or ""
        group = f"{slot}{count}"
        if not way:
            line.said += [(said, group) for said in values.fill(slot, style)]
            continue
        parts = _parts(slot, values, rng)
        for index, part in enumerate(parts):
            said = [(piece, group) for piece in part]
            line.said += said
            if index == len(parts) - 1:
                break
            yield line
            back = way == "readback" and rng.random() < 0.7
            yield _Line(Role.AGENT, said if back else [(Said(rng.choice(_OKAYS)), "")])
            line = _Line(Role.CUSTOMER)
    line.said.append((Said(rest[at:].strip()), ""))
    yield line


def _parts(slot: str, values: Values, rng: random.Random) -> list[list[Said]]:
    """A value in the parts in which it is dictated."""
    if slot not in NUMBERS:
        pieces = values.fill(slot)
        middle = max(1, len(pieces) // 2)
        return [half for half in (pieces[:middle], pieces[middle:]) if half]
    kind = NUMBERS[slot]
    style = rng.choice(("words", "words", "pairs", "doubles", "grouped", "single"))
    groups = split(kind.make(rng), rng.choice(kind.sizes))
    return [
        [Said(number(group, (len(group),), rng, style)[0].text, kind.entity, slot=slot)]
        for group in groups
    ]


def _turn(line: _Line, *, bare: bool, mixed: bool) -> LabelledTurn:
    text, labels = "", list[Label]()
    for said, group in line.said:
        piece = _PUNCTUATION.sub("", said.text).lower() if bare else said.text
        if not piece:
            continue
        glue = "" if not text or piece[0] in ".,?!;:" else " "
        start = len(text) + len(glue)
        text += glue + piece
        if said.entity:
            labels.append(
                Label(
                    entity=said.entity,
                    start=start,
                    end=len(text),
                    optional=said.optional,
                    group=group,
                )
            )
    return LabelledTurn(role=Role.MIXED if mixed else line.role, text=text, labels=tuple(labels))


def as_lines(half: str) -> str:
    """A half as it is written."""
    return "".join(f"{case.as_line()}\n" for case in cases(half))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write the labelled texts.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args(arguments)
    stale = 0
    for half in HALVES:
        path, text = TEXTS / f"{half}.jsonl", as_lines(half)
        if options.check:
            stale |= path.read_text(encoding="utf-8") != text
        else:
            path.write_text(text, encoding="utf-8")
        negatives = sum(case.negative for case in cases(half))
        print(f"{half}: {text.count(chr(10)) - negatives} positives, {negatives} negatives")
    return stale


if __name__ == "__main__":
    sys.exit(main())
