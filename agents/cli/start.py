"""Where the command begins, and how its errors end."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agents.cli.shared.extras import extra_of, how_to_get
from agents.system.child_processes import without_core_dumps
from agents.system.fatal_exit import ExitCode
from agents.system.logging import configure_logging, content_free_tracebacks
from agents.system.screen import screen
from pipeline.errors import BrokerError, HushwireError, ModelError, StoreError

HELP: Final = {"help_option_names": ["-h", "--help"]}
QUICK: Final = frozenset({"redact", "-h", "--help"})
"""What says all that it has to say before it would write a log; ``redact`` sets one up later."""

err = screen(stderr=True)


def main() -> None:
    """Run the command that the arguments name; exits."""
    without_core_dumps()
    content_free_tracebacks()
    with errors():
        from agents.cli.main import app  # noqa: PLC0415 - it names this module

        if sys.argv[1:] and sys.argv[1] not in QUICK:
            configure_logging("warning")  # for commands that set up nothing of their own
        app()


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
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - a message that is not ours may hold spoken words
        if isinstance(error, ModuleNotFoundError) and (extra := extra_of(error.name)):
            err.print(
                f"hushwire: this needs {how_to_get(extra)}",
                style="bold red",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
            sys.exit(ExitCode.REFUSED)
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno} in {place.name}"
        err.print(
            f"hushwire: a fault of ours, {type(error).__name__} at {where}; please report it",
            style="bold red", markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
        sys.exit(ExitCode.FAULT)


def exit_code(error: HushwireError) -> ExitCode:
    """Of a command that an error ends."""
    match error:
        case ModelError():
            return ExitCode.NO_MODEL
        case BrokerError() | StoreError():
            return ExitCode.AWAY
        case _:
            return ExitCode.REFUSED
