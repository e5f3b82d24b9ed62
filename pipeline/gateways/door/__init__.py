"""Records of the topic by which calls come in: whoever sends them holds a public key at most.

Files: ``model`` what a record says, and how much of it · ``call_ids`` ids that
tell nothing · ``wire`` records to messages and back.

Every record says all about its call, so that whoever reads one needs no other. Not here: keys
(``agents.crypto.transit_hybrid``), the producer (``agents.kafka.call_sender``), what becomes of a
record (``agents.stages.admit``). For people: ``docs/producers.md``, ``docs/asyncapi.yaml``. Test:
``tests/pipeline/gateways/door``.
"""
