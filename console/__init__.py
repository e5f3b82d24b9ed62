"""The web side: who may look at redacted calls, and how.

From the top down: ``server`` from settings to a running server · ``app`` parts in, app out ·
``operations`` and ``audit`` for whoever keeps it running and whoever checks ·
``tuning`` for whoever answers for the policy · ``analytics`` what calls brought, counted ·
``pages`` for people · ``api`` for programs · ``auth`` who, within which rate, with which
permission, and that they looked · ``http`` how it is spoken to. ``templates`` and ``static`` are
what pages are made of.

A route can only be made with a permission (``auth.routing``). No raw content is here: it shows
what the vault holds. Test: ``tests/console``, ``tests/browser``, ``tests/services``.
"""
