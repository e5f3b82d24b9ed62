"""What is counted of stored calls: figures without content, from redacted files only.

Files: ``stored`` the only way in, a transcript and the certificate that states it · ``activity``
who talks, silence, interruptions · ``topics`` phrases of a list · ``terms`` what can be searched
for, ``snippets`` where it stands · ``facts`` all that is kept of a call beside its files ·
``peaks`` its waveform.

Nothing here can be made of raw records: a contract in ``pyproject.toml`` forbids their import.
Not here: tables and queries (``agents.vault.analytics``). Test: ``tests/pipeline/analytics``.
"""
