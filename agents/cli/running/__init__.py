"""Commands that run Hushwire, or get it ready.

Files: ``redact`` · ``serve`` · ``topics`` · ``ledger`` · ``keys`` · ``tokens`` · ``dead_letters``
· ``doctor``. ``run``, ``worker`` and ``ingest`` stand in ``cli.main``.
"""
