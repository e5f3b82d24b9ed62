"""By which policy calls are worked on: the version in force, and the one that each call began with.

Files: ``published`` versions that were published, and how a worker takes one up · ``pins`` what a
call is worked on by, to its end · ``of_installation`` the policy in force, for all but workers.

Writing, approving and withdrawing versions is in ``agents.access.policy_versions``.
Test: ``tests/agents/database/policies``, ``tests/broker/test_policy_reload.py``.
"""
