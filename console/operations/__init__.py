"""The pages of whoever keeps the installation running, and of calls that were not stored.

Files: ``overview`` how everything is doing · ``dead_letters`` what no stage could work on, and
sending it again · ``quarantine`` the list, and the end of a quarantine · ``retention`` what goes
when, and what is held.

No content is here. Where the figures come from: ``agents.app.operations``. Test:
``tests/console/operations``, ``tests/browser/test_operations.py``.
"""
