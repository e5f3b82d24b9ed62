"""What many calls need: measured, reckoned, and simulated with what waits for what.

Files: ``sizing_page`` the table of ``docs/sizing.md`` · ``traced`` what waits for what in a call ·
``ledger_load`` transactions of a call · ``simulation`` many calls at once · ``scaling_page``
``docs/scaling.md`` of all that · ``run`` the command.

The formulas are ``agents.app.operations.sizing``, which ``hushwire size`` uses, too.
"""
