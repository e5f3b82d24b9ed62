"""Who opens calls, and who asks: names of the operating system's users, for ledger and audit log.

A call belongs to the broker that has its records. The embedded broker of ``hushwire run`` keeps
them in memory and ends with the run, so what it left open may be ended by the next run; calls that
lie on a cluster may not.
"""

from __future__ import annotations

import os
import pwd
import re
from typing import Final

_EMBEDDED: Final = "embedded"
_CLUSTER: Final = "cluster"
ARCHIVE: Final = f"{_CLUSTER}:backfill:"
"""What owners of an archive's calls begin with."""


DOOR: Final = f"{_CLUSTER}:door"
"""Owner of calls that came in by the door (``agents.stages.admit``)."""


_NUMBER: Final = "uid:"
_BOTH: Final = re.compile(r"(.+) \(uid ([0-9]+)\)", re.DOTALL)
_MOST: Final = 100
"""Characters of a name that are kept: with its number, it fits every column of the ledger."""


def user() -> str:
    """Who runs the command, as the operating system knows them; no variable says otherwise.

    ``alice (uid 1000)``; ``uid:1000`` where the number has no name here, as in many containers.
    """
    number = os.getuid()
    try:
        return f"{pwd.getpwuid(number).pw_name[:_MOST]} (uid {number})"
    except KeyError:
        return f"{_NUMBER}{number}"


def name_and_number(who: str) -> tuple[str, str]:
    """What an entry says of a user; empty what it does not say.

    Older entries have the name or ``uid:1000`` alone. A number is not looked up: another machine
    may have written the entry, and have another user by it.
    """
    both = _BOTH.fullmatch(who)
    if both is not None:
        return both[1], both[2]
    number = who.removeprefix(_NUMBER)
    return ("", number) if number != who and number.isdecimal() else (who, "")


def may_be_one(one: str, other: str) -> bool:
    """Whether two users, of any machines, may be one person.

    They may where name or number agrees, and where one entry has the name alone and the other the
    number alone.
    """
    both = [
        pair for pair in zip(name_and_number(one), name_and_number(other), strict=True) if all(pair)
    ]
    return not both or any(mine == theirs for mine, theirs in both)


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
