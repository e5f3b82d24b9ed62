"""What changes from one policy or set of rules to another, and how stored calls would fare.

In: policies, rules of places, stored decisions. Out: changes in words, the strictest first, and
fates of stored calls. It reads no file and no content of a call.

In order: ``words`` → ``policies``, ``rules`` → ``stored_calls``.

Not here: what acts on it (``agents/upkeep/consent_recheck``).

To test: ``tests/pipeline/change``.
"""
