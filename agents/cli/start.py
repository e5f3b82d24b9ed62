"""Where the command begins, and how its errors end.

``hushwire redact`` is put together without the other commands: what it refuses is told in an
instant, and most of that would be spent on loading them.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import typer

from agents.cli.running.redact import redact
from agents.system.child_processes import without_core_dumps
from agents.system.logging import configure_logging, content_free_tracebacks
from agents.system.screen import screen
from pipeline.errors import BrokerError, HushwireError, ModelError, StoreError

HELP: Final = {"help_option_names": ["-h", "--help"]}
ALONE: Final = "redact"
"""The command that is started without the others."""

err = screen(stderr=True)


def main() -> None:
    """Run the command that the arguments name; exits."""
    without_core_dumps()
    content_free_tracebacks()
    with errors():
        if sys.argv[1:2] == [ALONE]:
            _alone()(args=sys.argv[2:], prog_name=f"hushwire {ALONE}")
        else:
            configure_logging("warning")  # for commands that set up nothing of their own
            from agents.cli.main import app  # noqa: PLC0415 - all commands, see above

            app()


def _alone() -> typer.Typer:
    # A traceback with local variables would show spoken words.
    alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False, context_settings=HELP)
    alone.command()(redact)
    return alone


@contextmanager
def errors() -> Iterator[None]:
    """One clear line for an error, and its exit code."""
    try:
        yield
    except HushwireError as error:
        err.print(
            f"hushwire: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        err.print("hushwire: stopped")
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - a message that is not ours may hold spoken words
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno} in {place.name}"
        err.print(
            f"hushwire: a fault of ours, {type(error).__name__} at {where}; please report it",
            style="bold red", markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
        sys.exit(70)


def exit_code(error: HushwireError) -> int:
    """2, or 3 for a model, or 4 for a broker or store."""
    match error:
        case ModelError():
            return 3
        case BrokerError() | StoreError():
            return 4
        case _:
            return 2
