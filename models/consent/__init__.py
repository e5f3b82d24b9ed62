"""The consent reader: a small linear model that says what an utterance is for.

``features`` turns what is said into numbers, ``reader`` runs the weights, ``training`` makes them.
"""
