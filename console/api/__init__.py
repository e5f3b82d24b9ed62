"""The routes for programs, and the types that they answer with.

Files: ``openapi`` what each route needs and answers · ``schemas`` the types · ``listing_query``
what an address says of a list, ``call_finder`` finds it, ``call_lists`` answers with it · ``calls``
single stored calls · ``mutes`` where one is silent and why · ``marks`` what a listener says of it ·
``administration`` for those who see no content.
"""
