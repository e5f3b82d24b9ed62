"""Values of settings as they may be shown: an address without what would let somebody in."""

from __future__ import annotations

import re
from typing import Final

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


def _userinfo(found: re.Match[str]) -> str:
    # Alone, it may be a token.
    return f"{found['user']}:{_HIDDEN}@" if found["colon"] else f"{_HIDDEN}@"


def _parameter(found: re.Match[str]) -> str:
    return found[0] if found["name"] in _HARMLESS else f"{found['name']}={_HIDDEN}"
