"""``hushwire watch``: recordings that somebody drops are sent, and put away once they are stored.

Files: ``places`` what a place of recordings is, and a folder as one · ``bucket_place`` a prefix of
a bucket as one · ``outcomes`` what the topic of ended calls tells · ``watcher`` what is to be done
with each recording, and when · ``run_watch`` all of it, until it is stopped.

State is nowhere but in the places and on the broker: a recording that still lies there was not
stored yet, or nobody knows; sending it again changes nothing. Test:
``tests/agents/app/recordings/watching``.
"""
