"""The encoder that readers share: BERT's form, 384 wide, as it is learnt, written down and run.

Files: ``shape`` its form · ``layers`` in PyTorch, for learning only · ``graph`` as ONNX with
weights of 7 bits, written and read back · ``session`` runs a graph.

Not here: what a reader makes words into and what it tells (``models.reader``, ``models.consent``).
Test: ``tests/models/loaded``, ``tests/models/consent``, ``tests/training``.
"""
