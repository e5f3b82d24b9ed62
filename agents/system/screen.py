"""Where commands print: as wide as the terminal, and as wide as it takes where there is none."""

from __future__ import annotations

from typing import Final

from rich.console import Console

_WIDE: Final = 100_000
"""Columns that nothing of ours fills, so that nothing is cut or broken for a pipe or a file."""


def screen(*, stderr: bool = False) -> Console:
    """The console on stdout, or on stderr."""
    made = Console(stderr=stderr)
    if not made.file.isatty():
        made.width = _WIDE
    return made
