"""Facts of stored calls, and how they are found and counted: no content, and nothing raw.

Files: ``fact_keeper`` makes a call's facts of the vault's files, ``fact_store`` has them in the
database · ``search_index`` words as keyed hashes, ``pair_filter`` pairs of them ·
``call_filter`` which calls, ``filter_texts`` the same as it is typed, ``call_listing`` in which
order, page by page, ``call_search`` with words · ``call_files`` as files of others ·
``saved_views`` · ``topic_list`` what is counted as a topic · ``warehouse`` questions in SQL.

Rows go with the call's row of the catalogue: the database removes them with it. Not here: what is
counted (``pipeline.analytics``). Test: ``tests/agents/vault/analytics``, ``tests/postgres``.
"""
