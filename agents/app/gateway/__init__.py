"""``hushwire gateway``: recorders and telephone platforms speak to it, calls go to the broker.

In: connections. Out: sealed records of ``hushwire.audio.in``. It holds a public key and no ledger.

Files: ``process`` from settings to a running one · ``server`` listens, with ``endpoints`` what is
configured · ``entrance`` lets connections in, ``limits`` how many, ``addresses`` whose ·
``twilio`` and ``twilio_access``, ``audiohook``, ``audiosocket`` one protocol each · ``call_feed``
events of any protocol to chunks of a call · ``health`` for whoever watches.

Not here: what bytes of a protocol mean (``pipeline.gateways``), what a record holds
(``pipeline.gateways.door``). Test: ``tests/agents/app/gateway``, ``tests/broker/test_gateways.py``.
"""
