"""Commands that get an installation ready, or look at it.

Files: ``settings`` also the version · ``models`` · ``keys`` · ``tokens`` · ``ledger`` ·
``topics``.
"""
