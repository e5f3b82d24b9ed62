"""What it takes: processor, memory, time to release.

Files: ``pipeline`` all of it, with ``stage_cost``, ``scripted``, ``long_calls`` and ``sizing`` ·
``releases`` and ``delay`` how soon live calls come · ``refusals`` how soon a bad file is told ·
``encryption`` · ``processes``, ``readied``,
``reading`` and ``fits`` what these share.
"""
