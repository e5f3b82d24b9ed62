"""What a server answers when it does not do what is asked, in our own words."""

from __future__ import annotations

import pytest

from agents.database.engine import Database
from pipeline.errors import StoreError
from tests.postgres.server import Postgres

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(
    ("change", "statement", "told"),
    [
        (("/postgres?", "/nowhere?"), "SELECT 1", "there is no such database"),
        (("//hushwire@", "//nobody@"), "SELECT 1", "does not let this user or host in"),
        (("", ""), "SELECT * FROM nowhere", "a table is missing; hushwire ledger upgrade"),
        (("", ""), "SELECT 1/0", r"refuses \(SQLSTATE 22012\)"),
    ],
)
def test_an_answer_is_told(
    change: tuple[str, str], statement: str, told: str, server: Postgres
) -> None:
    database = Database(server.url.replace(*change) if change[0] else server.url)
    try:
        with pytest.raises(StoreError, match=told) as caught, database.reading() as connection:
            connection.exec_driver_sql(statement)
    finally:
        database.dispose()
    assert str(server.folder) in str(caught.value)
    assert "nobody" not in str(caught.value)


def test_a_server_that_went_away_is_told(server: Postgres) -> None:
    database = Database(server.url)
    with database.reading() as connection:
        connection.exec_driver_sql("SELECT 1")
    server.stop()
    try:
        with pytest.raises(StoreError, match="can't reach PostgreSQL at"), database.reading():
            pass
    finally:
        server.start()
        database.dispose()
