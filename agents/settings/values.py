"""Forms of values that several settings share."""

from __future__ import annotations


def with_commas(value: object) -> object:
    """A variable's text as a list."""
    return [one.strip() for one in value.split(",")] if isinstance(value, str) and value else value
