"""How a command's errors end: one clear line, and an exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.cli.shared.extras import extra_of, how_to_get
from agents.system.fatal_exit import ExitCode
from agents.system.screen import screen
from pipeline.errors import BrokerError, HushwireError, ModelError, StoreError

err = screen(stderr=True)


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
