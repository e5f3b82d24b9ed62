"""Sockets, ours and others'.

Files: ``serving`` sockets and TLS of what we serve · ``reaching`` why somebody can't be reached, in
words of our own.

Test: ``tests/agents/system/sockets``.
"""
