"""What we ask of the operating system.

Files: ``clock`` read here and nowhere else · ``owners`` names of its users · ``private_files`` for
their owner alone · ``atomic_files`` all or none · ``child_processes`` that end with us ·
``fatal_exit`` rather than a loss · ``engine_sizing`` how many engines a machine bears ·
``logging`` without content · ``metrics`` all names · ``tracing`` of calls · ``screen`` where
commands print · ``progress`` how far they are · ``sockets`` ours and others'.

A new field of a log line goes to the allow-list of ``logging``; a new metric to ``metrics``. Test:
``tests/agents/system``.
"""
