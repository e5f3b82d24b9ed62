"""Commands that run Hushwire, or get it ready.

Files: ``redact`` · ``serve`` · ``watch`` · ``gateway`` · ``topics`` · ``ledger`` · ``keys`` ·
``tokens`` · ``dead_letters`` · ``webhooks`` · ``doctor`` · ``notice`` the prompt to play. ``run``,
``worker`` and ``ingest`` stand in ``cli.main``.
"""
