"""Commands that prove what was done.

Files: ``audit`` · ``witness`` · ``certificate`` · ``gdpr_record`` · ``scan_leaks`` ·
``compliance`` the report of a month.
"""
