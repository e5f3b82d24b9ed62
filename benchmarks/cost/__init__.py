"""What it takes: processor, memory, time to release.

Files: ``pipeline`` all of it, with ``stage_cost``, ``scripted``, ``long_calls`` · ``scaling`` what
many calls need, reckoned and simulated ·
``releases`` and ``delay`` how soon live calls come · ``refusals`` how soon a bad file is told ·
``encryption`` · ``processes``, ``readied``,
``reading`` and ``fits`` what these share.
"""
