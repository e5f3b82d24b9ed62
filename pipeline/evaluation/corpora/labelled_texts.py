"""Labelled texts: cases of a few turns in which every sensitive stretch is marked.

Four forms are read, told apart by their content:

- our own: a JSON object a line, ``{"id", "tags", "language", "turns": [{"role", "text", "labels":
  [{"entity", "start", "end", "optional", "group"}]}]}``; places are characters of the turn's text;
- presidio-research: a JSON list (or an object a line) of ``{"full_text", "spans": [{"entity_type",
  "start_position", "end_position"}]}``;
- BIO: a token and its tag a line, sentences parted by empty lines;
- dialogue, to be written by hand: a turn a line, ``A:`` what the agent says, ``C:`` the customer,
  what is sensitive marked in place (``C: it's {PASSWORD|plum}``); cases parted by empty lines.

A file that holds none of them is an ``InputError`` with its line; no text shows in an error. So is
an entity type in the first and the last form that is not known here and not optional: it is
misspelt. The other two come from elsewhere, with types that we don't have: those are optional.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import InputError
from pipeline.evaluation.corpora.entity_aliases import entity_name, is_known, no_type
from pipeline.policy.known_names import BUILT_IN
from pipeline.records.model import Role

_SIDES: Final = {"A": Role.AGENT, "C": Role.CUSTOMER}
_SAID: Final = re.compile(r"([AC]): (.*\S)")
_MARKED: Final = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\|([^{}|]*\S[^{}|]*)\}")
_TAG: Final = re.compile(r"^(?:O|[BIESUL]-\S+)$")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Label(_Model):
    """A marked stretch of a turn."""

    entity: str
    start: Annotated[int, Field(ge=0)]
    """First character."""
    end: int
    """Character after the last one."""
    optional: bool = False
    """Counts neither as sensitive nor as harmless."""
    group: str = ""
    """Labels of a case with the same group are one entity, such as a number over several turns."""


class LabelledTurn(_Model):
    """What one side says."""

    role: Role = Role.MIXED
    text: Annotated[str, Field(repr=False)]
    labels: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _labels_lie_in_the_text(self) -> LabelledTurn:
        for label in self.labels:
            if not label.start < label.end <= len(self.text):
                raise ValueError("a label does not lie in its text")
        return self


class LabelledCase(_Model):
    """A few turns that belong together; the unit of resampling."""

    id: str
    tags: tuple[str, ...] = ()
    """What the case is an example of, such as ``card`` or ``price``."""
    language: str = "en"
    """Two-letter code of what is spoken."""
    turns: Annotated[tuple[LabelledTurn, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_kind_of_recording(self) -> LabelledCase:
        mixed = {turn.role is Role.MIXED for turn in self.turns}
        if len(mixed) > 1:
            raise ValueError("a case is either all mixed, or has agent and customer apart")
        return self

    @property
    def negative(self) -> bool:
        """Whether nothing in the case is sensitive."""
        return not any(not label.optional for turn in self.turns for label in turn.labels)

    def as_line(self) -> str:
        """The case in our own form."""
        data = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(data, ensure_ascii=False)


def parse_cases(
    text: str, *, origin: str, known: Collection[str] = BUILT_IN.entities
) -> list[LabelledCase]:
    """Read the cases of a file, whichever of the four forms it has.

    Args:
        text: the file's content.
        origin: what the file is called in errors and in identifiers.
        known: the entity types that are found here.

    Raises:
        InputError: the file has none of the forms, breaks the rules of its own, or names a type
            that is not known.
    """
    start = text.lstrip()[:1]
    try:
        if start == "[":
            return [
                _research(entry, f"{origin}:{number}", known)
                for number, entry in enumerate(json.loads(text))
            ]
        if start == "{":
            return [
                _object(json.loads(line), f"{origin}:{number}", known)
                for number, line in enumerate(text.splitlines(), 1)
                if line.strip()
            ]
    except json.JSONDecodeError as error:
        raise InputError(f"{origin}: not valid JSON near line {error.lineno}") from None
    opening = text.lstrip().partition("\n")[0].rstrip()
    if _SAID.fullmatch(opening) and not _TAG.match(opening.split()[-1]):
        return list(_dialogues(text, origin, known))
    return list(_bio(text, origin, known))


def unknown_types(
    cases: Sequence[LabelledCase], known: Collection[str] = BUILT_IN.entities
) -> dict[str, int]:
    """Entity types of labels that are not known here, and how often each is there."""
    counts: dict[str, int] = {}
    for label in (label for case in cases for turn in case.turns for label in turn.labels):
        if not is_known(label.entity, known):
            counts[label.entity] = counts.get(label.entity, 0) + 1
    return counts


def _dialogues(text: str, origin: str, known: Collection[str]) -> Iterator[LabelledCase]:
    """Cases whose identifiers tell the lines that they begin at."""
    turns: list[LabelledTurn] = []
    first = 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            first = first or number
            turns.append(_turn(line.strip(), f"{origin}:{number}"))
            _refuse_unknown(turns[-1], known, f"{origin}:{number}")
        elif turns:
            yield LabelledCase(id=f"{origin}:{first}", turns=tuple(turns))
            turns, first = [], 0


def _turn(line: str, place: str) -> LabelledTurn:
    said = _SAID.fullmatch(line)
    if said is None:
        raise InputError(f"{place}: a turn begins with 'A: ' or 'C: '")
    text, labels, until = "", list[Label](), 0
    for marked in _MARKED.finditer(said[2]):
        text += said[2][until : marked.start()]
        labels.append(Label(entity=marked[1], start=len(text), end=len(text) + len(marked[2])))
        text += marked[2]
        until = marked.end()
    text += said[2][until:]
    if any(sign in text for sign in "{}|"):
        raise InputError(f"{place}: what is sensitive is marked as {{TYPE|words}}")
    return LabelledTurn(role=_SIDES[said[1]], text=text, labels=tuple(labels))


def _refuse_unknown(turn: LabelledTurn, known: Collection[str], place: str) -> None:
    for label in turn.labels:
        if not label.optional and not is_known(label.entity, known):
            raise InputError(f"{place}: {no_type(label.entity, known)}")


def _object(entry: dict[str, Any], place: str, known: Collection[str]) -> LabelledCase:
    if "full_text" in entry:
        return _research(entry, place, known)
    try:
        case = LabelledCase.model_validate(entry)
    except ValidationError as error:
        raise InputError(f"{place}: {_first(error)}") from None
    for turn in case.turns:
        _refuse_unknown(turn, known, place)
    return case


def _research(entry: dict[str, Any], place: str, known: Collection[str]) -> LabelledCase:
    """A sample as presidio-research writes it; types that we don't have are optional."""
    try:
        labels = [
            {
                "entity": entity_name(str(span["entity_type"])),
                "start": span["start_position"],
                "end": span["end_position"],
                "optional": not is_known(str(span["entity_type"]), known),
            }
            for span in entry.get("spans") or ()
        ]
        turn = {"role": Role.MIXED, "text": entry["full_text"], "labels": labels}
        return LabelledCase.model_validate({"id": place, "turns": [turn]})
    except ValidationError as error:
        raise InputError(f"{place}: {_first(error)}") from None
    except (KeyError, TypeError, AttributeError):
        raise InputError(
            f"{place}: not a sample with full_text, and spans with entity_type, start_position "
            "and end_position"
        ) from None


