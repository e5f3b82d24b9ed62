"""The texts about recording, and the same as they may be heard.

``openings`` reads the files of a part (``tune``, ``dev``, ``held``, ``ordinary``, ``withdrawals``).
See ``benchmarks/texts/consent``.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.consent.spoken import Said
from pipeline.records.model import Role

TEXTS: Final = Path(__file__).parents[1] / "texts" / "consent"
LANGUAGES: Final = ("en", "es")
_LABEL: Final = re.compile(r"\s*<([a-z]+)>")
_PUNCTUATION: Final = re.compile(r"[^\w\s']")
_ROLES: Final = {"agent": Role.AGENT, "customer": Role.CUSTOMER}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one says, and what of it is about recording."""

    role: Role
    text: str = field(repr=False)
    labels: frozenset[Said] = frozenset()
    unknown: bool = False
    """Whether it is the beginning of what was labelled, which may say it already or not."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An exchange."""

    turns: tuple[Turn, ...]
    language: str

    def has(self, label: Said) -> bool:
        """Whether a turn has a label."""
        return any(label in turn.labels for turn in self.turns)


def openings(part: str, *, without: Sequence[str] = ()) -> list[Opening]:
    """The openings of a part.

    Args:
        part: a folder of the texts.
        without: patterns of files that are left out.

    Raises:
        ValueError: a line that is none; the message names the file and the line.
    """
    found = []
    for file in sorted((TEXTS / part).glob("*.txt")):
        if any(map(file.match, without)):
            continue
        language = "es" if file.stem.startswith("spanish") else "en"
        found += [Opening(turns, language) for turns in _exchanges(file)]
    return found


def half(texts: Iterable[Opening], *, seen: bool) -> list[Opening]:
    """Half of the openings, by a hash of what is said: the one that is looked at, or the other."""
    return [one for one in texts if _is_seen(one) is seen]


def _is_seen(one: Opening) -> bool:
    said = "\n".join(turn.text for turn in one.turns)
    return hashlib.sha256(said.encode()).digest()[0] % 2 == 0


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


def paused(turn: Turn, rng: random.Random) -> tuple[Turn, ...]:
    """A turn as a pause in it cuts it in two; what it is for is sure when it is over."""
    words = turn.text.split()
    if len(words) < 4:
        return (turn,)
    at = rng.randint(1, len(words) - 1)
    first, second = " ".join(words[:at]), " ".join(words[at:])
    return (
        Turn(turn.role, first, turn.labels, unknown=True),
        Turn(turn.role, second, turn.labels),
    )
