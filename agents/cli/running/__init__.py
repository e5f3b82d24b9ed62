"""Commands that run Hushwire, or look after it while it runs.

Files: ``run`` · ``worker`` · ``ingest`` · ``redact`` · ``serve`` · ``watch`` · ``backfill`` ·
``gateway`` · ``dead_letters`` · ``webhooks`` · ``doctor`` · ``notice`` the prompt to play.
"""
