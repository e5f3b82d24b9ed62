"""The month as an auditor has to see it: what was kept, refused and withdrawn, and what proves it.

In: the audit log, the catalogue and ledger, rules, policy, settings. Out: one ``Report``, without
content: no number, no name; a call is named only where its certificate does not fit the audit log.
A part that can't be read says so, and so does the summary.

Files, in the order of the data: ``model`` the month and the parts · ``events`` the audit log of the
month · ``standing`` catalogue and keys as they are now · ``rules`` rules of places, policy, record
of processing · ``chain`` whether the log holds · ``controls`` tables of controls · ``parts`` of the
report, of which are made ``figures`` and ``points``, what is open and the summary · ``report`` all
of it · ``words`` what reasons and places are called · ``page`` HTML.

Not here: the routes (``console.pages.compliance``), the command
(``agents.cli.evidence.compliance``), the controls themselves (``policies/controls``). Test:
``tests/agents/reports/compliance``.
"""
