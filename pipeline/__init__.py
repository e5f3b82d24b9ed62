"""The pure core: records in, records out; no broker, no model library, and files only as bytes.

A call passes these packages in this order, which is that of the stages:

``records`` what passes between stages · ``audio`` recordings and sample buffers ·
``transcription`` what is listened to and how much of it is believed · ``detection`` which
stretches are sensitive · ``policy`` what a security engineer decides · ``muting`` from spans to
silence · ``verification`` a second pass over the redacted audio · ``evidence`` what is stored and
proves it · ``evaluation`` leaks and needless silence against a truth. Before all of it ``gateways``
reads what platforms send, and ``consent`` decides whether the call may be kept; ``change`` tells
what another policy would do, and ``analytics`` counts what is stored.

``errors`` says whose fault an error is. Imports point down the layers that ``pyproject.toml``
names; an arrow up fails ``make lint``.
"""
