"""The consent reader: a small linear model that says what an utterance about recording is for.

In: an utterance and what was said before it. Out: the labels that count as said: the disclosure, a
question, yes, no, a withdrawal, a pause, its end.

Files: ``features`` turns what is said into numbers · ``reader`` runs the weights · ``training``
makes them. Figures and limits: ``CARD.md``.

Not here: what follows from a label (``pipeline.consent.spoken``), the texts that it learns from
(``benchmarks/texts/consent``). Test: ``tests/models/consent``.
"""
