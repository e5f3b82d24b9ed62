"""How soon the console answers with many calls.

Files: ``scale`` lists and search over made-up facts of 100,000 calls · ``made_up`` these facts ·
``call_page`` a one-hour call in the browser · ``analysts`` twenty at once, on the real server.
"""
