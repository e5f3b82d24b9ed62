"""``hushwire backfill``: an archive is redacted beside live traffic, and goes on where it ended.

Files: ``plan`` which recordings of an archive are wanted, and what is known of them · ``pacing``
when the next may be sent · ``run_backfill`` all of it, until the last call has ended · ``report``
what it brought.

State is in the ledger alone: a recording is noted once the broker has all of it, and one that was
sent and not noted is found by its call. That live calls go first is the workers' part
(``agents.runtime.batching``). Test: ``tests/agents/app/recordings/backfill``.
"""
