"""What calls brought, as a page and for programs: figures, charts and their tables; no content.

Files: ``query`` what an address asks for · ``report`` figures and series of it, beside another
period · ``charts`` series as SVG · ``figures`` figures for people · ``links`` to the calls behind
them · ``routes`` the page, the API, the files.

Numbers come from ``agents.vault.analytics.warehouse``; how they are counted says
``docs/analytics.md``.
Test: ``tests/console/analytics``, ``tests/browser/test_analytics.py``.
"""
