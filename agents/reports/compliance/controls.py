"""Tables of controls: which entity types, commands, tests, docs and figures show how one stands.

They are data, ``policies/controls/*.yaml``. Outcomes of ``load_controls``: the frameworks;
``PolicyError`` where a file names an entity type or figure that nobody knows, or breaks the schema,
with file and line. That commands, tests and docs exist is what a test of the repository checks.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from agents.reports.compliance.model import LABELS
from pipeline.errors import PolicyError
from pipeline.policy.yaml_document import read_document
from pipeline.records.entities import Entity

FRAMEWORKS: Final = ("pci", "hipaa", "gdpr")
"""In the order of the report."""
_TYPES: Final = frozenset(one.value for one in Entity)


class State(StrEnum):
    """How far Hushwire covers a control."""

    COVERED = "covered"
    PARTLY = "partly"
    YOURS = "yours"
    """The organisation's alone."""
    OUTSIDE = "outside"
    """It does not concern recorded calls."""


def _entity(name: str) -> str:
    if name not in _TYPES:
        raise ValueError(f"{name[:60]} is no entity type that detection knows (docs/entities.md)")
    return name


def _figure(name: str) -> str:
    if name not in LABELS:
        raise ValueError(f"{name[:60]} is no figure of the report: {', '.join(sorted(LABELS))}")
    return name


Line = Annotated[str, Field(min_length=1, max_length=400)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Control(_Model):
    """One control of a framework."""

    id: Annotated[str, Field(min_length=1, max_length=20)]
    asks: Line
    """In our own words."""
    state: State
    how: Line
    entities: tuple[Annotated[str, AfterValidator(_entity)], ...] = ()
    commands: tuple[Line, ...] = ()
    """Of ``hushwire``, without that word."""
    tests: tuple[Line, ...] = ()
    docs: tuple[Line, ...] = ()
    figures: tuple[Annotated[str, AfterValidator(_figure)], ...] = ()
    yours: Annotated[str, Field(max_length=400)] = ""
    """What is left to the organisation."""


class Framework(_Model):
    """A table of controls."""

    id: Line
    title: Line
    source: Line
    note: Annotated[str, Field(max_length=600)]
    controls: Annotated[tuple[Control, ...], Field(min_length=1)]


@cache
def load_controls() -> tuple[Framework, ...]:
    """The tables that come with Hushwire.

    Raises:
        PolicyError: one is refused.
    """
    folder = Path(str(resources.files("policies"))) / "controls"
    files = [f"{name}.yaml" for name in FRAMEWORKS]
    try:
        texts = [(one, (folder / one).read_text("utf-8")) for one in files]
    except (OSError, ValueError) as error:
        raise PolicyError(f"controls: a table can't be read ({type(error).__name__})") from None
    return tuple(parse_controls(text, origin=name) for name, text in texts)


def parse_controls(text: str, *, origin: str) -> Framework:
    """A table of a text.

    Args:
        text: YAML.
        origin: what it is called in messages.

    Raises:
        PolicyError: it is refused; a line for each mistake.
    """
    document = read_document(text, origin=origin, what="a table of controls is a mapping")
    try:
        made = Framework.model_validate(document.data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        raise PolicyError(
            "\n".join(document.told(one["loc"], _reason(one)) for one in details)
        ) from None
    wrong = [
        document.told(("controls", index, place), reason)
        for index, control in enumerate(made.controls)
        for place, reason in _wrong(control, made.controls[:index])
    ]
    if wrong:
        raise PolicyError("\n".join(wrong))
    return made


def _reason(detail: Any) -> str:  # noqa: ANN401 - of pydantic
    return str(detail["msg"]).removeprefix("Value error, ")


def _wrong(control: Control, before: tuple[Control, ...]) -> list[tuple[str, str]]:
    """What no schema says: a claim without evidence, and a duty that nobody has."""
    found = []
    if control.id in {one.id for one in before}:
        found.append(("id", f"{control.id} stands here a second time"))
    evidence = control.commands or control.tests or control.figures
    if control.state in {State.COVERED, State.PARTLY} and not evidence:
        found.append(("state", "name a command, test or figure that shows it"))
    if control.state in {State.PARTLY, State.YOURS} and not control.yours:
        found.append(("state", "say under yours what is left to the organisation"))
    return found
