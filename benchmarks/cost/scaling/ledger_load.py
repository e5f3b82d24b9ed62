"""What a call asks of PostgreSQL, and how many calls a second one server bears.

Workers with scripted speech work on a private server; its own counters tell the transactions, which
of them write, and the bytes of its log. What an idle installation asks is taken off. What the
server bears is measured by its own ``pgbench``: rows that are read by their key, and rows that are
inserted, one a transaction. It does not wait for a disk (``fsync`` is off), as no test's server
does: a real one with a slow disk bears less, one with more cores more.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Final

from agents.kafka.embedded_broker import EmbeddedBroker
from tests.broker.harness import Installation, script
from tests.postgres.server import USER, Postgres, postgres, server_program

CALLS: Final = 12
_STILL_S: Final = 10.0
_BORNE_S: Final = 10
_CLIENTS: Final = 8
_READ: Final = "\\set one random(1, 1000)\nSELECT made FROM borne WHERE number = :one;\n"
_WRITE: Final = (
    "INSERT INTO borne (made) VALUES ('an entry of a hundred bytes or so, as they are');\n"
)


def ledger_load(folder: Path) -> dict[str, float]:
    """Measure it.

    Args:
        folder: for state, vault and logs.

    Returns:
        ``transactions`` of a call, ``writes`` of them, ``wal_bytes``; ``reads_per_second`` and
        ``writes_per_second`` of the server; ``per_second``, the calls that these leave.
    """
    with postgres() as server, EmbeddedBroker() as broker:
        counted = _counted(server, broker.bootstrap, folder)
        server.execute("CREATE TABLE borne (number bigserial PRIMARY KEY, made text)")
        server.execute("INSERT INTO borne (made) SELECT 'an entry' FROM generate_series(1, 1000)")
        reads, writes = (_borne(server, text) for text in (_READ, _WRITE))
    seconds = (counted["transactions"] - counted["writes"]) / reads + counted["writes"] / writes
    return {
        **counted,
        "reads_per_second": reads,
        "writes_per_second": writes,
        "per_second": 1 / seconds,
    }


def _counted(server: Postgres, bootstrap: str, folder: Path) -> dict[str, float]:
    made = Installation(bootstrap, folder, "load", ledger_url=server.url)
    try:
        made.start()
        _through(made, "first", 2)  # what is done once
        began = time.monotonic()
        before = _counters(server)
        time.sleep(_STILL_S)
        still = _counters(server)
        passed = time.monotonic() - began
        idle = [(now - then) / passed for now, then in zip(still, before, strict=True)]
        began = time.monotonic()
        _through(made, "call", CALLS)
        after = _counters(server)
        passed = time.monotonic() - began
    finally:
        made.close()
    each = [
        (now - then - one * passed) / CALLS
        for now, then, one in zip(after, still, idle, strict=True)
    ]
    return dict(zip(("transactions", "writes", "wal_bytes"), each, strict=True))


def _through(made: Installation, name: str, count: int) -> None:
    scripts = [script(f"{name}-{number}", first=number) for number in range(count)]
    made.interleave(scripts)
    made.until_closed([one.info.call_id for one in scripts], within_s=300.0)


def _counters(server: Postgres) -> tuple[float, ...]:
    """Transactions so far, those that wrote, and bytes of the log."""
    time.sleep(1.5)  # the server tells its counters a second late
    [row] = server.execute(
        "SELECT xact_commit + xact_rollback, pg_snapshot_xmax(pg_current_snapshot())::text::bigint,"
        " pg_current_wal_lsn() - '0/0' FROM pg_stat_database WHERE datname = 'postgres'"
    )
    return tuple(float(str(one)) for one in row)


def _borne(server: Postgres, text: str) -> float:
    """Transactions a second of a script, by several clients."""
    done = subprocess.run(
        [
            *(str(server_program("pgbench")), "-n", "-h", str(server.folder), "-U", USER),
            *("-c", str(_CLIENTS), "-T", str(_BORNE_S), "-f", "/dev/stdin", "postgres"),
        ],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError("pgbench told no transactions a second")
    return float(found.group(1))
