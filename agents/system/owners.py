"""Who opens calls, and who asks: names of the operating system's users, for ledger and audit log.

A call belongs to the broker that has its records. The embedded broker of ``hushwire run`` keeps
them in memory and ends with the run, so what it left open may be ended by the next run; calls that
lie on a cluster may not.
"""

from __future__ import annotations

import os
import pwd
from typing import Final

_EMBEDDED: Final = "embedded"
_CLUSTER: Final = "cluster"
ARCHIVE: Final = f"{_CLUSTER}:backfill:"
"""What owners of an archive's calls begin with."""


DOOR: Final = f"{_CLUSTER}:door"
"""Owner of calls that came in by the door (``agents.stages.admit``)."""


_NUMBER: Final = "uid:"


def user() -> str:
    """Who runs the command, as the operating system knows them; no variable says otherwise."""
    return user_named(f"{_NUMBER}{os.getuid()}")


def user_named(who: str) -> str:
    """The name of a user whom ``uid:1000`` means, as older entries have it.

    Whatever else it is stays as it is, and so does a number that has no name on this machine.
    """
    number = who.removeprefix(_NUMBER)
    if number == who or not number.isdecimal():
        return who
    try:
        return pwd.getpwuid(int(number)).pw_name[:128]
    except (KeyError, OverflowError):
        return who


def user_numbered(name: str) -> str:
    """``uid:1000``, as older entries name a user of this machine; empty where there is none."""
    try:
        return f"{_NUMBER}{pwd.getpwnam(name).pw_uid}"
    except (KeyError, ValueError):
        return ""


def owner(*, embedded: bool) -> str:
    """Who opens calls in this process, and on which kind of broker."""
    return f"{_EMBEDDED if embedded else _CLUSTER}:{user()}"


def archive_owner() -> str:
    """Who opens calls of an archive, which go over topics of their own (``hushwire backfill``)."""
    return f"{ARCHIVE}{user()}"


def is_archive(named: str | None) -> bool:
    """Whether a call was opened by a backfill: its records are on the archive's topics."""
    return named is not None and named.startswith(ARCHIVE)


def is_cluster(named: str | None) -> bool:
    """Whether a call was opened for a cluster, which may still have its records."""
    return named is not None and named.startswith(f"{_CLUSTER}:")


def is_embedded(named: str | None) -> bool:
    """Whether a call was opened for an embedded broker; of one without an owner nobody knows."""
    return named is not None and named.startswith(f"{_EMBEDDED}:")
