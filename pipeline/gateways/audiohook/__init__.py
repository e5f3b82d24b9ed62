"""Genesys AudioHook, version 2: frames of its WebSocket in, events and replies out.

Files: ``messages`` what client and server say, checked · ``media`` which of the offered formats is
taken · ``connection`` the states of one session.

Pure: no socket, no clock. Not here: who may connect (``pipeline.gateways.http_signatures``), the
socket and its limits (``agents.app.gateway.audiohook``). Test:
``tests/pipeline/gateways/audiohook``.
"""
