"""Questions about many calls at once: facts of the database, held in DuckDB in memory.

Files: ``loading`` from the database into columns · ``schema`` the views of ``hushwire query``, and
their documentation · ``asking`` a stranger's SELECT, ``apart`` in a process of its own · ``period``
days in a zone and filters · ``figures`` the console's figures · ``series`` and its charts' rows ·
``files`` CSV and Parquet.

A number that a view shows is a column of ``schema`` and a test. No pseudonym of a caller gets into
a database that strangers may ask. Test: ``tests/agents/vault/analytics/warehouse``.
"""
