"""The same calls and texts by others.

Files: ``compare`` side by side · ``baseline`` what a team builds in an afternoon ·
``peer_research`` and ``peer_scrubadub`` run as scripts in the peers' own environment.
"""
