"""What is known of thresholds: measured ones, and what others would have done in stored calls.

Files: ``evaluations`` figures that somebody published · ``threshold_trial`` two policies on the
last calls.

Test: ``tests/agents/upkeep/tuning``.
"""
