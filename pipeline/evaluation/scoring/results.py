"""What an evaluation brings: entities, calls and findings as counts, never as words.

One form for audio (milliseconds) and text (words), so that summaries, comparisons, gates and
reports are written once. ``Evaluation.as_json`` is what ``--json`` writes and ``--compare`` reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.errors import InputError
from pipeline.records.model import Action, Span

_STRICT = ConfigDict(extra="forbid")

STEPS: Final = tuple(step / 20 for step in range(21))
"""Thresholds of a curve, 0 to 1."""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Item:
    """One entity that has to be silent."""

    id: str
    """Unique, the same in every evaluation of the same truth."""
    call: str
    entity: str
    amount: float
    """How much of it there is to hear, in the evaluation's unit."""
    covered: float
    """How much of that is silenced."""
    leaked: bool
    """Whether any part of it that counts can still be heard."""
    digits: int = 0
    digits_leaked: int = 0
    cause: str = ""
    """Where the leak came from; empty where nothing leaked or nothing is known."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, config=_STRICT)
class CallScore:
    """One call, or one case of a text."""

    id: str
    harmless: float
    harmless_muted: float
    negative: bool = False
    """Nothing in it is sensitive."""
    missing: bool = False
    """It was not released at all: nothing of it can be heard."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, config=_STRICT)
class Found:
    """What was found of one type in a call, and how much of that is sensitive at all."""

    call: str
    entity: str
    amount: float
    right: float


@dataclass(frozen=True, slots=True, config=_STRICT)
class FoundSpan:
    """A stretch that detection silences, before padding; of texts the times are made up."""

    call: str
    entity: str
    channel: int
    start_ms: int
    end_ms: int
    score: float


@dataclass(frozen=True, slots=True, config=_STRICT)
class Point:
    """Precision and recall of one entity type at one threshold, each 0 to 1."""

    entity: str
    threshold: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True, config=_STRICT)
class Evaluation:
    """All of it."""

    name: str
    """What was evaluated: a policy or a folder."""
    unit: Literal["words", "ms"]
    items: tuple[Item, ...]
    calls: tuple[CallScore, ...]
    found: tuple[Found, ...] = ()
    curve: tuple[Point, ...] = ()
    kept: dict[str, int] = Field(default_factory=dict)
    """Entities that the policy does not mute, and that are therefore not counted."""
    notes: tuple[str, ...] = ()
    spans: tuple[FoundSpan, ...] | None = None
    """Every stretch that detection silences; None where that is not known."""


def found_spans(call: str, spans: Iterable[Span], rate: int) -> tuple[FoundSpan, ...]:
    """The spans of a call that mute, in the form that evaluations keep.

    Args:
        call: identifier of the call or case.
        spans: of whatever action.
        rate: samples per second.
    """
    return tuple(
        FoundSpan(
            call, one.entity, one.channel, one.start * 1_000 // rate, -(-one.end * 1_000 // rate),
            one.score,
        )
        for one in spans
        if one.action is Action.MUTE
    )  # fmt: skip


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")
    evaluation: Annotated[Evaluation, Field(repr=False)]


def as_data(evaluation: Evaluation) -> dict[str, object]:
    """Plain values for JSON."""
    return asdict(evaluation)


def from_json(text: str, *, origin: str) -> Evaluation:
    """Read what ``--json`` wrote.

    Raises:
        InputError: it is something else.
    """
    try:
        return _File.model_validate_json(text).evaluation
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(
            f"{origin}: not a result of hushwire evaluate ({where}: {first['msg']})"
        ) from None
