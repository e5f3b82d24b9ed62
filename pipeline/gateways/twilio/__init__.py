"""Twilio Media Streams and Telnyx media streaming: JSON texts of a WebSocket to events.

Files, in the order of the data: ``frames`` the fields of both platforms, and what a start says ·
``connection`` one stream: order, places in time, keys · ``byte_order`` of linear audio.

Not here: signatures and tokens (``agents.app.gateway.twilio_access``), the socket
(``agents.app.gateway.twilio``). Test: ``tests/pipeline/gateways/twilio``.
"""
