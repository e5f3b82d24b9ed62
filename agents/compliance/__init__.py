"""The month as an auditor has to see it: what was kept, refused and withdrawn, and what proves it.

In: the audit log, the catalogue and ledger, rules, policy, settings. Out: one ``Report``, without
content: no number, no name; a call is named only where its certificate does not fit the audit log.
A part that can't be read says so, and so does the summary; nothing is left out in silence.

In order: ``model`` (the month and the parts) → ``events`` (the audit log of the month) →
``standing`` (catalogue and keys as they are now) → ``rules`` (rules of places, policy, record of
processing) → ``chain`` (does the log hold) → ``controls`` (tables of controls) → ``report`` (all of
it, and the summary) → ``page`` (HTML).

Put here: what an auditor reads of a month. Not here: the routes (``console/pages/compliance``), the
command (``agents/cli/evidence/compliance``), the controls themselves (``policies/controls``).

To test: ``tests/agents/compliance/test_report*.py``.
"""
