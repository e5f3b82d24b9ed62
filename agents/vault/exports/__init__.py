"""Stored calls as files for others: decrypted as they are written, and audited by the caller.

Files: ``files`` as the vault has them · ``vcons`` as signed vCons · ``transcripts`` in the
shapes of other services.

Not here: what is in such a file (``pipeline.evidence``), the command
(``agents.cli.stored_calls``). Test: ``tests/agents/vault/exports``.
"""
