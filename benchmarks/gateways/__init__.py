"""The gateway under many streams, and the clients that speak its protocols.

Files: ``audiohook_client``, ``twilio_client`` and ``audiosocket_client`` replay a call, for tests
too · ``paced`` many streams by one thread · ``served`` the gateway or a bare echo in a process of
its own · ``judged`` what the broker holds against what was sent.

The demo (``make demo-gateways``): ``demo`` one call by every way · ``ways`` what each carries, with
its truth · ``running`` the processes · ``compared`` a stored call against ``hushwire redact``.

The clients are written from the protocols and share no code with what they are tried against.
"""
