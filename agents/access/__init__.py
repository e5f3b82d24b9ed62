"""Who may do what, and the proof of who did.

Files: ``roles`` permissions, as data · ``api_tokens`` · ``policy_versions`` written, approved,
published · ``laxer_policies`` that somebody has to accept · ``second_person`` whether two
principals are two people · ``sessions`` of who is logged in on the pages · ``audit_events`` every
kind there is · ``audit_log`` the table, append-only, searched by ``log_search`` · ``hash_chain``
what an entry's hash covers, and what verification finds · ``merkle_tree`` over its entries ·
``witness`` outsiders who countersign.

A new kind of event begins with a line in ``audit_events``. Not here: when the log is signed and
pruned (``upkeep``). Test: ``tests/agents/access``.
"""
