"""Forms of values that several settings share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator


def _unset(value: object) -> object:
    """None for an empty text: a variable that is there and says nothing is none."""
    return None if isinstance(value, str) and not value.strip() else value


OptionalPath: TypeAlias = Annotated[Path | None, BeforeValidator(_unset)]
OptionalText: TypeAlias = Annotated[str | None, BeforeValidator(_unset)]


def with_commas(value: object) -> object:
    """A variable's text as a list."""
    return [one.strip() for one in value.split(",")] if isinstance(value, str) and value else value
