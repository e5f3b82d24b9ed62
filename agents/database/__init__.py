"""The database that all workers share: schema, migrations, and the ledger of calls.

Files: ``engine`` SQLite or PostgreSQL · ``tables`` and ``analytics_tables`` ·
``migrations`` and ``migrate`` · ``wrapped_keys`` proven and destroyed · ``call_ledger`` which calls
are open, and which stage is done with them · ``open_ledger`` by an installation's settings ·
``policies`` what a call is worked on by · ``door_calls`` what is known of it beside its id,
``known_keys`` which keys calls need, ``backfilled`` how far an archive is · ``webhook_queue`` what
is to be told of it.

A change of a table takes a revision in ``migrations/versions``. No content is in any of them.
Test: ``tests/agents/database``, ``tests/postgres``.
"""
