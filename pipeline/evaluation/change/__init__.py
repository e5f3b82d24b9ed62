"""What changes from one policy or set of rules to another, and how stored calls would fare.

In: policies, rules of places, stored decisions. Out: changes in words, the strictest first, and
how each stored call would be kept. It reads no file and no content of a call.

Files, in the order of the data: ``words`` that comparisons share · ``policies`` and ``rules``
compared · ``stored_calls`` judged once more.

Not here: what marks or erases them (``agents.upkeep.consent_recheck``). Test:
``tests/pipeline/evaluation/change``.
"""
