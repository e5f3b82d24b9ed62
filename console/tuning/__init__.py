"""Tuning, for security: the policy is tried, compared, published and rolled back on pages.

Files: ``form`` what the form changes in the text · ``editor`` the page with both · ``trial`` what
its text says · ``versions`` the list, approval and the way back · ``programs``
the same for programs · ``measured`` evaluation and shadow · ``recognisers`` what each finds.

Rules of a policy are in ``pipeline.policy``, versions in ``agents.access.policy_versions``.
Test: ``tests/console/tuning``, ``tests/browser/test_tuning.py``.
"""
