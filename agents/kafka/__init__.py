"""Topics, and the clients of a cluster.

Files: ``topics`` names and shapes · ``admin`` what a broker really keeps · ``security`` TLS and
SASL, the same for both clients · ``sending`` what all that send have in common · ``call_sender``
calls to the door, sealed for a public key, ``bounded_queue`` in which they wait for the broker ·
``producer`` calls onto the raw topic · ``lag`` how far groups are behind · ``reaching`` why nobody
answers · ``embedded_broker`` a server in memory, for one machine.

Not here: what a record holds (``pipeline.records``). Test: ``tests/agents/kafka``,
``tests/kafka``.
"""
