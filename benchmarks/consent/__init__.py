"""What is said about recording a call: learning and measuring it, and a demo of every outcome.

Files: ``texts`` the openings, as written and as they may be heard · ``learning`` what the weights
of ``models.consent`` learn from · ``thresholds`` where a label begins to count · ``figures`` what
is found · ``demo`` a call of each outcome (``make demo-consent``) · ``calls`` its recordings, made
and read · ``proof`` what became of them, and that nothing is left of refused ones.

``python -m benchmarks.consent`` learns and measures. Data: ``benchmarks/texts/consent``,
``samples``. Test: ``tests/benchmarks/test_consent_calls.py``.
"""
