"""Calls at rest: each encrypted with a key of its own; all files of a call, or none.

Files: ``file_store`` and ``s3_store`` where files lie · ``call_keys`` · ``call_catalogue`` a row
per call, no content · ``vault`` puts and opens · ``reader`` for people, by byte range ·
``mark_store`` what reviewers marked · ``shadow_results`` what a candidate policy found ·
``recorder_ids`` what recorders call them · ``locks`` who works on an installation · ``exports``
files for others · ``analytics`` facts of calls, found and counted.

Not here: how a call ends (``upkeep``), what its files hold (``pipeline.evidence``). Test:
``tests/agents/vault``, ``tests/postgres``.
"""
