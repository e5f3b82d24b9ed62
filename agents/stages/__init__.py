"""The five stages, and the shadow: thin cores, a record in, steps out.

Files, in the order of a call: ``transcribe`` · ``detect``, ``shadow`` a candidate beside it ·
``mute`` · ``verify`` · ``vault``; ``timeouts`` how long they wait.

A new stage is a ``CallCore`` (``runtime.steps``) and a line in ``app.worker``. Not here: anything
that a stage decides (``pipeline``), and order, retries, acknowledgement (``runtime``). Test:
``tests/agents/stages``, ``tests/simulation``.
"""
