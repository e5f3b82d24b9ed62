"""The reader: a small encoder that says of each word of a turn what it is part of.

``inputs`` turns a turn into numbers, ``encoder`` runs the
weights. ``examples``, ``training`` and ``graph`` make the weights.
"""
