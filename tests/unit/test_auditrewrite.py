"""The audit log rewritten by whoever writes to its database: found, and not signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agents.auditchain import Stated
from agents.auditlog import AuditLog
from agents.database import Database
from agents.ledger import Ledger
from agents.signing import SigningKey
from pipeline.errors import RewrittenError
from tests.rewriting import cut_back, emptied, event, rewritten

pytestmark = pytest.mark.unit


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    ledger = Ledger.embedded(tmp_path / "state")
    yield ledger.database
    ledger.dispose()


@pytest.fixture
def log(database: Database) -> AuditLog:
    return AuditLog(database)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.load_or_create(tmp_path / "signing.pem")


def fill(log: AuditLog, first: int, last: int) -> None:
    for call in range(first, last + 1):
        assert log.append(event(call))


@pytest.mark.parametrize("forge", [rewritten, cut_back, emptied])
@pytest.mark.parametrize("unsigned", [0, 3])
def test_a_rewritten_log_does_not_hold_and_is_not_signed(
    log: AuditLog,
    database: Database,
    key: SigningKey,
    forge: Callable[[Database], None],
    unsigned: int,
) -> None:
    fill(log, 1, 9)
    assert log.checkpoint(key) is not None
    fill(log, 10, 9 + unsigned)
    forge(database)
    keys = {key.public.key_id: key.public}
    last = key.memory.read()
    known = Stated(last.seq, last.hash, "signed last")
    assert log.verify(keys, outside=[known]).problems
    with pytest.raises(RewrittenError, match="does not extend entry 9"):
        log.checkpoint(key)
    with pytest.raises(RewrittenError):
        log.prune(key, keep_days=0)
    fill(log, 20, 40)
    with pytest.raises(RewrittenError):
        log.checkpoint(key)
    assert log.verify(keys, outside=[known]).problems
