"""What lets somebody in: values of settings as they may be shown, and passwords out of files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from agents.system.private_files import secret_line
from pipeline.errors import SettingsError

_HIDDEN: Final = "***"
_USERINFO: Final = re.compile(r"(?<=://)(?:(?P<user>[^:@/?#]*)(?P<colon>:))?.*@", re.DOTALL)
"""Up to the last @, since a password may hold more of them, slashes and question marks."""
_PARAMETER: Final = re.compile(r"(?<=[?&#;])(?P<name>[^=&#;]*)=[^&#;]*")
_HARMLESS: Final = frozenset(
    {
        "application_name",
        "connect_timeout",
        "host",
        "port",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
    }
)
"""Parameters of a database's address that let nobody in; all others are hidden."""


def shown(value: object) -> str:
    """A setting's value; of an address, neither password nor token nor unknown parameters."""
    text = str(value)
    if "://" not in text:
        return text
    return _PARAMETER.sub(_parameter, _USERINFO.sub(_userinfo, text))


def has_password(url: str | None) -> bool:
    """Whether a database's URL names a password: before the host, or among its parameters.

    Raises:
        sqlalchemy.exc.ArgumentError: it is no URL.
    """
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - --help comes at once

    if not url:
        return False
    parsed = make_url(url)
    return parsed.password is not None or "password" in parsed.query


def with_password(url: str, file: Path) -> str:
    """A ledger's URL with the password that a file holds.

    Raises:
        SettingsError: the file can't be used, or the URL has a password, no user, or takes none.
    """
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - --help comes at once
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        parsed = make_url(url)
    except ArgumentError:
        return url  # whoever opens it says what is wrong, without showing it
    if parsed.drivername.startswith("sqlite"):
        raise SettingsError(
            "ledger_password_file: a ledger in SQLite has no password; set HUSHWIRE_LEDGER_URL to "
            "PostgreSQL's, or leave the file away"
        )
    if has_password(url):
        raise SettingsError(
            "ledger_url, ledger_password_file: both name a password; take it out of the URL"
        )
    if parsed.username is None:
        raise SettingsError(
            "ledger_url, ledger_password_file: the URL names no user whose password it could be, "
            "as postgresql+psycopg://USER@HOST/DATABASE does"
        )
    known = parsed.set(password=secret_line("ledger_password_file", file))
    return known.render_as_string(hide_password=False)


def _userinfo(found: re.Match[str]) -> str:
    # Alone, it may be a token.
    return f"{found['user']}:{_HIDDEN}@" if found["colon"] else f"{_HIDDEN}@"


def _parameter(found: re.Match[str]) -> str:
    return found[0] if found["name"] in _HARMLESS else f"{found['name']}={_HIDDEN}"
