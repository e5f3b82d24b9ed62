"""What is measured, and the made-up calls and texts that it is measured on.

Packages: ``speech`` voices, lines and how numbers are said · ``calls`` scripted calls with their
truth · ``labels`` labelled texts · ``quality`` what is found, silenced and lost · ``cost`` time
and memory · ``gateways`` many streams at once, and clients of their protocols · ``peers`` the same
calls and texts by others · ``reader`` learning and measuring its weights · ``consent`` what is said
of the recording, and a demo of each outcome · ``console`` lists and search of many calls.

``demo`` is ``make demo``; ``oracle`` whether a change of form changed nothing; ``results`` how
every benchmark ends. ``python -m benchmarks`` measures the whole pipeline. Data:
``texts``, ``scripts``, ``samples``, ``baselines``.

Each ends with JSON and a page; figures that are kept stand in ``docs/measured.md``, README's in
``figures.json``, by ``--record``. Test: ``tests/benchmarks``.
"""
