"""Commands that are loaded when they are typed, and not for the list of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command stands."""

    place: str
    """``module:name`` below ``agents.cli``: of a function, or of a ``Typer`` with commands."""
    told: str
    """What the list says of it: the first line of its own help."""


class LazyGroup(TyperGroup):
    """The group of all commands; ``of`` gives it the list of them."""

    listed: Mapping[str, Command] = {}

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - Typer's own
        super().__init__(**attributes)
        self.commands = _Commands(self.listed)

    @classmethod
    def of(cls, listed: Mapping[str, Command]) -> type[LazyGroup]:
        """The class of a group with such commands."""
        return type("Commands", (cls,), {"listed": listed})

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002
        """Names, in the order of the list."""
        return list(self.listed)

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]  # noqa: ANN401 - Typer's own
        """The list, of which no command is loaded."""
        loaded = self.commands
        self.commands = {
            name: TyperCommand(name, help=one.told) for name, one in self.listed.items()
        }
        try:
            super().format_help(ctx, formatter)
        finally:
            self.commands = loaded


class _Commands(MutableMapping[str, Any]):
    """Commands by name; whoever asks for one has it loaded."""

    def __init__(self, listed: Mapping[str, Command]) -> None:
        self._listed = listed
        self._more: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a command of Typer's own click
        if name not in self._more:
            self._more[name] = _loaded(name, self._listed[name])
        return self._more[name]

    def __setitem__(self, name: str, command: Any) -> None:  # noqa: ANN401
        self._more[name] = command

    def __delitem__(self, name: str) -> None:
        del self._more[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._listed, **self._more})

    def __len__(self) -> int:
        return len({**self._listed, **self._more})


def _loaded(name: str, one: Command) -> Any:  # noqa: ANN401
    module, _, attribute = one.place.partition(":")
    found = getattr(import_module(f"agents.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        found = alone
    command = get_command(found)
    command.name = name
    return command
