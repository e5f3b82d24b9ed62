"""What so many calls need: the formulas, once, for ``hushwire size``, the pages and the simulation.

Files: ``costs`` what was measured, from the benchmark's file or another · ``need`` from costs to
workers, partitions, memory, bytes and money.

``measured.json`` is written by ``make bench-pipeline`` and ``make bench-scaling``. Test:
``tests/agents/app/operations/sizing``.
"""
