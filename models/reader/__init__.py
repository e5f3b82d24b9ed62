"""The reader: a small encoder that says of each word of a turn what it is part of.

In: a turn and what came before. Out: a probability per word and type.

Files: ``inputs`` word pieces, numbers as placeholders · ``shape`` the encoder's form · ``encoder``
runs the weights · ``graph`` writes and reads them as ONNX · ``examples`` labelled calls as what is
learnt from · ``training`` (needs PyTorch) · ``tuning`` a team's own reader · ``weights`` ·
``CARD.md``.

New exchanges to learn from are texts in ``benchmarks/texts``, then ``make reader``. Not here: what
is silent for it (``pipeline.detection.decision``). Test: ``tests/models/reader``,
``tests/training``.
"""
