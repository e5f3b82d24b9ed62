"""What leaks and what is silenced for nothing, measured against a truth. No files are read here.

Packages: ``corpora`` the forms of truth · ``scoring`` one call or text against it · ``figures``
what many of them say, with intervals, tests and thresholds · ``change`` what another policy or
set of rules would change.

Both figures always: what leaks, and what is silenced for nothing. Test:
``tests/pipeline/evaluation``.
"""
