"""What became of calls is told to others: webhooks, and the end of a call on its topic.

The audit log is the only source: whatever ends a call writes there first, in whichever process.

Files: ``notices`` what is told of an audit entry, and the body of a webhook · ``signing`` by
Standard Webhooks · ``addresses`` to whom is spoken at all · ``posting`` one webhook over HTTP ·
``webhooks`` the queue is filled and emptied, again and again · ``erased_calls`` on the topic of
what became of calls.

Nothing of a call's content is in a log, the database or a webhook, unless the settings ask for the
redacted transcript. Test: ``tests/agents/upkeep/news``.
"""
