"""How an installation is doing now, without content: for operators.

In: rows that workers renew, the broker's offsets, the ledger's tables, settings. Out: an
``Overview``; a part that can't be had says so, and the others are there all the same.

Files: ``worker_states`` the rows, ``heartbeat`` renews a worker's · ``probes`` what it answers on
a port of its own, ``behind`` its lag as a metric · ``overview`` all of it together, of ``parts``
· ``expiry`` keys and certificates that end · ``findings`` of a check, ``health`` what ``doctor``
found last, looked for in the ``background`` · ``replaying`` dead letters sent again, and the audit
log told · ``retention_plan`` what goes when · ``sizing`` what so many calls need.

Not here: lag of consumer groups (``kafka.lag``), routes and pages (``console.operations``). Test:
``tests/agents/app/operations``, ``tests/broker/test_operations.py``.
"""
