"""The ``hushwire`` command: options become settings, errors one clear line.

Packages: ``installing`` what gets it ready · ``running`` what runs it · ``stored_calls`` what acts
on calls in the vault · ``evidence`` what proves · ``measuring`` what measures · ``shared`` what
several commands open.
``main`` lists them and runs one, ``lazy_group`` loads it, ``errors`` is how it ends.

A command imports what it needs where it runs: ``--help`` comes at once. A new command is a module
and a line in ``main``, and a page in ``docs``. Test: ``tests/agents/cli``.
"""
