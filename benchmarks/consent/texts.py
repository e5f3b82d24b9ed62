"""The texts about recording: openings as people write them, and more that are put together.

``openings`` reads the files of a half, ``put_together`` makes exchanges of parts with a seed. See
``benchmarks/texts/consent``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.consent.spoken import Said
from pipeline.records.model import Role

TEXTS: Final = Path(__file__).parents[1] / "texts" / "consent"
LANGUAGES: Final = ("en", "es")
_LABEL: Final = re.compile(r"\s*<([a-z]+)>")
_PUNCTUATION: Final = re.compile(r"[^\w\s']")
_CHOICE: Final = re.compile(r"\(([^()\[\]]*)\)|\[([^()\[\]]*)\]")
_PART: Final = re.compile(r"\{([a-z_]+)\}")
_ROLES: Final = {"agent": Role.AGENT, "customer": Role.CUSTOMER}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one says, and what of it is about recording."""

    role: Role
    text: str = field(repr=False)
    labels: frozenset[Said] = frozenset()


@dataclass(frozen=True, slots=True)
class Opening:
    """An exchange."""

    turns: tuple[Turn, ...]
    language: str

    def has(self, label: Said) -> bool:
        """Whether a turn has a label."""
        return any(label in turn.labels for turn in self.turns)


def openings(half: str) -> list[Opening]:
    """The openings of a half.

    Raises:
        ValueError: a line that is none; the message names the file and the line.
    """
    found = []
    for file in sorted((TEXTS / half).glob("*.txt")):
        language = "es" if file.stem.startswith("spanish") else "en"
        found += [Opening(turns, language) for turns in _exchanges(file)]
    return found


def _exchanges(file: Path) -> Iterator[tuple[Turn, ...]]:
    turns: list[Turn] = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            if turns:
                yield tuple(turns)
            turns = []
            continue
        role, colon, text = line.strip().partition(":")
        labels = _LABEL.findall(text)
        if not colon or role not in _ROLES or not set(labels) <= set(Said):
            raise ValueError(f"{file.name}:{number}: no turn")
        said = frozenset(Said(label) for label in labels)
        turns.append(Turn(_ROLES[role], _LABEL.sub("", text).strip(), said))
    if turns:
        yield tuple(turns)


def heard(text: str, rng: random.Random, words: Sequence[str], share: float) -> str:
    """A text as a recogniser prints it: no case, no punctuation, a share of its words wrong."""
    found = []
    for word in _PUNCTUATION.sub(" ", text.casefold()).split():
        at = rng.random()
        if at < share / 3:
            continue
        found.append(rng.choice(words) if at < share else word)
    return " ".join(found)


