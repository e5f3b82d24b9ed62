"""``hushwire gateway``: recorders and telephone platforms speak to it, calls go to the broker.

In: connections. Out: sealed records of ``hushwire.audio.in``. It holds a public key and no ledger.

Files: ``call_feed`` events of any protocol to chunks of a call · ``limits`` of connections.

Not here: what bytes of a protocol mean (``pipeline.gateways``), what a record holds
(``pipeline.gateways.door``). Test: ``tests/agents/gateway``, ``tests/broker/test_gateways.py``.
"""