def _bio(text: str, origin: str, known: Collection[str]) -> Iterator[LabelledCase]:
    tokens: list[tuple[str, str]] = []
    first = 1
    for number, line in enumerate([*text.splitlines(), ""], 1):
        columns = line.split()
        if columns and columns[0] == "-DOCSTART-":
            continue
        if not columns:
            if tokens:
                yield _sentence(tokens, f"{origin}:{first}", known)
            tokens, first = [], number + 1
            continue
        if len(columns) == 1 or not _TAG.match(columns[-1]):
            raise InputError(
                f"{origin}, line {number}: neither JSON nor a token with a BIO tag such as B-PERSON"
            )
        tokens.append((columns[0], columns[-1]))


def _sentence(
    tokens: Sequence[tuple[str, str]], place: str, known: Collection[str]
) -> LabelledCase:
    text, labels = "", list[Label]()
    for token, tag in tokens:
        start = len(text) + bool(text)
        text = f"{text} {token}" if text else token
        if tag == "O":
            continue
        prefix, _, name = tag.partition("-")
        entity = entity_name(name)
        goes_on = (
            prefix in "IEL" and labels and labels[-1].entity == entity
            and labels[-1].end == start - 1
        )  # fmt: skip
        if goes_on:
            start = labels.pop().start
        foreign = not is_known(entity, known)
        labels.append(Label(entity=entity, start=start, end=len(text), optional=foreign))
    turn = LabelledTurn(text=text, labels=tuple(labels))
    return LabelledCase(id=place, turns=(turn,))


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'case'}: {first['msg']}"
