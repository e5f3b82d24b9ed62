"""The consent reader: a small encoder that says what an utterance about recording is for.

In: an utterance and what was said before it. Out: the labels that count as said: the disclosure, a
question, yes, no, a withdrawal, a pause, its end.

Files: ``inputs`` utterances as word pieces · ``reader`` runs the weights · ``graph`` writes them ·
``training`` learns them (needs PyTorch) · ``weights``. Figures and limits: ``CARD.md``.

Not here: the encoder itself (``models.encoder``), what follows from a label
(``pipeline.consent.spoken``), the texts that it learns from (``benchmarks/texts/consent``). Test:
``tests/models/consent``, ``tests/training``.
"""
