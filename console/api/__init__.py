"""The routes for programs, and the types that they answer with.

Files: ``schemas`` the types · ``calls`` stored calls · ``mutes`` where one is silent and why ·
``marks`` what a listener says of it · ``administration`` for those who see no content.
"""
