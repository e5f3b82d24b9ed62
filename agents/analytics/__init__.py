"""Facts of stored calls, and how they are found and counted: no content, and nothing raw.

Files: ``fact_store`` a call's facts in the database · ``rebuild`` makes them again from the vault ·
``search_index`` words as keyed hashes · ``call_listing`` filters, order, pages · ``topic_list``
what is counted as a topic · ``warehouse`` questions in SQL.

Rows go with the call's row of the catalogue: the database removes them with it. Not here: what is
counted (``pipeline.analytics``). Test: ``tests/agents/analytics``, ``tests/postgres``.
"""
