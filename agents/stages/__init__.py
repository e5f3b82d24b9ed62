"""The six stages, and the shadow: thin cores, a record in, steps out.

Files, in the order of a call: ``admit`` what producers send, ``door_opening`` by which keys,
``door_info`` what is made of its headers · ``transcribe`` · ``detect``, ``shadow`` a candidate
beside it · ``mute`` · ``verify`` · ``vault``; ``timeouts`` how long they wait,
``speakers`` who tells those on one channel apart, ``all_stages`` in order, and what they read.

A new stage is a ``CallCore`` (``runtime.steps``; ``admit`` works record by record, by
``runtime.record_runtime``), its name in ``pipeline.records.stages``, lines in ``all_stages`` and
``app.stage_clients``. Not here: anything that a stage decides (``pipeline``), order, retries,
acknowledgement (``runtime``). Test: ``tests/agents/stages``, ``tests/simulation``.
"""
