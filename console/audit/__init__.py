"""The pages of auditors: what proves what happened.

Files: ``certificates`` list, one of them, and checking it on the server · ``log`` the audit log
searched, and handed out · ``log_query`` what an address says of it · ``chain_watch`` goes through
the whole log in the background · ``verification`` its routes.

The report of a month is in ``pages.compliance``. Test: ``tests/console/audit``,
``tests/browser/test_audit.py``.
"""