class Parts:
    """Parts of what is said in a language, and chance.

    Args:
        language: ``en`` or ``es``.
        plain: what agents and customers say of other things.
        seed: of chance.
    """

    def __init__(self, language: str, plain: Mapping[Role, Sequence[str]], seed: int) -> None:
        self._parts = _parts(TEXTS / f"parts_{language}.txt")
        self._plain, self._language = plain, language
        self._rng = random.Random(f"{language}{seed}")

    def openings(self, count: int) -> list[Opening]:
        """Exchanges put together."""
        kinds = (
            self._told, self._told, self._told_and_asked, self._told_and_asked, self._asked,
            self._asked, self._withdrawn, self._withdrawn, self._paused, self._nothing,
        )  # fmt: skip
        made = [self._rng.choice(kinds)() for _ in range(count)]
        return [Opening(self._spoken(turns), self._language) for turns in made]

    def _say(self, part: str) -> str:
        """A part with what is in it."""
        text = self._rng.choice(self._parts[part])
        while found := _CHOICE.search(text):
            options = (found.group(1) if found.group(1) is not None else found.group(2)).split("|")
            left_out = found.group(2) is not None and self._chance(0.6)
            text = (
                text[: found.start()]
                + ("" if left_out else self._rng.choice(options))
                + text[found.end() :]
            )
        text = _PART.sub(lambda at: self._say(at.group(1)), text)
        return re.sub(r"\s+", " ", text).strip().removesuffix(".")

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share

    def _other(self, role: Role) -> str:
        return self._rng.choice(self._plain[role])

    def _around(self, role: Role, *said: str, before: float = 0.5, after: float = 0.3) -> str:
        """What is said, now and then with something else before or after it."""
        parts = [one if one.endswith(("?", "!")) else f"{one}." for one in said]
        if self._chance(before):
            parts.insert(0, self._other(role))
        if self._chance(after):
            parts.append(self._other(role))
        return " ".join(parts)

    def _agent(self, text: str, *labels: Said) -> Turn:
        return Turn(Role.AGENT, text, frozenset(labels))

    def _customer(self, text: str, *labels: Said) -> Turn:
        return Turn(Role.CUSTOMER, text, frozenset(labels))

    def _told(self) -> list[Turn]:
        """Told and not asked: what is answered is about something else."""
        if self._chance(0.15):
            asked = self._customer(self._around(Role.CUSTOMER, self._say("customer_other")))
            return [asked, self._agent(self._say("assent_notice"), Said.NOTICE)]
        told = self._agent(self._around(Role.AGENT, self._say("notice"), after=0.6), Said.NOTICE)
        answer = self._say(self._rng.choice(("yesword", "noword", "customer_other")))
        plain = self._customer(answer if self._chance(0.4) else self._other(Role.CUSTOMER))
        return [told, plain, self._agent(self._other(Role.AGENT))]

    def _told_and_asked(self) -> list[Turn]:
        kind = self._rng.choice(("positive", "positive", "negative", "press"))
        question = self._say(f"{kind}_ask")
        text = self._around(Role.AGENT, self._say("notice"), question, after=0.05)
        return [self._agent(text, Said.NOTICE, Said.ASK), *self._answered(kind)]

    def _asked(self) -> list[Turn]:
        kind = self._rng.choice(("positive", "positive", "negative"))
        text = self._around(Role.AGENT, self._say(f"whole_{kind}"), after=0.05)
        return [self._agent(text, Said.ASK), *self._answered(kind)]

    def _answered(self, kind: str) -> list[Turn]:
        agrees = self._chance(0.6)
        full = self._say("consent" if agrees else "refusal")
        short = self._say("yesword" if agrees == (kind != "negative") else "noword")
        answer = self._rng.choice((full, full, short, f"{short}, {full}"))
        if self._chance(0.1):
            answer = f"{answer}. {self._other(Role.CUSTOMER)}"
        between = []
        if self._chance(0.1):
            between = [
                self._customer(self._say("customer_other")),
                self._agent(self._other(Role.AGENT)),
            ]
        return [*between, self._customer(answer, Said.YES if agrees else Said.NO)]

    def _withdrawn(self) -> list[Turn]:
        if self._chance(0.15):
            told = self._say(self._rng.choice(("assent_notice", "notice")))
            return [
                self._agent(told, Said.NOTICE),
                self._customer(self._say("withdraw_short"), Said.WITHDRAW),
            ]
        text = self._around(Role.CUSTOMER, self._say("withdraw"), before=0.4, after=0.2)
        reply = self._agent(self._around(Role.AGENT, self._say("no_notice"), before=0, after=0.2))
        return [self._agent(self._other(Role.AGENT)), self._customer(text, Said.WITHDRAW), reply]

    def _paused(self) -> list[Turn]:
        stops = self._agent(self._around(Role.AGENT, self._say("pause"), before=0.3), Said.PAUSE)
        again = self._agent(self._around(Role.AGENT, self._say("resume"), before=0.3), Said.RESUME)
        between = self._customer(self._other(Role.CUSTOMER))
        return self._rng.choice(([stops, between, again], [stops, between], [again, between]))

    def _nothing(self) -> list[Turn]:
        one = self._agent(self._around(Role.AGENT, self._say("no_notice"), before=0.2, after=0.2))
        other = self._customer(
            self._around(Role.CUSTOMER, self._say("customer_other"), before=0.2, after=0.2)
        )
        return [other, one] if self._chance(0.5) else [one, other]

    def _spoken(self, turns: Sequence[Turn]) -> tuple[Turn, ...]:
        """The turns, half of the time as a recogniser prints them."""
        if self._chance(0.5):
            return tuple(turns)
        words = self._other(Role.AGENT).split() + self._other(Role.CUSTOMER).split()
        return tuple(
            Turn(turn.role, heard(turn.text, self._rng, words, 0.05), turn.labels) for turn in turns
        )


def _parts(file: Path) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    name = ""
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("= "):
            name = line[2:].strip()
            parts[name] = []
        elif name and line.strip():
            parts[name].append(line)
    return parts
