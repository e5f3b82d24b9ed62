"""Who opens calls, and who asks: names of the operating system's users, for ledger and audit log.

A call belongs to the broker that has its records. The embedded broker of ``hushwire run`` keeps
them in memory and ends with the run, so what it left open may be ended by the next run; calls that
lie on a cluster may not.
"""

from __future__ import annotations

import getpass
from typing import Final

_EMBEDDED: Final = "embedded"
_CLUSTER: Final = "cluster"
ARCHIVE: Final = f"{_CLUSTER}:backfill:"
"""What owners of an archive's calls begin with."""


DOOR: Final = f"{_CLUSTER}:door"
"""Owner of calls that came in by the door (``agents.stages.admit``)."""


def user() -> str:
    """Who runs the command."""
    try:
        return getpass.getuser()[:128]
    except (OSError, KeyError):
        return "unknown"


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
