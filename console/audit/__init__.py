"""The pages of auditors: what proves what happened.

Files: ``certificates`` list, one of them, and checking it on the server · ``log`` the audit log
searched, and handed out · ``log_query`` what an address says of it · ``chain_watch`` goes through
the whole log in the background · ``verification`` its routes · ``kept_reports`` reports of months,
made in the background · ``compliance`` their routes.

Test: ``tests/console/audit``,
``tests/browser/test_audit.py``.
"""
