"""The installation's secret for keyed hashes: of values in transcripts, and of parties' numbers.

It is made once, stays in a file that only its owner may read, and is the same for all workers that
detect and ingest. Whoever has it can try out values (a card number has few digits) and find those
that stand behind tokens; whoever loses it finds nobody's calls by a number any more. So it is made
anew by nobody who does not know that no call needs the old one (``agents.database.known_keys``).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from agents.system.private_files import write_private
from pipeline.errors import KeyFileError, StoreError
from pipeline.records.pseudonyms import LEAST_KEY


def read_key(path: Path) -> bytes:
    """Read the secret.

    Raises:
        KeyFileError: there is none.
        StoreError: it can't be read, is too short, or others may read it.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise StoreError(f"token key {path}: others may read it; set its mode to 0600")
        key = bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError:
        raise KeyFileError(
            f"token key {path}: is missing. Put it back from its backup, or name its place by "
            "HUSHWIRE_TOKEN_KEY; where no call came yet, `hushwire keys new` makes it"
        ) from None
    except OSError as error:
        raise _refused(path, error) from error
    except ValueError:
        raise StoreError(f"token key {path}: holds no hexadecimal key") from None
    if len(key) < LEAST_KEY:
        raise StoreError(f"token key {path}: is shorter than {LEAST_KEY} bytes")
    return key


def make_key(path: Path) -> Callable[[], None] | None:
    """Make the secret (mode 0600) where there is none.

    Returns:
        What removes the file again; None where it was there.

    Raises:
        StoreError: it can't be written.
    """
    try:
        if not path.exists() and write_private(
            path, f"{secrets.token_hex(LEAST_KEY)}\n".encode(), replace=False
        ):
            return lambda: path.unlink(missing_ok=True)
    except OSError as error:
        raise _refused(path, error) from error
    return None


def read_or_make_key(path: Path) -> bytes:
    """Read the secret, or make it where there is none.

    Raises:
        StoreError: see ``read_key`` and ``make_key``.
    """
    make_key(path)
    return read_key(path)


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(f"token key {path}: {os.strerror(error.errno or 0)}")
