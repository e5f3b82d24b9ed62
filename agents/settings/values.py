"""What several parts of the settings share."""

from __future__ import annotations

from pydantic import ValidationInfo, field_validator
from pydantic_settings import BaseSettings


class SettingsPart(BaseSettings):
    """A part of the settings; one of them that may be unset is so where its text is blank."""

    @field_validator("*", mode="before")
    @classmethod
    def _unset(cls, value: object, info: ValidationInfo) -> object:
        """None for a blank text: a variable that is there and says nothing is none."""
        blank = isinstance(value, str) and not value.strip()
        return None if blank and cls.model_fields[info.field_name or ""].default is None else value


def with_commas(value: object) -> object:
    """A variable's text as a list."""
    return [one.strip() for one in value.split(",")] if isinstance(value, str) and value else value
