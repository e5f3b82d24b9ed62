"""Commands that get an installation ready, or look at it.

Files: ``settings`` also the version · ``models``, ``models_bench`` · ``keys`` · ``tokens`` ·
``ledger`` · ``topics``.
"""
