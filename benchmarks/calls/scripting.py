"""Scripts of calls: YAML in, turns of spoken pieces out.

A script is a list of turns. ``agent:`` and ``customer:`` hold what is said, or a list to choose
from; ``{slots}`` stand for values (``benchmarks/calls/slots.py`` knows them all). ``chance: 0.5``
makes a turn come only at times. ``dictate: pan`` lets the customer give a number over several
turns, with the agent's okays, repeats and, at times, a slip that is put right; ``readback: pan``
lets the agent say it back.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchmarks.calls.slots import Entity, Piece, Slots
from benchmarks.speech.spoken import speak, split

SCRIPTS = Path(__file__).parents[1] / "scripts"
Side: TypeAlias = Literal["agent", "customer"]
_SLOT = re.compile(r"\{([a-z0-9_]+)\}")
_GROUPS: dict[int, Sequence[Sequence[int]]] = {
    15: ((4, 6, 5), (4, 3, 3, 5)),
    16: ((4,), (4,), (4, 4, 3, 3, 2), (8, 4, 4)),
    10: ((3, 3, 4), (3, 3, 2, 2)),
    9: ((3, 2, 4), (3,)),
}
_FIRST_WORDS = ("It's", "Sure, it's", "Yes, one second. It's", "Okay, it is")
_OKAYS = ("okay", "mm hmm", "go ahead", "got it", "yes")
_SLIPS = ("sorry, no,", "wait, that's wrong,", "no, sorry, make that")
_FILLERS = ("um", "uh", "let me see")
_READBACKS = ("Let me read that back.", "So that was", "I have")


class Line(BaseModel):
    """One entry of a script."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent: str | list[str] | None = None
    customer: str | list[str] | None = None
    dictate: str | None = None
    readback: str | None = None
    chance: float = Field(default=1.0, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _one_kind(self) -> Line:
        kinds = (self.agent, self.customer, self.dictate, self.readback)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("a turn is one of agent, customer, dictate, readback")
        return self


class Script(BaseModel):
    """A kind of call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str
    pii_free: bool = False
    companies: list[str] = Field(min_length=1)
    turns: list[Line]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says without a break."""

    side: Side
    pieces: tuple[Piece, ...]
    backchannel: bool = False
    """An okay that may fall into the other side's speech."""

    @property
    def text(self) -> str:
        """The turn as written."""
        return _join(piece.text for piece in self.pieces)

    @property
    def redacted_text(self) -> str:
        """The turn with ``[TYPE]`` for each entity; groups of one number become one."""
        labels: list[str] = []
        for piece in self.pieces:
            label = f"[{piece.entity.type.upper()}]" if piece.entity else piece.text
            if not (piece.entity and labels and labels[-1] == label):
                labels.append(label)
        return _join(labels)


def load(name: str) -> Script:
    """Read ``scripts/NAME.yaml``."""
    text = (SCRIPTS / f"{name}.yaml").read_text(encoding="utf-8")
    return Script.model_validate(yaml.safe_load(text))


def names() -> list[str]:
    """All scripts, sorted."""
    return sorted(path.stem for path in SCRIPTS.glob("*.yaml"))


def perform(script: Script, slots: Slots, rng: random.Random) -> list[Turn]:
    """Choose what is said in one call of a script."""
    turns: list[Turn] = []
    for line in script.turns:
        if line.chance < 1.0 and rng.random() >= line.chance:
            continue
        if line.dictate:
            turns.extend(_dictate(line.dictate, slots, rng))
        elif line.readback:
            turns.append(_readback(line.readback, slots, rng))
        else:
            side: Side = "agent" if line.agent is not None else "customer"
            said = line.agent if line.agent is not None else line.customer
            text = said if isinstance(said, str) else rng.choice(said or [""])
            turns.append(Turn(side, tuple(_pieces(text, slots, side))))
    return turns


def _pieces(text: str, slots: Slots, side: Side) -> Iterator[Piece]:
    for index, part in enumerate(_SLOT.split(text)):
        if index % 2:
            yield from slots.fill(part, side)
        elif part.strip():
            yield Piece.plain(part.strip())


def _dictate(slot: str, slots: Slots, rng: random.Random) -> Iterator[Turn]:
    """The customer gives a number, in one go or group by group."""
    digits = slots.digits(slot)
    style = rng.choices(("digits", "doubles", "pairs"), (6, 3, 2))[0]
    groups = split(digits, rng.choice(_GROUPS.get(len(digits), ((4,),))))
    turn_by_turn = len(groups) > 1 and rng.random() < 0.5
    slip_at = rng.randrange(len(groups)) if rng.random() < 0.25 else -1
    lead: tuple[Piece, ...] = (Piece.plain(rng.choice(_FIRST_WORDS)),)
    pieces: list[Piece] = list(lead)
    for index, group in enumerate(groups):
        if index == slip_at:
            wrong = group[:-1] + str((int(group[-1]) + rng.randint(1, 9)) % 10)
            pieces.append(_group(slot, wrong, digits, slots, rng, style, correction=True))
            pieces.append(Piece.plain(rng.choice(_SLIPS)))
        elif index and rng.random() < 0.15:
            pieces.append(Piece.plain(rng.choice(_FILLERS)))
        pieces.append(_group(slot, group, digits, slots, rng, style))
        if turn_by_turn and index < len(groups) - 1:
            yield Turn("customer", tuple(pieces))
            pieces = []
            if rng.random() < 0.35:
                echo = _group(slot, group, digits, slots, rng, "digits")
                yield Turn("agent", (echo,))
            else:
                yield Turn("agent", (Piece.plain(rng.choice(_OKAYS)),), backchannel=True)
    yield Turn("customer", tuple(pieces))


def _readback(slot: str, slots: Slots, rng: random.Random) -> Turn:
    digits = slots.digits(slot)
    groups = split(digits, rng.choice(_GROUPS.get(len(digits), ((4,),))))
    style = rng.choice(("digits", "digits", "doubles"))
    said = tuple(_group(slot, group, digits, slots, rng, style) for group in groups)
    return Turn("agent", (Piece.plain(rng.choice(_READBACKS)), *said))


def _group(
    slot: str,
    group: str,
    whole: str,
    slots: Slots,
    rng: random.Random,
    style: str,
    *,
    correction: bool = False,
) -> Piece:
    entity = Entity(
        type=slots.entity_type(slot),
        group=slot,
        value=group,
        full_value=whole,
        correction=correction,
    )
    return Piece(speak(group, rng, style), entity)


def _join(parts: Iterator[str] | Sequence[str]) -> str:
    """Join with blanks, but none before punctuation."""
    return re.sub(r"\s+([.,?!])", r"\1", " ".join(parts))
